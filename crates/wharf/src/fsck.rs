//! `wharf fsck`.

use std::{
    io::{self, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use wharf_registry::{
    driver::Driver,
    maintenance::fsck::{self, Finding, Options, Progress, Stage, Watch},
};

use crate::{
    alone::{self, Minds, Outcome},
    progress::Line,
};

/// Check the store, and repair it
///
/// Reads and verifies every blob, link, tag, manifest, referrer and upload session. A check alone may
/// run beside servers; what they change meanwhile can look wrong. To repair, stop them, or serve with
/// storage.maintenance.readonly.enabled. Bytes that are wrong are moved aside, never deleted.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Args {
    /// Repair what follows from the rest of the store
    #[arg(long)]
    repair: bool,
    /// Link blobs again that a manifest needs. One that was deleted there on purpose comes back
    #[arg(long, requires = "repair")]
    relink: bool,
    /// Read no blobs, only look whether they are there
    #[arg(long)]
    no_hash: bool,
    /// Look at one repository only, and at the blobs that it links
    #[arg(long, value_name = "NAME")]
    repository: Option<String>,
    /// Print findings as lines of JSON, and at the end the summary
    #[arg(long)]
    json: bool,
    /// Print nothing but what is wrong
    #[arg(short, long)]
    quiet: bool,
    /// Repair although a server may write to the store. What is being pushed can be lost
    #[arg(long)]
    force: bool,
    /// The config.yml of the registry; without it, what REGISTRY_CONFIGURATION_PATH names, or else
    /// the embedded default
    config: Option<PathBuf>,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  nothing is wrong, or nothing is any more
  1  failed: the store, or the repository, cannot be read
  2  wrong arguments
  3  refused: a server writes to the store, or another program removes from it
  4  something is wrong, or still is

Examples:
  wharf fsck config.yml                          look at everything
  wharf fsck --repair config.yml                 and repair what can be
  wharf fsck --no-hash --repository library/alpine config.yml
                                                 look at one repository, quickly";

/// Something is wrong.
const WRONG: u8 = 4;

/// Where findings go.
struct Console {
    json: bool,
    progress: Line,
}

/// Checks.
pub(crate) fn check(args: &Args) -> Outcome {
    let minds = match (args.repair, args.force) {
        (false, _) => Minds::Nobody,
        (true, true) => Minds::Itself,
        (true, false) => Minds::Others,
    };
    alone::work(args.config.as_deref(), minds, async |driver| run(driver, args).await)
}

async fn run(driver: Arc<dyn Driver>, args: &Args) -> Outcome {
    let options = Options {
        repair: args.repair,
        relink: args.relink,
        hash: !args.no_hash,
        repository: args.repository.clone(),
        ..Options::default().for_store(&*driver)
    };
    // Findings that pass on the terminal may share it with the line.
    let console = Arc::new(Console { json: args.json, progress: Line::new(!args.quiet) });
    let watch: Arc<dyn Watch> = Arc::clone(&console) as _;
    let checked = fsck::check(driver, options, watch).await;
    console.progress.clear();
    let report = checked?;
    match (args.json, args.quiet) {
        (true, _) => {
            let summary = serde_json::json!({ "summary": report });
            writeln!(io::stdout(), "{summary}").ok();
        }
        (false, false) => drop(writeln!(io::stderr(), "{report}")),
        (false, true) => {}
    }
    Ok(if report.left() > 0 { ExitCode::from(WRONG) } else { ExitCode::SUCCESS })
}

// === impl Console ===

impl Watch for Console {
    fn finding(&self, finding: &Finding) {
        if io::stdout().is_terminal() {
            self.progress.clear();
        }
        // Who closed stdout does not want to know.
        let _ = match (self.json, serde_json::to_string(finding)) {
            (true, Ok(line)) => writeln!(io::stdout(), "{line}"),
            _ => writeln!(io::stdout(), "{finding}"),
        };
    }

    fn progress(&self, Progress { stage, report }: Progress) {
        self.progress.show(|| {
            let fsck::Report { blobs, bytes, repositories, findings, .. } = report;
            let megabytes = bytes >> 20;
            match stage {
                Stage::Blobs => format!("blobs: {blobs}, {megabytes} MiB, {findings} findings"),
                Stage::Repositories => format!("repositories: {repositories}, {findings} findings"),
            }
        });
    }
}
