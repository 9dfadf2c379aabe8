//! Walks and removes repositories.

mod signs;
mod walk;

use std::sync::Arc;

use async_trait::async_trait;
use wharf_core::{ErrorKind, Page, PageRequest, RepositoryEnumerator, RepositoryRemover, Result};
use wharf_driver::{Driver, ListRequest};
use wharf_reference::RepositoryName;

use crate::{
    error::StorageResult,
    flat::{self, Found, Rest},
    layout,
    page::cut,
    store::Store,
};

use self::{signs::Own, walk::Walk};

/// The repositories of a registry.
pub(crate) struct Catalog {
    store: Arc<Store>,
}

/// What makes a folder a repository.
#[derive(Clone, Copy, PartialEq, Eq)]
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
        // One more than asked for tells whether there is another page.
        let most = page.limit.saturating_add(1);
        let driver = &*self.store.driver;
        let Found { names, rest } = match wanted {
            Wanted::Manifests => {
                let folder = layout::repositories();
                flat::names(driver, &folder, &Own { driver }, page.after, most).await?
            }
            Wanted::Anything => Found { names: Vec::new(), rest: Rest::After(page.after) },
        };
        let names = names.iter().map(|name| RepositoryName::parse(name));
        let mut found: Vec<_> = names.filter_map(Result::ok).collect();
        if let Rest::After(after) = rest {
            let mut walk = Walk::after(driver, after.as_deref(), wanted);
            while found.len() < most
                && let Some(name) = walk.next(most - found.len()).await?
            {
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
        // A push of a manifest comes before, and goes with the rest, or after, and misses its blobs.
        let _turn = self.store.turns.remove(name).await;
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

/// What a repository holds in its folder of manifests. The folder of referrers alone, which sorts
/// before those of manifests and of tags, does not count.
const MANIFESTS_OR_TAGS: ListRequest<'_> = ListRequest { after: Some(layout::REFERRERS), limit: 1 };

/// Whether a repository holds manifests or tags.
pub(crate) async fn has_manifests(driver: &dyn Driver, name: &RepositoryName) -> Result<bool> {
    let listing = driver.list(&layout::manifests(name), MANIFESTS_OR_TAGS).await.stored()?;
    Ok(!listing.entries.is_empty())
}

#[cfg(test)]
mod tests;
