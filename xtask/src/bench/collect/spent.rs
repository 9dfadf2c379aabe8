//! What a program takes from its start to its end.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::super::processes;
use crate::Outcome;
use crate::process::{Background, tail};

/// What a program took, its children included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spent {
    pub(super) time: Duration,
    /// In seconds, to the hundredth.
    pub(super) cpu: f64,
    /// Bytes that were resident at most.
    pub(super) peak: u64,
}

/// How often is looked whether it has ended.
const TICK: Duration = Duration::from_millis(5);

/// How often its memory is looked at, which takes a look at every process of the machine.
const LOOK: Duration = Duration::from_millis(100);

// === impl Spent ===

impl Spent {
    /// Runs a program to its end, which has to be a good one; what it says goes to a file.
    pub(super) fn by(command: &mut Command, output: &Path, limit: Duration) -> Outcome<Self> {
        let before = processes::ended_cpu_seconds();
        let begun = Instant::now();
        let mut program = Background::start(command, File::create(output)?, Duration::ZERO)?;
        let (mut peak, mut looked) = (0, None::<Instant>);
        let status = loop {
            // Once it has ended its memory is no longer known.
            if looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
                peak = peak.max(processes::memory(program.id()).peak);
                looked = Some(Instant::now());
            }
            if let Some(status) = program.status()? {
                break status;
            }
            if begun.elapsed() > limit {
                return Err(format!("{command:?}: not within {} s", limit.as_secs()).into());
            }
            sleep(TICK);
        };
        let time = begun.elapsed();
        if !status.success() {
            let said = std::fs::read(output)?;
            return Err(format!(
                "{command:?}: {status}\n{}",
                tail(&String::from_utf8_lossy(&said))
            )
            .into());
        }
        Ok(Self { time, cpu: processes::ended_cpu_seconds() - before, peak })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    #[test]
    fn a_program_takes_time_and_memory() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("output");
        let mut sleeps = Command::new("sh");
        let spent = Spent::by(sleeps.args(["-c", "sleep 0.1; echo done"]), &output, LIMIT).unwrap();
        assert!(spent.time >= Duration::from_millis(100) && spent.peak > 0 && spent.cpu >= 0.0);
        assert_eq!(std::fs::read_to_string(&output).unwrap(), "done\n");
        let failed = Spent::by(Command::new("sh").args(["-c", "echo why; exit 3"]), &output, LIMIT);
        assert!(failed.unwrap_err().to_string().contains("why"));
    }
}
