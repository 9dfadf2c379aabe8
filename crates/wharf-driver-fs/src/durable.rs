//! Which folders are known to be durable, and how the others become so.

use std::{
    fs::{File, Metadata},
    io,
    os::{fd::OwnedFd, unix::fs::MetadataExt},
    time::{Duration, SystemTime},
};

use moka::sync::Cache;
use wharf_driver::StoragePath;

use crate::{disk::Disk, shared::SharedSyncs};

/// Folders whose own entry, and those of all folders above them, were synced by this process.
#[derive(Debug)]
pub(crate) struct DurableFolders {
    known: Cache<StoragePath, Identity>,
    syncs: SharedSyncs,
}

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

// === impl Identity ===

impl Identity {
    pub(crate) fn of(folder: &OwnedFd) -> io::Result<Self> {
        match quick(folder) {
            Some(identity) => Ok(identity),
            None => Ok(Self::from(&File::from(folder.try_clone()?).metadata()?)),
        }
    }
}

/// In one system call instead of three; `None` where there is no statx(2).
#[cfg(target_os = "linux")]
fn quick(folder: &OwnedFd) -> Option<Identity> {
    use rustix::fs::{AtFlags, StatxFlags, makedev, statx};

    let wanted = StatxFlags::INO | StatxFlags::BTIME;
    let found = statx(folder, c"", AtFlags::EMPTY_PATH, wanted).ok()?;
    let known = StatxFlags::from_bits_retain(found.stx_mask).contains(StatxFlags::BTIME);
    let born = known.then(|| {
        let seconds = u64::try_from(found.stx_btime.tv_sec).ok()?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, found.stx_btime.tv_nsec))
    });
    Some(Identity {
        device: makedev(found.stx_dev_major, found.stx_dev_minor),
        inode: found.stx_ino,
        born: born.flatten(),
    })
}

#[cfg(not(target_os = "linux"))]
fn quick(_: &OwnedFd) -> Option<Identity> {
    None
}

impl From<&Metadata> for Identity {
    fn from(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino(), born: metadata.created().ok() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_tell_a_folder_agree() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = OwnedFd::from(File::open(root.path()).expect("it is there"));
        let slow = Identity::from(&root.path().metadata().expect("it is there"));
        assert_eq!(Identity::of(&folder).expect("it is there"), slow);
    }
}
