//! The table of targets, and whether a run meets them.

use serde::Serialize;

use super::figures::Figure;
use super::report::{Report, Section};
use super::table;
use super::works::{Unit, WORKS};

/// What is wanted of a run.
struct Target {
    /// A name of a work; with a `*` at its end, of all that begin so.
    work: &'static str,
    figure: Figure,
    than: Than,
    rule: Rule,
}

/// What our figure is held against.
enum Than {
    /// That of a peer at the same work; at each of them, if there are several.
    Peer(&'static str),
    /// That of a peer at the one of the works where the peer is worst.
    PeerAtItsWorst(&'static str),
    /// Our own best at any of the works.
    OurBest,
    /// Our own at another work.
    OurOther(&'static str),
    /// So much of a unit: seconds or bytes.
    Amount,
}

/// What the measured figure or ratio may be.
enum Rule {
    AtLeast(f64),
    AtMost(f64),
}

/// A target, and what came of it.
#[derive(Serialize)]
pub(crate) struct Row {
    work: &'static str,
    target: String,
    /// Or why there is nothing.
    measured: String,
    /// Nothing if it was not measured.
    met: Option<bool>,
}

/// What came of a target.
enum Verdict {
    Met(String),
    Missed(String),
    Unknown(String),
}

use Figure::{Cpu, P50, P99, Peak, Rate, Settled};
use Rule::{AtLeast, AtMost};
use Than::{Amount, OurBest, OurOther, Peer, PeerAtItsWorst};

const NGINX: &str = "nginx";
const DISTRIBUTION: &str = "distribution";
const ZOT: &str = "zot";

const fn target(work: &'static str, figure: Figure, than: Than, rule: Rule) -> Target {
    Target { work, figure, than, rule }
}

/// Every target, in the order of the report.
const TARGETS: &[Target] = &[
    target("blob-256m", Cpu, Peer(NGINX), AtMost(0.85)),
    target("blob-256m", Cpu, Peer(DISTRIBUTION), AtMost(0.4)),
    target("blob-256m", Rate, Peer(NGINX), AtLeast(1.0)),
    target("blob-256m-tls", Cpu, Peer(NGINX), AtMost(1.1)),
    target("blob-256m-tls", Cpu, Peer(DISTRIBUTION), AtMost(0.8)),
    target("get-digest", Rate, Peer(DISTRIBUTION), AtLeast(6.0)),
    target("get-digest", P99, Peer(DISTRIBUTION), AtMost(0.2)),
    target("get-digest-basic", Rate, OurOther("get-digest"), AtLeast(0.9)),
    target("get-digest-token", Rate, OurOther("get-digest"), AtLeast(0.9)),
    target("get-tag", Rate, Peer(DISTRIBUTION), AtLeast(6.0)),
    target("get-tag", P99, Peer(DISTRIBUTION), AtMost(0.2)),
    target("blob-4k", Rate, Peer(NGINX), AtLeast(0.85)),
    target("blob-4k", Rate, Peer(DISTRIBUTION), AtLeast(25.0)),
    target("pull", Rate, Peer(DISTRIBUTION), AtLeast(4.0)),
    target("pull", Rate, Peer(ZOT), AtLeast(4.0)),
    target("push-patch", Cpu, Peer(DISTRIBUTION), AtMost(0.75)),
    target("push-patch", Rate, Peer(DISTRIBUTION), AtLeast(1.5)),
    target("push-images", Rate, Peer(DISTRIBUTION), AtLeast(3.0)),
    target("tags-*", P50, OurBest, AtMost(2.0)),
    target("tags-100k-*", Rate, Peer(DISTRIBUTION), AtLeast(20.0)),
    target("catalog-*", P50, OurBest, AtMost(2.0)),
    target("catalog-*", Rate, Peer(DISTRIBUTION), AtLeast(1.0)),
    target("catalog-*", Rate, PeerAtItsWorst(DISTRIBUTION), AtLeast(5.0)),
    target("start-*", P50, Amount, AtMost(0.020)),
    target("start-empty", Settled, Amount, AtMost(10e6)),
    target("slow", Peak, Amount, AtMost(64e6)),
    target("push-10g", Peak, Amount, AtMost(40e6)),
];

/// Every target of stores in a bucket.
const BUCKET_TARGETS: &[Target] = &[
    target("push-patch", Rate, Peer(DISTRIBUTION), AtLeast(1.0)),
    target("push-patch", Cpu, Peer(DISTRIBUTION), AtMost(0.6)),
    target("push-put", Rate, Peer(DISTRIBUTION), AtLeast(1.5)),
    target("blob-256m", Rate, Peer(DISTRIBUTION), AtLeast(1.0)),
    target("blob-256m", Cpu, Peer(DISTRIBUTION), AtMost(0.6)),
    target("tags-10k-*", Rate, Peer(DISTRIBUTION), AtLeast(20.0)),
    target("catalog-10k-*", Rate, Peer(DISTRIBUTION), AtLeast(20.0)),
];

const COLUMNS: [&str; 4] = ["work", "target", "measured", "met"];

/// A row for each target: what is wanted, what was measured, and whether that is enough.
pub(crate) fn judge(report: &Report) -> Vec<Row> {
    let row = |target: &Target| {
        let (measured, met) = match target.judge(report) {
            Verdict::Met(measured) => (measured, Some(true)),
            Verdict::Missed(measured) => (measured, Some(false)),
            Verdict::Unknown(why) => (why, None),
        };
        Row { work: target.work, target: target.words(), measured, met }
    };
    let targets = if report.bucket { BUCKET_TARGETS } else { TARGETS };
    targets.iter().map(row).collect()
}

/// The rows as a table in Markdown.
pub(crate) fn table(rows: &[Row]) -> String {
    let cells = |row: &Row| {
        let met = match row.met {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "not measured",
        };
        let work = row.work.replace('*', "\\*");
        vec![work, row.target.clone(), row.measured.clone(), met.to_owned()]
    };
    table::markdown(&COLUMNS, &rows.iter().map(cells).collect::<Vec<_>>())
}

// === impl Target ===

impl Target {
    fn words(&self) -> String {
        let (sign, bound) = match self.rule {
            AtLeast(bound) => ("≥", bound),
            AtMost(bound) => ("≤", bound),
        };
        let work = WORKS.iter().find(|work| work.is_called(self.work));
        let unit = work.map_or(Unit::Turns, |work| work.unit);
        let figure = self.figure.title(unit);
        match self.than {
            Peer(peer) => format!("{figure} {sign} {bound} × {peer}"),
            PeerAtItsWorst(peer) => format!("{figure} {sign} {bound} × {peer} at its worst one"),
            OurOther(work) => format!("{figure} {sign} {bound} × that of {work}"),
            OurBest => format!("{figure} {sign} {bound} × the best of them"),
            Amount => format!("{figure} {sign} {}", self.figure.show(bound, unit)),
        }
    }

    fn judge(&self, report: &Report) -> Verdict {
        let sections: Vec<&Section> = self.sections(report);
        if sections.is_empty() {
            return Verdict::Unknown("not in this run".to_owned());
        }
        match self.measure(report, &sections) {
            Err(why) => Verdict::Unknown(why),
            Ok((value, place)) => {
                let shown = match self.than {
                    Amount => self.figure.show(value, sections[0].unit),
                    _ => format!("{value:.2} ×"),
                };
                let shown = if sections.len() > 1 { format!("{shown} ({place})") } else { shown };
                let met = match self.rule {
                    AtLeast(bound) => value >= bound,
                    AtMost(bound) => value <= bound,
                };
                if met { Verdict::Met(shown) } else { Verdict::Missed(shown) }
            }
        }
    }

    /// The works that are meant: of a list its pages under load, and not its first page.
    fn sections<'a>(&self, report: &'a Report) -> Vec<&'a Section> {
        match self.work.strip_suffix('*') {
            None => report.section(self.work).into_iter().collect(),
            Some(start) => {
                let is_meant = |section: &&Section| {
                    section.name.starts_with(start)
                        && !["-first", "-written"].iter().any(|end| section.name.ends_with(end))
                };
                report.works.iter().filter(is_meant).collect()
            }
        }
    }

    /// The worst figure or ratio, and the work where it is.
    fn measure<'a>(
        &self,
        report: &Report,
        sections: &[&'a Section],
    ) -> Result<(f64, &'a str), String> {
        let ours = |section: &Section| self.figure_of(section, "wharf");
        let values = match self.than {
            Amount => each(sections, ours)?,
            Peer(peer) => {
                each(sections, |section| Ok(ours(section)? / self.figure_of(section, peer)?))?
            }
            PeerAtItsWorst(peer) => {
                let theirs = each(sections, |section| self.figure_of(section, peer))?;
                let (_, worst) = self.worst(&theirs).ok_or("nothing was measured")?;
                let at: Vec<&Section> =
                    sections.iter().copied().filter(|section| section.name == worst).collect();
                each(&at, |section| Ok(ours(section)? / self.figure_of(section, peer)?))?
            }
            OurOther(work) => {
                let other =
                    report.section(work).ok_or_else(|| format!("{work} is not in this run"))?;
                let other = ours(other)?;
                each(sections, |section| Ok(ours(section)? / other))?
            }
            OurBest => {
                let all = each(sections, ours)?;
                let best = all.iter().map(|(value, _)| *value).fold(f64::INFINITY, f64::min);
                all.into_iter().map(|(value, name)| (value / best, name)).collect()
            }
        };
        self.worst(&values).ok_or_else(|| "nothing was measured".to_owned())
    }

    fn figure_of(&self, section: &Section, server: &str) -> Result<f64, String> {
        let figures = section.find(server)?;
        figures.get(self.figure).ok_or_else(|| format!("{server}: too little to be measured"))
    }

    fn worst<'a>(&self, values: &[(f64, &'a str)]) -> Option<(f64, &'a str)> {
        let order = |one: &&(f64, &str), two: &&(f64, &str)| one.0.total_cmp(&two.0);
        match self.rule {
            AtLeast(_) => values.iter().min_by(order).copied(),
            AtMost(_) => values.iter().max_by(order).copied(),
        }
    }
}

