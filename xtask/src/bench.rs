//! `cargo xtask bench`: Wharf and its peers, side by side on the same data.
//!
//! Each server is started anew for each round of each work, so that its memory is that of the work; the
//! order of the servers changes from round to round. Works that are held against each other take their rounds
//! together. See `works` for what is measured.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bucket::Bucket;
use peers::Peer;
use report::Report;
use rounds::{Bench, Length};
use tempfile::TempDir;
use works::{WORKS, Work};

use crate::workspace::{self, Workspace};
use crate::{Outcome, files};

mod abort;
mod bucket;
mod chart;
mod collect;
mod configs;
mod connection;
mod content;
mod data;
mod figures;
mod hostile;
mod idle;
mod job;
mod layout;
mod load;
mod login;
mod machine;
mod observed;
mod oci;
mod page;
mod peers;
mod processes;
mod report;
mod rounds;
mod stores;
mod table;
mod targets;
mod tls;
mod wire;
mod works;
mod writer;

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
    /// Where the stores are: with s3, in a bucket of MinIO (or moto), for those that can use one
    #[arg(long, value_enum, default_value_t = Place::Fs)]
    driver: Place,
    /// A good client beside others that mean harm, instead of the works; five minutes, with --quick seconds
    #[arg(long)]
    hostile: bool,
    /// These attacks only
    #[arg(long, requires = "hostile", value_delimiter = ',', value_name = "NAMES", value_parser = hostile::known)]
    attacks: Vec<String>,
    /// Wharf beside Wharf with metrics, access log and an endpoint for events, instead of peers
    #[arg(long, conflicts_with = "hostile")]
    observed: bool,
    /// Garbage collection beside distribution's on a store of a million blobs, and fsck beside sha256sum
    #[arg(long, conflicts_with_all = ["hostile", "observed"])]
    collect: bool,
    /// With --collect, how many blobs the store has; it takes 11 kB of memory or disk for each
    #[arg(long, value_name = "COUNT", requires = "collect")]
    blobs: Option<u64>,
    /// A folder that is there, on the file system to measure on; with --collect, the stores in it (many, full)
    /// are used, or made, and kept [default: target/bench]
    #[arg(long, value_name = "PATH")]
    folder: Option<PathBuf>,
    /// Write docs/benchmarks.md and its charts (with s3, docs/benchmarks-s3.md; with --hostile,
    /// docs/benchmarks-hostile.md; with --observed, docs/benchmarks-observed.md; with --collect,
    /// docs/benchmarks-collect.md)
    #[arg(long)]
    write_docs: bool,
}

/// Where the stores are.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Place {
    /// In folders
    Fs,
    /// In a bucket
    S3,
}

/// Measures, prints the tables, and writes the files.
pub(crate) fn run(args: &Args) -> Outcome {
    if cfg!(debug_assertions) {
        return again_with_optimisations();
    }
    if args.hostile {
        return hostile::run(args);
    }
    if args.observed {
        return observed::run(args);
    }
    if args.collect {
        return collect::run(args);
    }
    let workspace = Workspace::load()?;
    let target = workspace.target("bench")?;
    let (mut peers, mut absent) = peers::all(args.server.as_deref(), &args.peer)?;
    let bucket = match args.driver {
        Place::Fs => None,
        Place::S3 => Some(Bucket::start(&workspace)?),
    };
    if bucket.is_some() {
        for peer in peers.extract_if(.., |peer| !peer.knows_buckets()) {
            absent.push((peer.name, "keeps its content otherwise".to_owned()));
        }
    }
    let folder = args.temporary(&target)?;
    let works: Vec<&Work> = WORKS.iter().filter(|work| args.wants(work)).collect();
    let length = args.length((5, 1.2))?;
    let machine = machine::Machine::look(folder.path())?;
    let mut report = Report::new(machine, length.rounds, length.duration.as_secs_f64());
    report.servers = peers.iter().map(Peer::version).collect();
    report.absent = absent;
    report.bucket = bucket.is_some();
    if args.write_docs {
        // If it cannot be written, better now than after the run.
        page::files(&report)?;
    }
    println!("{}", report.preface());
    let bench = Bench::prepare(folder.path(), length, &works, &peers, bucket)?;
    let json = target.join("report.json");
    for works in works::together(&works) {
        for section in bench.measure(works, &peers) {
            let table = section.table(report.machine.hash);
            println!("\n{} ({})\n{table}", section.title, section.name);
            report.add(section);
        }
        // A run that is broken off leaves what it has found.
        std::fs::write(&json, serde_json::to_vec_pretty(&report)?)?;
    }
    println!("\n{}\nwritten: {}", targets::table(&report.targets), json.display());
    if args.write_docs {
        files::settle(&page::files(&report)?, false, "bench")?;
    }
    println!("removing the stores");
    Ok(folder.close()?)
}

/// A generator that is slower than the servers would measure itself.
fn again_with_optimisations() -> Outcome {
    let mut cargo = workspace::cargo();
    cargo.args(["run", "--quiet", "--release", "--package", "xtask", "--"]);
    // In our place, so that a signal to this process reaches the one that has something to clean up.
    Err(cargo.args(std::env::args_os().skip(1)).exec().into())
}

// === impl Args ===

impl Args {
    /// As long as is asked for, or else so many rounds of so many seconds.
    fn length(&self, usual: (usize, f64)) -> Outcome<Length> {
        let (rounds, seconds) = if self.quick { (1, 0.3) } else { usual };
        let duration = Duration::try_from_secs_f64(self.seconds.unwrap_or(seconds))?;
        Ok(Length { rounds: self.rounds.unwrap_or(rounds).max(1), duration })
    }

    /// A folder for the stores, which is gone afterwards, also when the run is interrupted.
    fn temporary(&self, target: &Path) -> Outcome<TempDir> {
        let parent = self.folder.as_deref().unwrap_or(target);
        let made = tempfile::tempdir_in(parent)?;
        abort::clean_up_on_signal(made.path())?;
        Ok(made)
    }

    fn wants(&self, work: &Work) -> bool {
        if self.driver == Place::S3 && !work.is_for_buckets() {
            return false;
        }
        match self.works.is_empty() {
            true => !(self.quick && work.is_long()),
            false => self.works.iter().any(|word| work.is_called(word)),
        }
    }
}
