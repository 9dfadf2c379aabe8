//! The dashboard and the alerts ask for metrics that there are.

use std::collections::BTreeSet;

use wharf_metrics::Metrics;

const DASHBOARD: &str = include_str!("../../../deploy/monitoring/grafana-dashboard.json");
const ALERTS: &str = include_str!("../../../deploy/monitoring/prometheus-alerts.yml");

/// What a histogram's series are called beyond its name.
const SERIES: [&str; 3] = ["_bucket", "_sum", "_count"];

fn families() -> BTreeSet<String> {
    let page = Metrics::default().page("filesystem");
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types.filter_map(|line| Some(line.split_once(' ')?.0.to_owned())).collect()
}

/// The metrics that a text asks for.
fn asked(text: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_name(c));
    let ours = words.filter(|it| it.starts_with("registry_") || it.starts_with("wharf_"));
    // What stands before a star is the beginning of names.
    let ours = ours.filter(|word| !word.ends_with('_'));
    let base = |word: &str| {
        let suffix = SERIES.iter().find_map(|suffix| word.strip_suffix(suffix));
        suffix.unwrap_or(word).to_owned()
    };
    ours.map(base).collect()
}

#[test]
fn what_dashboard_and_alerts_ask_for_is_there() {
    let families = families();
    for (name, text) in [("dashboard", DASHBOARD), ("alerts", ALERTS)] {
        let asked = asked(text);
        assert!(asked.len() > 2, "{asked:?}");
        assert_eq!(asked.difference(&families).collect::<Vec<_>>(), [""; 0], "{name}");
    }
}

#[test]
fn everything_that_is_counted_is_shown() {
    let asked = asked(DASHBOARD);
    // Sizes of single bodies, errors of caches and the age of the process say little in a picture.
    let quiet = ["registry_http_request_size_bytes", "registry_http_response_size_bytes"];
    let quiet = [&quiet[..], &["registry_storage_cache_errors_total"]].concat();
    let shown = |family: &&String| {
        !asked.contains(*family)
            && !quiet.contains(&family.as_str())
            && !family.starts_with("process_")
    };
    assert_eq!(families().iter().filter(shown).collect::<Vec<_>>(), [""; 0]);
}
