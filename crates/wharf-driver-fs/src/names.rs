//! What a folder holds, sorted and compact.

use std::{
    collections::{BTreeMap, btree_map},
    io,
    iter::Peekable,
    ops::Bound,
};

use rustix::fs::{Dir, FileType};
use wharf_driver::{Entry, EntryKind, ListRequest, Listing, StoragePath};

use crate::{disk::Disk, folder::OpenFolder, place::HIDDEN};

/// Names in their order: all texts in one buffer, and where each begins.
#[derive(Debug, Default)]
pub(crate) struct Names {
    text: String,
    sorted: Vec<Name>,
}

/// What became of names since they were read: `None` is gone.
pub(crate) type Changes = BTreeMap<String, Option<EntryKind>>;

#[derive(Clone, Copy, Debug)]
struct Name {
    start: u32,
    length: u8,
    kind: EntryKind,
}

// === impl Names ===

impl Names {
    /// Reads a folder; `None` if it holds more than `room` names.
    pub(crate) fn read(
        disk: &Disk,
        path: &StoragePath,
        folder: &OpenFolder,
        room: u64,
    ) -> io::Result<Option<Self>> {
        let mut names = Self::default();
        let mut fits = true;
        each(disk, path, folder, |name, kind| {
            fits = names.sorted.len() as u64 != room && names.push(name, kind);
            fits
        })?;
        let Self { text, sorted } = &mut names;
        let at = |name: &Name| &text[name.start as usize..][..usize::from(name.length)];
        sorted.sort_unstable_by(|a, b| at(a).cmp(at(b)));
        // A folder that changes while it is read may say a name twice.
        sorted.dedup_by(|a, b| at(a) == at(b));
        Ok(fits.then_some(names))
    }

    pub(crate) fn len(&self) -> usize {
        self.sorted.len()
    }

    /// One page, as the names are after `changes`.
    pub(crate) fn page(&self, changes: &Changes, request: ListRequest<'_>) -> Listing {
        let after = request.after;
        let start = after
            .map_or(0, |after| self.sorted.partition_point(|name| self.text_of(name) <= after));
        if changes.is_empty() {
            let end = self.sorted.len().min(start.saturating_add(request.limit));
            let found = self.sorted[start..end].iter();
            let entry =
                |name: &Name| Entry { name: self.text_of(name).to_owned(), kind: name.kind };
            return Listing { entries: found.map(entry).collect(), more: end < self.sorted.len() };
        }
        let changed = match after {
            None => changes.range::<str, _>(..),
            Some(after) => changes.range::<str, _>((Bound::Excluded(after), Bound::Unbounded)),
        };
        let mut merged = Merged {
            read: self.sorted[start..]
                .iter()
                .map(|name| (self.text_of(name), name.kind))
                .peekable(),
            changed: changed.peekable(),
        };
        let entries = merged
            .by_ref()
            .take(request.limit)
            .map(|(name, kind)| Entry { name: name.to_owned(), kind })
            .collect();
        Listing { entries, more: merged.next().is_some() }
    }

    /// `false` if there is no room for it.
    fn push(&mut self, name: &str, kind: EntryKind) -> bool {
        let (Ok(start), Ok(length)) = (self.text.len().try_into(), name.len().try_into()) else {
            return false;
        };
        self.text.push_str(name);
        self.sorted.push(Name { start, length, kind });
        true
    }

    fn text_of(&self, name: &Name) -> &str {
        &self.text[name.start as usize..][..usize::from(name.length)]
    }
}

/// Two sorted runs as one; what changed counts where both have a name.
struct Merged<'a, R: Iterator<Item = (&'a str, EntryKind)>> {
    read: Peekable<R>,
    changed: Peekable<btree_map::Range<'a, String, Option<EntryKind>>>,
}

// === impl Merged ===

impl<'a, R: Iterator<Item = (&'a str, EntryKind)>> Iterator for Merged<'a, R> {
    type Item = (&'a str, EntryKind);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some((changed, _)) = self.changed.peek() else {
                return self.read.next();
            };
            let changed = changed.as_str();
            if let Some(read) = self.read.next_if(|(name, _)| *name < changed) {
                return Some(read);
            }
            self.read.next_if(|(name, _)| *name == changed);
            if let Some((name, Some(kind))) = self.changed.next() {
                return Some((name, *kind));
            }
        }
    }
}

