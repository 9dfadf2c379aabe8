//! Our own scenarios: run, shown as a table, and written as a JUnit file.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;

use wharf_testkit::scenarios::{self, Options, Outcome as Tried, Verdict};

use crate::Outcome;
use crate::server::Mode;

/// Runs all of them against a registry; the answer is how many failed.
pub(super) fn run(address: SocketAddr, mode: Mode, report: &Path) -> Outcome<usize> {
    let runtime = tokio::runtime::Runtime::new()?;
    let url = format!("http://{address}");
    let Mode { sparse, deletes } = mode;
    let options = Options { sparse, deletes, ..Options::default() };
    let tried = runtime.block_on(scenarios::run_all(&url, options));
    for outcome in &tried {
        println!("{}", line(outcome));
    }
    std::fs::create_dir_all(report.parent().unwrap_or(Path::new(".")))?;
    std::fs::write(report, junit(&tried))?;
    let failed = count(&tried, |verdict| matches!(verdict, Verdict::Failed(_)));
    let skipped = count(&tried, |verdict| matches!(verdict, Verdict::Skipped(_)));
    println!("{} scenarios, {failed} failed, {skipped} skipped: {}", tried.len(), report.display());
    Ok(failed)
}

fn count(tried: &[Tried], is: impl Fn(&Verdict) -> bool) -> usize {
    tried.iter().filter(|outcome| is(&outcome.verdict)).count()
}

/// A row of the table.
fn line(outcome: &Tried) -> String {
    let (word, reason) = match &outcome.verdict {
        Verdict::Passed => ("ok", ""),
        Verdict::Failed(reason) => ("FAILED", reason.as_str()),
        Verdict::Skipped(reason) => ("skipped", reason.as_str()),
    };
    let (name, section) = (outcome.name, outcome.section);
    format!("{word:<8}{name:<58} {section:<24} {reason}").trim_end().to_owned()
}

fn junit(tried: &[Tried]) -> String {
    let failures = count(tried, |verdict| matches!(verdict, Verdict::Failed(_)));
    let skipped = count(tried, |verdict| matches!(verdict, Verdict::Skipped(_)));
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"scenarios\" tests=\"{}\" \
         failures=\"{failures}\" skipped=\"{skipped}\">\n",
        tried.len()
    );
    for outcome in tried {
        // Writing to a string does not fail.
        writeln!(xml, "{}", case(outcome)).ok();
    }
    xml + "</testsuite>\n"
}

fn case(outcome: &Tried) -> String {
    let head = format!(
        "  <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\"",
        escape(outcome.section),
        escape(outcome.name),
        outcome.duration.as_secs_f64()
    );
    match &outcome.verdict {
        Verdict::Passed => format!("{head}/>"),
        Verdict::Failed(why) => format!("{head}><failure message=\"{}\"/></testcase>", escape(why)),
        Verdict::Skipped(why) => {
            format!("{head}><skipped message=\"{}\"/></testcase>", escape(why))
        }
    }
}

/// Text for an attribute; what XML cannot hold is left out.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars().filter(|character| !character.is_control() || *character == '\n')
    {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn tried(verdict: Verdict) -> Tried {
        let duration = Duration::from_millis(1500);
        Tried { name: "blob_is_served", section: "end-2", verdict, duration }
    }

    #[test]
    fn the_junit_file_counts_and_escapes() {
        let failed = tried(Verdict::Failed("expected <200>\nnot \"404\"".into()));
        let xml = junit(&[tried(Verdict::Passed), failed, tried(Verdict::Skipped("off".into()))]);
        assert!(xml.contains(r#"tests="3" failures="1" skipped="1""#), "{xml}");
        assert!(xml.contains(r#"name="blob_is_served" time="1.500"/>"#), "{xml}");
        assert!(xml.contains(r#"message="expected &lt;200&gt;&#10;not &quot;404&quot;""#), "{xml}");
    }

    #[test]
    fn a_row_names_the_scenario_and_the_reason() {
        let row = line(&tried(Verdict::Failed("404".into())));
        assert!(row.starts_with("FAILED  blob_is_served") && row.ends_with("404"), "{row}");
    }
}
