//! `wharf config`.

use std::{
    error::Error,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};

use crate::load;

/// What can be asked about a configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Check(Check),
    Print(Print),
}

/// Say whether a configuration can be used, and what is strange about it
///
/// Exits with 0 if it can, and with 1 if not. What is an error and what is only strange is said on
/// stderr, with file, line and key. Variables such as REGISTRY_HTTP_ADDR count as when it is served.
/// Nothing that it names is opened: neither files nor stores.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Exit with 1 also if anything is strange
    #[arg(long)]
    strict: bool,
    /// A config.yml of docker/distribution
    file: PathBuf,
}

/// Print a configuration as it counts: the file with what variables say over it
///
/// The output can be served again, but for its secrets, in whose place there is ***. Keys that nobody
/// knows are left out, and said on stderr. Exits with 1 if the configuration cannot be used.
#[derive(Debug, Args)]
pub(crate) struct Print {
    /// Add every key that has a default
    #[arg(long)]
    defaults: bool,
    /// The configuration, found as `serve` finds it
    file: Option<PathBuf>,
}

/// Does what the command line says.
pub(crate) fn run(command: &Command) -> Result<ExitCode, Box<dyn Error>> {
    match command {
        Command::Check(check) => check.run(),
        Command::Print(print) => print.run().map(|()| ExitCode::SUCCESS),
    }
}

/// Loads a configuration that a server can be made of, and tells its warnings.
fn load(path: Option<&Path>) -> Result<load::Found, Box<dyn Error>> {
    let found = load::load(path)?;
    for warning in &found.loaded.warnings {
        writeln!(io::stderr(), "warning: {warning}")?;
    }
    wharf_registry::check(&found.loaded.configuration)?;
    Ok(found)
}

// === impl Check ===

impl Check {
    fn run(&self) -> Result<ExitCode, Box<dyn Error>> {
        let load::Found { loaded, source } = load(Some(&self.file))?;
        let (verdict, code) = match loaded.warnings.len() {
            0 => ("good".to_owned(), ExitCode::SUCCESS),
            count if self.strict => (format!("{count} warnings"), ExitCode::FAILURE),
            count => (format!("good, with {count} warnings"), ExitCode::SUCCESS),
        };
        writeln!(io::stdout(), "{source}: {}", verdict.replace("1 warnings", "1 warning"))?;
        Ok(code)
    }
}

// === impl Print ===

impl Print {
    fn run(&self) -> Result<(), Box<dyn Error>> {
        let document = load(self.file.as_deref())?.loaded.document;
        let yaml = match self.defaults {
            true => document.to_yaml_with_defaults(),
            false => document.to_yaml(),
        };
        Ok(io::stdout().write_all(yaml.as_bytes())?)
    }
}
