//! Under which name the program was called.
//!
//! As `registry`, which is what the program of docker/distribution is called, it answers as that does:
//! without a command it says how it is used, `-v` is `--version`, and a registry is served only by a
//! configuration that somebody named. All else that `wharf` can do, it can do under that name as well.
//!
//! The images `registry:2` and `registry:3` begin with a script, `/entrypoint.sh`: what it adds to a command
//! line, the program adds under either name.

use std::{
    env,
    error::Error,
    ffi::{OsStr, OsString},
    fs,
    io::{self, Write as _},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{CommandFactory, FromArgMatches};

use crate::{
    cli::{Cli, Command},
    flags::Flags,
    load,
};

/// What the program is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Called {
    Wharf,
    Registry,
}

/// What it answers instead of doing something.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Usage,
    Version,
}

// === impl Called ===

impl Called {
    /// What this process is called.
    pub(crate) fn now() -> Self {
        Self::by(env::args_os().next().as_deref())
    }

    fn by(program: Option<&OsStr>) -> Self {
        let name = program.and_then(|program| Path::new(program).file_name());
        match name.is_some_and(|name| name == "registry" || name == "entrypoint.sh") {
            true => Self::Registry,
            false => Self::Wharf,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Wharf => "wharf",
            Self::Registry => "registry",
        }
    }

    /// Reads the command line; the exit code if there is nothing to do, or something is wrong with it.
    pub(crate) fn parse(self) -> Result<Cli, ExitCode> {
        let arguments = self.complete(env::args_os().skip(1).collect());
        if let Some(answer) = self.answer(&arguments) {
            let _ = self.print(&answer);
            return Err(ExitCode::SUCCESS);
        }
        let cli = self.read(arguments).map_err(|error| {
            // Help and the version come as errors too.
            let _ = error.print();
            u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
        })?;
        if self == Self::Registry && cli.command.as_ref().is_some_and(wants_configuration) {
            let _ = writeln!(io::stderr(), "registry: configuration path unspecified");
            return Err(ExitCode::FAILURE);
        }
        Ok(cli)
    }

    /// A file alone is to be served, and the program may be named once more.
    fn complete(self, mut arguments: Vec<OsString>) -> Vec<OsString> {
        if self == Self::Wharf {
            return arguments;
        }
        let is_named = arguments.first().is_some_and(|first| Self::by(Some(first)) == self);
        arguments.drain(..usize::from(is_named));
        let extension = arguments.first().and_then(|first| Path::new(first).extension());
        if extension.is_some_and(|extension| extension == "yml" || extension == "yaml") {
            arguments.insert(0, "serve".into());
        }
        arguments
    }

    fn read(self, arguments: Vec<OsString>) -> Result<Cli, clap::Error> {
        let name = self.name();
        let command = Cli::command().name(name).bin_name(name);
        let matches = command.try_get_matches_from([name.into()].into_iter().chain(arguments))?;
        Cli::from_arg_matches(&matches)
    }

    /// What it says by itself, if these are such arguments.
    fn answer(self, arguments: &[OsString]) -> Option<Answer> {
        let first = arguments.first().map(|first| first.to_string_lossy());
        match (self, first.as_deref()) {
            (Self::Registry, None) => Some(Answer::Usage),
            (Self::Registry, Some("-v" | "--version")) => Some(Answer::Version),
            _ => None,
        }
    }

    fn print(self, answer: &Answer) -> io::Result<()> {
        match answer {
            Answer::Usage => {
                let mut command = Cli::command().name("registry").bin_name("registry");
                write!(io::stderr(), "{}", command.render_help())
            }
            // The name, the package, the version, as the original has it.
            Answer::Version => {
                let package = env!("CARGO_PKG_REPOSITORY").trim_start_matches("https://");
                writeln!(io::stdout(), "registry {package} {}", env!("CARGO_PKG_VERSION"))
            }
        }
    }
}

