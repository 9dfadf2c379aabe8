//! The sorted names of folders, kept while they are certain to be current.

use std::{
    ffi::CStr,
    fs::File,
    io,
    os::fd::OwnedFd,
    sync::Arc,
    time::{Duration, SystemTime},
};

use moka::sync::Cache;
use rustix::fs::{Dir, FileType};
use wharf_driver::{Entry, EntryKind, ListRequest, Listing, StoragePath};

use crate::{disk::Disk, durable::Identity, place::HIDDEN};

/// Remembers what folders hold, so that a page costs a page and not the folder.
///
/// Other processes write too, so the modification time of a folder decides. It has the grain of a
/// timer tick: names that were read within the same tick as a change may lack the next change of
/// that tick. Only names that were read well after the last change are taken again.
#[derive(Debug)]
pub(crate) struct Listings(Cache<StoragePath, Arc<Names>>);

#[derive(Debug)]
struct Names {
    identity: Identity,
    modified: SystemTime,
    /// Whether the folder had rested before it was read.
    settled: bool,
    sorted: Vec<Entry>,
}

/// How long a folder must have rested.
const REST: Duration = Duration::from_secs(2);

// === impl Listings ===

impl Listings {
    /// Remembers at most `names`, over all folders.
    pub(crate) fn new(names: u64) -> Self {
        let weigh = |_: &StoragePath, names: &Arc<Names>| {
            u32::try_from(names.sorted.len().saturating_add(1)).unwrap_or(u32::MAX)
        };
        Self(Cache::builder().max_capacity(names).weigher(weigh).build())
    }

    /// One page of a folder.
    pub(crate) fn page(
        &self,
        disk: &Disk,
        path: &StoragePath,
        request: ListRequest<'_>,
    ) -> io::Result<Listing> {
        let folder = disk.folder(path)?;
        let metadata = File::from(folder.try_clone()?).metadata()?;
        let (identity, modified) = (Identity::of(&folder)?, metadata.modified()?);
        let known = self.0.get(path).filter(|known| {
            known.settled && known.identity == identity && known.modified == modified
        });
        if let Some(names) = known {
            return Ok(names.page(request));
        }
        let settled = modified.checked_add(REST).is_some_and(|rested| rested <= SystemTime::now());
        let sorted = scan(disk, path, folder)?;
        let names = Arc::new(Names { identity, modified, settled, sorted });
        if settled {
            self.0.insert(path.clone(), Arc::clone(&names));
        }
        Ok(names.page(request))
    }

    /// Says that this process changed a folder.
    pub(crate) fn forget(&self, folder: &StoragePath) {
        self.0.invalidate(folder);
    }
}

// === impl Names ===

impl Names {
    fn page(&self, request: ListRequest<'_>) -> Listing {
        let start = request
            .after
            .map_or(0, |after| self.sorted.partition_point(|entry| entry.name.as_str() <= after));
        let rest = &self.sorted[start..];
        let taken = rest.len().min(request.limit);
        Listing { entries: rest[..taken].to_vec(), more: taken < rest.len() }
    }
}

fn scan(disk: &Disk, path: &StoragePath, folder: OwnedFd) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for found in Dir::new(folder)? {
        let found = found?;
        // A name that no path can have is not content of ours.
        let Some((name, child)) = child(path, found.file_name()) else {
            continue;
        };
        if let Some(kind) = kind(disk, &child, found.file_type()) {
            entries.push(Entry { name, kind });
        }
    }
    entries.sort_unstable();
    entries.dedup_by(|a, b| a.name == b.name);
    Ok(entries)
}

fn child(folder: &StoragePath, name: &CStr) -> Option<(String, StoragePath)> {
    let name = name.to_str().ok()?;
    let child = folder.join(name).ok()?;
    (!HIDDEN.hides(&child)).then(|| (name.to_owned(), child))
}

/// What a directory entry is, without a look at it where the directory says.
fn kind(disk: &Disk, path: &StoragePath, file_type: FileType) -> Option<EntryKind> {
    match file_type {
        FileType::RegularFile => Some(EntryKind::File),
        FileType::Directory => Some(EntryKind::Folder),
        FileType::Symlink | FileType::Unknown => {
            let metadata = disk.describe(path).ok()?;
            match (metadata.is_file(), metadata.is_dir()) {
                (true, _) => Some(EntryKind::File),
                (_, true) => Some(EntryKind::Folder),
                _ => None,
            }
        }
        _ => None,
    }
}
