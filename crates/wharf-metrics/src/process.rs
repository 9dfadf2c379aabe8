//! What the process takes of its machine, under the names that Prometheus' own libraries use.

use std::fs;

use crate::Page;

/// A row of the table.
struct Row {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    read: fn(&Texts) -> Option<f64>,
}

/// What the kernel says of the process.
struct Texts {
    status: String,
    stat: String,
    limits: String,
}

const ROWS: [Row; 5] = [
    Row {
        name: "process_cpu_seconds_total",
        kind: "counter",
        help: "The time of processors that it has used.",
        read: Texts::cpu,
    },
    Row {
        name: "process_resident_memory_bytes",
        kind: "gauge",
        help: "The memory that it has.",
        read: |texts| texts.kilobytes("VmRSS:"),
    },
    Row {
        name: "process_virtual_memory_bytes",
        kind: "gauge",
        help: "The addresses that it has.",
        read: |texts| texts.kilobytes("VmSize:"),
    },
    Row {
        name: "process_open_fds",
        kind: "gauge",
        help: "The files that it has open, connections included.",
        read: |_| Some(fs::read_dir("/proc/self/fd").ok()?.count() as f64),
    },
    Row {
        name: "process_max_fds",
        kind: "gauge",
        help: "How many files it may have open.",
        read: Texts::most_files,
    },
];

/// How many parts of a second the kernel counts in, as it tells them to programs.
const TICKS: f64 = 100.0;

/// Writes what is known; nothing where there is no `/proc`.
pub(crate) fn write(page: &mut Page) {
    let read = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
    let texts = Texts { status: read("status"), stat: read("stat"), limits: read("limits") };
    for Row { name, kind, help, read } in ROWS {
        if let Some(value) = read(&texts) {
            page.family(name, kind, help);
            page.sample(name, &[], value);
        }
    }
}

// === impl Texts ===

impl Texts {
    fn cpu(&self) -> Option<f64> {
        // The name of the program may have spaces and brackets in it.
        let (_, after) = self.stat.rsplit_once(") ")?;
        let mut fields = after.split(' ').skip(11);
        let mut next = || fields.next()?.parse::<f64>().ok();
        Some((next()? + next()?) / TICKS)
    }

    fn kilobytes(&self, name: &str) -> Option<f64> {
        let line = self.status.lines().find_map(|line| line.strip_prefix(name))?;
        let number: f64 = line.split_whitespace().next()?.parse().ok()?;
        Some(number * 1024.0)
    }

    fn most_files(&self) -> Option<f64> {
        let line = self.limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
        line.split_whitespace().next()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_read() {
        let texts = Texts {
            status: "Name:\tx\nVmSize:\t  20 kB\nVmRSS:\t  10 kB\n".into(),
            stat: "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0".into(),
            limits: "Limit  Soft  Hard\nMax open files            1024       4096    files\n"
                .into(),
        };
        assert_eq!(texts.cpu(), Some(2.0));
        assert_eq!(texts.kilobytes("VmRSS:"), Some(10_240.0));
        assert_eq!(texts.most_files(), Some(1024.0));
        let mut page = Page::default();
        write(&mut page);
        if fs::exists("/proc/self/stat").is_ok_and(|there| there) {
            let text = page.into_text();
            assert!(ROWS.iter().all(|row| text.contains(&format!("\n{} ", row.name))), "{text}");
        }
    }
}
