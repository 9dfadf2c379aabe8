//! The machine that figures were measured on.

use std::fs::read_to_string;
use std::process::Command;
use std::time::{Duration, Instant};

use serde::Serialize;
use wharf_digest::Digest;

use super::content::noise;
use crate::{Outcome, process};

/// What a reader has to know to judge figures.
#[derive(Serialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) memory_mb: u64,
    pub(crate) kernel: String,
    pub(crate) date: String,
    /// The load averages before the run: others may have been at work.
    pub(crate) load: String,
    /// Seconds that SHA-256 of a GB takes: what no push can do without.
    pub(crate) hash: f64,
}

// === impl Machine ===

impl Machine {
    pub(crate) fn look() -> Outcome<Self> {
        let date =
            process::output(Command::new("date").args(["-u", "+%F"]), Duration::from_secs(5))?;
        let load = read_to_string("/proc/loadavg").unwrap_or_default();
        let memory = field("/proc/meminfo", "MemTotal");
        let kilobytes: u64 = memory.trim_end_matches(" kB").parse().unwrap_or(0);
        Ok(Self {
            cpu: field("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism()?.get(),
            memory_mb: kilobytes / 1024,
            kernel: format!("Linux {}", read_to_string("/proc/sys/kernel/osrelease")?.trim()),
            date: date.trim().to_owned(),
            load: load.split_whitespace().take(3).collect::<Vec<_>>().join(" "),
            hash: hash(),
        })
    }
}

fn hash() -> f64 {
    let bytes = noise(0, 64 * 1024 * 1024);
    let start = Instant::now();
    std::hint::black_box(Digest::sha256(&bytes));
    start.elapsed().as_secs_f64() / bytes.len() as f64 * 1e9
}

/// The value behind the first `key: value` of a file.
fn field(file: &str, key: &str) -> String {
    let text = read_to_string(file).unwrap_or_default();
    let values = text.lines().filter_map(|line| line.split_once(':'));
    let value = values.filter(|(name, _)| name.trim() == key).map(|(_, value)| value.trim()).next();
    value.unwrap_or("unknown").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_described() {
        let machine = Machine::look().unwrap();
        assert!(machine.memory_mb > 0 && machine.date.len() == 10);
    }
}
