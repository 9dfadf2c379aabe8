//! Events and who was told of them.

use crate::Page;

/// What is counted of one endpoint, by whoever delivers to it.
#[derive(Clone, Debug, Default)]
pub struct Deliveries {
    /// The endpoint.
    pub endpoint: String,
    /// Events that it wants.
    pub events: u64,
    /// Events that it took.
    pub successes: u64,
    /// Tries that it answered otherwise.
    pub failures: u64,
    /// Tries that it did not answer.
    pub errors: u64,
    /// Events that it never gets.
    pub dropped: u64,
    /// Events that wait for it.
    pub pending: u64,
    /// Its answers, by status and its words.
    pub statuses: Vec<(String, u64)>,
}

/// What is counted of endpoints, as Prometheus reads it. `Dropped` is ours; the rest, and the name of
/// a gauge that ends like a counter, is the original's.
pub fn notifications(endpoints: &[Deliveries]) -> String {
    let mut page = Page::default();
    if endpoints.is_empty() {
        return page.into_text();
    }
    let name = "registry_notifications_events_total";
    page.family(name, "counter", "The number of total events");
    for it in endpoints {
        for (kind, count) in [
            ("Events", it.events),
            ("Successes", it.successes),
            ("Failures", it.failures),
            ("Errors", it.errors),
            ("Dropped", it.dropped),
        ] {
            page.sample(name, &[("type", kind), ("endpoint", &it.endpoint)], count as f64);
        }
    }
    let name = "registry_notifications_pending_total";
    page.family(name, "gauge", "The gauge of pending events in queue");
    for it in endpoints {
        page.sample(name, &[("endpoint", &it.endpoint)], it.pending as f64);
    }
    let name = "registry_notifications_status_total";
    page.family(name, "counter", "The number of status code");
    for it in endpoints {
        for (code, count) in &it.statuses {
            page.sample(name, &[("code", code), ("endpoint", &it.endpoint)], *count as f64);
        }
    }
    page.into_text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_counted_under_the_names_of_the_original() {
        assert_eq!(notifications(&[]), "");
        let text = notifications(&[Deliveries {
            endpoint: "a \"b\"".to_owned(),
            events: 9,
            dropped: 2,
            pending: 3,
            statuses: vec![("200 OK".to_owned(), 4)],
            ..Deliveries::default()
        }]);
        for line in [
            r#"registry_notifications_events_total{type="Events",endpoint="a \"b\""} 9"#,
            r#"registry_notifications_events_total{type="Dropped",endpoint="a \"b\""} 2"#,
            r#"registry_notifications_pending_total{endpoint="a \"b\""} 3"#,
            r#"registry_notifications_status_total{code="200 OK",endpoint="a \"b\""} 4"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
