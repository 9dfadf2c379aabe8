//! What one run found, and its tables.

use serde::Serialize;

use super::figures::{Figure, Figures};
use super::machine::Machine;
use super::peers::Version;
use super::works::{Group, Unit, Work};
use super::{table, targets};

/// Everything that one run found.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    /// Whether the stores were in a bucket.
    pub(crate) bucket: bool,
    pub(crate) rounds: usize,
    pub(crate) seconds: f64,
    pub(crate) servers: Vec<Version>,
    /// Servers that are not here, and why.
    pub(crate) absent: Vec<(String, String)>,
    pub(crate) works: Vec<Section>,
    pub(crate) targets: Vec<targets::Row>,
}

/// One work, and a row for each server.
#[derive(Serialize)]
pub(crate) struct Section {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) group: Group,
    pub(crate) unit: Unit,
    pub(crate) rows: Vec<Row>,
    /// Servers that take no part, and why.
    pub(crate) unable: Vec<(String, String)>,
}

/// One server at one work.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) server: String,
    pub(crate) ours: bool,
    /// Nothing if no round was answered rightly.
    pub(crate) figures: Option<Figures>,
    pub(crate) failures: u64,
    /// What went wrong first.
    pub(crate) why: Option<String>,
}

const COLUMNS: [&str; 12] = [
    "server", "rate", "spread", "p50", "p99", "CPU", "client", "peak", "settled", "rate ×",
    "p99 ×", "CPU ×",
];

// === impl Section ===

impl Section {
    pub(crate) fn new(work: &Work) -> Self {
        Self {
            name: work.name.clone(),
            title: work.title.clone(),
            group: work.group,
            unit: work.unit,
            rows: Vec::new(),
            unable: Vec::new(),
        }
    }

    /// The section as a table in Markdown, which a terminal shows as well.
    pub(crate) fn table(&self, hash: f64) -> String {
        let mut rows: Vec<Vec<String>> = self.rows.iter().map(|row| self.cells(row)).collect();
        if self.group == Group::Push && self.unit == Unit::Bytes {
            rows.push(hashing(hash, self.ours()));
        }
        let wrong = self.rows.iter().filter_map(|row| Some((&row.server, row.why.as_ref()?)));
        let wrong = wrong.map(|(server, why)| format!("- {server}: {why}\n"));
        let unable = self.unable.iter().map(|(server, why)| format!("- {server}: {why}\n"));
        let notes: String = wrong.chain(unable).collect();
        let gap = if notes.is_empty() { "" } else { "\n" };
        format!("{}{gap}{notes}", table::markdown(&COLUMNS, &rows))
    }

    fn cells(&self, row: &Row) -> Vec<String> {
        let Some(figures) = &row.figures else {
            let mut cells = vec![String::new(); COLUMNS.len()];
            cells[0].clone_from(&row.server);
            return cells;
        };
        let show = |figure: Figure| match figures.get(figure) {
            Some(value) => figure.show(value, self.unit),
            None => "-".to_owned(),
        };
        let ratio = |figure| match self.ratio(row, figure) {
            Some(ratio) if !row.ours => format!("{ratio:.2}"),
            _ => "-".to_owned(),
        };
        vec![
            row.server.clone(),
            show(Figure::Rate),
            format!("{:.0} %", figures.rate.width() * 100.0),
            show(Figure::P50),
            show(Figure::P99),
            show(Figure::Cpu),
            format!("{:.0} %", figures.busy.median * 100.0),
            show(Figure::Peak),
            show(Figure::Settled),
            ratio(Figure::Rate),
            ratio(Figure::P99),
            ratio(Figure::Cpu),
        ]
    }

    /// Our figure divided by that of a row.
    fn ratio(&self, row: &Row, figure: Figure) -> Option<f64> {
        Some(self.ours()?.get(figure)? / row.figures.as_ref()?.get(figure)?)
    }

    fn ours(&self) -> Option<&Figures> {
        self.rows.iter().find(|row| row.ours)?.figures.as_ref()
    }

