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
        let way = self.way(disk, path, folder)?;
        disk.sync_folders(way[0].folder.identity()?, || {
            way.iter().try_for_each(|it| self.sync_one(disk, it))
        })?;
        // Only now: a folder is durable when the whole way to it is.
        for Opened { path, folder } in way.into_iter().rev().skip(1) {
            self.known.insert(path, folder.identity()?);
        }
        Ok(())
    }

    /// A folder, and those above it up to the first that is known to hold it durably.
    fn way(&self, disk: &Disk, path: &StoragePath, folder: OpenFolder) -> io::Result<Vec<Opened>> {
        let mut way = vec![Opened { path: path.clone(), folder }];
        while let Some(Opened { path, folder }) = way.last()
            && let Some(parent) = path.parent()
            && self.known.get(path) != Some(folder.identity()?)
        {
            let folder = disk.folder(&parent)?;
            way.push(Opened { path: parent, folder });
        }
        Ok(way)
    }

    fn sync_one(&self, disk: &Disk, it: &Opened) -> io::Result<()> {
        self.syncs.sync(it.folder.identity()?, || disk.sync_folder(&it.path, &it.folder))
    }
}
