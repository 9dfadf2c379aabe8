//! Which folders are known to be durable, and how the others become so.

use std::{
    fs::{File, Metadata},
    io,
    os::{fd::OwnedFd, unix::fs::MetadataExt},
    time::SystemTime,
};

use moka::sync::Cache;
use wharf_driver::StoragePath;

use crate::disk::Disk;

/// Folders whose own entry, and those of all folders above them, were synced by this process.
#[derive(Debug)]
pub(crate) struct DurableFolders(Cache<StoragePath, Identity>);

/// Tells a folder from one that was made later under the same name. Inode numbers are used again
/// soon, birth times are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
    born: Option<SystemTime>,
}

// === impl DurableFolders ===

impl DurableFolders {
    /// Remembers at most `folders` of them.
    pub(crate) fn new(folders: u64) -> Self {
        Self(Cache::new(folders))
    }

    /// Makes durable what `path`, open as `folder`, holds, and the way that leads there: syncs the
    /// folder, and every one above it up to the first that is known to be durable.
    pub(crate) fn sync(&self, disk: &Disk, path: &StoragePath, folder: OwnedFd) -> io::Result<()> {
        disk.sync_folder(path, &folder)?;
        let mut synced = Vec::new();
        let (mut path, mut folder) = (path.clone(), folder);
        while let Some(parent) = path.parent() {
            let identity = Identity::of(&folder)?;
            if self.0.get(&path) == Some(identity) {
                break;
            }
            folder = disk.folder(&parent)?;
            disk.sync_folder(&parent, &folder)?;
            synced.push((path, identity));
            path = parent;
        }
        // Only now: a folder is durable when the whole way to it is.
        synced.into_iter().rev().for_each(|(path, identity)| self.0.insert(path, identity));
        Ok(())
    }
}

// === impl Identity ===

impl Identity {
    pub(crate) fn of(folder: &OwnedFd) -> io::Result<Self> {
        Ok(Self::from(&File::from(folder.try_clone()?).metadata()?))
    }
}

impl From<&Metadata> for Identity {
    fn from(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino(), born: metadata.created().ok() }
    }
}
