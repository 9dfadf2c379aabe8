//! Which folders are known to be durable, and how the others become so.

use std::io;

use moka::sync::Cache;
use wharf_driver::StoragePath;

use crate::{disk::Disk, folder::OpenFolder, identity::Identity, shared::SharedSyncs};

/// Folders whose own entry, and those of all folders above them, were synced by this process.
#[derive(Debug)]
pub(crate) struct DurableFolders {
    known: Cache<StoragePath, Identity>,
    syncs: SharedSyncs,
}

/// A folder on the way to another one.
struct Opened {
    path: StoragePath,
    folder: OpenFolder,
    identity: Identity,
    /// Whether its own entry may not be durable.
    is_new: bool,
}

// === impl DurableFolders ===

impl DurableFolders {
    /// Remembers at most `folders` of them.
    pub(crate) fn new(folders: u64) -> Self {
        Self { known: Cache::new(folders), syncs: SharedSyncs::default() }
    }

    /// Makes durable what `path`, open as `folder`, holds, and the way that leads there: syncs the
    /// folder, and every one above it up to the first that is known to be durable.
    pub(crate) fn sync(
        &self,
        disk: &Disk,
        path: &StoragePath,
        folder: OpenFolder,
    ) -> io::Result<()> {
        self.sync_each(disk, vec![(path.clone(), folder)])
    }

    /// The same of several, each way but once.
    pub(crate) fn sync_each(
        &self,
        disk: &Disk,
        folders: Vec<(StoragePath, OpenFolder)>,
    ) -> io::Result<()> {
        let mut ways = Vec::with_capacity(folders.len());
        for (path, folder) in folders {
            self.add_way(disk, path, folder, &mut ways)?;
        }
        let which: Vec<_> = ways.iter().map(|it| it.identity).collect();
        disk.sync_folders(&which, || ways.iter().try_for_each(|it| self.sync_one(disk, it)))?;
        // Only now: a folder is durable when the whole way to it is.
        for it in ways.into_iter().rev().filter(|it| it.is_new) {
            self.known.insert(it.path, it.identity);
        }
        Ok(())
    }

    /// Adds a folder, and those above it up to the first that is known to hold it durably, as far as they
    /// are not there already.
    fn add_way(
        &self,
        disk: &Disk,
        path: StoragePath,
        folder: OpenFolder,
        ways: &mut Vec<Opened>,
    ) -> io::Result<()> {
        let mut next = Some((path, folder));
        while let Some((path, folder)) = next.take() {
            let identity = folder.identity()?;
            if ways.iter().any(|it| it.identity == identity) {
                break;
            }
            let parent = path.parent().filter(|_| self.known.get(&path) != Some(identity));
            let is_new = parent.is_some();
            if let Some(parent) = parent {
                let above = disk.folder(&parent)?;
                next = Some((parent, above));
            }
            ways.push(Opened { path, folder, identity, is_new });
        }
        Ok(())
    }

    fn sync_one(&self, disk: &Disk, it: &Opened) -> io::Result<()> {
        self.syncs.sync(it.identity, || disk.sync_folder(&it.path, &it.folder))
    }
}
