//! `wharf config`.

use std::{
    error::Error,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};

use wharf_config::{ConfigError, Configuration, Problems};

use crate::load::{self, Written};

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
        let written = load::find(Some(&self.file))?;
        let errors = self.errors(&written);
        for error in &errors {
            writeln!(io::stderr(), "wharf: {error}")?;
        }
        if !errors.is_empty() {
            return Ok(ExitCode::FAILURE);
        }
        let load::Found { loaded, source } = load(Some(&self.file))?;
        let (verdict, code) = match loaded.warnings.len() {
            0 => ("good".to_owned(), ExitCode::SUCCESS),
            count if self.strict => (format!("{count} warnings"), ExitCode::FAILURE),
            count => (format!("good, with {count} warnings"), ExitCode::SUCCESS),
        };
        writeln!(io::stdout(), "{source}: {}", verdict.replace("1 warnings", "1 warning"))?;
        Ok(code)
    }

    /// What is wrong: with what is written down, with what that names, and with what is in there.
    fn errors(&self, Written { text, source, variables }: &Written) -> Vec<ConfigError> {
        let Problems { mut errors, document } =
            Configuration::check(text, source, variables.iter().cloned());
        let Some(document) = document.filter(|_| !self.no_files) else { return errors };
        let is_known = |key: &str| errors.iter().any(|error| error.key() == key);
        let mut named = wharf_registry::unusable(&document);
        named.retain(|error| !is_known(error.key()));
        errors.extend(named);
        errors.sort_by_key(ConfigError::line);
        if errors.is_empty()
            && let Ok(loaded) = Configuration::load(text, source, variables.iter().cloned())
        {
            errors = wharf_registry::unfit(&loaded.configuration, &document);
        }
        errors
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
