//! Those who change the same manifest, or the same tag, take turns.
//!
//! A push writes one link after the other, and a delete looks before it removes. Mixed up, they could
//! leave a tag or a list of referrers that contradicts the manifests, or take a tag away that has
//! just moved on and was acknowledged. Turns hold within this process. They are short: no one waits
//! for a client while it has one. Who needs several takes that of the repository first, then that of the
//! manifest.

use std::{array, hash::BuildHasher, hash::RandomState};

use tokio::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
use wharf_digest::Digest;
use wharf_reference::{RepositoryName, Tag};

/// Whose turn it is. Strangers may share one; they wait a moment for each other then.
pub(crate) struct Turns {
    repositories: [RwLock<()>; SHARDS],
    manifests: [RwLock<()>; SHARDS],
    tags: [Mutex<()>; SHARDS],
    hasher: RandomState,
}

const SHARDS: usize = 128;

// === impl Turns ===

impl Turns {
    /// As long as this is held, nobody removes the repository.
    pub(crate) async fn stay(&self, name: &RepositoryName) -> RwLockReadGuard<'_, ()> {
        self.repositories[self.shard(name)].read().await
    }

    /// As long as this is held, nobody adds anything to the repository that needs something else in it.
    pub(crate) async fn remove(&self, name: &RepositoryName) -> RwLockWriteGuard<'_, ()> {
        self.repositories[self.shard(name)].write().await
    }

    /// As long as this is held, nobody deletes the manifest.
    pub(crate) async fn keep(
        &self,
        name: &RepositoryName,
        digest: &Digest,
    ) -> RwLockReadGuard<'_, ()> {
        self.manifests[self.shard((name, digest))].read().await
    }

    /// As long as this is held, nobody pushes, tags or deletes the manifest.
    pub(crate) async fn delete(
        &self,
        name: &RepositoryName,
        digest: &Digest,
    ) -> RwLockWriteGuard<'_, ()> {
        self.manifests[self.shard((name, digest))].write().await
    }

    /// As long as this is held, nobody moves or removes the tag.
    pub(crate) async fn tag(&self, name: &RepositoryName, tag: &Tag) -> MutexGuard<'_, ()> {
        self.tags[self.shard((name, tag))].lock().await
    }

    fn shard(&self, of: impl std::hash::Hash) -> usize {
        usize::try_from(self.hasher.hash_one(of) % SHARDS as u64).unwrap_or_default()
    }
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            repositories: array::from_fn(|_| RwLock::default()),
            manifests: array::from_fn(|_| RwLock::default()),
            tags: array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
        }
    }
}
