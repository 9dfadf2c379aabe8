//! What the operating system knows of a server: its CPU time and its memory, children included.

use std::collections::BTreeMap;

/// Ticks of `/proc/PID/stat` in a second: USER_HZ, which is 100 for every program on Linux.
const TICKS: f64 = 100.0;

/// The memory of a server.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// Bytes that were resident at most, the sum over its processes.
    pub(crate) peak: u64,
    /// Bytes that are resident.
    pub(crate) now: u64,
}

/// The fields of `/proc/PID/stat` that count here.
#[derive(Debug, PartialEq)]
struct Stat {
    parent: u32,
    /// Of the process.
    own: u64,
    /// Of its children that have ended.
    ended: u64,
}

/// The CPU-seconds that a process and its descendants have used.
pub(crate) fn cpu_seconds(pid: u32) -> f64 {
    let ticks: u64 = family(pid).values().map(|stat| stat.own + stat.ended).sum();
    ticks as f64 / TICKS
}

/// The CPU-seconds that this thread has used, as exactly as the scheduler knows them.
pub(crate) fn thread_cpu_seconds() -> f64 {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = times.split_whitespace().next().and_then(|first| first.parse().ok());
    nanoseconds.unwrap_or(0_u64) as f64 / 1e9
}

/// The CPU-seconds that children of this process used which have ended, and theirs.
pub(crate) fn ended_cpu_seconds() -> f64 {
    let own = read(std::process::id(), "stat").and_then(|stat| parse(&stat));
    own.map_or(0, |stat| stat.ended) as f64 / TICKS
}

/// The memory of a process and its descendants.
pub(crate) fn memory(pid: u32) -> Memory {
    let statuses = family(pid).into_keys().filter_map(|pid| read(pid, "status"));
    statuses.fold(Memory::default(), |sum, status| Memory {
        peak: sum.peak + kilobytes(&status, "VmHWM:") * 1024,
        now: sum.now + kilobytes(&status, "VmRSS:") * 1024,
    })
}

/// A process and all that descend from it.
fn family(root: u32) -> BTreeMap<u32, Stat> {
    let mut others = all();
    let mut family: BTreeMap<u32, Stat> = others.remove_entry(&root).into_iter().collect();
    loop {
        let children: Vec<u32> = others
            .iter()
            .filter(|(_, stat)| family.contains_key(&stat.parent))
            .map(|(pid, _)| *pid)
            .collect();
        if children.is_empty() {
            return family;
        }
        family.extend(children.iter().filter_map(|pid| others.remove_entry(pid)));
    }
}

fn all() -> BTreeMap<u32, Stat> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    // A process may end while its neighbours are looked at.
    pids.filter_map(|pid| Some((pid, parse(&read(pid, "stat")?)?))).collect()
}

fn read(pid: u32, file: &str) -> Option<String> {
    std::fs::read_to_string(format!("/proc/{pid}/{file}")).ok()
}

fn parse(stat: &str) -> Option<Stat> {
    // The name of the program, in parentheses, may contain anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |from| -> Option<u64> {
        let fields = fields.get(from..from + 2)?;
        Some(fields.iter().filter_map(|field| field.parse::<u64>().ok()).sum())
    };
    Some(Stat { parent: fields.get(1)?.parse().ok()?, own: ticks(11)?, ended: ticks(13)? })
}

fn kilobytes(status: &str, key: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_whatever_the_program_is_called() {
        let line = "7 (a) b) S 3 7 7 0 -1 4194304 5 6 7 8 100 20 3 1 20 0 1 0 99";
        assert_eq!(parse(line), Some(Stat { parent: 3, own: 120, ended: 4 }));
        assert_eq!(parse("7 (a) S 3"), None);
    }

    #[test]
    fn a_busy_thread_uses_time() {
        let before = thread_cpu_seconds();
        let start = std::time::Instant::now();
        while start.elapsed().as_millis() < 5 {
            std::hint::spin_loop();
        }
        assert!(thread_cpu_seconds() >= before);
    }

    #[test]
    fn this_process_has_memory() {
        let memory = memory(std::process::id());
        assert!(memory.peak >= memory.now && memory.now > 0, "{memory:?}");
    }
}
