//! Reads that need no disk: of names and pages that the kernel has in memory.
//!
//! To hand a small read over to a blocking thread, and its result back, costs several times the read.
//! So it is tried on the thread that asks. The kernel is told to give up rather than to wait: then,
//! and whenever anything else is out of the ordinary, the read is done the long way, and only that
//! way decides what is wrong. Here there is content, or plainly nothing, or no answer.

mod kernel;

use std::{
    fs::File,
    num::NonZeroU32,
    ops::Range,
    os::fd::{AsFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use bytes::Bytes;
use rustix::{fs::OFlags, io::Errno};
use wharf_content::{ByteRange, Content, FileRegion};
use wharf_driver::{
    Error, ErrorKind, ListRequest, Listing, Metadata, Opened, Result, StoragePath, Unchanged,
};

use crate::{
    disk::READ,
    driver::content_metadata,
    identity::Seen,
    kept::{Known, SHORT},
    place::Tree,
    watch::Heard,
};

/// Whether the kernel can be asked not to wait.
#[derive(Debug)]
pub(crate) struct Kernel {
    able: AtomicBool,
    /// Every so many times the kernel is said to have to wait, for tests.
    reluctance: Option<NonZeroU32>,
    asked: AtomicU32,
}

/// Why a read gave no content.
pub(crate) enum Miss {
    /// Nothing is there.
    Absent,
    /// The read has to be done the long way.
    Later,
}

/// What is no longer than this lies in one page, of which a read never gives a part: less than was
/// asked for is the end of the file.
const WITHIN_A_PAGE: usize = 2048;

/// A file that was read so often before is kept. To watch it costs about as much as that; and an upload, whose
/// session is looked up twice by each request, has mostly come to its end by then.
const OFTEN_READ: u64 = 4;

/// A folder that was listed so often before is kept.
const OFTEN_LISTED: u64 = 1;

/// More is not copied on a thread that others wait for.
const MOST: u64 = 256 << 10;

// === impl Kernel ===

impl Kernel {
    /// Finds out about a root; `reluctance` is for tests.
    pub(crate) fn of(root: &OwnedFd, reluctance: Option<NonZeroU32>) -> Self {
        Self { able: kernel::is_able(root).into(), reluctance, asked: AtomicU32::new(0) }
    }

    /// Never asks.
    pub(crate) fn never() -> Self {
        Self { able: false.into(), reluctance: None, asked: AtomicU32::new(0) }
    }

    /// What the kernel answered, if it did.
    fn answer<T>(&self, answer: rustix::io::Result<T>) -> Result<T, Miss> {
        if self.is_reluctant() {
            return Err(Miss::Later);
        }
        answer.map_err(|error| match error {
            Errno::NOENT => Miss::Absent,
            // A sandbox, or a file system that cannot do this; it will not learn it.
            Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM => {
                self.able.store(false, Ordering::Relaxed);
                Miss::Later
            }
            _ => Miss::Later,
        })
    }

    /// Opens what is beneath a root.
    pub(crate) fn open(&self, root: impl AsFd, name: &str, flags: OFlags) -> Result<File, Miss> {
        self.file(|| kernel::open(root, name, flags))
    }

    /// Opens what is beneath a root if no symlink leads there.
    pub(crate) fn open_itself(
        &self,
        root: impl AsFd,
        name: &str,
        flags: OFlags,
    ) -> Result<File, Miss> {
        self.file(|| kernel::open_itself(root, name, flags))
    }

    fn file(&self, open: impl FnOnce() -> rustix::io::Result<OwnedFd>) -> Result<File, Miss> {
        match self.is_able() {
            true => self.answer(open()).map(File::from),
            false => Err(Miss::Later),
        }
    }

    pub(crate) fn is_able(&self) -> bool {
        self.able.load(Ordering::Relaxed)
    }

    /// Sees a folder below an open one, which is quicker than to open it, but waits for the disk if
    /// the kernel has forgotten it.
    pub(crate) fn see(&self, folder: &File, name: &str) -> Result<Seen, Miss> {
        self.answer(Seen::below(folder, name))
    }

    /// Reads what is in memory, perhaps less than there is room for.
    fn read(&self, file: &File, buffer: &mut [u8], offset: u64) -> Result<usize, Miss> {
        self.answer(kernel::read(file, buffer, offset))
    }

    fn is_reluctant(&self) -> bool {
        self.reluctance.is_some_and(|every| {
            (self.asked.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(every.get())
        })
    }
}

// === impl Tree ===

impl Tree {
    /// Small content, `None` if it takes longer.
    pub(crate) fn get_now(&self, path: &StoragePath, limit: u64) -> Option<Result<Bytes>> {
        now(path, || match self.known_content(path) {
            Some((_, content)) if content.len() as u64 <= limit => Ok(content),
            _ => self.small(&self.file_now(path)?, path, limit),
        })
    }

    fn small(&self, file: &File, path: &StoragePath, limit: u64) -> Result<Bytes, Miss> {
        if limit < WITHIN_A_PAGE as u64 {
            return self.short(file, limit);
        }
        let size = size_of(file, path)?.size;
        if size > limit {
            return Err(Miss::Later);
        }
        self.exactly(file, 0, size)
    }

    /// Small content beneath an open folder.
    pub(crate) fn small_now(
        &self,
        folder: &File,
        path: &StoragePath,
        limit: u64,
    ) -> Result<Bytes, Miss> {
        self.small(&self.disk.kernel.open(folder, path.as_str(), READ)?, path, limit)
    }

    /// Opens content, or a range of it, `None` if it takes longer.
    pub(crate) fn open_now(
        &self,
        path: &StoragePath,
        range: Option<ByteRange>,
        at_once: u64,
    ) -> Option<Result<Opened>> {
        now(path, || {
            if let Some((metadata, content)) = self.known_content(path) {
                let range = resolve(range, metadata.size)?;
                let content = content.slice(range.start as usize..range.end as usize);
                return Ok(Opened { metadata, range, content: Content::Bytes(content) });
            }
            let file = self.file_now(path)?;
            let metadata = size_of(&file, path)?;
            let range = resolve(range, metadata.size)?;
            let length = range.end - range.start;
            let content = match length <= at_once {
                true => Content::Bytes(self.exactly(&file, range.start, length)?),
                false => Content::File(FileRegion::new(Arc::new(file), range.start, length)),
            };
            Ok(Opened { metadata, range, content })
        })
    }

    /// Describes content, `None` if it takes longer.
    pub(crate) fn stat_now(&self, path: &StoragePath) -> Option<Result<Metadata>> {
        now(path, || match self.known_file(path) {
            Some((metadata, _)) => Ok(metadata),
            None => size_of(&self.resolve_now(path, OFlags::PATH | OFlags::CLOEXEC)?, path),
        })
    }

    /// One page of a folder.
    pub(crate) fn list_now(
        &self,
        path: &StoragePath,
        request: ListRequest<'_>,
    ) -> Result<Listing, Miss> {
        if let Some(page) =
            self.kept.hear().and_then(|heard| self.known_page(&heard, path, request))
        {
            return Ok(page);
        }
        let page = self.disk.list_now(path, request)?;
        self.keep_folder(path);
        Ok(page)
    }

    /// A page of a folder of which it is known that it has not changed.
    pub(crate) fn known_page(
        &self,
        heard: &Heard<'_>,
        path: &StoragePath,
        request: ListRequest<'_>,
    ) -> Option<Listing> {
        match self.kept.at(heard, path)? {
            Known::Folder(seen) => self.disk.page_now(Ok(seen), request).ok(),
            Known::File(..) => None,
        }
    }

    /// Keeps in mind which folder is there, if it is asked for again and again.
    pub(crate) fn keep_folder(&self, path: &StoragePath) {
        let folder = || Some(path.clone());
        self.kept.keep(&self.disk, path, OFTEN_LISTED, folder, || {
            Seen::of(self.disk.folder_itself_now(path).ok()?).ok().map(Known::Folder)
        });
    }

    /// Goes on watching files that are known, and durable.
    pub(crate) fn watch(&self, paths: &[StoragePath]) -> Option<Arc<dyn Unchanged>> {
        let unchanged = self.kept.watch(paths)?;
        // Whoever gives a name anew from here on is told of by the kernel.
        paths.iter().all(|path| self.unsettled.is_settled(path)).then_some(unchanged)
    }

    /// Whether it is known what is at a path.
    pub(crate) fn is_known(&self, path: &StoragePath) -> bool {
        self.kept.hear().is_some_and(|heard| self.kept.at(&heard, path).is_some())
    }

    /// A file of which it is known that it has not changed, with its content if that is short.
    fn known_file(&self, path: &StoragePath) -> Option<(Metadata, Option<Bytes>)> {
        let heard = self.kept.hear()?;
        self.known_file_since(&heard, path)
    }

    fn known_file_since(
        &self,
        heard: &Heard<'_>,
        path: &StoragePath,
    ) -> Option<(Metadata, Option<Bytes>)> {
        let known = self.kept.at(heard, path).or_else(|| {
            let look = || self.look_at_file(path).ok();
            self.kept.keep(&self.disk, path, OFTEN_READ, || path.parent(), look)
        });
        match known? {
            Known::File(metadata, content) if self.unsettled.is_settled(path) => {
                Some((metadata, content))
            }
            _ => None,
        }
    }

    fn known_content(&self, path: &StoragePath) -> Option<(Metadata, Bytes)> {
        let (metadata, content) = self.known_file(path)?;
        Some((metadata, content?))
    }

    /// Short content beneath a folder.
    pub(crate) fn known_small(
        &self,
        heard: &Heard<'_>,
        path: &StoragePath,
        limit: u64,
    ) -> Option<Bytes> {
        let (_, content) = self.known_file_since(heard, path)?;
        content.filter(|content| content.len() as u64 <= limit)
    }

    fn look_at_file(&self, path: &StoragePath) -> Result<Known, Miss> {
        let file = self.disk.itself_now(path, READ)?;
        let metadata = size_of(&file, path)?;
        let is_short = metadata.size <= SHORT;
        let content = is_short.then(|| self.exactly(&file, 0, metadata.size)).transpose()?;
        Ok(Known::File(metadata, content))
    }

    fn file_now(&self, path: &StoragePath) -> Result<File, Miss> {
        self.resolve_now(path, READ)
    }

    fn resolve_now(&self, path: &StoragePath, flags: OFlags) -> Result<File, Miss> {
        let file = self.disk.resolve_now(path, flags)?;
        // Whoever gives the name is waited for, and not on this thread.
        self.unsettled.is_settled(path).then_some(file).ok_or(Miss::Later)
    }

    /// The whole content of a file, if it is as short as the limit.
    fn short(&self, file: &File, limit: u64) -> Result<Bytes, Miss> {
        let mut buffer = [0; WITHIN_A_PAGE];
        let read = self.disk.kernel.read(file, &mut buffer, 0)?;
        (read as u64 <= limit).then(|| Bytes::copy_from_slice(&buffer[..read])).ok_or(Miss::Later)
    }

    fn exactly(&self, file: &File, offset: u64, length: u64) -> Result<Bytes, Miss> {
        if length > MOST {
            return Err(Miss::Later);
        }
        let mut buffer = vec![0; length as usize];
        let read = match buffer.is_empty() {
            true => 0,
            false => self.disk.kernel.read(file, &mut buffer, offset)?,
        };
        (read == buffer.len()).then(|| buffer.into()).ok_or(Miss::Later)
    }
}

fn now<T>(path: &StoragePath, read: impl FnOnce() -> Result<T, Miss>) -> Option<Result<T>> {
    match read() {
        Ok(content) => Some(Ok(content)),
        Err(Miss::Absent) => Some(Err(Error::new(ErrorKind::NotFound, path))),
        Err(Miss::Later) => None,
    }
}

/// Which bytes are meant; what is wrong with them is said elsewhere.
fn resolve(range: Option<ByteRange>, size: u64) -> Result<Range<u64>, Miss> {
    match range {
        None => Ok(0..size),
        Some(range) => range.resolve(size).ok_or(Miss::Later),
    }
}

/// Size and age of an open file; nothing else has any.
fn size_of(file: &File, path: &StoragePath) -> Result<Metadata, Miss> {
    let metadata = file.metadata().map_err(|_| Miss::Later)?;
    content_metadata(&metadata, path).map_err(|_| Miss::Later)
}

#[cfg(test)]
mod tests {
    use wharf_driver::PutMode;

    use super::*;
    use crate::Options;

    fn tree(root: &std::path::Path) -> Tree {
        let options = Options::default();
        Tree::open(root, &options).expect("it can be opened")
    }

    /// On this thread nobody is waited for, so that such a name takes the long way.
    #[test]
    fn a_name_that_is_not_durable_is_not_answered_at_once() {
        let root = tempfile::tempdir().expect("there is room");
        let tree = tree(root.path());
        let [path, other] = ["a/b", "a/c"].map(|text| StoragePath::parse(text).expect("a path"));
        for path in [&path, &other] {
            tree.put(path, &"x".into(), PutMode::Create).expect("it is stored");
        }
        if tree.stat_now(&path).is_none() {
            return eprintln!("skipped: the kernel cannot be asked not to wait here");
        }
        let giving = tree.unsettled.give(&path);
        assert!(tree.get_now(&path, 10).is_none());
        assert!(tree.open_now(&path, None, 10).is_none());
        assert!(tree.stat_now(&path).is_none());
        assert!(tree.get_now(&other, 10).is_some());
        drop(giving);
        assert!(tree.get_now(&path, 10).is_some());
    }

    #[test]
    fn long_content_is_not_copied_here() {
        let root = tempfile::tempdir().expect("there is room");
        let tree = tree(root.path());
        let [short, long] = ["short", "long"].map(|text| StoragePath::parse(text).expect("a path"));
        for (path, length) in [(&short, MOST), (&long, MOST + 1)] {
            let content = vec![1; length as usize].into();
            tree.put(path, &content, PutMode::Create).expect("it is stored");
            // A buffer that happens to begin at a page went past the page cache.
            crate::driver::small(&tree, path, 1 << 20).expect("it is read");
        }
        if tree.stat_now(&short).is_none() {
            return eprintln!("skipped: the kernel cannot be asked not to wait here");
        }
        assert!(tree.get_now(&short, 1 << 20).is_some());
        assert!(tree.get_now(&long, 1 << 20).is_none());
        assert!(tree.open_now(&long, None, 1 << 20).is_none());
        assert!(tree.open_now(&long, None, 10).is_some(), "it is opened all the same");
    }
}
