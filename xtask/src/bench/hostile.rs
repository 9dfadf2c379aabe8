//! `cargo xtask bench --hostile`: a good client beside others that mean harm.
//!
//! A good client asks at a fixed rate, first alone, then while everything of `attacks` goes on at once,
//! then while a process does nothing but use as much CPU time as the attacks and what the server did about
//! them. What counts is how long it waits in the second part, held against the third.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::machine::Machine;
use super::peers::{self, answered};
use super::wire::Target;
use super::{Args, processes};
use crate::process::Background;
use crate::workspace::Workspace;
use crate::{Outcome, files, process};
use attacks::{ATTACKS, Attack, Seen};
use good::Good;

mod attacks;
mod burn;
mod frames;
mod good;
mod page;

/// How often the good client asks in a second.
const RATE: f64 = 200.0;

/// How many CPU-seconds per second attackers and server may use for the attacks, so that it is they and not
/// the machine that is measured.
const BUDGET: f64 = 0.5;

/// What has to hold.
const FACTOR: f64 = 3.0;
const MEMORY: u64 = 256 << 20;

const PASSWORDS: &str = "\
    good:$2b$10$abcdefghijklmnopqrstuutpG0GM0aMNnoNHoRFXpjhKGdP/M8nv2\n\
    mallory:$2b$10$abcdefghijklmnopqrstuubV96edcuLgpE4nSmpLNl5sWJ.cw9G2.\n";

const RULES: &str = "\
    allow good to pull, push in good/**\n\
    allow mallory to pull, push in mallory/**\n\
    allow mallory to list\n";

/// What came of it.
#[derive(Serialize)]
struct Report {
    machine: Machine,
    seconds: f64,
    parts: Vec<Part>,
    attacks: Vec<Attacked>,
}

/// A part of the run.
#[derive(Serialize)]
struct Part {
    name: &'static str,
    seconds: f64,
    turns: u64,
    failures: u64,
    /// The first failure, in words.
    why: Option<String>,
    /// Seconds from when a request was due until its answer was there.
    p50: f64,
    p99: f64,
    most: f64,
    /// CPU-seconds per second: of the server, and of whoever else was there.
    server: f64,
    others: f64,
    /// Bytes of the server that were resident at most.
    peak: u64,
}

/// What came of an attack.
#[derive(Serialize)]
struct Attacked {
    name: &'static str,
    title: &'static str,
    #[serde(flatten)]
    seen: Seen,
}

/// The server of a part; it ends with the value.
struct Server {
    target: Target,
    process: Background,
}

/// The name of an attack, or an error that lists them.
pub(super) fn known(name: &str) -> Result<String, String> {
    let names: Vec<&str> = ATTACKS.iter().map(|attack| attack.name).collect();
    match names.contains(&name) {
        true => Ok(name.to_owned()),
        false => Err(format!("the attacks are {}", names.join(", "))),
    }
}

/// Runs it, prints the tables, and writes the files.
pub(super) fn run(args: &Args) -> Outcome {
    let workspace = Workspace::load()?;
    let target = workspace.target("bench")?;
    let program = peers::ours(args.server.as_deref(), &workspace)?;
    raise_files();
    let folder = args.temporary(&target)?;
    let seconds = args.seconds.unwrap_or(if args.quick { 10.0 } else { 300.0 });
    let machine = Machine::look(folder.path())?;
    let mut report = Report { machine, seconds, parts: Vec::new(), attacks: Vec::new() };
    println!("{}", report.machine.describe());

    let (full, short) = (Duration::from_secs_f64(seconds), Duration::from_secs_f64(seconds / 5.0));
    let is_wanted = |attack: &&Attack| {
        args.attacks.is_empty() || args.attacks.iter().any(|name| name == attack.name)
    };
    let attacks: Vec<_> = ATTACKS.iter().filter(is_wanted).collect();
    let part = |name, length, others| part(&program, folder.path(), name, length, others);
    let alone = part("alone", short, Others::Nobody)?;
    let calm = alone.part.server;
    report.add(alone);
    let attacked = part("beside the attacks", full, Others::Attackers(&attacks))?;
    let used = attacked.part.others + (attacked.part.server - calm).max(0.0);
    report.add(attacked);
    report.add(part("beside a harmless process", full, Others::Harmless(used))?);

    println!("{}", page::tables(&report));
    let json = target.join("hostile.json");
    fs::write(&json, serde_json::to_vec_pretty(&report)?)?;
    println!("written: {}", json.display());
    if args.write_docs {
        files::settle(&[page::file(&report)?], false, "bench --hostile")?;
    }
    println!("removing the stores");
    folder.close()?;
    match report.broken() {
        broken if broken.is_empty() => Ok(()),
        broken => Err(broken.join("; ").into()),
    }
}

/// Who is there besides the good client.
enum Others<'a> {
    Nobody,
    Attackers(&'a [&'static Attack]),
    /// Uses so many CPU-seconds per second.
    Harmless(f64),
}

