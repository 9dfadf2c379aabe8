//! A service that runs: it ends with its value, or is left running and found again.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::kind::{BUCKET, Kind};
use crate::workspace::Workspace;
use crate::{Outcome, process};

/// A service, which ends with this value.
pub(crate) struct Service {
    kind: Kind,
    note: Note,
    /// Nothing, if an earlier run of ours has started it.
    child: Option<Child>,
    left: bool,
}

/// What is written down of a service that is left running.
#[derive(Serialize, Deserialize)]
struct Note {
    process: Process,
    address: SocketAddr,
    /// What it keeps, and its log.
    folder: PathBuf,
}

/// A process that can be told from a later one of the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Process {
    id: u32,
    /// When it started, in the kernel's ticks.
    started: u64,
}

/// From its start to its first answer; Python and node take their time.
const START_LIMIT: Duration = Duration::from_secs(90);

/// How long it may take to end when it is asked to.
const END_LIMIT: Duration = Duration::from_secs(5);

/// How often another port is tried: somebody may take it before the service does.
const TRIES: usize = 3;

const TICK: Duration = Duration::from_millis(50);

// === impl Service ===

impl Service {
    /// Starts each of these, and waits until it answers and has its bucket.
    pub(crate) fn start_each(workspace: &Workspace, kinds: &[Kind]) -> Outcome<Vec<Self>> {
        kinds.iter().map(|kind| Self::start(workspace, *kind)).collect()
    }

    /// Starts one, and waits until it answers and has its bucket.
    pub(crate) fn start(workspace: &Workspace, kind: Kind) -> Outcome<Self> {
        let kind = kind.real();
        if let Some(program) = kind.missing() {
            return Err(format!("{}: {program} is not installed", kind.name()).into());
        }
        let mut tries = 1;
        loop {
            match Self::try_start(workspace, kind) {
                Err(_) if tries < TRIES => tries += 1,
                result => return result,
            }
        }
    }

    /// What tests are told of it.
    pub(crate) fn variable(&self) -> (&'static str, String) {
        self.kind.variable(self.note.address)
    }

    /// Where a store that keeps files has what is in the bucket.
    pub(crate) fn bucket(&self) -> PathBuf {
        self.note.folder.join("data").join(BUCKET)
    }

    fn try_start(workspace: &Workspace, kind: Kind) -> Outcome<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let folder = tempfile::Builder::new().prefix("wharf-service-").tempdir()?;
        let data = folder.path().join("data");
        std::fs::create_dir(&data)?;
        let log = File::create(folder.path().join("log"))?;
        let mut command = kind.command(workspace, address, &data)?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn()?;
        let process = Process::of(&child);
        let note = Note { process, address, folder: folder.keep() };
        let mut service = Self { kind, note, child: Some(child), left: false };
        service.wait_for_answer()?;
        kind.prepare(address)?;
        Ok(service)
    }

    fn wait_for_answer(&mut self) -> Outcome {
        let start = Instant::now();
        while !self.kind.answers(self.note.address) {
            if !self.note.process.is_there() || start.elapsed() > START_LIMIT {
                let name = self.kind.name();
                return Err(format!("{name} does not answer:\n{}", self.log()).into());
            }
            std::thread::sleep(TICK);
        }
        Ok(())
    }

    fn log(&self) -> String {
        let text = std::fs::read_to_string(self.note.folder.join("log"));
        process::tail(&text.unwrap_or_default())
    }

    /// Lets it go on when this program ends; one of its kind that is left from before ends.
    pub(crate) fn leave_running(mut self, workspace: &Workspace) -> Outcome {
        drop(Self::left_running(workspace, self.kind)?);
        std::fs::write(note(workspace, self.kind)?, serde_json::to_vec(&self.note)?)?;
        self.left = true;
        Ok(())
    }

    /// One that was left running; its note goes with it.
    pub(crate) fn left_running(workspace: &Workspace, kind: Kind) -> Outcome<Option<Self>> {
        let file = note(workspace, kind)?;
        let Ok(text) = std::fs::read(&file) else { return Ok(None) };
        std::fs::remove_file(file)?;
        let note = serde_json::from_slice(&text)?;
        Ok(Some(Self { kind, note, child: None, left: false }))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if self.left {
            return;
        }
        self.note.process.end();
        if let Some(child) = &mut self.child {
            // It has been told to end.
            child.wait().ok();
        }
        std::fs::remove_dir_all(&self.note.folder).ok();
    }
}

fn note(workspace: &Workspace, kind: Kind) -> Outcome<PathBuf> {
    Ok(workspace.target("services")?.join(format!("{}.json", kind.name())))
}

// === impl Process ===

impl Process {
    fn of(child: &Child) -> Self {
        // Of one that has ended already nothing is known, and nothing has to be.
        Self { id: child.id(), started: started(child.id()).unwrap_or_default() }
    }

    fn is_there(self) -> bool {
        started(self.id) == Some(self.started)
    }

    /// Asks it to end, then makes it.
    fn end(self) {
        for signal in ["-TERM", "-KILL"] {
            if !self.is_there() {
                return;
            }
            Command::new("kill").args([signal, &self.id.to_string()]).status().ok();
            let start = Instant::now();
            while self.is_there() && start.elapsed() < END_LIMIT {
                std::thread::sleep(TICK);
            }
        }
    }
}

/// When a process started; nothing if there is none, or if it has ended and is only waited for.
fn started(id: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name may have spaces and brackets in it.
    let (_, after) = text.rsplit_once(") ")?;
    let mut fields = after.split(' ');
    match fields.next()? {
        "Z" => None,
        _ => fields.nth(18)?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_ends_and_is_told_from_a_later_one_of_its_number() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let process = Process::of(&child);
        let later = Process { started: process.started + 1, ..process };
        assert!(process.is_there() && !later.is_there());
        later.end();
        assert!(process.is_there());
        process.end();
        assert!(!process.is_there());
        child.wait().unwrap();
    }
}
