//! Walks and removes repositories.

mod walk;

use std::sync::Arc;

use async_trait::async_trait;
use wharf_core::{ErrorKind, Page, PageRequest, RepositoryEnumerator, RepositoryRemover, Result};
use wharf_driver::{Driver, ListRequest, StoragePath};
use wharf_reference::RepositoryName;

use crate::{error::StorageResult, layout, store::Store};

use self::walk::Walk;

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
        let mut walk = Walk::after(driver, page.after.as_deref());
        let mut found = Vec::new();
        // One more than asked for tells whether there is another page.
        while found.len() <= page.limit {
            let Some(name) = walk.next().await? else { break };
            let holds = match wanted {
                Wanted::Manifests => has_manifests(driver, &name).await?,
                Wanted::Anything => has_anything(driver, &name).await?,
            };
            if holds {
                found.push(name);
            }
        }
        Ok(cut(found, page.limit))
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

/// Whether a repository holds manifests or tags. The folder of referrers alone does not count.
pub(crate) async fn has_manifests(driver: &dyn Driver, name: &RepositoryName) -> Result<bool> {
    has_after(driver, &layout::manifests(name), layout::REFERRERS).await
}

/// Whether there is anything of a repository: its own folders are those whose names begin with `_`,
/// and no letter of a name lies between them.
async fn has_anything(driver: &dyn Driver, name: &RepositoryName) -> Result<bool> {
    let request = ListRequest { after: Some("_"), limit: 1 };
    let listing = driver.list(&layout::repository(name), request).await.stored()?;
    Ok(listing.entries.iter().any(|entry| entry.name.starts_with('_')))
}

async fn has_after(driver: &dyn Driver, folder: &StoragePath, after: &str) -> Result<bool> {
    let request = ListRequest { after: Some(after), limit: 1 };
    Ok(!driver.list(folder, request).await.stored()?.entries.is_empty())
}

/// The page that `found` makes, which holds one entry more than `limit` if there is another page.
pub(crate) fn cut<T: ToString>(mut found: Vec<T>, limit: usize) -> Page<T> {
    let more = found.len() > limit;
    found.truncate(limit);
    Page { next: found.last().filter(|_| more).map(T::to_string), items: found }
}

#[cfg(test)]
mod tests;