/// A value of each section, with its name.
fn each<'a>(
    sections: &[&'a Section],
    value: impl Fn(&Section) -> Result<f64, String>,
) -> Result<Vec<(f64, &'a str)>, String> {
    sections.iter().map(|section| Ok((value(section)?, section.name.as_str()))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::figures::Figures;
    use super::super::figures::tests::figures;
    use super::super::machine::Machine;
    use super::super::report::tests::section;
    use super::super::works;
    use super::*;

    fn report(works: Vec<Section>) -> Report {
        Report { works, ..Report::new(Machine::unknown(), 1, 1.0) }
    }

    fn rate(rate: f64) -> Option<Figures> {
        Some(figures(rate, 1.0 / rate, 0.5, 50e6))
    }

    fn judge(target: &Target, works: Vec<Section>) -> String {
        match target.judge(&report(works)) {
            Verdict::Met(text) => format!("met {text}"),
            Verdict::Missed(text) => format!("missed {text}"),
            Verdict::Unknown(text) => format!("unknown {text}"),
        }
    }

    fn pages(ours: [f64; 2], theirs: [f64; 2]) -> Vec<Section> {
        let work = |name: &str, at: usize| {
            section(name, Unit::Turns, vec![("wharf", rate(ours[at])), ("other", rate(theirs[at]))])
        };
        vec![work("list-start", 0), work("list-end", 1)]
    }

    #[test]
    fn every_target_names_a_work() {
        for target in TARGETS {
            assert!(works::known(target.work).is_ok(), "{}", target.work);
        }
    }

    #[test]
    fn every_target_has_a_row_whatever_was_measured() {
        let table = table(&super::judge(&report(vec![])));
        assert_eq!(table.lines().count(), TARGETS.len() + 2);
        assert!(table.contains("| catalog-\\* ") && table.contains("| not measured |"), "{table}");
    }

    #[test]
    fn a_ratio_to_a_peer_is_held_against_its_bound() {
        let works =
            || vec![section("x", Unit::Turns, vec![("wharf", rate(30.0)), ("p", rate(10.0))])];
        assert_eq!(judge(&target("x", Rate, Peer("p"), AtLeast(3.0)), works()), "met 3.00 ×");
        assert_eq!(judge(&target("x", Rate, Peer("p"), AtLeast(3.1)), works()), "missed 3.00 ×");
        assert_eq!(judge(&target("x", P99, Peer("p"), AtMost(0.5)), works()), "met 0.33 ×");
    }

    #[test]
    fn what_was_not_measured_is_neither_met_nor_missed() {
        let failed = vec![section("x", Unit::Turns, vec![("wharf", rate(3.0)), ("p", None)])];
        let wanted = target("x", Rate, Peer("p"), AtLeast(1.0));
        assert_eq!(judge(&wanted, failed), "unknown p: GET /: 500");
        assert_eq!(judge(&wanted, vec![]), "unknown not in this run");
    }

    #[test]
    fn the_worst_of_several_works_counts() {
        let works = || pages([10.0, 40.0], [1.0, 10.0]);
        let each = target("list-*", Rate, Peer("other"), AtLeast(5.0));
        assert_eq!(judge(&each, works()), "missed 4.00 × (list-end)");
        let worst = target("list-*", Rate, PeerAtItsWorst("other"), AtLeast(5.0));
        assert_eq!(judge(&worst, works()), "met 10.00 × (list-start)");
        let even = target("list-*", P50, OurBest, AtMost(2.0));
        assert_eq!(judge(&even, works()), "missed 4.00 × (list-start)");
    }

    #[test]
    fn our_own_figure_at_another_work_counts() {
        let works = || pages([10.0, 40.0], [1.0, 10.0]);
        let wanted = target("list-start", Rate, OurOther("list-end"), AtLeast(0.9));
        assert_eq!(judge(&wanted, works()), "missed 0.25 ×");
        let alone = works().drain(..1).collect();
        assert_eq!(judge(&wanted, alone), "unknown list-end is not in this run");
    }

    #[test]
    fn an_amount_is_shown_with_its_unit() {
        let works = || pages([10.0, 40.0], [1.0, 10.0]);
        let wanted = target("list-start", Peak, Amount, AtMost(64e6));
        assert_eq!(judge(&wanted, works()), "met 50.0 MB");
        assert_eq!(wanted.words(), "peak memory ≤ 64.0 MB");
    }
}
