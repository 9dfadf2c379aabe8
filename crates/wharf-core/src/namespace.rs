//! All repositories of a registry, and one of them.

use std::sync::Arc;

use async_trait::async_trait;
use wharf_reference::RepositoryName;

use crate::{
    BlobEnumerator, BlobStatter, BlobStore, ManifestStore, Page, PageRequest, ReferrerLister,
    RequestContext, Result, TagStore,
};

/// The repositories of a registry.
#[async_trait]
pub trait Namespace: Send + Sync {
    /// The repository of this name, for one request. Does no I/O: a repository that does not exist
    /// is reported by its services.
    fn repository(&self, name: &RepositoryName, context: &RequestContext) -> Arc<dyn Repository>;

    /// One page of the repositories that hold manifests, in the byte order of their full names.
    async fn repositories(&self, page: PageRequest) -> Result<Page<RepositoryName>>;

    /// Fails if the registry cannot serve at all.
    async fn ping(&self) -> Result<()>;

    /// Finds every repository, also those without a manifest.
    fn repository_enumerator(&self) -> Option<&dyn RepositoryEnumerator> {
        None
    }

    /// Removes whole repositories.
    fn repository_remover(&self) -> Option<&dyn RepositoryRemover> {
        None
    }

    /// The blobs of all repositories, for maintenance.
    fn global_blobs(&self) -> Option<&dyn GlobalBlobs> {
        None
    }
}

/// One repository, as one request sees it.
pub trait Repository: Send + Sync {
    /// Its name.
    fn name(&self) -> &RepositoryName;
    /// Its blobs.
    fn blobs(&self) -> &dyn BlobStore;
    /// Its manifests.
    fn manifests(&self) -> &dyn ManifestStore;
    /// Its tags.
    fn tags(&self) -> &dyn TagStore;
    /// Its referrers, if the registry knows them.
    fn referrers(&self) -> Option<&dyn ReferrerLister> {
        None
    }
}

/// Finds every repository, those without a manifest included.
#[async_trait]
pub trait RepositoryEnumerator: Send + Sync {
    /// One page of them, in the byte order of their full names.
    async fn enumerate(&self, page: PageRequest) -> Result<Page<RepositoryName>>;
}

/// Removes whole repositories.
#[async_trait]
pub trait RepositoryRemover: Send + Sync {
    /// Removes the links, manifests and tags of a repository, but not the repositories nested below
    /// its name; `RepositoryUnknown` if there is none.
    async fn remove(&self, name: &RepositoryName) -> Result<()>;
}

/// The blobs of all repositories: nothing that a client may see.
pub trait GlobalBlobs: BlobStatter + BlobEnumerator {}

impl<T: BlobStatter + BlobEnumerator> GlobalBlobs for T {}