/// Whether a command of the original lacks its configuration: it has no embedded one.
fn wants_configuration(command: &Command) -> bool {
    let config = match command {
        Command::Serve { config, .. } => config.as_ref(),
        Command::GarbageCollect(args) => args.config(),
        _ => return false,
    };
    config.is_none() && !load::is_in_environment()
}

fn names_us(program: &OsStr) -> bool {
    let name = Path::new(program).file_name();
    name.is_some_and(|name| name.to_string_lossy().starts_with(Called::Wharf.name()))
}

/// What a process serves, as its command line says: the configuration, if it names one, and the flags. On
/// Linux, which shows the command lines of all processes.
pub(crate) fn served_by(pid: u32) -> Result<(Option<PathBuf>, Flags), Box<dyn Error>> {
    let process = Path::new("/proc").join(pid.to_string());
    let line = fs::read(process.join("cmdline"));
    let line = line.map_err(|error| format!("what process {pid} serves is not known: {error}"))?;
    let line = line.strip_suffix(b"\0").unwrap_or(&line);
    let mut words = line.split(|byte| *byte == 0).map(|word| OsStr::from_bytes(word).to_owned());
    let program = words.next().unwrap_or_default();
    let called = Called::by(Some(&program));
    let is_ours = called == Called::Registry || names_us(&program);
    let cli = called.read(called.complete(words.collect())).ok().filter(|_| is_ours);
    match cli.map(|cli| cli.command.unwrap_or_default()) {
        // From where it was called.
        Some(Command::Serve { config, flags }) => {
            Ok((config.map(|path| process.join("cwd").join(path)), flags))
        }
        _ => Err(format!("process {pid} serves no registry").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_last_part_of_the_path() {
        for program in ["registry", "/bin/registry", "./registry", "/entrypoint.sh"] {
            assert_eq!(Called::by(Some(program.as_ref())), Called::Registry);
        }
        for program in ["wharf", "/registry/wharf", "registry2", ""] {
            assert_eq!(Called::by(Some(program.as_ref())), Called::Wharf);
        }
        assert_eq!(Called::by(None), Called::Wharf);
    }

    #[test]
    fn the_script_of_the_images_is_not_missed() {
        let check = |called: Called, line: &[&str], expected: &[&str]| {
            let words = line.iter().map(Into::into).collect();
            assert_eq!(called.complete(words), expected, "{line:?}");
        };
        check(Called::Registry, &["/a/config.yml"], &["serve", "/a/config.yml"]);
        check(Called::Registry, &["c.yaml", "more"], &["serve", "c.yaml", "more"]);
        check(Called::Registry, &["/bin/registry", "serve", "c"], &["serve", "c"]);
        check(Called::Registry, &["registry", "c.yml"], &["serve", "c.yml"]);
        check(Called::Registry, &["registry"], &[]);
        check(Called::Registry, &["serve", "registry"], &["serve", "registry"]);
        check(Called::Registry, &[], &[]);
        check(Called::Wharf, &["c.yml"], &["c.yml"]);
    }

    #[test]
    fn flags_of_the_original_are_understood() {
        for line in [
            &["serve", "/etc/distribution/config.yml"][..],
            &["garbage-collect", "config.yml"],
            &["garbage-collect", "-d", "-m", "-q", "config.yml"],
            &["garbage-collect", "config.yml", "--dry-run", "--delete-untagged", "--quiet"],
        ] {
            let read = Called::Registry.read(line.iter().map(OsString::from).collect());
            assert!(read.is_ok(), "{line:?}: {read:?}");
        }
        let version = [OsString::from("-v")];
        assert_eq!(Called::Registry.answer(&version), Some(Answer::Version));
        assert_eq!(Called::Registry.answer(&[]), Some(Answer::Usage));
        assert_eq!(Called::Wharf.answer(&version), None);
        assert_eq!(Called::Wharf.answer(&[]), None);
    }
}
