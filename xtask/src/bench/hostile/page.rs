//! The tables of a run, and `docs/benchmarks-hostile.md`.

use super::{Attacked, BUDGET, FACTOR, MEMORY, Part, Report};
use crate::Outcome;
use crate::bench::page::filled;
use crate::bench::table::markdown;
use crate::files::Generated;

const PAGE: &str = "docs/benchmarks-hostile.md";

/// The page with these figures.
pub(super) fn file(report: &Report) -> Outcome<Generated> {
    filled(PAGE, &format!("\n{}\n\n{}\n", report.machine.describe(), tables(report)))
}

/// The tables.
pub(super) fn tables(report: &Report) -> String {
    let header = [
        "good client",
        "requests",
        "failed",
        "p50",
        "p99",
        "longest",
        "server CPU",
        "others' CPU",
        "peak memory",
    ];
    let parts: Vec<_> = report.parts.iter().map(part).collect();
    let attacks: Vec<_> = report.attacks.iter().map(attack).collect();
    let attacked = markdown(&["attack", "begun", "cut", "answers"], &attacks);
    format!("{}\n{}\n{attacked}", markdown(&header, &parts), verdict(report))
}

fn part(part: &Part) -> Vec<String> {
    let time = |seconds: f64| format!("{:.1} ms", seconds * 1e3);
    vec![
        format!("{}, {:.0} s", part.name, part.seconds),
        part.turns.to_string(),
        part.failures.to_string(),
        time(part.p50),
        time(part.p99),
        time(part.most),
        format!("{:.2}", part.server),
        format!("{:.2}", part.others),
        format!("{} MB", part.peak >> 20),
    ]
}

fn attack(attacked: &Attacked) -> Vec<String> {
    let seen = &attacked.seen;
    let answers = seen.answers.iter().map(|(status, count)| format!("{status}: {count}"));
    vec![
        attacked.title.to_owned(),
        seen.begun.to_string(),
        seen.cut.to_string(),
        answers.collect::<Vec<_>>().join(", "),
    ]
}

fn verdict(report: &Report) -> String {
    let [alone, attacked, harmless] = &report.parts[..] else { return String::new() };
    let ratio = attacked.p99 / harmless.p99.max(1e-9);
    let cost = attacked.others + (attacked.server - alone.server).max(0.0);
    format!(
        "p99 beside the attacks is {ratio:.2} × that beside a harmless process (at most {FACTOR:.0} ×); the \
         server took at most {} MB (at most {} MB); attackers, and the server for them, used {cost:.2} of a \
         core (meant to be {BUDGET:.1} at most).\n",
        attacked.peak >> 20,
        MEMORY >> 20,
    )
}
