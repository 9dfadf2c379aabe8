//! What was measured: medians and spreads of the rounds, as a table, as JSON, as a page with charts.

use serde::Serialize;

use super::chart::{self, Bar};
use super::machine::Machine;
use super::works::{Unit, Work};
use crate::files::Generated;

/// Everything that one run found.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) rounds: usize,
    pub(crate) seconds: f64,
    /// Name and version of each server.
    pub(crate) servers: Vec<(String, String)>,
    pub(crate) absent: Vec<String>,
    pub(crate) works: Vec<Section>,
}

/// One work, and a row for each server.
#[derive(Serialize)]
pub(crate) struct Section {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) unit: Unit,
    pub(crate) rows: Vec<Row>,
}

/// One server at one work.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) server: String,
    pub(crate) ours: bool,
    /// Bytes or turns in a second.
    pub(crate) rate: Spread,
    /// Seconds.
    pub(crate) p50: Spread,
    pub(crate) p99: Spread,
    /// Server CPU-seconds for a GB, or for a turn.
    pub(crate) cpu: Spread,
    /// Share of a core that the load generator took: near one, it may be what bounds the rate.
    pub(crate) generator: Spread,
    /// Bytes resident: at most, and after the work.
    pub(crate) peak: Spread,
    pub(crate) settled: Spread,
    pub(crate) failures: u64,
    pub(crate) why: Option<String>,
}

/// The figures of the rounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

const COLUMNS: [&str; 13] = [
    "server",
    "rate",
    "least-most",
    "p50",
    "p99",
    "CPU",
    "client",
    "peak",
    "settled",
    "failed",
    "rate ×",
    "p99 ×",
    "CPU ×",
];

const NOTES: &str = "A rate counts turns or bytes of content; the spread is the least and the most of the \
     rounds, all else their median. CPU is the time of the server alone, its children included, for a GB \
     or for a turn. Client is the share of a core that the load generator took: near 100 %, it bounds \
     the rate. Peak and settled are resident memory; the pages that processes of one server share \
     count once for each. The last columns are the figures of wharf divided by those of the server.\n\
     There are no rows over TLS: wharf has no TLS listener yet.\n";

// === impl Spread ===

impl Spread {
    pub(crate) fn of(figures: impl Iterator<Item = f64>) -> Self {
        let mut figures: Vec<f64> = figures.collect();
        figures.sort_by(f64::total_cmp);
        let at = |index: usize| figures.get(index).copied().unwrap_or(0.0);
        let last = figures.len().saturating_sub(1);
        Self { median: (at(last / 2) + at(last.div_ceil(2))) / 2.0, least: at(0), most: at(last) }
    }
}

// === impl Section ===

impl Section {
    pub(crate) fn new(work: &Work) -> Self {
        Self { name: work.name, title: work.title, unit: work.unit, rows: Vec::new() }
    }

    /// The section as a table in Markdown, which a terminal shows as well.
    pub(crate) fn table(&self) -> String {
        let cells: Vec<Vec<String>> = self.rows.iter().map(|row| self.cells(row)).collect();
        let header: Vec<String> = COLUMNS.iter().map(|&column| column.to_owned()).collect();
        let width = |column: usize| {
            let column =
                std::iter::once(&header).chain(&cells).map(|row| row[column].chars().count());
            column.max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..COLUMNS.len()).map(width).collect();
        let line = |row: &[String]| -> String {
            let cells = row.iter().zip(&widths).map(|(cell, &width)| format!(" {cell:<width$} |"));
            format!("|{}\n", cells.collect::<String>())
        };
        let rule = widths.iter().map(|width| "-".repeat(width + 2) + "|").collect::<String>();
        let rows: String = cells.iter().map(|row| line(row)).collect();
        format!("{}|{rule}\n{rows}{}", line(&header), self.failures())
    }

    fn cells(&self, row: &Row) -> Vec<String> {
        let ratio = |figure: fn(&Row) -> f64| match self.rows.iter().find(|row| row.ours) {
            Some(ours) if !row.ours && figure(row) > 0.0 && figure(ours) > 0.0 => {
                format!("{:.2}", figure(ours) / figure(row))
            }
            _ => "-".to_owned(),
        };
        vec![
            row.server.clone(),
            self.rate(row.rate.median),
            format!("{} - {}", self.rate(row.rate.least), self.rate(row.rate.most)),
            milliseconds(row.p50.median),
            milliseconds(row.p99.median),
            self.cpu(row.cpu.median),
            format!("{:.0} %", row.generator.median * 100.0),
            megabytes(row.peak.median),
            megabytes(row.settled.median),
            row.failures.to_string(),
            ratio(|row| row.rate.median),
            ratio(|row| row.p99.median),
            ratio(|row| row.cpu.median),
        ]
    }

