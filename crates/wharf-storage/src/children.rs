//! Walks the children of a folder, a page at a time.

use wharf_core::Result;
use wharf_driver::{Driver, Entry, ListRequest, StoragePath};

use crate::error::StorageResult;

/// The most entries that one listing asks for.
pub(crate) const PAGE: usize = 1_000;

/// The children of a folder, in the byte order of their names. At most one page of them is held.
pub(crate) struct Children<'a> {
    driver: &'a dyn Driver,
    folder: StoragePath,
    after: Option<String>,
    listed: std::vec::IntoIter<Entry>,
    more: bool,
}

// === impl Children ===

impl<'a> Children<'a> {
    /// All children.
    pub(crate) fn of(driver: &'a dyn Driver, folder: StoragePath) -> Self {
        Self::after(driver, folder, None)
    }

    /// The children whose names come after one.
    pub(crate) fn after(
        driver: &'a dyn Driver,
        folder: StoragePath,
        after: Option<String>,
    ) -> Self {
        Self { driver, folder, after, listed: Vec::new().into_iter(), more: true }
    }

    /// The folder itself.
    pub(crate) fn folder(&self) -> &StoragePath {
        &self.folder
    }

    /// The next child, `None` after the last one.
    pub(crate) async fn next(&mut self) -> Result<Option<Entry>> {
        while self.listed.len() == 0 && self.more {
            let wanted = ListRequest { after: self.after.as_deref(), limit: PAGE };
            let listing = self.driver.list(&self.folder, wanted).await.stored()?;
            self.more = listing.more && !listing.entries.is_empty();
            self.after = listing.entries.last().map(|entry| entry.name.clone());
            self.listed = listing.entries.into_iter();
        }
        Ok(self.listed.next())
    }
}
