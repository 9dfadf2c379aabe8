//! `wharf config`.

use std::{
    error::Error,
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Subcommand};

use wharf_config::{ConfigError, Configuration, Document, Problems};

use crate::load::{self, Found, Written};

/// What can be asked about a configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Check(Check),
    Print(Print),
}

/// Say whether a configuration can be used, and what is strange about it
///
/// Exits with 0 if it can, and with 1 if not. Every error, and what is only strange, is said on stderr,
/// with file, line and key. Variables such as REGISTRY_HTTP_ADDR count as when it is served. Files that
/// it names are opened, such as certificates and passwords, and folders looked for; stores and other
/// machines are not asked.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Exit with 1 also if anything is strange
    #[arg(long)]
    strict: bool,
    /// Open nothing that it names: it is for another machine
    #[arg(long)]
    no_files: bool,
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

/// Tells the warnings of a configuration that a server can be made of.
fn usable(found: Found) -> Result<Found, Box<dyn Error>> {
    for warning in &found.loaded.warnings {
        writeln!(io::stderr(), "warning: {warning}")?;
    }
    wharf_registry::check(&found.loaded.configuration)?;
    Ok(found)
}

// === impl Check ===

impl Check {
    fn run(&self) -> Result<ExitCode, Box<dyn Error>> {
        let written = load::find(Some(&self.file))?;
        let (mut errors, document) = self.errors(&written);
        let found = if errors.is_empty() { Some(written.load()?) } else { None };
        if let (Some(found), Some(document)) = (&found, &document) {
            errors = wharf_registry::unfit(&found.loaded.configuration, document);
        }
        for error in &errors {
            writeln!(io::stderr(), "wharf: {error}")?;
        }
        let Some(found) = found.filter(|_| errors.is_empty()) else {
            return Ok(ExitCode::FAILURE);
        };
        let Found { loaded, source } = usable(found)?;
        let (verdict, code) = match loaded.warnings.len() {
            0 => ("good".to_owned(), ExitCode::SUCCESS),
            count if self.strict => (format!("{count} warnings"), ExitCode::FAILURE),
            count => (format!("good, with {count} warnings"), ExitCode::SUCCESS),
        };
        writeln!(io::stdout(), "{source}: {}", verdict.replace("1 warnings", "1 warning"))?;
        Ok(code)
    }

    /// What is wrong with what is written down, and with the files that it names; and the whole, if
    /// these are to be opened.
    fn errors(&self, written: &Written) -> (Vec<ConfigError>, Option<Document>) {
        let Written { text, source, variables } = written;
        let Problems { mut errors, document } =
            Configuration::check(text, source, variables.iter().cloned());
        let document = document.filter(|_| !self.no_files);
        let mut named = document.as_ref().map(wharf_registry::unusable).unwrap_or_default();
        named.retain(|error| errors.iter().all(|known| known.key() != error.key()));
        errors.extend(named);
        errors.sort_by_key(ConfigError::line);
        (errors, document)
    }
}

// === impl Print ===

impl Print {
    fn run(&self) -> Result<(), Box<dyn Error>> {
        let document = usable(load::load(self.file.as_deref())?)?.loaded.document;
        let yaml = match self.defaults {
            true => document.to_yaml_with_defaults(),
            false => document.to_yaml(),
        };
        Ok(io::stdout().write_all(yaml.as_bytes())?)
    }
}
