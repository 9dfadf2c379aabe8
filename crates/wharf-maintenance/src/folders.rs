//! Walks folders, a page of their names at a time.

use std::sync::Arc;

use wharf_digest::{Algorithm, Digest};
use wharf_driver::{Driver, Entry, EntryKind, ListRequest, Result, StoragePath};
use wharf_storage::tree::{self, Repository};

/// The most names that are asked for at once.
const PAGE: usize = 4_000;

/// The folders in a folder.
pub(crate) struct Folders {
    driver: Arc<dyn Driver>,
    folder: StoragePath,
    after: Option<String>,
    more: bool,
}

/// Every repository of a store.
pub(crate) struct Repositories {
    driver: Arc<dyn Driver>,
    /// The folders from the first one to where the walk stands, and their names not yet looked into.
    open: Vec<(Folders, std::vec::IntoIter<String>)>,
}

/// What the folders in a folder of links are called.
#[derive(Debug, Default)]
pub(crate) struct Named {
    /// Those that are called by a digest, in order.
    pub(crate) digests: Vec<Digest>,
    /// What bears a name that no digest has.
    pub(crate) strange: Vec<StoragePath>,
}

// === impl Folders ===

impl Folders {
    pub(crate) fn of(driver: &Arc<dyn Driver>, folder: StoragePath) -> Self {
        Self { driver: Arc::clone(driver), folder, after: None, more: true }
    }

    /// The next page of names, `None` after the last one.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<String>>> {
        if !self.more {
            return Ok(None);
        }
        let request = ListRequest { after: self.after.as_deref(), limit: PAGE };
        let page = self.driver.list(&self.folder, request).await?;
        self.more = page.more && !page.entries.is_empty();
        self.after = page.entries.last().map(|entry| entry.name.clone());
        let is_folder = |entry: &Entry| entry.kind == EntryKind::Folder;
        Ok(Some(page.entries.into_iter().filter(is_folder).map(|entry| entry.name).collect()))
    }

    /// All names.
    pub(crate) async fn all(mut self) -> Result<Vec<String>> {
        let mut all = Vec::new();
        while let Some(names) = self.next().await? {
            all.extend(names);
        }
        Ok(all)
    }
}

// === impl Repositories ===

impl Repositories {
    pub(crate) fn of(driver: &Arc<dyn Driver>) -> Self {
        let first = Folders::of(driver, tree::repositories());
        Self { driver: Arc::clone(driver), open: vec![(first, Vec::new().into_iter())] }
    }

    /// The next one, `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Repository>> {
        while let Some((folders, names)) = self.open.last_mut() {
            let Some(name) = names.next() else {
                match folders.next().await? {
                    Some(page) => *names = page.into_iter(),
                    None => drop(self.open.pop()),
                }
                continue;
            };
            let Ok(folder) = folders.folder.join(&name) else { continue };
            let inside = Folders::of(&self.driver, folder.clone()).all().await?;
            let (own, others): (Vec<_>, Vec<_>) =
                inside.into_iter().partition(|name| name.starts_with('_'));
            if !others.is_empty() {
                let mut looked = Folders::of(&self.driver, folder.clone());
                looked.more = false;
                self.open.push((looked, others.into_iter()));
            }
            if own.iter().any(|name| tree::OWN.contains(&name.as_str())) {
                return Ok(Some(Repository::at(folder)));
            }
        }
        Ok(None)
    }
}

/// The names of links in a folder, `<algorithm>/<hex>`.
pub(crate) async fn named(driver: &Arc<dyn Driver>, folder: &StoragePath) -> Result<Named> {
    let mut named = Named::default();
    for name in Folders::of(driver, folder.clone()).all().await? {
        let Ok(inner) = folder.join(&name) else { continue };
        let Ok(algorithm) = Algorithm::parse(&name) else {
            named.strange.push(inner);
            continue;
        };
        for hex in Folders::of(driver, inner.clone()).all().await? {
            match Digest::from_parts(algorithm, &hex) {
                Ok(digest) => named.digests.push(digest),
                Err(_) => named.strange.extend(inner.join(&hex).ok()),
            }
        }
    }
    Ok(named)
}
