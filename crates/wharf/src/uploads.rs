//! `wharf uploads`.

use std::{
    error::Error,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use wharf_registry::{
    open_store,
    storage::purge::{Options, purge_uploads},
};

use crate::{garbage::parse_duration, load, log};

/// What can be done about uploads.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Uploads {
    /// Drop uploads that nobody came back for
    ///
    /// Servers do so by themselves, as storage.maintenance.uploadpurging says. They may go on
    /// meanwhile: an upload that is being written stays.
    #[command(after_help = EXIT_CODES)]
    Purge(Purge),
}

/// Which uploads are dropped.
#[derive(Debug, clap::Args)]
pub(crate) struct Purge {
    /// Say how many would be dropped, and drop none
    #[arg(short, long)]
    dry_run: bool,
    /// Those that began so long ago
    #[arg(long, value_name = "TIME", default_value = "168h", value_parser = parse_duration)]
    age: Duration,
    /// The config.yml of the registry; without it, what REGISTRY_CONFIGURATION_PATH names, or else
    /// the embedded default
    config: Option<PathBuf>,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed, or some uploads could not be dropped
  2  wrong arguments";

/// Does it.
pub(crate) fn run(uploads: &Uploads) -> Result<ExitCode, Box<dyn Error>> {
    let Uploads::Purge(args) = uploads;
    let load::Found { loaded, .. } = load::load(args.config.as_deref())?;
    log::to_stderr()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(async {
        let driver = open_store(&loaded.configuration).await?;
        let options = Options { age: args.age, dry_run: args.dry_run };
        Ok::<_, Box<dyn Error>>(purge_uploads(&*driver, &options).await?)
    })?;
    let done = if args.dry_run { "would be dropped" } else { "dropped" };
    writeln!(
        io::stdout(),
        "{} uploads, {} {done}, {} being written, {} failed; {} leftovers of the store {done}",
        report.examined,
        report.purged,
        report.busy,
        report.failed,
        report.given_up
    )?;
    Ok(if report.failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
