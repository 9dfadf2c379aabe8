//! `wharf garbage-collect`.

use std::{
    io::{self, BufWriter, IsTerminal, Stdout, Write},
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use wharf_registry::{
    driver::Driver,
    maintenance::gc::{self, Finding, Options, Progress, Stage, Watch},
};

use crate::{
    alone::{self, Minds, Outcome},
    progress::Line,
};

/// Remove blobs that no manifest needs
///
/// No server may write to the store meanwhile: stop it, or serve with
/// storage.maintenance.readonly.enabled. What is damaged is reported, and never the reason to remove
/// more.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Args {
    /// Say what would be removed, and remove nothing; a server may go on meanwhile
    #[arg(short, long)]
    dry_run: bool,
    /// Remove manifests to which no tag leads, directly, through an index, or as the subject of a
    /// signature or another referrer
    #[arg(short = 'm', long)]
    delete_untagged: bool,
    /// Print nothing but what is wrong
    #[arg(short, long)]
    quiet: bool,
    /// Leave alone what is younger, and what it needs: a push that is under way
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = parse_duration)]
    min_age: Duration,
    /// Collect although a server may write to the store. What is being pushed can be lost
    #[arg(long)]
    force: bool,
    /// The config.yml of the registry; without it, what REGISTRY_CONFIGURATION_PATH names, or else
    /// the embedded default
    config: Option<PathBuf>,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done, also if damaged entries were found and left alone
  1  failed, or something could not be removed; what is left is whole
  2  wrong arguments
  3  refused: a server writes to the store, or another collection runs

Examples:
  wharf garbage-collect --dry-run config.yml     see what would go
  wharf garbage-collect -m config.yml            remove untagged images too";

// === impl Args ===

impl Args {
    /// The configuration that was named.
    pub(crate) fn config(&self) -> Option<&PathBuf> {
        self.config.as_ref()
    }
}

/// Where lines and findings go.
struct Console {
    lines: Option<Mutex<BufWriter<Stdout>>>,
    progress: Line,
}

/// Collects garbage.
pub(crate) fn collect(args: &Args) -> Outcome {
    let minds = match (!args.dry_run, args.force) {
        (false, _) => Minds::Nobody,
        (true, true) => Minds::Itself,
        (true, false) => Minds::Others,
    };
    alone::work(args.config.as_deref(), minds, async |driver| run(driver, args).await)
}

async fn run(driver: Arc<dyn Driver>, args: &Args) -> Outcome {
    let options = Options {
        dry_run: args.dry_run,
        untagged: args.delete_untagged,
        min_age: args.min_age,
        ..Options::default().for_store(&*driver)
    };
    let console = Arc::new(Console::new(args.quiet));
    let watch: Arc<dyn Watch> = Arc::clone(&console) as _;
    let collected = gc::collect(driver, options, watch).await;
    console.end();
    let report = collected?;
    if !args.quiet {
        let would = if args.dry_run { "dry run, nothing was removed: " } else { "" };
        writeln!(io::stderr(), "{would}{report}").ok();
    }
    Ok(if report.failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Reads a time as configurations have it.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration = wharf_config::parse_duration(text);
    duration.ok_or_else(|| "expected a time such as 1h, 30m or 0s".to_owned())
}

// === impl Console ===

impl Console {
    fn new(quiet: bool) -> Self {
        let stdout = io::stdout();
        // Lines that pass on the terminal show well enough how it goes.
        let progress = Line::new(quiet || !stdout.is_terminal());
        Self { lines: (!quiet).then(|| Mutex::new(BufWriter::new(stdout))), progress }
    }

    fn end(&self) {
        self.progress.clear();
        if let Some(lines) = &self.lines {
            // Who closed stdout does not want to know.
            locked(lines).flush().ok();
        }
    }
}

impl Watch for Console {
    fn is_verbose(&self) -> bool {
        self.lines.is_some()
    }

    fn lines(&self, lines: &str) {
        if let Some(out) = &self.lines {
            locked(out).write_all(lines.as_bytes()).ok();
        }
    }

    fn finding(&self, finding: &Finding) {
        self.progress.clear();
        tracing::warn!("{finding}");
    }

    fn progress(&self, Progress { stage, done, found }: Progress) {
        self.progress.show(|| match stage {
            Stage::Marking => format!("marking: {done} repositories, {found} blobs in use"),
            Stage::Linking => format!("links: {done} repositories, {found} with loose ones"),
            Stage::Sweeping => format!("blobs: {done} folders, {found} blobs to remove"),
        });
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
