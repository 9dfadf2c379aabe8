//! A docker daemon of our own, with everything that it keeps in a folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::Outcome;
use crate::process::{self, Background};

const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// A running daemon; it ends with the value.
pub(crate) struct Daemon {
    home: PathBuf,
    socket: PathBuf,
    _running: Background,
}

// === impl Daemon ===

impl Daemon {
    /// Starts a daemon, given the command that is `dockerd`, and waits until it answers.
    pub(crate) fn start(mut dockerd: Command, home: &Path) -> Outcome<Self> {
        let socket = home.join("docker.sock");
        dockerd.arg("--data-root").arg(home.join("data"));
        dockerd.arg("--exec-root").arg(home.join("exec"));
        dockerd.arg("--pidfile").arg(home.join("docker.pid"));
        dockerd.arg("--host").arg(format!("unix://{}", socket.display()));
        // Neither a network of its own nor a union of file systems is needed.
        dockerd.args(["--storage-driver=vfs", "--bridge=none"]);
        dockerd.args(["--iptables=false", "--ip6tables=false"]);
        let log = home.join("dockerd.log");
        let running = Background::start(&mut dockerd, File::create(&log)?, STOP_LIMIT)?;
        let daemon = Self { home: home.to_owned(), socket, _running: running };
        daemon.wait().map_err(|error| {
            format!("{error}\n{}", process::tail(&fs::read_to_string(&log).unwrap_or_default()))
        })?;
        Ok(daemon)
    }

    /// `docker`, for this daemon. What is configured for the user does not count.
    pub(crate) fn command(&self) -> Command {
        let mut docker = Command::new("docker");
        docker.env_remove("DOCKER_CONTEXT").env_remove("XDG_RUNTIME_DIR");
        docker.env("HOME", &self.home).env("DOCKER_CONFIG", &self.home);
        docker.arg("--host").arg(format!("unix://{}", self.socket.display()));
        docker
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
