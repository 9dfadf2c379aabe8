//! A set of digests that costs a few bytes for each.
//!
//! It keeps 64 bits of every hash. Two digests that agree in them are one to the set: it may say
//! that it has one that was never put in, but never that it lacks one that was. What is in the set is
//! *kept*, so the worst that can come of it is that something stays that could go.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use wharf_digest::Digest;

/// Digests, of which each is in or not; shared by all who work.
#[derive(Debug)]
pub(crate) struct Marks {
    shards: Vec<Mutex<HashSet<u64>>>,
}

/// Few enough to cost nothing, enough for nobody to wait.
const SHARDS: u64 = 64;

// === impl Marks ===

impl Marks {
    /// Puts one in; `false` if it was in.
    pub(crate) fn insert(&self, digest: &Digest) -> bool {
        let print = fingerprint(digest);
        self.shard(print).insert(print)
    }

    /// Whether it is in.
    pub(crate) fn contains(&self, digest: &Digest) -> bool {
        let print = fingerprint(digest);
        self.shard(print).contains(&print)
    }

    /// How many are in.
    pub(crate) fn len(&self) -> u64 {
        self.shards.iter().map(|shard| lock(shard).len() as u64).sum()
    }

    fn shard(&self, print: u64) -> MutexGuard<'_, HashSet<u64>> {
        lock(&self.shards[(print % SHARDS) as usize])
    }
}

impl Default for Marks {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }
}

fn lock(shard: &Mutex<HashSet<u64>>) -> MutexGuard<'_, HashSet<u64>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

fn fingerprint(digest: &Digest) -> u64 {
    let first = digest.as_bytes().first_chunk().expect("no hash is shorter");
    u64::from_be_bytes(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_in() {
        let marks = Marks::default();
        let digests: Vec<_> = (0..1000_u32).map(|n| Digest::sha256(&n.to_le_bytes())).collect();
        assert!(digests.iter().all(|digest| marks.insert(digest)));
        assert!(!digests.iter().any(|digest| marks.insert(digest)));
        assert!(digests.iter().all(|digest| marks.contains(digest)));
        assert!(!marks.contains(&Digest::sha256(b"another")));
        assert_eq!(marks.len(), 1000);
    }
}
