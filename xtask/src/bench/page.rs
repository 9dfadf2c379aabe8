//! Pages of figures: these go between two marks, what is said of them stands around. And what goes into
//! `docs/benchmarks.md`.

use super::chart::{self, Bar, Panel};
use super::figures::Figure;
use super::report::{Report, Section};
use super::targets;
use super::works::{Group, Unit};
use crate::files::{self, Generated};
use crate::{Outcome, workspace};

const PAGE: &str = "docs/benchmarks.md";
const BUCKET_PAGE: &str = "docs/benchmarks-s3.md";
const BEGIN: &str = "<!-- figures: begin -->";
const END: &str = "<!-- figures: end -->";

/// The page and its charts.
pub(crate) fn files(report: &Report) -> Outcome<Vec<Generated>> {
    let (page, start) = match report.bucket {
        true => (BUCKET_PAGE, "s3-"),
        false => (PAGE, ""),
    };
    let mut files = vec![filled(page, &figures(report, start))?];
    for (group, sections) in groups(report) {
        for (figure, name) in charts(group) {
            let panels = panels(&sections, *figure);
            let unit = sections[0].unit;
            let title = format!("{}: {}", group.title(), explain(*figure, unit));
            let path = format!("docs/benchmarks/{start}{name}.svg");
            files.push(Generated { path, content: chart::chart(&title, &panels) });
        }
    }
    Ok(files)
}

/// A page with these figures between its marks.
pub(crate) fn filled(page: &str, figures: &str) -> Outcome<Generated> {
    let text = std::fs::read_to_string(workspace::root().join(page))?;
    let content = files::between(&text, BEGIN, END, figures);
    let content = content.ok_or_else(|| format!("{page}: no marks around the figures"))?;
    Ok(Generated { path: page.to_owned(), content })
}

/// What is shown of a group, and the name of the file.
fn charts(group: Group) -> &'static [(Figure, &'static str)] {
    match group {
        Group::Blobs => &[(Figure::Rate, "blobs-rate"), (Figure::Cpu, "blobs-cpu")],
        Group::Small => &[(Figure::Rate, "small-rate"), (Figure::P99, "small-p99")],
        Group::Push => &[(Figure::Rate, "push-rate"), (Figure::Cpu, "push-cpu")],
        Group::Tags => &[(Figure::P50, "tags")],
        Group::Catalog => &[(Figure::P50, "catalog")],
        Group::Fresh => &[(Figure::P50, "fresh")],
        Group::Referrers => &[(Figure::P50, "referrers")],
        Group::Start => &[(Figure::P50, "start")],
        Group::Memory => &[(Figure::Peak, "memory")],
    }
}

fn explain(figure: Figure, unit: Unit) -> &'static str {
    match (figure, unit) {
        (Figure::Rate, _) => "rate (longer is better)",
        (Figure::Cpu, _) => "CPU time of the server (shorter is better)",
        (Figure::P50, _) => "median latency (shorter is better)",
        (Figure::P99, _) => "p99 latency (shorter is better)",
        (Figure::Peak | Figure::Settled, _) => "peak resident memory (shorter is better)",
    }
}

fn groups(report: &Report) -> impl Iterator<Item = (Group, Vec<&Section>)> {
    let of = |group: Group| {
        let sections = report.works.iter().filter(move |section| section.group == group);
        (group, sections.collect::<Vec<_>>())
    };
    Group::ALL.into_iter().map(of).filter(|(_, sections)| !sections.is_empty())
}

fn figures(report: &Report, start: &str) -> String {
    let mut text =
        format!("\n{}\n## Targets\n\n{}", report.preface(), targets::table(&report.targets));
    for (group, sections) in groups(report) {
        text += &format!("\n## {}\n\n", group.title());
        for (figure, name) in charts(group) {
            let words = explain(*figure, sections[0].unit);
            text += &format!("![{}: {words}](benchmarks/{start}{name}.svg)\n\n", group.title());
        }
        for section in sections {
            text += &format!(
                "### {} (`{}`)\n\n{}\n",
                section.title,
                section.name,
                section.table(report.machine.hash)
            );
        }
    }
    text
}

fn panels(sections: &[&Section], figure: Figure) -> Vec<Panel> {
    let panel = |section: &&Section| {
        let bars = section.rows.iter().filter_map(|row| {
            let value = row.figures.as_ref()?.get(figure)?;
            let text = figure.show(value, section.unit);
            Some(Bar { name: row.server.clone(), value, text })
        });
        Panel { title: section.title.clone(), bars: bars.collect() }
    };
    sections.iter().map(panel).collect()
}

#[cfg(test)]
mod tests {
    use super::super::figures::tests::figures;
    use super::super::machine::Machine;
    use super::super::report::tests::section;
    use super::*;

    #[test]
    fn the_page_has_a_table_for_every_work_and_a_chart_for_every_group() {
        let rows = vec![("wharf", Some(figures(1e6, 0.1, 1.0, 5.0))), ("other", None)];
        let mut report = Report::new(Machine::unknown(), 1, 1.0);
        report.add(section("push-x", Unit::Bytes, rows));
        let text = super::figures(&report, "");
        assert!(text.contains("## Targets") && text.contains("(`push-x`)"), "{text}");
        let files = files(&report).unwrap();
        let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths[1..], ["docs/benchmarks/push-rate.svg", "docs/benchmarks/push-cpu.svg"]);
        assert!(files[1].content.contains("1 MB/s") && !files[1].content.contains("other"));
        // What stands around the figures stays.
        assert!(files[0].content.contains("# Benchmarks\n") && files[0].content.contains(&text));
    }
}
