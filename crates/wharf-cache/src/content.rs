//! Small content in the memory of this process.

use std::{fmt, hash::Hash};

use moka::sync::Cache;
use wharf_digest::Digest;

/// Keeps what is asked for most, up to a number of bytes, by the digest of the content it was made
/// of, or by another key. Memory is taken as it fills. Cheap to clone; clones share what they keep.
///
/// Content of a digest never changes, so nothing here becomes wrong; but nothing here says that the
/// content still exists.
#[derive(Clone)]
pub struct ContentCache<V, K = Digest> {
    entries: Cache<K, V>,
}

/// About what the cache itself needs for an entry.
const OVERHEAD: usize = 512;

// === impl ContentCache ===

impl<V, K> ContentCache<V, K>
where
    V: Clone + Send + Sync + 'static,
    K: Eq + Hash + Send + Sync + 'static,
{
    /// Keeps up to `bytes`; `size` tells how many a value holds.
    pub fn new(bytes: u64, size: impl Fn(&V) -> usize + Send + Sync + 'static) -> Self {
        let weigh = move |_: &K, value: &V| {
            u32::try_from(size(value).saturating_add(OVERHEAD)).unwrap_or(u32::MAX)
        };
        Self {
            entries: Cache::builder().name("content").max_capacity(bytes).weigher(weigh).build(),
        }
    }

    /// What is kept for a key.
    pub fn get(&self, key: &K) -> Option<V> {
        self.entries.get(key)
    }

    /// Keeps a value, in place of the one that was there.
    pub fn insert(&self, key: K, value: V) {
        self.entries.insert(key, value);
    }

    /// Keeps nothing for a key any longer.
    pub fn remove(&self, key: &K) {
        self.entries.invalidate(key);
    }

    /// About how many bytes are kept.
    pub fn size(&self) -> u64 {
        self.entries.run_pending_tasks();
        self.entries.weighted_size()
    }
}

impl<V, K> fmt::Debug for ContentCache<V, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContentCache").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(bytes: u64) -> ContentCache<Vec<u8>> {
        ContentCache::new(bytes, Vec::len)
    }

    #[test]
    fn it_never_keeps_more_than_it_may() {
        let cache = cache(1 << 20);
        for number in 0..10_000_u32 {
            let content = vec![0; number as usize % 20_000];
            cache.insert(Digest::sha256(&number.to_le_bytes()), content);
            if number % 1000 == 0 {
                assert!(cache.size() <= 1 << 20);
            }
        }
        assert!((1 << 19..=1 << 20).contains(&cache.size()), "{}", cache.size());
    }

    #[test]
    fn what_is_too_large_or_has_no_room_is_not_kept() {
        let digest = Digest::sha256(b"");
        for (bytes, length) in [(0, 0), (1 << 20, 1 << 20), (10_000, 9_800)] {
            let cache = cache(bytes);
            cache.insert(digest, vec![0; length]);
            assert_eq!(cache.size(), 0, "{bytes} {length}");
            assert!(cache.get(&digest).is_none(), "{bytes} {length}");
        }
    }

    #[test]
    fn the_last_value_counts() {
        let (cache, digest) = (cache(10_000), Digest::sha256(b""));
        cache.insert(digest, vec![1]);
        cache.insert(digest, vec![2]);
        assert_eq!(cache.get(&digest), Some(vec![2]));
        assert_eq!(cache.size(), (OVERHEAD + 1) as u64);
        cache.remove(&digest);
        assert_eq!((cache.get(&digest), cache.size()), (None, 0));
    }
}
