//! A docker daemon of our own, with everything that it keeps in a folder.

use std::{
    ffi::OsStr,
    fs::File,
    io,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use wharf_testkit::docker;

use super::{PAUSE, program};

/// A running daemon; it ends with the value.
pub(super) struct Daemon {
    folder: tempfile::TempDir,
    running: Child,
}

const START_LIMIT: Duration = Duration::from_secs(90);
const STOP_LIMIT: Duration = Duration::from_secs(60);

// === impl Daemon ===

impl Daemon {
    /// Nothing without docker, or where it cannot run.
    pub(super) fn start() -> Option<Self> {
        let dockerd = program("dockerd").filter(|_| program("docker").is_some())?;
        let folder = tempfile::tempdir().expect("a folder");
        let home = folder.path();
        let log = File::create(home.join("log")).expect("a log");
        let mut command = Command::new(dockerd);
        docker::keep_to(&mut command, home);
        command.stdout(Stdio::null()).stderr(log);
        let running = command.spawn().expect("dockerd starts");
        let mut daemon = Self { folder, running };
        daemon.answers().then_some(daemon)
    }

    /// Makes a file system the only layer of an image.
    pub(super) fn import(&self, archive: &Path, image: &str) {
        self.run([OsStr::new("import"), archive.as_os_str(), OsStr::new(image)]);
    }

    pub(super) fn push(&self, image: &str) {
        self.run(["push", "--quiet", image]);
    }

    /// Removes an image, and gets it again.
    pub(super) fn pull(&self, image: &str) {
        self.run(["image", "rm", "--force", image]);
        self.run(["pull", "--quiet", image]);
    }

    /// The digest of the image's configuration.
    pub(super) fn id(&self, image: &str) -> String {
        let output = self.run(["image", "inspect", "--format", "{{.Id}}", image]);
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn run(&self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Output {
        let mut docker = self.command();
        let output = docker.args(words).output().expect("docker runs");
        assert!(output.status.success(), "{docker:?}: {output:?}");
        output
    }

    /// `docker`, for this daemon.
    fn command(&self) -> Command {
        let mut docker = docker::client(self.folder.path());
        docker.stdin(Stdio::null());
        docker
    }

    fn answers(&mut self) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < START_LIMIT && matches!(self.running.try_wait(), Ok(None)) {
            if self.command().arg("version").output().is_ok_and(|it| it.status.success()) {
                return true;
            }
            thread::sleep(PAUSE);
        }
        false
    }

    /// Asks it to end, and to end its own processes before.
    fn stop(&mut self) -> io::Result<()> {
        let id = self.running.id().to_string();
        Command::new("kill").args(["-TERM", &id]).stderr(Stdio::null()).status()?;
        let begun = Instant::now();
        while self.running.try_wait()?.is_none() {
            if begun.elapsed() > STOP_LIMIT {
                return self.running.kill().and_then(|()| self.running.wait().map(drop));
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("dockerd is left behind: {error}");
        }
    }
}
