//! `cargo xtask ci`: everything that a change has to pass, one step after the other.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use clap::Parser;

use crate::services::{Kind, Service};
use crate::workspace::{Package, Workspace, cargo};
use crate::{
    Outcome, acme, check_layers, codegen, conformance, deploy, deps, differential, dist, e2e,
    examples, process, stores,
};

const LIMIT: Duration = Duration::from_secs(30 * 60);

/// The clients that run in every CI; --full takes all of them.
const CLIENTS: &str = "skopeo,docker,crane,oras";

/// How often the long crash test kills the server.
const KILLS: &str = "200";

/// The original, at the version that the project is compared with.
const DISTRIBUTION: &str = "github.com/distribution/distribution/v3/cmd/registry@v3.1.1";

/// How long each fuzz target runs.
const FUZZ_SECONDS: u64 = 30;

/// Run everything that a change has to pass, and stop at the first step that fails.
///
/// The steps: format, clippy, test, layers, codegen, docs, alone (every crate and its tests checked by
/// themselves, and tested with unusual features), deps, deny, conformance (both local drivers), stores
/// (S3 and Azure), redis, e2e (four clients), acme (a certificate of pebble), crash (200 kills), compat
/// (stores exchanged with distribution), differential (answers compared with distribution's), examples
/// (its configurations tried), deploy (what lies in deploy/).
/// With --full also the long ones: e2e-all (every client that is there), fuzz, dist (the static binary
/// and the container image, run by docker).
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Add the long steps
    #[arg(long)]
    full: bool,
    /// Run these steps only
    #[arg(long, value_delimiter = ',', value_name = "STEPS", value_parser = known)]
    only: Vec<String>,
    /// Leave these steps out
    #[arg(long, value_delimiter = ',', value_name = "STEPS", value_parser = known)]
    skip: Vec<String>,
}

/// A row of the table of steps.
struct Step {
    name: &'static str,
    /// Whether it runs with `--full` only.
    long: bool,
    run: fn() -> Outcome,
}

const STEPS: &[Step] = &[
    Step { name: "format", long: false, run: format },
    Step { name: "clippy", long: false, run: clippy },
    Step { name: "test", long: false, run: test },
    Step { name: "layers", long: false, run: || check_layers::run(&task(&[])) },
    Step { name: "codegen", long: false, run: || codegen::run(&task(&["--check"])) },
    Step { name: "docs", long: false, run: docs },
    Step { name: "alone", long: false, run: alone },
    Step { name: "deps", long: false, run: || deps::run(&task(&["--check"])) },
    Step { name: "deny", long: false, run: deny },
    Step { name: "conformance", long: false, run: || conformance::run(&task(&[])) },
    Step { name: "stores", long: false, run: || stores::run(&task(&[])) },
    Step { name: "redis", long: false, run: redis },
    Step { name: "e2e", long: false, run: e2e_required },
    Step { name: "acme", long: false, run: || acme::run(&task(&["--install"])) },
    Step { name: "crash", long: false, run: crash },
    Step { name: "compat", long: false, run: compat },
    Step { name: "differential", long: false, run: || differential::run(&task(&[])) },
    Step { name: "examples", long: false, run: || examples::run(&task(&[])) },
    Step { name: "deploy", long: false, run: || deploy::run(&task(&["--install"])) },
    Step { name: "e2e-all", long: true, run: || e2e::run(&task(&["--require", CLIENTS])) },
    Step { name: "fuzz", long: true, run: fuzz },
    Step { name: "dist", long: true, run: || dist::run(&task(&["--image"])) },
];

/// Runs the steps, and prints what each of them took.
pub(crate) fn run(args: &Args) -> Outcome {
    let start = Instant::now();
    let mut durations = Vec::new();
    for step in STEPS.iter().filter(|step| args.wants(step)) {
        println!("=== {}", step.name);
        let start = Instant::now();
        (step.run)().map_err(|error| format!("step {} failed: {error}", step.name))?;
        println!("=== {}: ok in {:.1} s", step.name, start.elapsed().as_secs_f64());
        durations.push((step.name, start.elapsed()));
    }
    for (name, duration) in &durations {
        println!("{name:<12} {:>7.1} s", duration.as_secs_f64());
    }
    println!("{} steps passed in {:.0} s", durations.len(), start.elapsed().as_secs_f64());
    Ok(())
}

