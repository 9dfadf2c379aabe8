//! Other programs, each with a time limit.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::Outcome;

/// How often a running program is looked at.
const TICK: Duration = Duration::from_millis(20);

/// How much of what a failed program wrote is repeated.
const TAIL_LINES: usize = 25;

/// How long programs may take to end when all of them have to.
const END_GRACE: Duration = Duration::from_secs(3);

/// A program that runs beside us; it is ended with the value.
pub(crate) struct Background {
    child: Child,
    grace: Duration,
}

/// The programs in the background; nothing, when no more may be started.
static RUNNING: Mutex<Option<BTreeSet<u32>>> = Mutex::new(Some(BTreeSet::new()));

/// What came of a program.
struct Ended {
    /// Nothing, if it had to be stopped.
    status: Option<ExitStatus>,
    stdout: String,
    stderr: String,
}

/// Runs a program to its end and returns what it wrote to standard output; what it wrote at all is
/// part of the error.
pub(crate) fn output(command: &mut Command, limit: Duration) -> Outcome<String> {
    let ended = run(command, limit)?;
    match ended.status.is_some_and(|status| status.success()) {
        true => Ok(ended.stdout),
        false => {
            let written = tail(&format!("{}\n{}", ended.stdout, ended.stderr));
            Err(format!("{}\n{written}", failure(command, ended.status, limit)).into())
        }
    }
}

/// Runs a program to its end and returns all that it wrote, whatever its exit code is.
pub(crate) fn output_whatever(command: &mut Command, limit: Duration) -> Outcome<String> {
    let ended = run(command, limit)?;
    match ended.status {
        Some(_) => Ok(format!("{}{}", ended.stderr, ended.stdout)),
        None => Err(failure(command, None, limit).into()),
    }
}

/// Runs a program to its end, its output on our own.
pub(crate) fn show(command: &mut Command, limit: Duration) -> Outcome {
    let status = wait(spawn(command.stdin(Stdio::null()))?, limit)?;
    match status.is_some_and(|status| status.success()) {
        true => Ok(()),
        false => Err(failure(command, status, limit).into()),
    }
}

/// Ends all programs in the background, and lets no more begin: the process is about to end.
pub(crate) fn end_all() {
    let pids = RUNNING.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
    let is_there = |pid: &u32| std::fs::exists(format!("/proc/{pid}/exe")).unwrap_or(false);
    pids.iter().for_each(|pid| signal(*pid, "-TERM"));
    let start = Instant::now();
    while pids.iter().any(is_there) && start.elapsed() < END_GRACE {
        std::thread::sleep(TICK);
    }
    pids.iter().filter(|pid| is_there(pid)).for_each(|pid| signal(*pid, "-KILL"));
}

fn signal(pid: u32, signal: &str) {
    // It may have ended by itself.
    Command::new("kill").args([signal, &pid.to_string()]).stderr(Stdio::null()).status().ok();
}

/// Asks `ready` again and again until it says yes, for at most `limit`.
pub(crate) fn wait_until(what: &str, limit: Duration, ready: impl Fn() -> bool) -> Outcome {
    let start = Instant::now();
    while !ready() {
        if start.elapsed() > limit {
            return Err(format!("{what}: not within {} s", limit.as_secs()).into());
        }
        std::thread::sleep(TICK);
    }
    Ok(())
}

/// The path of a program, if it is installed.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    // The administrator's programs are not on everybody's path.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// The last lines of a text.
pub(crate) fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.trim().lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

fn run(command: &mut Command, limit: Duration) -> Outcome<Ended> {
    // Files, not pipes: nobody has to read while the program runs.
    let (mut stdout, mut stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
    command.stdin(Stdio::null()).stdout(stdout.try_clone()?).stderr(stderr.try_clone()?);
    let status = wait(spawn(command)?, limit)?;
    Ok(Ended { status, stdout: read_back(&mut stdout)?, stderr: read_back(&mut stderr)? })
}

fn spawn(command: &mut Command) -> Outcome<Child> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.spawn().map_err(|error| format!("{program} cannot be started: {error}").into())
}

/// Waits for the end, or kills the program: `None`.
fn wait(mut child: Child, limit: Duration) -> Outcome<Option<ExitStatus>> {
    let start = Instant::now();
    while start.elapsed() < limit {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        std::thread::sleep(TICK);
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

fn read_back(file: &mut File) -> Outcome<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn failure(command: &Command, status: Option<ExitStatus>, limit: Duration) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let line: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    match status {
        Some(status) => format!("`{}`: {status}", line.join(" ")),
        None => format!("`{}`: stopped after {} s", line.join(" "), limit.as_secs()),
    }
}

// === impl Background ===

impl Background {
    /// Starts a program; at the end it gets SIGTERM, and SIGKILL after `grace`.
    pub(crate) fn start(command: &mut Command, log: File, grace: Duration) -> Outcome<Self> {
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        // Held while it starts: nothing starts unseen while all are ended.
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let running = running.as_mut().ok_or("all programs have been told to end")?;
        let child = spawn(command)?;
        running.insert(child.id());
        Ok(Self { child, grace })
    }

    /// Fails if it has ended by itself.
    pub(crate) fn check(&mut self) -> Outcome {
        match self.child.try_wait()? {
            Some(status) => Err(format!("ended by itself with {status}").into()),
            None => Ok(()),
        }
    }

    /// What came of it, if it has ended by itself.
    pub(crate) fn status(&mut self) -> Outcome<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn terminate(&mut self) -> Outcome {
        signal(self.child.id(), "-TERM");
        let start = Instant::now();
        while start.elapsed() < self.grace && self.child.try_wait()?.is_none() {
            std::thread::sleep(TICK);
        }
        Ok(())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // It may have ended by itself, and there is nobody left to tell.
        self.terminate().ok();
        self.child.kill().ok();
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = running.as_mut() {
            running.remove(&self.child.id());
        }
        self.child.wait().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    #[test]
    fn the_output_is_returned_and_a_failure_repeats_it() {
        let mut hello = Command::new("sh");
        assert_eq!(output(hello.args(["-c", "echo hello"]), LIMIT).unwrap(), "hello\n");
        let mut fails = Command::new("sh");
        let error = output(fails.args(["-c", "echo why >&2; exit 3"]), LIMIT).unwrap_err();
        assert!(error.to_string().contains("exit status: 3\nwhy"), "{error}");
    }

    #[test]
    fn a_program_that_does_not_end_is_stopped() {
        let mut sleep = Command::new("sleep");
        let error = output(sleep.arg("600"), Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().contains("`sleep 600`: stopped"), "{error}");
    }

    #[test]
    fn a_program_in_the_background_ends_with_the_value() {
        let log = tempfile::tempfile().unwrap();
        let sleep = Background::start(Command::new("sleep").arg("600"), log, LIMIT).unwrap();
        let process = PathBuf::from(format!("/proc/{}", sleep.child.id()));
        drop(sleep);
        assert!(!process.exists());
    }

    #[test]
    fn programs_are_found_on_the_path() {
        assert!(find("sh").is_some());
        assert!(find("no-such-program-here").is_none());
    }
}
