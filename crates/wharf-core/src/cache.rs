//! Descriptors that need not be asked for twice.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use wharf_digest::Digest;
use wharf_manifest::Descriptor;
use wharf_reference::RepositoryName;

use crate::Result;

/// Remembers size and type of blobs. It never says whether a blob exists: it is asked only for a
/// blob whose link was just read.
#[async_trait]
pub trait BlobDescriptorService: Send + Sync {
    /// The descriptor that is remembered, or else the one that `load` finds; callers that ask for
    /// the same digest at the same time share one `load`. Failures are not remembered.
    async fn get_or_load(
        &self,
        digest: &Digest,
        load: BoxFuture<'_, Result<Descriptor>>,
    ) -> Result<Descriptor>;

    /// The descriptor that is remembered, `None` if there is none.
    async fn get(&self, digest: &Digest) -> Option<Descriptor>;

    /// Remembers a descriptor.
    async fn set(&self, digest: &Digest, descriptor: Descriptor);

    /// Forgets a digest.
    async fn clear(&self, digest: &Digest);
}

/// A descriptor cache, registry-wide and by repository.
pub trait BlobDescriptorCache: BlobDescriptorService {
    /// The part of the cache that belongs to one repository; what is cleared there stays in the
    /// others.
    fn repository_scoped(&self, name: &RepositoryName) -> Arc<dyn BlobDescriptorService>;
}
