//! A registry in memory: the reference for every other implementation, and the one to test with.
//!
//! It does what the contracts say in the plainest way, and forgets everything when it is dropped.
//!
//! ```
//! use wharf_core::{BlobIngester, Namespace, RequestContext, memory::MemoryNamespace};
//! use wharf_manifest::MediaType;
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let namespace = MemoryNamespace::new();
//! let alpine = namespace.repository(&"alpine".parse().unwrap(), &RequestContext::internal("test"));
//! let blob = alpine.blobs().put(&MediaType::octet_stream(), "hello".into()).await?;
//! assert_eq!(alpine.blobs().stat(&blob.digest).await?.size, 5);
//! # Ok::<(), wharf_core::Error>(())
//! # });
//! ```

mod blobs;
mod manifests;
mod repositories;
mod tags;
mod uploads;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use bytes::Bytes;
use wharf_digest::Digest;
use wharf_manifest::{Manifest, Schemas};
use wharf_reference::{RepositoryName, Tag};

use crate::{ManifestBytes, Page, PageRequest, UploadId};

/// A registry in memory, with every optional power but redirects. Clones are the same registry.
#[derive(Clone, Default)]
pub struct MemoryNamespace {
    shared: Arc<Shared>,
}

/// One repository of a [`MemoryNamespace`].
struct MemoryRepository {
    name: RepositoryName,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    schemas: Schemas,
    // Never held across an await.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    blobs: BTreeMap<Digest, Bytes>,
    repositories: BTreeMap<RepositoryName, Contents>,
    uploads: HashMap<UploadId, Session>,
    /// How many sessions there were: names the next one.
    sessions: u64,
}

/// What a repository holds.
#[derive(Default)]
struct Contents {
    blobs: BTreeSet<Digest>,
    manifests: BTreeMap<Digest, Kept>,
    tags: BTreeMap<Tag, Pointer>,
}

/// A manifest, and what it says.
struct Kept {
    manifest: ManifestBytes,
    view: Manifest,
}

/// Where a tag points, and pointed.
struct Pointer {
    current: Digest,
    history: BTreeSet<Digest>,
}

/// An upload between two requests.
struct Session {
    repository: RepositoryName,
    started_at: SystemTime,
    bytes: Vec<u8>,
    /// Whether there is a writer.
    busy: bool,
}

// === impl MemoryNamespace ===

impl MemoryNamespace {
    /// A registry without content.
    pub fn new() -> Self {
        Self::default()
    }
}

// === impl Shared ===

impl Shared {
    /// The state. It is whole even if a thread panicked with it: every change is one insertion or
    /// removal.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    fn repository(&self, name: &RepositoryName) -> Option<&Contents> {
        self.repositories.get(name)
    }

    fn repository_mut(&mut self, name: &RepositoryName) -> &mut Contents {
        self.repositories.entry(name.clone()).or_default()
    }

    /// The bytes of a blob, if the repository links it.
    fn blob(&self, name: &RepositoryName, digest: &Digest) -> Option<&Bytes> {
        let linked = self.repository(name).is_some_and(|contents| contents.blobs.contains(digest));
        if linked { self.blobs.get(digest) } else { None }
    }

    /// Keeps a blob and links it.
    fn link(&mut self, name: &RepositoryName, digest: Digest, bytes: Bytes) {
        self.blobs.insert(digest, bytes);
        self.repository_mut(name).blobs.insert(digest);
    }
}

/// One page of entries that come in the order of their names.
fn page<T>(
    entries: impl Iterator<Item = T>,
    name: impl Fn(&T) -> String,
    request: &PageRequest,
) -> Page<T> {
    let wanted = |entry: &T| request.after.as_ref().is_none_or(|after| name(entry) > *after);
    let mut entries = entries.filter(wanted).peekable();
    let items: Vec<_> = entries.by_ref().take(request.limit).collect();
    let next = items.last().map(&name).filter(|_| entries.peek().is_some());
    Page { items, next }
}
