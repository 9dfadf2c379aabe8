//! `cargo xtask differential`: the same requests to distribution and to Wharf, and what differs.

mod answer;
mod cases;
mod content;
mod differences;
mod script;

use std::path::{Path, PathBuf};

use wharf_testkit::process::Server;

use self::{
    answer::{Answer, Difference},
    differences::Intended,
    script::{Script, Side, Step},
};
use crate::{
    Outcome, ci,
    server::Binary,
    workspace::{self, Workspace},
};

/// Fewer requests than this would not be a comparison.
const LEAST: usize = 300;

/// Compare the answers of distribution 3.1.1 and Wharf, request by request.
///
/// Both run with the same configuration and get the same requests. Status, error codes, headers and
/// bodies have to agree, or to differ as a row of the table of intended differences says, each of which
/// stands in docs/parity.md. A row that nothing matches any more fails, too. Distribution is built with
/// Go; without it, and without --peer, nothing is compared.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    binary: Binary,
    /// The binary of distribution
    #[arg(long, value_name = "PATH")]
    peer: Option<PathBuf>,
    /// Print every answer
    #[arg(long)]
    verbose: bool,
}

/// What has been compared.
#[derive(Default)]
struct Comparison {
    requests: usize,
    unexplained: Vec<String>,
    /// How often each row of the table was needed.
    needed: Vec<usize>,
}

/// Compares, and fails if anything differs that should not.
pub(crate) fn run(args: &Args) -> Outcome {
    let workspace = Workspace::load()?;
    let Some(peer) =
        args.peer.clone().map_or_else(|| ci::distribution(&workspace), |p| Ok(Some(p)))?
    else {
        println!("nothing is compared with distribution: Go, which builds it, is not installed");
        return Ok(());
    };
    let ours = args.binary.obtain(&workspace)?;
    let mut comparison =
        Comparison { needed: vec![0; Intended::TABLE.len()], ..Comparison::default() };
    for script in cases::scripts() {
        comparison.play(&script, &peer, &ours, args.verbose)?;
    }
    comparison.settle()
}

// === impl Comparison ===

impl Comparison {
    /// Starts both with one configuration, and sends every step of a script to both.
    fn play(&mut self, script: &Script, peer: &Path, ours: &Path, verbose: bool) -> Outcome {
        let folder = tempfile::tempdir()?;
        let peer = start(peer, &folder.path().join("theirs"), script)?;
        let ours = start(ours, &folder.path().join("ours"), script)?;
        let mut sides = [Side::new(peer.address()), Side::new(ours.address())];
        for step in &script.steps {
            let [theirs, ours] = &mut sides;
            let (theirs, ours) = (theirs.play(step)?, ours.play(step)?);
            self.requests += 1;
            if verbose {
                println!("{}\n  {theirs:?}\n  {ours:?}", step.label());
            }
            self.compare(script, step, &theirs, &ours);
        }
        Ok(())
    }

    fn compare(&mut self, script: &Script, step: &Step, theirs: &Answer, ours: &Answer) {
        for difference in theirs.differences(ours) {
            match Intended::find(script.name, step, &difference) {
                Some(row) => self.needed[row] += 1,
                None => {
                    self.unexplained.push(explain(script.name, step, &difference));
                }
            }
        }
    }

    fn settle(self) -> Outcome {
        let parity = std::fs::read_to_string(workspace::root().join("docs/parity.md"))?;
        let mut problems = self.unexplained;
        for (row, needed) in Intended::TABLE.iter().zip(&self.needed) {
            if *needed == 0 {
                problems.push(format!("nothing differs any more as by the row {row:?}"));
            }
            if !parity.contains(row.parity) {
                problems.push(format!("docs/parity.md does not say {:?}", row.parity));
            }
        }
        if self.requests < LEAST {
            problems.push(format!("{} requests are fewer than {LEAST}", self.requests));
        }
        let intended: usize = self.needed.iter().sum();
        println!(
            "{} requests, {intended} intended differences by {} rows",
            self.requests,
            Intended::TABLE.len()
        );
        match problems.len() {
            0 => Ok(()),
            count => Err(format!("{}\n{count} problems", problems.join("\n")).into()),
        }
    }
}

fn explain(script: &str, step: &Step, difference: &Difference) -> String {
    let Difference { aspect, theirs, ours } = difference;
    format!("{script}: {}: {aspect}\n  theirs {theirs}\n  ours   {ours}", step.label())
}

fn start(binary: &Path, folder: &Path, script: &Script) -> Outcome<Server> {
    std::fs::create_dir_all(folder)?;
    let config = folder.join("config.yml");
    std::fs::write(&config, script.configuration(folder))?;
    let start = Server::start(binary, &config);
    start.map_err(|error| format!("{} serve: {error}", binary.display()).into())
}