    /// What a server came to, or why it came to nothing.
    pub(crate) fn find(&self, server: &str) -> Result<&Figures, String> {
        let row = self.rows.iter().find(|row| row.server == server);
        match row {
            Some(Row { figures: Some(figures), .. }) => Ok(figures),
            Some(Row { why, .. }) => Err(format!("{server}: {}", why.as_deref().unwrap_or("-"))),
            None => Err(format!("{server} did not take part")),
        }
    }
}

/// The floor of a push, as a row of its own.
fn hashing(hash: f64, ours: Option<&Figures>) -> Vec<String> {
    let mut cells = vec!["-".to_owned(); COLUMNS.len()];
    cells[0] = "SHA-256 alone".to_owned();
    cells[5] = Figure::Cpu.show(hash, Unit::Bytes);
    if let Some(cpu) = ours.and_then(|ours| ours.get(Figure::Cpu)) {
        cells[11] = format!("{:.2}", cpu / hash);
    }
    cells
}

// === impl Report ===

impl Report {
    /// A report of a run that has just begun.
    pub(crate) fn new(machine: Machine, rounds: usize, seconds: f64) -> Self {
        let (servers, absent, works, targets) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { machine, bucket: false, rounds, seconds, servers, absent, works, targets }
    }

    /// Takes in what was measured, and judges the targets anew.
    pub(crate) fn add(&mut self, section: Section) {
        self.works.push(section);
        self.targets = targets::judge(self);
    }

    pub(crate) fn section(&self, work: &str) -> Option<&Section> {
        self.works.iter().find(|section| section.name == work)
    }

    /// The machine, the servers and the load generator.
    pub(crate) fn preface(&self) -> String {
        let servers =
            self.servers.iter().map(|server| format!("- {}: {}\n", server.name, server.version));
        let absent = self.absent.iter().map(|(name, why)| format!("- {name}: absent, {why}\n"));
        format!(
            "{}\n\n{} rounds of {} s each (for lists at most three, of a third of that), the servers in alternating order.\n\n{}{}",
            self.machine.describe(),
            self.rounds,
            self.seconds,
            servers.collect::<String>(),
            absent.collect::<String>(),
        )
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::figures::tests::figures;
    use super::*;

    /// A section with these rows; a server without figures has failed.
    pub(crate) fn section(name: &str, unit: Unit, rows: Vec<(&str, Option<Figures>)>) -> Section {
        let row = |(server, figures): (&str, Option<Figures>)| Row {
            server: server.to_owned(),
            ours: server == "wharf",
            why: figures.is_none().then(|| "GET /: 500".to_owned()),
            failures: figures.is_none().into(),
            figures,
        };
        let rows = rows.into_iter().map(row).collect();
        let (name, title) = (name.to_owned(), name.to_uppercase());
        Section { name, title, group: Group::Push, unit, rows, unable: Vec::new() }
    }

    #[test]
    fn a_peer_has_the_ratio_of_ours_to_it() {
        let rows = vec![
            ("wharf", Some(figures(300.0, 0.1, 1.0, 5.0))),
            ("other", Some(figures(150.0, 0.4, 2.0, 5.0))),
        ];
        let table = section("x", Unit::Turns, rows).table(0.5);
        let other = table.lines().nth(3).unwrap();
        assert!(
            other.contains("| 2.00 ") && other.contains("| 0.25 ") && other.contains("| 0.50 ")
        );
    }

    #[test]
    fn a_server_that_failed_has_an_empty_row_and_is_named() {
        let rows = vec![("wharf", Some(figures(300.0, 0.1, 1.0, 5.0))), ("other", None)];
        let section = section("x", Unit::Turns, rows);
        let table = section.table(0.5);
        assert!(table.contains("- other: GET /: 500\n"), "{table}");
        assert!(section.find("other").is_err() && section.find("none").is_err());
    }

    #[test]
    fn a_push_is_shown_beside_its_floor() {
        let rows = vec![("wharf", Some(figures(300.0, 0.1, 1.0, 5.0)))];
        let table = section("x", Unit::Bytes, rows).table(0.5);
        let floor = table.lines().last().unwrap();
        assert!(floor.contains("SHA-256 alone") && floor.contains("0.500 s/GB"), "{floor}");
        assert!(floor.contains("| 2.00 "), "{floor}");
    }
}