    fn rate(&self, rate: f64) -> String {
        match self.unit {
            Unit::Bytes => format!("{:.0} MB/s", rate / 1e6),
            Unit::Turns if rate < 100.0 => format!("{rate:.1} /s"),
            Unit::Turns => format!("{rate:.0} /s"),
        }
    }

    fn cpu(&self, cpu: f64) -> String {
        match self.unit {
            _ if cpu == 0.0 => "-".to_owned(),
            Unit::Bytes => format!("{cpu:.3} s/GB"),
            Unit::Turns => format!("{:.1} us", cpu * 1e6),
        }
    }

    fn failures(&self) -> String {
        let failed = self.rows.iter().filter_map(|row| Some((row, row.why.as_ref()?)));
        failed.map(|(row, why)| format!("\n{}: first failure: {why}\n", row.server)).collect()
    }

    fn chart(&self) -> String {
        let bar = |row: &Row| Bar {
            name: row.server.clone(),
            value: row.rate.median,
            text: self.rate(row.rate.median),
            ours: row.ours,
        };
        chart::bars(self.title, &self.rows.iter().map(bar).collect::<Vec<_>>())
    }
}

fn milliseconds(seconds: f64) -> String {
    format!("{:.2} ms", seconds * 1e3)
}

fn megabytes(bytes: f64) -> String {
    if bytes == 0.0 { "-".to_owned() } else { format!("{:.1} MB", bytes / 1e6) }
}

// === impl Report ===

impl Report {
    /// What stands above the tables.
    pub(crate) fn preface(&self) -> String {
        let Machine { cpu, cores, memory_mb, kernel, date, load, hash } = &self.machine;
        let servers = self.servers.iter().map(|(name, version)| format!("- {name}: {version}\n"));
        let absent = self.absent.iter().map(|name| format!("- {name}: absent\n"));
        format!(
            "{date}, {cpu}, {cores} cores, {memory_mb} MB, {kernel}; load of the machine before the \
             run: {load}. {} rounds of {} s each, the servers in alternating order. Hashing alone takes \
             {hash:.3} CPU-seconds for a GB.\n\n{}{}\n{NOTES}",
            self.rounds,
            self.seconds,
            servers.collect::<String>(),
            absent.collect::<String>(),
        )
    }

    /// The page and its charts.
    pub(crate) fn pages(&self) -> Vec<Generated> {
        let mut page = format!(
            "# Benchmarks\n\nWritten by `cargo xtask bench --write-docs`.\n\n{}",
            self.preface()
        );
        let mut files = Vec::new();
        for section in &self.works {
            let path = format!("benchmarks/{}.svg", section.name);
            page += &format!("\n## {}\n\n![]({path})\n\n{}", section.title, section.table());
            files.push(Generated { path: format!("docs/{path}"), content: section.chart() });
        }
        files.push(Generated { path: "docs/benchmarks.md".to_owned(), content: page });
        files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(median: f64) -> Spread {
        Spread::of([median].into_iter())
    }

    fn row(server: &str, ours: bool, rate: f64) -> Row {
        let zero = spread(0.0);
        let (server, rate) = (server.to_owned(), spread(rate));
        let (p50, p99, cpu, generator, peak, settled) = (zero, zero, zero, zero, zero, zero);
        Row { server, ours, rate, p50, p99, cpu, generator, peak, settled, failures: 0, why: None }
    }

    #[test]
    fn the_median_of_an_even_number_of_rounds_is_in_between() {
        let of = |figures: &[f64]| Spread::of(figures.iter().copied());
        assert_eq!(of(&[4.0, 1.0, 2.0]), Spread { median: 2.0, least: 1.0, most: 4.0 });
        assert_eq!(of(&[4.0, 1.0, 2.0, 3.0]).median, 2.5);
        assert_eq!(of(&[]).median, 0.0);
    }

    #[test]
    fn a_peer_has_the_ratio_of_ours_to_it() {
        let rows = vec![row("wharf", true, 300.0), row("other", false, 150.0)];
        let section = Section { name: "x", title: "X", unit: Unit::Turns, rows };
        let table = section.table();
        assert!(table.lines().nth(3).unwrap().contains(" 2.00 "), "{table}");
        assert!(section.chart().contains("300 /s"));
    }
}
