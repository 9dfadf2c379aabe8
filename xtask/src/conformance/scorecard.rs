//! What the official suite found: the rows of its `results.yaml`, with the details from its log.

use std::fmt::Write;

use crate::Outcome;

/// Both sections of `results.yaml` that count.
const SECTIONS: [&str; 2] = ["apis", "data"];

/// The one row that is off by design, while sparse manifests are not pushed.
const SPARSE: (&str, &str) = ("data", "Sparse Manifests");

/// How many tests that did not pass are shown; all of them stand in the report.
const SHOWN: usize = 30;

/// The rows of one run.
#[derive(Debug)]
pub(crate) struct Scorecard {
    rows: Vec<Row>,
    /// The tests that did not pass, with what the suite says of them.
    details: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
struct Row {
    section: &'static str,
    name: String,
    status: String,
}

// === impl Scorecard ===

impl Scorecard {
    /// Reads the results and the log of one run.
    pub(crate) fn parse(results: &str, log: &str) -> Outcome<Self> {
        let rows = rows(results);
        match SECTIONS.iter().find(|section| !rows.iter().any(|row| row.section == **section)) {
            Some(section) => Err(format!("results.yaml has no {section}").into()),
            None => Ok(Self { rows, details: details(log) }),
        }
    }

    /// The rows that keep the run from passing.
    pub(crate) fn bad(&self, sparse: bool) -> usize {
        self.rows.iter().filter(|row| !row.passes(sparse)).count()
    }

    /// `52 passed, 0 failed, 0 skipped, 1 disabled`.
    pub(crate) fn summary(&self) -> String {
        let count = |status| self.rows.iter().filter(|row| row.status == status).count();
        let (passed, skipped, disabled) = (count("Pass"), count("Skip"), count("Disabled"));
        let failed = self.rows.len() - passed - skipped - disabled;
        format!("{passed} passed, {failed} failed, {skipped} skipped, {disabled} disabled")
    }

    /// The bad rows, and the tests behind them.
    pub(crate) fn explain(&self, sparse: bool) -> String {
        let mut text = String::new();
        for row in self.rows.iter().filter(|row| !row.passes(sparse)) {
            // Writing to a string does not fail.
            writeln!(text, "  {}: {}: {}", row.section, row.name, row.status).ok();
        }
        for detail in self.details.iter().take(SHOWN) {
            writeln!(text, "    {detail}").ok();
        }
        text
    }
}

// === impl Row ===

impl Row {
    fn passes(&self, sparse: bool) -> bool {
        let by_design = !sparse && (self.section, self.name.as_str()) == SPARSE;
        self.status == "Pass" || (by_design && self.status == "Disabled")
    }
}

/// The file is flat: a section starts at the margin, a row is indented by two and names its status.
fn rows(results: &str) -> Vec<Row> {
    let mut section = None;
    let mut rows = Vec::new();
    for line in results.lines() {
        match (line.strip_prefix("  "), section) {
            (None, _) => section = SECTIONS.into_iter().find(|name| line == format!("{name}:")),
            (Some(row), Some(section)) => rows.extend(Row::parse(section, row)),
            (Some(_), None) => {}
        }
    }
    rows
}

impl Row {
    fn parse(section: &'static str, line: &str) -> Option<Self> {
        let (name, status) = line.rsplit_once(": ")?;
        Some(Row { section, name: name.trim_matches('"').into(), status: status.into() })
    }
}

/// The lines about tests that did not pass and have something to say.
fn details(log: &str) -> Vec<String> {
    let tests: Vec<(usize, &str)> =
        log.lines().enumerate().filter(|(_, line)| is_test(line)).collect();
    let lines: Vec<&str> = log.lines().collect();
    let mut details = Vec::new();
    for (index, (number, test)) in tests.iter().enumerate() {
        let next = tests.get(index + 1);
        let leaf = next.is_none_or(|(_, next)| indent(next) <= indent(test));
        if leaf && !test.ends_with(": Pass") && !test.ends_with(": Disabled") {
            let end = next.map_or(lines.len().min(number + 4), |(next, _)| *next);
            details.extend(lines[*number..end].iter().map(|line| line.trim().to_owned()));
        }
    }
    details
}

fn is_test(line: &str) -> bool {
    line.trim_start().starts_with("OCI Conformance Test")
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(ping: &str, sparse: &str) -> String {
        format!(
            "config:\n  registry: 127.0.0.1:1\n  apis:\n    ping: true\n  version: dev\n\
             apis:\n  Ping: {ping}\n  Tag listing: Pass\ndata:\n  Sparse Manifests: {sparse}\n"
        )
    }

    #[track_caller]
    fn check(ping: &str, sparse: &str, with_sparse: bool, bad: usize) {
        let card = Scorecard::parse(&results(ping, sparse), "").unwrap();
        assert_eq!(card.bad(with_sparse), bad, "{card:?}");
    }

    #[test]
    fn only_pass_passes_and_sparse_may_be_disabled_while_it_is_off() {
        check("Pass", "Disabled", false, 0);
        check("Pass", "Disabled", true, 1);
        check("Pass", "Pass", true, 0);
        check("Skip", "Disabled", false, 1);
        check("Disabled", "Disabled", false, 1);
        check("FAIL", "Error", false, 2);
    }

    #[test]
    fn the_summary_counts_every_row() {
        let card = Scorecard::parse(&results("Error", "Disabled"), "").unwrap();
        assert_eq!(card.summary(), "1 passed, 1 failed, 0 skipped, 1 disabled");
    }

    #[test]
    fn results_without_a_section_are_refused() {
        assert!(Scorecard::parse("config:\n  a: b\napis:\n  Ping: Pass\n", "").is_err());
        assert!(Scorecard::parse("", "").is_err());
    }

    #[test]
    fn the_details_are_those_of_the_tests_that_did_not_pass() {
        let log = "OCI Conformance Test: FAIL\n  OCI Conformance Test/ping: Pass\n  \
                   OCI Conformance Test/empty: FAIL\n    OCI Conformance Test/empty/tags: FAIL\n     \
                   - expected 200\n  OCI Conformance Test/last: Pass\n";
        assert_eq!(details(log), ["OCI Conformance Test/empty/tags: FAIL", "- expected 200"]);
    }
}
