//! Conformance scenarios: what any OCI registry has to answer, asked over HTTP.
//!
//! They need a URL and nothing else, so that the same table judges this registry, the original and
//! the competition. Each works in repositories of its own, and ends in bounded time.
//!
//! ```no_run
//! # async fn example() {
//! use wharf_testkit::scenarios;
//!
//! for outcome in scenarios::run_all("http://127.0.0.1:5000", scenarios::Options::default()).await {
//!     println!("{:?} {}", outcome.verdict, outcome.name);
//! }
//! # }
//! ```

use std::{
    future::Future,
    pin::Pin,
    time::{Duration, Instant, SystemTime},
};

use futures_util::StreamExt as _;

mod base;
mod blobs;
mod check;
mod client;
mod lists;
mod manifests;
mod mounts;
mod names;
mod pushes;
mod ranges;
mod referrers;
mod registry;
mod response;
mod sessions;
mod uploads;
mod wire;

pub use check::{Check, Stop};
pub use client::Request;
pub use registry::Registry;
pub use response::Response;

/// One thing that a registry has to do.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// What it shows, unique.
    pub name: &'static str,
    /// Where that is asked for.
    pub section: &'static str,
    /// Tries it.
    pub run: fn(Registry) -> Pin<Box<dyn Future<Output = Check> + Send>>,
}

/// What the registry under test is supposed to do, and how patient to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether it stores manifests although content that they refer to is missing.
    pub sparse: bool,
    /// Whether it deletes.
    pub deletes: bool,
    /// Headers that go with every request, `Authorization` for example.
    pub headers: Vec<(String, String)>,
    /// Only scenarios whose name contains this; all if empty.
    pub filter: String,
    /// How many run at a time.
    pub parallel: usize,
    /// The most time that one scenario may take.
    pub patience: Duration,
}

/// How one scenario ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The name of the scenario.
    pub name: &'static str,
    /// Its section.
    pub section: &'static str,
    /// What came out.
    pub verdict: Verdict,
    /// How long it took.
    pub duration: Duration,
}

/// What came out of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The registry does it.
    Passed,
    /// It does something else.
    Failed(String),
    /// It cannot be asked for, with the options given.
    Skipped(String),
}

/// All scenarios, in the order in which they run.
pub fn table() -> Vec<Scenario> {
    [
        base::SCENARIOS,
        names::SCENARIOS,
        blobs::SCENARIOS,
        ranges::SCENARIOS,
        uploads::SCENARIOS,
        sessions::SCENARIOS,
        mounts::SCENARIOS,
        manifests::SCENARIOS,
        pushes::SCENARIOS,
        lists::SCENARIOS,
        referrers::SCENARIOS,
        wire::SCENARIOS,
    ]
    .concat()
}

/// Runs every scenario against the registry at `base_url` (`http://host:port`, with a path if the
/// API is served below one).
pub async fn run_all(base_url: &str, options: Options) -> Vec<Outcome> {
    let run = run_id();
    let scenarios = table().into_iter().filter(|scenario| scenario.name.contains(&options.filter));
    let outcomes = scenarios.enumerate().map(|(at, scenario)| {
        let registry = Registry::new(base_url, &options, format!("{run}-{at}"));
        run_one(scenario, registry, options.patience)
    });
    futures_util::stream::iter(outcomes).buffered(options.parallel.max(1)).collect().await
}

async fn run_one(
    scenario: Scenario,
    registry: Result<Registry, Stop>,
    patience: Duration,
) -> Outcome {
    let start = Instant::now();
    let verdict = match registry {
        Err(stop) => stop.into(),
        Ok(registry) => match tokio::time::timeout(patience, (scenario.run)(registry)).await {
            Ok(Ok(())) => Verdict::Passed,
            Ok(Err(stop)) => stop.into(),
            Err(_) => Verdict::Failed(format!("no end after {patience:?}")),
        },
    };
    let duration = start.elapsed();
    Outcome { name: scenario.name, section: scenario.section, verdict, duration }
}

/// A word that no other run has used, so that nothing is there already.
fn run_id() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{:x}-{:x}", now.as_nanos(), std::process::id())
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self {
            sparse: false,
            deletes: true,
            headers: Vec::new(),
            filter: String::new(),
            parallel: 4,
            patience: Duration::from_secs(120),
        }
    }
}

// === impl Outcome ===

impl Outcome {
    /// Why it failed, `None` if it did not.
    pub fn failure(&self) -> Option<&str> {
        match &self.verdict {
            Verdict::Failed(reason) => Some(reason),
            _ => None,
        }
    }
}

// === impl Verdict ===

impl From<Stop> for Verdict {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Failed(reason) => Self::Failed(reason),
            Stop::Skipped(reason) => Self::Skipped(reason),
        }
    }
}

/// Writes rows of the table: the section, then the functions that try it.
macro_rules! scenarios {
    ($($section:literal { $($name:ident),+ $(,)? })+) => {
        pub(super) const SCENARIOS: &[$crate::scenarios::Scenario] = &[$($(
            $crate::scenarios::Scenario {
                name: stringify!($name),
                section: $section,
                run: |registry| ::std::boxed::Box::pin($name(registry)),
            },
        )+)+];
    };
}
use scenarios;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = table().iter().map(|scenario| scenario.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[tokio::test]
    async fn what_cannot_be_asked_is_skipped_and_what_is_not_there_fails() {
        let options = Options { filter: "empty_blob".into(), ..Options::default() };
        let outcomes = run_all("https://127.0.0.1:1", options.clone()).await;
        assert!(matches!(&outcomes[..], [Outcome { verdict: Verdict::Skipped(_), .. }]));
        let outcomes = run_all("http://127.0.0.1:1/", options).await;
        assert!(outcomes[0].failure().is_some());
    }
}
