//! Whether everything is well that has to be.
//!
//! Each check is made again and again by a task of its own; whoever asks how it stands waits for
//! nobody.

use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::{net::TcpStream, task::JoinSet, time};
use wharf_driver::{Driver, ListRequest, StoragePath};
use wharf_http::Gate;
use wharf_outbound::Client;

/// What fails, by the names of the checks.
#[derive(Debug, Default)]
pub(crate) struct Health {
    failing: Mutex<BTreeMap<String, String>>,
    /// How many do.
    count: AtomicUsize,
    /// Serve whatever fails.
    serve: bool,
}

/// How often a check is made, and how often in a row it may fail.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    name: String,
    interval: Duration,
    threshold: u32,
}

/// A check that is to be made.
pub(crate) type Check = (Schedule, Box<dyn Probe>);

/// Looks whether something is well.
#[async_trait]
pub(crate) trait Probe: Send + Sync {
    /// Fails with the reason why it is not.
    async fn probe(&self) -> Result<(), String>;
}

/// The store answers, and is not empty all of a sudden: that is what a folder looks like on which
/// nothing is mounted any more.
pub(crate) struct Stands {
    driver: Arc<dyn Driver>,
    /// Whether anything was ever there.
    filled: AtomicBool,
}

/// There is no such file.
pub(crate) struct Lacks(pub(crate) PathBuf);

/// A URL answers with this status.
pub(crate) struct Answers {
    pub(crate) client: Client,
    pub(crate) request: http::Request<Bytes>,
    pub(crate) status: u16,
}

/// An address takes connections.
pub(crate) struct Connects {
    pub(crate) address: String,
    pub(crate) timeout: Duration,
}

/// A probe that takes longer has failed.
const LONGEST: Duration = Duration::from_secs(60);

// === impl Health ===

impl Health {
    pub(crate) fn new(serve: bool) -> Self {
        Self { serve, ..Self::default() }
    }

    /// Makes a check again and again, from now on.
    pub(crate) fn watch(self: &Arc<Self>, (schedule, probe): Check, tasks: &mut JoinSet<()>) {
        let health = Arc::clone(self);
        tasks.spawn(async move {
            let mut failed = 0;
            loop {
                let probed = time::timeout(LONGEST, probe.probe()).await;
                let probed = probed.unwrap_or_else(|_| Err(format!("no answer in {LONGEST:?}")));
                failed = if probed.is_ok() { 0 } else { u32::saturating_add(failed, 1) };
                health.note(&schedule, failed, probed.err());
                time::sleep(schedule.interval).await;
            }
        });
    }

    /// What fails, as JSON.
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(&*self.lock()).expect("texts are JSON")
    }

    /// Whether nothing fails.
    pub(crate) fn is_well(&self) -> bool {
        self.count.load(Relaxed) == 0
    }

    fn note(&self, schedule: &Schedule, failed: u32, problem: Option<String>) {
        let mut failing = self.lock();
        let name = &schedule.name;
        match problem {
            Some(problem) if failed >= schedule.threshold => {
                if !failing.contains_key(name) {
                    tracing::error!(check = %name, %problem, "a health check fails");
                }
                failing.insert(name.clone(), problem);
            }
            Some(_) => {}
            None => {
                if failing.remove(name).is_some() {
                    tracing::info!(check = %name, "a health check is well again");
                }
            }
        }
        self.count.store(failing.len(), Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate for Health {
    fn closed(&self) -> Option<&'static str> {
        let closed = !self.serve && !self.is_well();
        closed.then_some("health check failed: please see /debug/health")
    }
}

// === impl Schedule ===

impl Schedule {
    pub(crate) fn new(name: String, interval: Duration, threshold: u32) -> Self {
        Self { name, interval, threshold }
    }
}

// === the checks ===

impl Stands {
    pub(crate) fn new(driver: Arc<dyn Driver>) -> Self {
        Self { driver, filled: AtomicBool::new(false) }
    }
}

#[async_trait]
impl Probe for Stands {
    async fn probe(&self) -> Result<(), String> {
        let request = ListRequest { after: None, limit: 1 };
        let listed = self.driver.list(&StoragePath::root(), request).await;
        let is_empty = listed.map_err(|error| error.to_string())?.entries.is_empty();
        self.filled.fetch_or(!is_empty, Relaxed);
        match is_empty && self.filled.load(Relaxed) {
            true => Err("the store is empty, and was not before".to_owned()),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl Probe for Lacks {
    async fn probe(&self) -> Result<(), String> {
        let file = self.0.clone();
        let found = tokio::task::spawn_blocking(move || std::fs::metadata(file)).await;
        match found.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(_) => Err("file exists".to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}

#[async_trait]
impl Probe for Answers {
    async fn probe(&self) -> Result<(), String> {
        let answer = self.client.send(self.request.clone()).await;
        match answer.map_err(|error| error.to_string())?.status().as_u16() {
            status if status == self.status => Ok(()),
            status => Err(format!("answers {status}, expected {}", self.status)),
        }
    }
}

#[async_trait]
impl Probe for Connects {
    async fn probe(&self) -> Result<(), String> {
        let connected = time::timeout(self.timeout, TcpStream::connect(&self.address)).await;
        let connected = connected.map_err(|_| format!("no connection in {:?}", self.timeout))?;
        connected.map(drop).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use wharf_driver::{MemoryDriver, PutMode};

    use super::*;

    #[tokio::test]
    async fn a_store_that_is_gone_is_not_taken_for_a_new_one() {
        let driver = Arc::new(MemoryDriver::new());
        let stands = Stands::new(Arc::clone(&driver) as _);
        assert_eq!(stands.probe().await, Ok(()));
        let path = StoragePath::parse("a").expect("valid");
        driver.put(&path, "x".into(), PutMode::Overwrite).await.expect("stored");
        assert_eq!(stands.probe().await, Ok(()));
        driver.delete(&path).await.expect("removed");
        assert!(stands.probe().await.is_err());
    }

    /// Nobody waits for an hour to be told what is wrong.
    #[tokio::test]
    async fn the_first_look_is_at_once() {
        let file = tempfile::NamedTempFile::new().expect("there is room");
        let (health, mut tasks) = (Arc::new(Health::new(false)), JoinSet::new());
        let schedule = Schedule::new("file".into(), Duration::from_secs(60 * 60), 1);
        health.watch((schedule, Box::new(Lacks(file.path().to_owned()))), &mut tasks);
        for _ in 0..3000 {
            if !health.is_well() {
                return;
            }
            time::sleep(Duration::from_millis(10)).await;
        }
        panic!("nobody has looked");
    }

    #[test]
    fn a_check_closes_the_gate_from_its_threshold_on() {
        let check = |serve, expected: [bool; 5]| {
            let health = Health::new(serve);
            let schedule = Schedule::new("a".into(), Duration::ZERO, 3);
            let mut open = Vec::new();
            for failed in [1, 2, 3, 4, 0] {
                let problem = (failed > 0).then(|| "down".to_owned());
                health.note(&schedule, failed, problem);
                open.push(health.closed().is_none());
                let shown = if failed >= 3 { "{\"a\":\"down\"}" } else { "{}" };
                assert_eq!(health.json(), shown);
            }
            assert_eq!(open, expected);
        };
        check(false, [true, true, false, false, true]);
        check(true, [true; 5]);
    }
}
