//! Tells what was learned before a clear from what was learned after it.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};

/// How many counters there are: a clear makes one of so many entries be loaded again.
const COUNTERS: usize = 1024;

/// Counts the clears of every subject. Subjects share counters, so that there are always equally
/// many.
#[derive(Debug)]
pub(crate) struct Epochs {
    hasher: RandomState,
    counters: Box<[AtomicU64]>,
}

// === impl Epochs ===

impl Epochs {
    pub(crate) fn new() -> Self {
        let counters = (0..COUNTERS).map(|_| AtomicU64::new(0)).collect();
        Self { hasher: RandomState::new(), counters }
    }

    /// The epoch that a subject is in.
    pub(crate) fn current(&self, subject: &impl Hash) -> u64 {
        self.counter(subject).load(Ordering::SeqCst)
    }

    /// Ends the epoch that a subject is in, and says which it was.
    pub(crate) fn end(&self, subject: &impl Hash) -> u64 {
        self.counter(subject).fetch_add(1, Ordering::SeqCst)
    }

    fn counter(&self, subject: &impl Hash) -> &AtomicU64 {
        // The remainder is below the length, so that there always is such a counter.
        let place = self.hasher.hash_one(subject) % self.counters.len() as u64;
        &self.counters[place as usize]
    }
}