/// One page of a folder that is too large to be kept, in the memory of a page.
pub(crate) fn select(
    disk: &Disk,
    path: &StoragePath,
    folder: &OpenFolder,
    request: ListRequest<'_>,
) -> io::Result<Listing> {
    let mut least = BTreeMap::new();
    let mut more = false;
    each(disk, path, folder, |name, kind| {
        let is_beyond =
            || least.last_key_value().is_none_or(|(last, _): (&String, _)| name > last.as_str());
        if request.after.is_some_and(|after| name <= after) {
            return true;
        }
        if least.len() >= request.limit && is_beyond() {
            more = true;
            return true;
        }
        least.insert(name.to_owned(), kind);
        if least.len() > request.limit {
            least.pop_last();
            more = true;
        }
        true
    })?;
    let entries = least.into_iter().map(|(name, kind)| Entry { name, kind }).collect();
    Ok(Listing { entries, more })
}

/// Shows every name of a folder that content or a folder of ours can have, until told to stop.
fn each(
    disk: &Disk,
    path: &StoragePath,
    folder: &OpenFolder,
    mut show: impl FnMut(&str, EntryKind) -> bool,
) -> io::Result<()> {
    let is_root = folder.identity()? == disk.identity()?;
    for found in Dir::read_from(folder)? {
        let found = found?;
        // A name that no path can have is not content of ours.
        let Some(name) = found.file_name().to_str().ok().filter(|it| StoragePath::is_name(it))
        else {
            continue;
        };
        if is_root && HIDDEN.is(name) {
            continue;
        }
        if let Some(kind) = kind(disk, path, name, found.file_type())
            && !show(name, kind)
        {
            break;
        }
    }
    Ok(())
}

/// What a directory entry is, without a look at it where the directory says.
fn kind(disk: &Disk, folder: &StoragePath, name: &str, file_type: FileType) -> Option<EntryKind> {
    match file_type {
        FileType::RegularFile => Some(EntryKind::File),
        FileType::Directory => Some(EntryKind::Folder),
        FileType::Symlink | FileType::Unknown => {
            let metadata = disk.describe(&folder.join(name).ok()?).ok()?;
            match (metadata.is_file(), metadata.is_dir()) {
                (true, _) => Some(EntryKind::File),
                (_, true) => Some(EntryKind::Folder),
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(read: &[&str], changes: &[(&str, bool)], after: Option<&str>, expected: &[&str]) {
        let mut names = Names::default();
        for name in read {
            assert!(names.push(name, EntryKind::File));
        }
        let changes: Changes = changes
            .iter()
            .map(|(name, there)| ((*name).to_owned(), there.then_some(EntryKind::Folder)))
            .collect();
        for limit in 1..=expected.len() + 1 {
            let page = names.page(&changes, ListRequest { after, limit });
            let got: Vec<_> = page.entries.iter().map(|entry| entry.name.as_str()).collect();
            assert_eq!(got, expected[..limit.min(expected.len())]);
            assert_eq!(page.more, limit < expected.len());
        }
    }

    #[test]
    fn changes_are_merged_into_what_was_read() {
        check(&[], &[], None, &[]);
        check(&["a", "c"], &[], None, &["a", "c"]);
        check(&["a", "c"], &[("b", true)], None, &["a", "b", "c"]);
        check(&["a", "c"], &[("d", true), ("0", true)], None, &["0", "a", "c", "d"]);
        check(&["a", "c"], &[("a", false), ("c", true)], None, &["c"]);
        check(&["a", "c"], &[("a", false), ("b", false), ("c", false)], None, &[]);
        check(&["a", "b", "c"], &[("b", false), ("b0", true)], Some("a"), &["b0", "c"]);
        check(&["a", "b", "c"], &[("a0", true), ("b", true)], Some("b"), &["c"]);
        check(&["a"], &[("b", true)], Some("a0"), &["b"]);
        check(&["a"], &[("b", true)], Some("b"), &[]);
    }
}
