//! Where the issuer keeps what it has to remember.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use wharf_driver::{Driver, EntryKind, Error, ListRequest, PutMode, PutOutcome, StoragePath};

/// A folder of a store. Whoever can read it can make tokens.
#[derive(Clone)]
pub struct Drawer {
    driver: Arc<dyn Driver>,
    folder: StoragePath,
}

/// Nothing in it is larger, in bytes.
const LARGEST: u64 = 64 << 10;

/// How many names are listed at once.
const PAGE: usize = 1000;

// === impl Drawer ===

impl Drawer {
    /// This folder of this store.
    pub fn new(driver: Arc<dyn Driver>, folder: StoragePath) -> Self {
        Self { driver, folder }
    }

    /// What has this name, if there is something.
    pub(crate) async fn get(&self, name: &str) -> Result<Option<Bytes>, Error> {
        match self.driver.get(&self.path(name), LARGEST).await {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn put(
        &self,
        name: &str,
        content: Bytes,
        mode: PutMode,
    ) -> Result<PutOutcome, Error> {
        self.driver.put(&self.path(name), content, mode).await
    }

    /// Removes it for good; `false` if there is nothing.
    pub(crate) async fn delete(&self, name: &str) -> Result<bool, Error> {
        match self.driver.delete(&self.path(name)).await {
            Ok(()) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn forget(&self, name: &str) -> Result<(), Error> {
        self.driver.forget(&self.path(name)).await
    }

    /// All names.
    pub(crate) async fn names(&self) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        loop {
            let after = names.last().cloned();
            let request = ListRequest { after: after.as_deref(), limit: PAGE };
            let listing = self.driver.list(&self.folder, request).await?;
            let last = listing.entries.last().map(|entry| entry.name.clone());
            let files = listing.entries.into_iter().filter(|entry| entry.kind == EntryKind::File);
            names.extend(files.map(|entry| entry.name));
            match (listing.more, last) {
                (true, Some(last)) if names.last() != Some(&last) => names.push(last),
                (true, Some(_)) => {}
                _ => return Ok(names),
            }
        }
    }

    /// Names are ours: what is not a name is nowhere.
    fn path(&self, name: &str) -> StoragePath {
        self.folder.join(name).unwrap_or_else(|_| self.folder.clone())
    }
}

impl fmt::Debug for Drawer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Drawer({})", self.folder)
    }
}
