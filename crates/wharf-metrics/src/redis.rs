//! Operations of redis, where it has the descriptor cache.

use std::time::Duration;

use crate::{Histogram, Page};

/// What is counted of redis.
#[derive(Debug)]
pub struct RedisTimes {
    operations: Vec<Histogram>,
}

/// What the original calls them.
const OPERATIONS: [&str; 6] =
    ["Stat", "SetDescriptor", "Clear", "RepoStat", "RepoSetDescriptor", "RepoClear"];

/// In seconds, as the original's.
const DURATIONS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

// === impl RedisTimes ===

impl RedisTimes {
    /// Counts an operation, by the name that it has in the original; another one is not counted.
    pub fn took(&self, operation: &str, time: Duration) {
        let known = OPERATIONS.iter().position(|known| *known == operation);
        if let Some(place) = known {
            self.operations[place].observe(time.as_secs_f64());
        }
    }

    pub(crate) fn write(&self, page: &mut Page) {
        let operations = OPERATIONS.iter().zip(&self.operations);
        let used: Vec<_> = operations.filter(|(_, times)| times.count() > 0).collect();
        if used.is_empty() {
            return;
        }
        let name = "registry_storage_cache_redis_seconds";
        page.family(name, "histogram", "The time that redis takes.");
        for (operation, times) in used {
            page.histogram(name, &[("operation", operation)], times);
        }
    }
}

impl Default for RedisTimes {
    fn default() -> Self {
        Self { operations: OPERATIONS.iter().map(|_| Histogram::of_seconds(DURATIONS)).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_redis_did_is_shown() {
        let times = RedisTimes::default();
        let text = |times: &RedisTimes| {
            let mut page = Page::default();
            times.write(&mut page);
            page.into_text()
        };
        assert_eq!(text(&times), "");
        times.took("RepoStat", Duration::from_millis(20));
        times.took("Nonsense", Duration::from_millis(20));
        let line = "registry_storage_cache_redis_seconds_count{operation=\"RepoStat\"} 1\n";
        assert!(text(&times).ends_with(line), "{}", text(&times));
    }
}