// === impl Args ===

impl Args {
    fn wants(&self, step: &Step) -> bool {
        let named = |names: &[String]| names.iter().any(|name| name == step.name);
        match self.only.is_empty() {
            true => !named(&self.skip) && (self.full || !step.long),
            false => named(&self.only),
        }
    }
}

/// The name of a step, or an error that lists them.
fn known(name: &str) -> Result<String, String> {
    let names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
    match names.contains(&name) {
        true => Ok(name.to_owned()),
        false => Err(format!("the steps are {}", names.join(", "))),
    }
}

/// The arguments of another task, as if they had been given on the command line.
fn task<T: clap::Args>(words: &[&str]) -> T {
    #[derive(Parser)]
    struct Line<T: clap::Args> {
        #[command(flatten)]
        args: T,
    }
    Line::parse_from(std::iter::once(&"xtask").chain(words)).args
}

fn format() -> Outcome {
    process::show(cargo().args(["fmt", "--all", "--check"]), LIMIT)
}

fn clippy() -> Outcome {
    let mut clippy = cargo();
    clippy.args(["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]);
    process::show(&mut clippy, LIMIT)
}

fn test() -> Outcome {
    process::show(cargo().args(["test", "--workspace"]), LIMIT)
}

fn docs() -> Outcome {
    let mut docs = cargo();
    docs.args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "--deny warnings");
    process::show(&mut docs, LIMIT)
}

/// A build of the workspace joins the features that its crates ask for, and hides what one lacks.
fn alone() -> Outcome {
    for package in &Workspace::load()?.packages {
        for features in package.variants() {
            // With the usual features the tests have run; here it is about whether they compile.
            let test: &[&str] = if features.is_empty() { &["check", "--tests"] } else { &["test"] };
            for task in [&["check"], test] {
                println!("{} --package {} {}", task.join(" "), package.name, features.join(" "));
                let mut cargo = cargo();
                cargo.args(task).args(["--quiet", "--package", &package.name]).args(*features);
                process::show(&mut cargo, LIMIT)?;
            }
        }
    }
    Ok(())
}

fn deny() -> Outcome {
    if process::find("cargo-deny").is_none() {
        println!("licences and sources are not checked: cargo-deny is not installed");
        return Ok(());
    }
    process::show(cargo().args(["deny", "check", "bans", "licenses", "sources"]), LIMIT)
}

/// The descriptor cache over servers of its own (one, with TLS, behind sentinels, a cluster), and
/// replicas that share one.
fn redis() -> Outcome {
    if ["redis-server", "redis-cli"].iter().any(|program| process::find(program).is_none()) {
        println!("no cache in redis is tested: redis-server is not installed");
        return Ok(());
    }
    for (package, name) in [("wharf-cache-redis", "servers"), ("wharf", "redis")] {
        let mut redis = cargo();
        redis.args(["test", "--package", package, "--test", name]);
        process::show(&mut redis, LIMIT)?;
    }
    Ok(())
}

fn e2e_required() -> Outcome {
    e2e::run(&task(&["--install", "--clients", CLIENTS, "--require", CLIENTS]))
}

/// The long form of the crash test: a server is killed at random moments, again and again.
fn crash() -> Outcome {
    let mut crash = cargo();
    crash.args(["test", "--package", "wharf", "--test", "crash"]).env("WHARF_CRASH_KILLS", KILLS);
    process::show(&mut crash, LIMIT)
}

/// Stores are exchanged with distribution, as it is and as Debian has it: folders, and buckets of S3. What
/// each operation asks of a bucket is counted beside its, and docker goes to three replicas over one, with
/// their cache in redis.
fn compat() -> Outcome {
    let workspace = Workspace::load()?;
    let Some(registry) = distribution(&workspace)? else {
        println!("no store is exchanged with distribution: Go, which builds it, is not installed");
        return Ok(());
    };
    let peers = [Some(registry), process::find("docker-registry")];
    let peers = std::env::join_paths(peers.into_iter().flatten())?;
    let mut compat = cargo();
    compat.args(["test", "--package", "wharf", "--test", "compat", "--test", "requests"]);
    // Minutes of replicas that die are for a run by hand.
    compat.args(["--test", "fleet", "--", "--skip", "replicas_may_die_at_any_moment"]);
    compat.env("WHARF_PEERS", peers);
    let mut services = vec![Kind::S3, Kind::Redis];
    services.retain(|kind| kind.missing().is_none());
    let services = Service::start_each(&workspace, &services)?;
    compat.envs(services.iter().map(Service::variable));
    // Distribution would look for a collector of traces.
    compat.env("OTEL_TRACES_EXPORTER", "none");
    process::show(&mut compat, LIMIT)
}

/// The original, which is built if it is not there; nothing without Go.
pub(crate) fn distribution(workspace: &Workspace) -> Outcome<Option<PathBuf>> {
    let bin = workspace.target("e2e/bin")?;
    let registry = bin.join("registry");
    if registry.is_file() {
        return Ok(Some(registry));
    }
    if process::find("go").is_none() {
        return Ok(None);
    }
    let mut go = Command::new("go");
    process::output(go.args(["install", DISTRIBUTION]).env("GOBIN", &bin), LIMIT)?;
    Ok(Some(registry))
}

/// A short run of every fuzz target, where a nightly toolchain and cargo-fuzz are there.
fn fuzz() -> Outcome {
    if process::output(&mut fuzzer(&["--version"]), LIMIT).is_err() {
        println!("nothing is fuzzed: a nightly toolchain with cargo-fuzz is not installed");
        return Ok(());
    }
    for target in process::output(&mut fuzzer(&["list"]), LIMIT)?.lines() {
        // What is found goes into the first folder, and not among the committed seeds.
        let [found, seeds] =
            [format!("fuzz/target/found/{target}"), format!("fuzz/corpus/{target}")];
        std::fs::create_dir_all(crate::workspace::root().join(&found))?;
        let mut run = fuzzer(&["run", target, &found, &seeds, "--"]);
        run.args(["-timeout=5", "-rss_limit_mb=1024", "-max_len=4096"]);
        process::show(run.arg(format!("-max_total_time={FUZZ_SECONDS}")), LIMIT)?;
    }
    Ok(())
}

fn fuzzer(words: &[&str]) -> Command {
    // By rustup: the cargo that started us is of one toolchain.
    let mut cargo = Command::new("cargo");
    cargo.current_dir(crate::workspace::root()).args(["+nightly", "fuzz"]).args(words);
    cargo
}

// === impl Package ===

impl Package {
    /// The sets of features to build with: one, if there are none to choose from.
    fn variants(&self) -> &'static [&'static [&'static str]] {
        match self.features.is_empty() {
            true => &[&[]],
            false => &[&[], &["--no-default-features"]],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(words: &[&str]) -> Vec<&'static str> {
        let args: Args = task(words);
        STEPS.iter().filter(|step| args.wants(step)).map(|step| step.name).collect()
    }

    #[test]
    fn long_steps_run_with_full_only() {
        assert!(!steps(&[]).contains(&"fuzz"));
        assert!(steps(&["--full"]).contains(&"fuzz"));
    }

    #[test]
    fn steps_can_be_chosen_and_left_out() {
        assert_eq!(steps(&["--only", "docs,fuzz"]), ["docs", "fuzz"]);
        assert!(!steps(&["--skip", "test"]).contains(&"test"));
        assert!(known("tests").is_err());
    }

    #[test]
    fn every_step_parses_the_words_that_it_gives_to_its_task() {
        task::<codegen::Args>(&["--check"]);
        task::<deps::Args>(&["--check"]);
        task::<conformance::Args>(&[]);
        task::<stores::Args>(&[]);
        task::<e2e::Args>(&["--install", "--clients", CLIENTS, "--require", CLIENTS]);
    }
}
