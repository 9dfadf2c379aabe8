//! `cargo xtask bench`: Wharf and its peers, side by side on the same data.
//!
//! Each server is started anew for each round of each work, so that its memory is that of the work; the
//! order of the servers changes from round to round. See `works` for what is measured.

use std::path::PathBuf;
use std::time::Duration;

use report::Report;
use rounds::{Bench, Length};
use works::{Stage, Work};

use crate::workspace::{self, Workspace};
use crate::{Outcome, files, process};

mod chart;
mod configs;
mod connection;
mod content;
mod job;
mod load;
mod machine;
mod peers;
mod processes;
mod report;
mod rounds;
mod store;
mod works;

/// The longest that a run may take.
const LIMIT: Duration = Duration::from_secs(4 * 60 * 60);

/// Measure Wharf beside nginx, distribution, docker-registry and zot, whichever are there.
///
/// Rate, latency, server CPU and memory of each, as a table and as target/bench/report.json. The load
/// generator is built with optimisations first.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// About a minute: one short round, without the works on large stores
    #[arg(long)]
    quick: bool,
    /// Run these works only
    #[arg(long, value_delimiter = ',', value_name = "NAMES", value_parser = works::known)]
    works: Vec<String>,
    /// How often each server does each work
    #[arg(long, value_name = "COUNT")]
    rounds: Option<usize>,
    /// How long each round is
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<f64>,
    /// Another server; it gets its content by push
    #[arg(long, value_name = "NAME=URL[,PID]")]
    peer: Vec<String>,
    /// Use this server binary, and build none
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
    /// Write docs/benchmarks.md and its charts
    #[arg(long)]
    write_docs: bool,
}

/// Measures, prints the tables, and writes the files.
pub(crate) fn run(args: &Args) -> Outcome {
    if cfg!(debug_assertions) {
        return again_with_optimisations();
    }
    let target = Workspace::load()?.target("bench")?;
    let folder = tempfile::tempdir_in(&target)?;
    let (peers, absent) = peers::all(args.server.as_deref(), &args.peer)?;
    let machine = machine::Machine::look()?;
    let works: Vec<&Work> = works::WORKS.iter().filter(|work| args.wants(work)).collect();
    let bench = Bench::prepare(folder.path(), args.length()?, &works)?;
    bench.seed(&peers)?;
    let mut report = Report {
        machine,
        rounds: bench.length.rounds,
        seconds: bench.length.duration.as_secs_f64(),
        servers: peers.iter().map(|peer| (peer.name.clone(), peer.version.clone())).collect(),
        absent,
        works: Vec::new(),
    };
    let json = target.join("report.json");
    println!("{}", report.preface());
    for work in works {
        let section = bench.measure(work, &peers)?;
        println!("{} ({})\n{}", section.title, section.name, section.table());
        report.works.push(section);
        // A run that is broken off leaves what it has found.
        std::fs::write(&json, serde_json::to_vec_pretty(&report)?)?;
    }
    println!("written: {}", json.display());
    match args.write_docs {
        true => files::settle(&report.pages(), false, "bench"),
        false => Ok(()),
    }
}

/// A generator that is slower than the servers would measure itself.
fn again_with_optimisations() -> Outcome {
    let mut cargo = workspace::cargo();
    cargo.args(["run", "--quiet", "--release", "--package", "xtask", "--"]);
    process::show(cargo.args(std::env::args_os().skip(1)), LIMIT)
}

// === impl Args ===

impl Args {
    fn length(&self) -> Outcome<Length> {
        let (rounds, seconds) = if self.quick { (1, 0.4) } else { (5, 3.0) };
        let duration = Duration::try_from_secs_f64(self.seconds.unwrap_or(seconds))?;
        Ok(Length { rounds: self.rounds.unwrap_or(rounds).max(1), duration })
    }

    fn wants(&self, work: &Work) -> bool {
        match self.works.is_empty() {
            true => !(self.quick && work.stage == Stage::Large),
            false => self.works.iter().any(|name| name == work.name),
        }
    }
}