/// A part, and what came of the attacks in it.
struct Done {
    part: Part,
    attacks: Vec<Attacked>,
}

/// One part, with a server and a store of its own.
fn part(
    program: &Path,
    folder: &Path,
    name: &'static str,
    length: Duration,
    others: Others<'_>,
) -> Outcome<Done> {
    println!("{name}: {:.0} s", length.as_secs_f64());
    let folder = folder.join(name.replace(' ', "-"));
    let mut server = Server::start(program, &folder)?;
    let target = server.target.clone();
    let good = Good::prepare(&target)?;
    let before = processes::cpu_seconds(server.process.id());
    let begun = Instant::now();
    let end = begun + length;
    let (good, others) = thread::scope(|scope| {
        let good = scope.spawn(|| good.run(RATE, length));
        let others = scope.spawn(|| match others {
            Others::Nobody => Ok((0.0, Vec::new())),
            Others::Attackers(attacks) => attacks::run(attacks, &target, end),
            Others::Harmless(share) => Ok((burn::burn(share, end), Vec::new())),
        });
        (good.join(), others.join())
    });
    let tally = good.map_err(|_| "the thread of the good client has panicked")??;
    let (spent, attacks) = others.map_err(|_| "the thread of the others has panicked")??;
    let seconds = begun.elapsed().as_secs_f64();
    server.process.check()?;
    let pid = server.process.id();
    let part = Part {
        name,
        seconds,
        turns: tally.turns,
        failures: tally.failures,
        p50: tally.quantile(0.5),
        p99: tally.quantile(0.99),
        most: tally.quantile(1.0),
        why: tally.why,
        server: (processes::cpu_seconds(pid) - before) / seconds,
        others: spent / seconds,
        peak: processes::memory(pid).peak,
    };
    drop(server);
    Ok(Done { part, attacks })
}

/// As many open files as we may have without a privilege: each connection is one.
fn raise_files() {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let Some(hard) = hard_limit(&limits) else { return };
    let pid = std::process::id().to_string();
    let mut raise = Command::new("prlimit");
    raise.args(["--pid", &pid, &format!("--nofile={hard}:")]);
    if let Err(error) = process::output(&mut raise, Duration::from_secs(10)) {
        println!("the limit of open files stays as it is: {error}");
    }
}

/// The hard limit of open files, as `/proc/PID/limits` says it.
fn hard_limit(limits: &str) -> Option<&str> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().nth(1)
}

// === impl Server ===

impl Server {
    fn start(program: &Path, folder: &Path) -> Outcome<Self> {
        fs::create_dir_all(folder.join("store"))?;
        let write = |name: &str, text: &str| -> Outcome<PathBuf> {
            let path = folder.join(name);
            fs::write(&path, text)?;
            Ok(path)
        };
        let (passwords, rules) = (write("htpasswd", PASSWORDS)?, write("rules", RULES)?);
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let config = format!(
            "version: 0.1\n\
             log: {{level: error, accesslog: {{disabled: true}}}}\n\
             storage: {{filesystem: {{rootdirectory: {}}}}}\n\
             auth:\n  htpasswd: {{realm: bench, path: {}}}\n  rules: {}\n\
             http: {{addr: \"{address}\", h2c: {{enabled: true}}}}\n",
            folder.join("store").display(),
            passwords.display(),
            rules.display(),
        );
        let config = write("config.yml", &config)?;
        let log = File::create(folder.join("log"))?;
        let mut command = Command::new(program);
        command.arg("serve").arg(config);
        let mut process = Background::start(&mut command, log, Duration::from_secs(5))?;
        let target = Target::plain(address);
        answered(&target, "/", || process.check())?;
        Ok(Self { target, process })
    }
}

// === impl Report ===

impl Report {
    fn add(&mut self, done: Done) {
        self.parts.push(done.part);
        self.attacks.extend(done.attacks);
    }

    /// What should hold, and does not.
    fn broken(&self) -> Vec<String> {
        let [_, attacked, harmless] = &self.parts[..] else {
            return vec!["parts are missing".into()];
        };
        let mut broken = Vec::new();
        if attacked.p99 > FACTOR * harmless.p99 {
            let (p99, than) = (attacked.p99 * 1e3, harmless.p99 * 1e3);
            broken.push(format!("p99 is {p99:.1} ms, beside a harmless process {than:.1} ms"));
        }
        if attacked.peak > MEMORY {
            broken.push(format!("the server took {} MB", attacked.peak >> 20));
        }
        if attacked.failures > 0 {
            let why = attacked.why.as_deref().unwrap_or_default();
            broken.push(format!("{} requests of the good client failed: {why}", attacked.failures));
        }
        broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hard_limit_is_the_second_number() {
        let limits =
            "Limit  Soft  Hard  Units\nMax open files            1024         4096    files\n";
        assert_eq!(hard_limit(limits), Some("4096"));
        assert_eq!(hard_limit(""), None);
    }
}
