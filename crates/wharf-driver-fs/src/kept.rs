//! What small files hold, and which folders there are, for as long as the kernel tells of no change.
//!
//! A registry reads the same few files again and again: the links of what is pulled, and small blobs. What
//! is asked for several times within a short time is kept, and its folder watched ([`crate::watch`]); then
//! nothing has to be opened to know that it is still so. What the kernel does not tell (a change by a mapping into memory, or
//! by a hard link somewhere else, and what is mounted over a folder) is seen when the time is up.

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use moka::sync::Cache;
use wharf_driver::{Metadata, StoragePath, Unchanged};

use crate::{
    disk::Disk,
    identity::Seen,
    watch::{Heard, Since, Watches},
};

/// What is remembered of paths below a root.
#[derive(Debug)]
pub(crate) struct Kept {
    facts: Cache<StoragePath, Fact>,
    lately: Lately,
    watches: Arc<Watches>,
    lease: Duration,
}

/// What is at a path.
#[derive(Clone, Debug)]
pub(crate) enum Known {
    /// A file, with its content if that is short.
    File(Metadata, Option<Bytes>),
    Folder(Seen),
}

#[derive(Clone, Debug)]
struct Fact {
    known: Known,
    since: Since,
    until: Instant,
}

/// Files that are watched for somebody who has read them.
#[derive(Debug)]
struct Watched {
    watches: Arc<Watches>,
    since: Vec<Since>,
    until: Instant,
}

/// How often paths were looked at lately: some of them, for that is enough.
#[derive(Debug)]
struct Lately {
    hasher: RandomState,
    slots: Box<[AtomicU64]>,
}

/// Longer content is not kept.
pub(crate) const SHORT: u64 = 16 << 10;
/// How many bytes are used, about.
const ROOM: u64 = 16 << 20;
/// What is kept takes so many bytes besides its content: here, and in the kernel, which keeps what is watched.
const OVERHEAD: usize = 2 << 10;
const SLOTS: usize = 4 << 10;
/// More is not counted. As many bits of a slot hold the count, the others say of which path.
const MOST_LOOKS: u64 = 7;

// === impl Kept ===

impl Kept {
    /// Keeps what is watched for up to `lease` without a new look at it.
    pub(crate) fn new(watches: Watches, lease: Duration) -> Self {
        let facts = Cache::builder().max_capacity(ROOM).weigher(|_, fact: &Fact| fact.weight());
        Self { facts: facts.build(), lately: Lately::new(), watches: Arc::new(watches), lease }
    }

    /// Hears what has changed; `None` if nobody tells.
    pub(crate) fn hear(&self) -> Option<Heard<'_>> {
        self.watches.hear()
    }

    /// What is known to be at a path.
    pub(crate) fn at(&self, heard: &Heard<'_>, path: &StoragePath) -> Option<Known> {
        self.fact(heard, path).map(|fact| fact.known)
    }

    /// Goes on watching files, if all of them are known.
    pub(crate) fn watch(&self, paths: &[StoragePath]) -> Option<Arc<dyn Unchanged>> {
        let heard = self.hear()?;
        let (mut since, mut until) = (Vec::with_capacity(paths.len()), Instant::now() + self.lease);
        for path in paths {
            let fact = self.fact(&heard, path).filter(Fact::is_of_file)?;
            until = until.min(fact.until);
            since.push(fact.since);
        }
        Some(Arc::new(Watched { watches: Arc::clone(&self.watches), since, until }))
    }

    fn fact(&self, heard: &Heard<'_>, path: &StoragePath) -> Option<Fact> {
        let fact = self.facts.get(path)?;
        (heard.is_same(&fact.since) && Instant::now() < fact.until).then_some(fact)
    }

    /// Keeps what `look` finds at a path, as long as `folder` stays the same, if it was looked at before,
    /// `often` times within a short while.
    pub(crate) fn keep(
        &self,
        disk: &Disk,
        path: &StoragePath,
        often: u64,
        folder: impl FnOnce() -> Option<StoragePath>,
        look: impl Fn() -> Option<Known>,
    ) -> Option<Known> {
        if self.lately.looks(path) < often {
            return None;
        }
        // To watch the way to where nothing is costs many times as much as to see that, and each time anew.
        look()?;
        let since = self.watches.since(disk, &folder()?)?;
        let (known, until) = (look()?, Instant::now() + self.lease);
        self.facts.insert(path.clone(), Fact { known: known.clone(), since, until });
        Some(known)
    }
}

// === impl Watched ===

impl Unchanged for Watched {
    fn holds(&self) -> bool {
        let is_same = |heard: Heard<'_>| self.since.iter().all(|since| heard.is_same(since));
        self.watches.hear().is_some_and(is_same) && Instant::now() < self.until
    }
}

// === impl Fact ===

impl Fact {
    fn is_of_file(&self) -> bool {
        matches!(self.known, Known::File(..))
    }

    fn weight(&self) -> u32 {
        let content = match &self.known {
            Known::File(_, Some(content)) => content.len(),
            _ => 0,
        };
        (content + OVERHEAD).try_into().unwrap_or(u32::MAX)
    }
}

// === impl Lately ===

impl Lately {
    fn new() -> Self {
        Self { hasher: RandomState::new(), slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect() }
    }

    /// How often a path was looked at before, at most [`MOST_LOOKS`], and nothing in its slot in between.
    fn looks(&self, path: &StoragePath) -> u64 {
        let hash = self.hasher.hash_one(path);
        let slot = &self.slots[(hash >> 32) as usize % SLOTS];
        let (whose, noted) = (hash & !MOST_LOOKS, slot.load(Ordering::Relaxed));
        let looks = if noted & !MOST_LOOKS == whose { noted & MOST_LOOKS } else { 0 };
        if looks < MOST_LOOKS {
            slot.store(whose | (looks + 1), Ordering::Relaxed);
        }
        looks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;

    #[test]
    fn looks_are_counted_until_another_path_takes_the_slot() {
        let lately = Lately::new();
        let path = |name: &str| StoragePath::parse(name).expect("a path");
        let counted: Vec<_> = (0..10).map(|_| lately.looks(&path("a"))).collect();
        assert_eq!(counted, [0, 1, 2, 3, 4, 5, 6, 7, 7, 7]);
        for other in 0..20 * SLOTS {
            lately.looks(&path(&other.to_string()));
        }
        assert_eq!(lately.looks(&path("a")), 0);
    }

    #[test]
    fn the_way_to_where_nothing_is_is_not_watched() {
        let root = tempfile::tempdir().expect("there is room");
        let disk = Disk::open(root.path(), &Options::default()).expect("it can be opened");
        let kept = Kept::new(Watches::new(), Duration::from_secs(60));
        let path = StoragePath::parse("a/b").expect("a path");
        for _ in 0..3 {
            let known = kept.keep(&disk, &path, 1, || panic!("it is looked at first"), || None);
            assert!(known.is_none());
        }
    }
}
