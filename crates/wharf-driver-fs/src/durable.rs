//! Which folders are known to be durable, and how the others become so.

use std::{io, os::fd::OwnedFd};

use moka::sync::Cache;
use wharf_driver::StoragePath;

use crate::{disk::Disk, identity::Identity, shared::SharedSyncs};

/// Folders whose own entry, and those of all folders above them, were synced by this process.
#[derive(Debug)]
pub(crate) struct DurableFolders {
    known: Cache<StoragePath, Identity>,
    syncs: SharedSyncs,
}

// === impl DurableFolders ===

impl DurableFolders {
    /// Remembers at most `folders` of them.
    pub(crate) fn new(folders: u64) -> Self {
        Self { known: Cache::new(folders), syncs: SharedSyncs::default() }
    }

    /// Makes durable what `path`, open as `folder`, holds, and the way that leads there: syncs the
    /// folder, and every one above it up to the first that is known to be durable.
    pub(crate) fn sync(&self, disk: &Disk, path: &StoragePath, folder: OwnedFd) -> io::Result<()> {
        let mut identity = Identity::of(&folder)?;
        self.syncs.sync(identity, || disk.sync_folder(path, &folder))?;
        let mut synced = Vec::new();
        let mut path = path.clone();
        while let Some(parent) = path.parent() {
            if self.known.get(&path) == Some(identity) {
                break;
            }
            let folder = disk.folder(&parent)?;
            let above = Identity::of(&folder)?;
            self.syncs.sync(above, || disk.sync_folder(&parent, &folder))?;
            synced.push((path, identity));
            (path, identity) = (parent, above);
        }
        // Only now: a folder is durable when the whole way to it is.
        synced.into_iter().rev().for_each(|(path, identity)| self.known.insert(path, identity));
        Ok(())
    }
}
