//! What all parts of a local registry share, and what the parts of one repository share.

use std::sync::Arc;

use wharf_cache::ContentCache;
use wharf_core::{BlobDescriptorService, ErrorKind, RequestContext, Result};
use wharf_digest::Digest;
use wharf_driver::Driver;
use wharf_reference::{RepositoryName, TagOrDigest};

use crate::{
    Options,
    blobs::Known,
    manifests::find::Kept,
    proven::Proven,
    recent::{Pointed, Recent},
    referrers::Entries,
    sessions::Sessions,
    turns::Turns,
    uploads::Writers,
    vault::Vault,
};

/// A local registry.
pub(crate) struct Store {
    pub(crate) driver: Arc<dyn Driver>,
    pub(crate) options: Options,
    pub(crate) vault: Vault,
    pub(crate) recent: Recent,
    pub(crate) pointed: Pointed,
    /// Manifests that were read, which is not to say that they are there.
    pub(crate) manifests: ContentCache<Arc<Kept>>,
    /// What references led to, as long as they still do.
    pub(crate) proven_manifests: Proven<TagOrDigest, Digest>,
    /// The blobs that repositories have, as long as they still do.
    pub(crate) proven_blobs: Proven<Digest, Known>,
    /// How many upload sessions a repository has.
    pub(crate) sessions: Sessions,
    /// How many uploads are being written, which share memory.
    pub(crate) writers: Writers,
    /// Whose turn it is to change a manifest or a tag.
    pub(crate) turns: Turns,
    /// What referrers are listed as.
    pub(crate) entries: Entries,
    /// Whether to ask the store is a journey.
    pub(crate) remote: bool,
    /// Held while the referrers of a repository are imported, so that this is done once.
    pub(crate) import: tokio::sync::Mutex<()>,
}

/// One repository of it, as one request sees it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Scope {
    pub(crate) store: Arc<Store>,
    pub(crate) name: RepositoryName,
    pub(crate) context: RequestContext,
}

// === impl Store ===

impl Store {
    pub(crate) fn new(driver: Arc<dyn Driver>, options: Options) -> Self {
        let vault = Vault::new(Arc::clone(&driver));
        Self {
            manifests: ContentCache::new(options.manifest_memory, Kept::size),
            proven_manifests: Proven::new(|_| 0),
            proven_blobs: Proven::new(Known::size),
            remote: driver.capabilities().remote,
            recent: Recent::default(),
            pointed: Pointed::default(),
            sessions: Sessions::default(),
            writers: Writers::default(),
            turns: Turns::default(),
            entries: Entries::default(),
            import: tokio::sync::Mutex::default(),
            driver,
            options,
            vault,
        }
    }

    /// Fails if nothing may be written.
    pub(crate) fn check_writable(&self) -> Result<()> {
        match self.options.read_only.is_on() {
            true => Err(ErrorKind::Unsupported("the registry is read-only").into()),
            false => Ok(()),
        }
    }

    /// Fails if nothing may be deleted.
    pub(crate) fn check_deletes(&self) -> Result<()> {
        self.check_writable()?;
        match self.options.delete {
            true => Ok(()),
            false => Err(ErrorKind::Unsupported("deletes are off").into()),
        }
    }
}

// === impl Scope ===

impl Scope {
    /// The storage driver.
    pub(crate) fn driver(&self) -> &dyn Driver {
        &*self.store.driver
    }

    /// Where blobs are published, found and linked.
    pub(crate) fn vault(&self) -> &Vault {
        &self.store.vault
    }

    /// What the operator chose.
    pub(crate) fn options(&self) -> &Options {
        &self.store.options
    }

    /// The part of the descriptor cache that belongs to this repository.
    pub(crate) fn cache(&self) -> Option<Arc<dyn BlobDescriptorService>> {
        self.store.options.cache.as_ref().map(|cache| cache.repository_scoped(&self.name))
    }
}
