//! The machine that figures were measured on, and what it does without any server.

use std::fs::read_to_string;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde::Serialize;
use wharf_digest::Digest;

use super::content::noise;
use super::idle::Bound;
use super::processes::thread_cpu_seconds;
use crate::{Outcome, process};

const LIMIT: Duration = Duration::from_secs(10);

/// How much is hashed to see how long that takes.
const HASHED: usize = 256 * 1024 * 1024;

/// What a reader has to know to judge figures.
#[derive(Serialize)]
pub(crate) struct Machine {
    cpu: String,
    cores: usize,
    memory_mb: u64,
    kernel: String,
    disk: String,
    date: String,
    /// The load averages before the run: others may have been at work.
    load: String,
    /// CPU-seconds that SHA-256 of a GB takes: what no push can do without.
    pub(crate) hash: f64,
    /// What the load generator can do at most.
    generator: Bound,
}

// === impl Machine ===

impl Machine {
    /// Looks at the machine, and at the disk that a folder is on.
    pub(crate) fn look(folder: &Path) -> Outcome<Self> {
        let date = process::output(Command::new("date").args(["-u", "+%F"]), LIMIT)?;
        let load = read_to_string("/proc/loadavg").unwrap_or_default();
        let memory = field("/proc/meminfo", "MemTotal");
        let kilobytes: u64 = memory.trim_end_matches(" kB").parse().unwrap_or(0);
        Ok(Self {
            cpu: field("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism()?.get(),
            memory_mb: kilobytes / 1024,
            kernel: format!("Linux {}", read_to_string("/proc/sys/kernel/osrelease")?.trim()),
            disk: disk(folder)?,
            date: date.trim().to_owned(),
            load: load.split_whitespace().take(3).collect::<Vec<_>>().join(" "),
            hash: hash(),
            generator: Bound::measure()?,
        })
    }

    /// What stands above the figures.
    pub(crate) fn describe(&self) -> String {
        let Self { cpu, cores, memory_mb, kernel, disk, date, load, hash, generator } = self;
        format!(
            "{date}; {cpu}, {cores} cores, {memory_mb} MB, {kernel}, {disk}. Load averages before the \
             run: {load}. SHA-256 alone takes {hash:.3} CPU-seconds for a GB. {}",
            generator.describe()
        )
    }

    #[cfg(test)]
    pub(crate) fn unknown() -> Self {
        let unknown = || "unknown".to_owned();
        let (cpu, kernel, disk, date, load) =
            (unknown(), unknown(), unknown(), unknown(), unknown());
        let generator = Bound::default();
        Self { cpu, cores: 1, memory_mb: 1, kernel, disk, date, load, hash: 0.5, generator }
    }
}

/// The bytes that are free where a folder is.
pub(crate) fn room(folder: &Path) -> Outcome<u64> {
    let table = process::output(Command::new("df").arg("-Pk").arg(folder), LIMIT)?;
    let line = table.lines().nth(1).unwrap_or_default();
    let free = line.split_whitespace().nth(3).and_then(|free| free.parse::<u64>().ok());
    Ok(free.ok_or("df says nothing that can be read")? * 1024)
}

/// The file system and the kind of disk below it.
fn disk(folder: &Path) -> Outcome<String> {
    let device = std::fs::metadata(folder)?.dev();
    let (major, minor) = ((device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xf_ff00));
    let number = format!("{major}:{minor}");
    let mounts = read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mount = mounts.lines().find(|line| line.split_whitespace().nth(2) == Some(&*number));
    let system = mount.and_then(|line| line.split_once(" - ")?.1.split_whitespace().next());
    let system = system.unwrap_or("an unknown file system");
    Ok(format!("{system}{} on {}", journal(&number), kind(&number)))
}

/// Whether ext4 keeps a journal: without one, it looks on each new file for those that were removed shortly
/// before. Nothing is said of other file systems.
fn journal(number: &str) -> &'static str {
    let name = std::fs::read_link(format!("/sys/dev/block/{number}")).unwrap_or_default();
    let name = name.file_name().unwrap_or_default();
    match read_to_string(Path::new("/sys/fs/ext4").join(name).join("journal_task")) {
        Ok(task) if task.trim() == "<none>" => " without a journal",
        Ok(_) => " with a journal",
        Err(_) => "",
    }
}

fn kind(number: &str) -> &'static str {
    let device = format!("/sys/dev/block/{number}");
    if Path::new(&device).join("loop").exists() {
        return "a file as a disk (loop)";
    }
    let read = |queue| read_to_string(format!("{device}/{queue}/rotational")).ok();
    match ["queue", "../queue"].into_iter().find_map(read).as_deref().map(str::trim) {
        Some("0") => "a disk without rotation",
        Some("1") => "a rotating or virtual disk",
        _ => "an unknown disk",
    }
}

fn hash() -> f64 {
    let bytes = noise(0, HASHED);
    let start = thread_cpu_seconds();
    std::hint::black_box(Digest::sha256(&bytes));
    (thread_cpu_seconds() - start) / bytes.len() as f64 * 1e9
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
    fn a_disk_has_a_kind_and_room() {
        let folder = tempfile::tempdir().unwrap();
        assert!(disk(folder.path()).unwrap().contains(" on "));
        assert!(room(folder.path()).unwrap() > 0);
    }

    #[test]
    fn the_machine_is_described_in_a_few_sentences() {
        let words = Machine::unknown().describe();
        assert!(words.starts_with("unknown; unknown, 1 cores, 1 MB, unknown"), "{words}");
        assert!(words.contains("SHA-256 alone takes 0.500 CPU-seconds for a GB."), "{words}");
    }
}
