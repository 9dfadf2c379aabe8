//! All repositories.

use std::sync::Arc;

use async_trait::async_trait;
use wharf_digest::Digest;
use wharf_manifest::{Descriptor, MediaType};
use wharf_reference::RepositoryName;

use super::{MemoryNamespace, MemoryRepository, page};
use crate::{
    BlobEnumerator, BlobStatter, BlobStore, Error, ErrorKind, GlobalBlobs, ManifestStore,
    Namespace, Page, PageRequest, ReferrerLister, Repository, RepositoryEnumerator,
    RepositoryRemover, RequestContext, Result, TagStore,
};

// === impl MemoryNamespace ===

#[async_trait]
impl Namespace for MemoryNamespace {
    fn repository(&self, name: &RepositoryName, _context: &RequestContext) -> Arc<dyn Repository> {
        Arc::new(MemoryRepository { name: name.clone(), shared: Arc::clone(&self.shared) })
    }

    async fn repositories(&self, request: PageRequest) -> Result<Page<RepositoryName>> {
        let state = self.shared.state();
        let with_manifests = state.repositories.iter().filter(|(_, c)| !c.manifests.is_empty());
        let names = with_manifests.map(|(name, _)| name.clone());
        Ok(page(names, RepositoryName::to_string, &request))
    }

    async fn ping(&self) -> Result<()> {
        Ok(())
    }

    fn repository_enumerator(&self) -> Option<&dyn RepositoryEnumerator> {
        Some(self)
    }

    fn repository_remover(&self) -> Option<&dyn RepositoryRemover> {
        Some(self)
    }

    fn global_blobs(&self) -> Option<&dyn GlobalBlobs> {
        Some(self)
    }
}

#[async_trait]
impl RepositoryEnumerator for MemoryNamespace {
    async fn enumerate(&self, request: PageRequest) -> Result<Page<RepositoryName>> {
        let state = self.shared.state();
        Ok(page(state.repositories.keys().cloned(), RepositoryName::to_string, &request))
    }
}

#[async_trait]
impl RepositoryRemover for MemoryNamespace {
    async fn remove(&self, name: &RepositoryName) -> Result<()> {
        match self.shared.state().repositories.remove(name) {
            Some(_) => Ok(()),
            None => Err(ErrorKind::RepositoryUnknown(name.clone()).into()),
        }
    }
}

#[async_trait]
impl BlobStatter for MemoryNamespace {
    async fn stat(&self, digest: &Digest) -> Result<Descriptor> {
        let state = self.shared.state();
        let bytes = state.blobs.get(digest).ok_or_else(|| Error::blob_unknown(digest))?;
        Ok(Descriptor::new(MediaType::octet_stream(), *digest, bytes.len() as u64))
    }
}

#[async_trait]
impl BlobEnumerator for MemoryNamespace {
    async fn enumerate(&self, request: PageRequest) -> Result<Page<Digest>> {
        let state = self.shared.state();
        Ok(page(state.blobs.keys().copied(), Digest::to_string, &request))
    }
}

// === impl MemoryRepository ===

impl Repository for MemoryRepository {
    fn name(&self) -> &RepositoryName {
        &self.name
    }

    fn blobs(&self) -> &dyn BlobStore {
        self
    }

    fn manifests(&self) -> &dyn ManifestStore {
        self
    }

    fn tags(&self) -> &dyn TagStore {
        self
    }

    fn referrers(&self) -> Option<&dyn ReferrerLister> {
        Some(self)
    }
}
