//! The registry, and one repository of it.

use std::sync::Arc;

use async_trait::async_trait;
use wharf_core::{
    BlobStore, GlobalBlobs, ManifestStore, Namespace, Page, PageRequest, ReferrerLister,
    Repository, RepositoryEnumerator, RepositoryRemover, RequestContext, Result, TagStore,
};
use wharf_driver::{Driver, ListRequest, StoragePath};
use wharf_reference::RepositoryName;

use crate::{
    Options,
    blobs::Blobs,
    catalog::Catalog,
    error::StorageResult,
    manifests::Manifests,
    referrers::Referrers,
    store::{Scope, Store},
    tags::Tags,
};

/// A local registry over a storage driver.
pub struct StorageNamespace {
    store: Arc<Store>,
    catalog: Catalog,
}

/// One repository, as one request sees it.
struct StorageRepository {
    name: RepositoryName,
    blobs: Blobs,
    manifests: Manifests,
    tags: Tags,
    referrers: Referrers,
}

// === impl StorageNamespace ===

impl StorageNamespace {
    /// Serves what the driver holds.
    pub fn new(driver: Arc<dyn Driver>, options: Options) -> Self {
        let store = Arc::new(Store::new(driver, options));
        Self { catalog: Catalog::new(Arc::clone(&store)), store }
    }
}

#[async_trait]
impl Namespace for StorageNamespace {
    fn repository(&self, name: &RepositoryName, context: &RequestContext) -> Arc<dyn Repository> {
        let scope =
            Scope { store: Arc::clone(&self.store), name: name.clone(), context: context.clone() };
        Arc::new(StorageRepository::new(scope))
    }

    async fn repositories(&self, page: PageRequest) -> Result<Page<RepositoryName>> {
        self.catalog.with_manifests(page).await
    }

    async fn ping(&self) -> Result<()> {
        let anything = ListRequest { after: None, limit: 1 };
        self.store.driver.list(&StoragePath::root(), anything).await.stored()?;
        Ok(())
    }

    fn repository_enumerator(&self) -> Option<&dyn RepositoryEnumerator> {
        Some(&self.catalog)
    }

    fn repository_remover(&self) -> Option<&dyn RepositoryRemover> {
        self.store.check_deletes().is_ok().then_some(&self.catalog as _)
    }

    fn global_blobs(&self) -> Option<&dyn GlobalBlobs> {
        Some(&self.store.vault)
    }
}

// === impl StorageRepository ===

impl StorageRepository {
    fn new(scope: Scope) -> Self {
        Self {
            name: scope.name.clone(),
            blobs: Blobs::new(scope.clone()),
            manifests: Manifests::new(scope.clone()),
            tags: Tags::new(scope.clone()),
            referrers: Referrers::new(scope),
        }
    }
}

impl Repository for StorageRepository {
    fn name(&self) -> &RepositoryName {
        &self.name
    }

    fn blobs(&self) -> &dyn BlobStore {
        &self.blobs
    }

    fn manifests(&self) -> &dyn ManifestStore {
        &self.manifests
    }

    fn tags(&self) -> &dyn TagStore {
        &self.tags
    }

    fn referrers(&self) -> Option<&dyn ReferrerLister> {
        Some(&self.referrers)
    }
}
