//! What is counted of an endpoint.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// What is counted of an endpoint, as the original counts it.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    events: AtomicU64,
    successes: AtomicU64,
    failures: AtomicU64,
    errors: AtomicU64,
    dropped: AtomicU64,
    /// There are a few hundred at most.
    statuses: Mutex<BTreeMap<u16, u64>>,
}

/// What was counted of an endpoint up to a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The endpoint.
    pub name: String,
    /// Events that it wants.
    pub events: u64,
    /// Events that it took.
    pub successes: u64,
    /// Tries that it answered otherwise.
    pub failures: u64,
    /// Tries that it did not answer.
    pub errors: u64,
    /// Events that it never gets: the queue was full, or damaged.
    pub dropped: u64,
    /// Events that wait for it.
    pub pending: u64,
    /// Its answers by their status.
    pub statuses: BTreeMap<u16, u64>,
}

// === impl Numbers ===

impl Numbers {
    pub(crate) fn snapshot(&self, name: &str, pending: u64) -> Snapshot {
        Snapshot {
            name: name.to_owned(),
            events: self.events.load(Relaxed),
            successes: self.successes.load(Relaxed),
            failures: self.failures.load(Relaxed),
            errors: self.errors.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            pending,
            statuses: self.statuses.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// An event happened that it wants.
    pub(crate) fn queued(&self) {
        self.events.fetch_add(1, Relaxed);
    }

    /// It answered with this status.
    pub(crate) fn answered(&self, status: u16, success: bool) {
        let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        *statuses.entry(status).or_default() += 1;
        drop(statuses);
        let count = if success { &self.successes } else { &self.failures };
        count.fetch_add(1, Relaxed);
    }

    /// It did not answer.
    pub(crate) fn failed(&self) {
        self.errors.fetch_add(1, Relaxed);
    }

    /// So many events that it would have got are lost.
    pub(crate) fn dropped(&self, events: u64) {
        self.dropped.fetch_add(events, Relaxed);
    }
}
