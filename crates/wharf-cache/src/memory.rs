//! The cache in the memory of this process.

use std::{error::Error as _, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use moka::future::Cache;
use wharf_core::{BlobDescriptorCache, BlobDescriptorService, Error, Result};
use wharf_digest::Digest;
use wharf_manifest::Descriptor;
use wharf_reference::RepositoryName;

use crate::epochs::Epochs;

/// Remembers the descriptors that are asked for most, in this process. Cheap to clone; clones share
/// what they remember.
///
/// A [`clear`](BlobDescriptorService::clear) reaches loads that are under way: whoever asked before
/// it still gets what they find, whoever asks afterwards never does.
#[derive(Clone)]
pub struct MokaDescriptorCache {
    entries: Cache<Key, Descriptor>,
    epochs: Arc<Epochs>,
    /// `None` for the part that belongs to the whole registry.
    scope: Option<RepositoryName>,
}

/// A digest, as one repository or the whole registry knows it.
type Subject = (Option<RepositoryName>, Digest);

/// A subject, and the epoch in which it was asked for. A clear begins another epoch: what a load
/// then still puts in under the old one is not found any more.
type Key = (Subject, u64);

/// How long an entry stays that nobody asks for, or, after a clear, nobody can ask for.
const IDLE: Duration = Duration::from_secs(60 * 60);

// === impl MokaDescriptorCache ===

impl MokaDescriptorCache {
    /// Remembers up to so many descriptors, or any number of them if `entries` is not positive
    /// (`storage.cache.blobdescriptorsize` of docker/distribution).
    pub fn new(entries: i64) -> Self {
        let builder = Cache::builder().name("blob descriptors").time_to_idle(IDLE);
        let builder = match u64::try_from(entries) {
            Ok(entries @ 1..) => builder.max_capacity(entries),
            _ => builder,
        };
        Self { entries: builder.build(), epochs: Arc::new(Epochs::new()), scope: None }
    }

    fn key(&self, digest: &Digest) -> Key {
        let subject = self.subject(digest);
        let epoch = self.epochs.current(&subject);
        (subject, epoch)
    }

    fn subject(&self, digest: &Digest) -> Subject {
        (self.scope.clone(), *digest)
    }
}

impl Default for MokaDescriptorCache {
    /// Remembers 10,000 descriptors, like docker/distribution.
    fn default() -> Self {
        Self::new(10_000)
    }
}

#[async_trait]
impl BlobDescriptorService for MokaDescriptorCache {
    async fn get_or_load(
        &self,
        digest: &Digest,
        load: BoxFuture<'_, Result<Descriptor>>,
    ) -> Result<Descriptor> {
        let key = self.key(digest);
        // Only the first of those who ask at the same time takes its load.
        let mut load = Some(load);
        let first = async { load.take().expect("the cache asks once for a value").await };
        let error = match self.entries.try_get_with_by_ref(&key, first).await {
            Ok(descriptor) => return Ok(descriptor),
            Err(error) => error,
        };
        match load {
            // Another caller began to look before this one asked: the blob may have come since.
            // Every other failure is true for all who waited.
            Some(load) if error.is_unknown() => {
                let descriptor = load.await?;
                self.entries.insert(key, descriptor.clone()).await;
                Ok(descriptor)
            }
            _ => Err(owned(error)),
        }
    }

    async fn get(&self, digest: &Digest) -> Option<Descriptor> {
        self.entries.get(&self.key(digest)).await
    }

    async fn set(&self, digest: &Digest, descriptor: Descriptor) {
        self.entries.insert(self.key(digest), descriptor).await;
    }

    async fn clear(&self, digest: &Digest) {
        let subject = self.subject(digest);
        let epoch = self.epochs.end(&subject);
        self.entries.invalidate(&(subject, epoch)).await;
    }
}

impl BlobDescriptorCache for MokaDescriptorCache {
    fn repository_scoped(&self, name: &RepositoryName) -> Arc<dyn BlobDescriptorService> {
        Arc::new(Self { scope: Some(name.clone()), ..self.clone() })
    }
}

impl fmt::Debug for MokaDescriptorCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MokaDescriptorCache")
            .field("entries", &self.entries.entry_count())
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// The error of a load that several callers may share: the same condition for each of them, and
/// what they share as its cause.
fn owned(error: Arc<Error>) -> Error {
    Arc::try_unwrap(error).unwrap_or_else(|shared| {
        let condition = Error::from(shared.kind().clone());
        if shared.source().is_some() { condition.because(shared) } else { condition }
    })
}

#[cfg(test)]
mod tests {
    use wharf_manifest::MediaType;

    use super::*;

    /// How many of 1,000 descriptors a cache of this size keeps.
    async fn kept(size: i64) -> u64 {
        let cache = MokaDescriptorCache::new(size);
        for content in 0..1000_u16 {
            let digest = Digest::sha256(&content.to_le_bytes());
            let descriptor = Descriptor::new(MediaType::octet_stream(), digest, 2);
            cache.set(&digest, descriptor).await;
        }
        cache.entries.run_pending_tasks().await;
        cache.entries.entry_count()
    }

    #[tokio::test]
    async fn the_size_bounds_the_entries() {
        assert!(kept(10).await <= 10);
        assert_eq!(kept(1000).await, 1000);
    }

    #[tokio::test]
    async fn without_a_size_nothing_is_dropped() {
        for size in [0, -1, i64::MIN] {
            assert_eq!(kept(size).await, 1000, "{size}");
        }
    }

    /// Clears and loads race on every thread; the truth only changes right before a clear.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn nothing_older_than_the_last_clear_is_told() {
        use std::sync::atomic::{AtomicU64, Ordering};

        let cache = MokaDescriptorCache::default();
        let truth = Arc::new(AtomicU64::new(0));
        let digest = Digest::sha256(b"");
        let readers = (0..4).map(|_| {
            let (cache, truth) = (cache.clone(), Arc::clone(&truth));
            tokio::spawn(async move {
                for _ in 0..2000 {
                    let least = cleared(&truth);
                    let load = async {
                        let size = truth.load(Ordering::SeqCst) >> 32;
                        tokio::task::yield_now().await;
                        Ok(Descriptor::new(MediaType::octet_stream(), digest, size))
                    };
                    let found = cache.get_or_load(&digest, Box::pin(load)).await.unwrap();
                    assert!(found.size >= least, "{} is older than {least}", found.size);
                    tokio::task::yield_now().await;
                }
            })
        });
        let readers: Vec<_> = readers.collect();
        for version in 1..500 {
            // The upper half is what is true, the lower half what was cleared up to.
            truth.store(version << 32 | (version - 1), Ordering::SeqCst);
            cache.clear(&digest).await;
            truth.store(version << 32 | version, Ordering::SeqCst);
            tokio::task::yield_now().await;
        }
        for reader in readers {
            reader.await.unwrap();
        }

        fn cleared(truth: &AtomicU64) -> u64 {
            truth.load(Ordering::SeqCst) & u64::from(u32::MAX)
        }
    }
}
