//! A docker daemon of our own, with everything that it keeps in a folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use wharf_testkit::docker;

use crate::Outcome;
use crate::process::{self, Background};

const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// A running daemon; it ends with the value.
pub(crate) struct Daemon {
    home: PathBuf,
    _running: Background,
}

// === impl Daemon ===

impl Daemon {
    /// Starts a daemon, given the command that is `dockerd`, and waits until it answers.
    pub(crate) fn start(mut dockerd: Command, home: &Path) -> Outcome<Self> {
        docker::keep_to(&mut dockerd, home);
        let log = home.join("dockerd.log");
        let running = Background::start(&mut dockerd, File::create(&log)?, STOP_LIMIT)?;
        let daemon = Self { home: home.to_owned(), _running: running };
        daemon.wait().map_err(|error| {
            format!("{error}\n{}", process::tail(&fs::read_to_string(&log).unwrap_or_default()))
        })?;
        Ok(daemon)
    }

    /// `docker`, for this daemon.
    pub(crate) fn command(&self) -> Command {
        docker::client(&self.home)
    }

    /// Runs `docker` with these words to its end.
    pub(crate) fn run(&self, words: &[&str], limit: Duration) -> Outcome<String> {
        process::output(self.command().args(words), limit)
    }

    fn wait(&self) -> Outcome {
        let answers = || process::output(self.command().arg("version"), START_LIMIT).is_ok();
        process::wait_until("dockerd answers", START_LIMIT, answers)
    }
}
