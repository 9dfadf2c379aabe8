//! Walks and removes repositories.

mod walk;

use std::{pin::pin, sync::Arc};

use async_trait::async_trait;
use futures_util::TryStreamExt;
use wharf_core::{ErrorKind, Page, PageRequest, RepositoryEnumerator, RepositoryRemover, Result};
use wharf_driver::{Driver, ListRequest};
use wharf_reference::RepositoryName;

use crate::{digests::CONCURRENCY, error::StorageResult, layout, page::cut, store::Store};

use self::walk::Candidate;

/// The repositories of a registry.
pub(crate) struct Catalog {
    store: Arc<Store>,
}

/// What makes a folder a repository.
#[derive(Clone, Copy)]
enum Wanted {
    /// It holds manifests or tags.
    Manifests,
    /// It holds anything: manifests, blobs, uploads.
    Anything,
}

// === impl Catalog ===

impl Catalog {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self { store }
    }

    /// One page of the repositories that hold manifests, in the byte order of their full names.
    pub(crate) async fn with_manifests(&self, page: PageRequest) -> Result<Page<RepositoryName>> {
        self.page(page, Wanted::Manifests).await
    }

    async fn page(&self, page: PageRequest, wanted: Wanted) -> Result<Page<RepositoryName>> {
        let driver = &*self.store.driver;
        let checks = walk::after(driver, page.after.as_deref())
            .map_ok(|candidate| async move {
                Ok(wanted.is_in(driver, &candidate).await?.then_some(candidate.name))
            })
            .try_buffered(CONCURRENCY);
        let mut repositories = pin!(checks.try_filter_map(async |name| Ok(name)));
        let mut found = Vec::new();
        // One more than asked for tells whether there is another page.
        while found.len() <= page.limit {
            let Some(name) = repositories.try_next().await? else { break };
            found.push(name);
        }
        Ok(cut(found, page.limit))
    }
}

// === impl Wanted ===

impl Wanted {
    async fn is_in(self, driver: &dyn Driver, candidate: &Candidate) -> Result<bool> {
        let is_there = |folder: &str| {
            candidate.own.as_ref().is_none_or(|own| own.iter().any(|name| name == folder))
        };
        match (self, &candidate.own) {
            (Self::Manifests, _) if !is_there(layout::MANIFESTS) => Ok(false),
            (Self::Manifests, _) => has_manifests(driver, &candidate.name).await,
            (Self::Anything, Some(own)) => Ok(!own.is_empty()),
            (Self::Anything, None) => has_anything(driver, &candidate.name).await,
        }
    }
}

#[async_trait]
impl RepositoryEnumerator for Catalog {
    async fn enumerate(&self, page: PageRequest) -> Result<Page<RepositoryName>> {
        self.page(page, Wanted::Anything).await
    }
}

#[async_trait]
impl RepositoryRemover for Catalog {
    async fn remove(&self, name: &RepositoryName) -> Result<()> {
        self.store.check_deletes()?;
        let own = |folder: &str| layout::repository(name).join(folder);
        // Tags before what they point to, roots before what they need: whenever this stops, what is
        // left can be served, and removing can go on.
        let folders = [layout::tags(name), layout::all_revisions(name), layout::manifests(name)]
            .into_iter()
            .chain([layout::LAYERS, layout::UPLOADS].into_iter().filter_map(|f| own(f).ok()));
        let mut existed = false;
        for folder in folders {
            existed |= self.store.driver.delete_below(&folder).await.stored()?;
        }
        existed.then_some(()).ok_or_else(|| ErrorKind::RepositoryUnknown(name.clone()).into())
    }
}

/// Whether a repository holds manifests or tags. The folder of referrers alone, which sorts before
/// those, does not count.
pub(crate) async fn has_manifests(driver: &dyn Driver, name: &RepositoryName) -> Result<bool> {
    let request = ListRequest { after: Some(layout::REFERRERS), limit: 1 };
    let listing = driver.list(&layout::manifests(name), request).await.stored()?;
    Ok(!listing.entries.is_empty())
}

/// Whether there is anything of a repository: its own folders are those whose names begin with `_`,
/// and no name of another one lies between them.
async fn has_anything(driver: &dyn Driver, name: &RepositoryName) -> Result<bool> {
    let request = ListRequest { after: Some("_"), limit: 1 };
    let listing = driver.list(&layout::repository(name), request).await.stored()?;
    Ok(listing.entries.iter().any(|entry| entry.name.starts_with('_')))
}

#[cfg(test)]
mod tests;
