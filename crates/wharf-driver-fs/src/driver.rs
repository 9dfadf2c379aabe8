//! The driver: the contract, each operation on a blocking thread unless it is done at once.

use std::{
    fs::File,
    io::{self, Read},
    num::NonZeroU32,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use bytes::Bytes;
use wharf_content::{ByteRange, Content, FileRegion};
use wharf_driver::{
    Capabilities, Checkpoint, Contents, Driver, Error, ErrorKind, ListRequest, Listing, Metadata,
    Opened, PresignRequest, Put, PutMode, PutOutcome, Ready, Result, StoragePath, Unchanged,
    Upload,
};

use crate::{
    each,
    fault::{At, is_absent},
    place::{HIDDEN, Tree},
    ready::Miss,
    session::{Session, last_checkpoint},
    trace::Trace,
    upload::FsUpload,
};

/// Keeps content as files below a folder.
#[derive(Clone, Debug)]
pub struct FsDriver {
    tree: Arc<Tree>,
    read_at_once: u64,
    /// Whether what was left behind was looked through.
    clean: Arc<AtomicBool>,
}

/// What can be chosen about an [`FsDriver`].
#[derive(Clone, Debug)]
pub struct Options {
    /// Content, or a range of it, of up to so many bytes is read when it is opened; more is handed
    /// out as a file region. One small read costs less than a file that stays open.
    pub read_at_once: u64,
    /// How many names of folders are remembered for lists.
    pub listed_names: u64,
    /// How many folders are remembered to be durable.
    pub durable_folders: u64,
    /// How old a temporary file is before it counts as left behind.
    pub leftover_age: Duration,
    /// How long something that is read again and again is known without a new look at it, where the kernel
    /// tells of changes. There is little that it does not tell: what somebody writes by a mapping into
    /// memory or by a hard link elsewhere, and what is mounted over a folder.
    pub lease: Duration,
    /// Files that hold secrets, and folders that hold nothing else: only the owner of the root reads what
    /// is put there.
    pub private: Vec<StoragePath>,
    /// Does without openat2(2) and without hard links, as in sandboxes and on file systems that lack
    /// them. For tests: what is missing is found out.
    #[doc(hidden)]
    pub plain: bool,
    /// Every so many times the kernel is said to have to wait for the disk: 1 means always. For tests.
    #[doc(hidden)]
    pub reluctance: Option<NonZeroU32>,
    /// So many syncs go to the disk by themselves, before further ones go together. For tests.
    #[doc(hidden)]
    pub crowd: Option<usize>,
    /// Where every step is recorded, for tests of what a power cut may leave.
    #[doc(hidden)]
    pub trace: Option<Trace>,
}

// === impl FsDriver ===

impl FsDriver {
    /// Opens the folder `root`, which is made if it is not there. What processes that died left behind
    /// is removed meanwhile, for it may be much. A root that cannot be written to can still be read.
    pub fn new(root: impl AsRef<Path>, options: Options) -> io::Result<Self> {
        let tree = Arc::new(Tree::open(root.as_ref(), &options)?);
        let driver = Self { tree, read_at_once: options.read_at_once, clean: Arc::default() };
        let (tree, clean) = (Arc::clone(&driver.tree), Arc::clone(&driver.clean));
        let cleaning = thread::Builder::new().name("wharf-leftovers".into()).spawn(move || {
            tree.private.check(&tree.disk);
            tree.clean(options.leftover_age);
            clean.store(true, Ordering::Release);
        });
        if let Err(error) = cleaning {
            tracing::warn!(%error, "leftovers stay");
        }
        Ok(driver)
    }

    /// Whether what was left behind was looked through, for tests.
    #[doc(hidden)]
    pub fn is_clean(&self) -> bool {
        self.clean.load(Ordering::Acquire)
    }

    /// Whether a path would be answered without a look at the disk's tree, for tests.
    #[doc(hidden)]
    pub fn is_known(&self, path: &StoragePath) -> bool {
        self.tree.is_known(path)
    }

    /// How often a folder was read, for tests of what lists cost.
    #[doc(hidden)]
    pub fn scans(&self) -> u64 {
        self.tree.disk.scans()
    }

    /// What is done at once, if the path is not ours and no disk has to be waited for.
    fn now<T>(
        &self,
        path: &StoragePath,
        act: impl FnOnce(&Tree) -> Option<Result<T>>,
    ) -> Option<Result<T>> {
        if HIDDEN.hides(path) { None } else { act(&self.tree) }
    }

    async fn run<T: Send + 'static>(
        &self,
        path: &StoragePath,
        act: impl FnOnce(&Arc<Tree>, &StoragePath) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        HIDDEN.check(path)?;
        let (tree, own) = (Arc::clone(&self.tree), path.clone());
        blocking(path, move || act(&tree, &own)).await?
    }

    async fn take(
        &self,
        session: &StoragePath,
        act: fn(&Arc<Tree>, &StoragePath) -> Result<Session>,
    ) -> Result<Box<dyn Upload>> {
        self.tree.running.wait(session).await;
        let taken = self.run(session, act).await?;
        Ok(Box::new(FsUpload::new(&self.tree, session, taken)))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Driver for FsDriver {
    fn name(&self) -> &'static str {
        "filesystem"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            create_if_absent: true,
            file_regions: true,
            presign: false,
            persistent: true,
            remote: false,
            flat_lists: false,
            optimistic_sessions: false,
        }
    }

    fn ready(&self) -> Option<&dyn Ready> {
        Some(self)
    }

    fn watch(&self, paths: &[StoragePath]) -> Option<Arc<dyn Unchanged>> {
        self.tree.watch(paths)
    }

    async fn get(&self, path: &StoragePath, limit: u64) -> Result<Bytes> {
        if let Some(done) = Ready::get(self, path, limit) {
            return done;
        }
        self.run(path, move |tree, path| small(tree, path, limit)).await
    }

    async fn get_each(
        &self,
        folder: &StoragePath,
        paths: &[StoragePath],
        limit: u64,
    ) -> Vec<Result<Bytes>> {
        each::read(&self.tree, folder, paths, limit).await
    }

    async fn put(&self, path: &StoragePath, content: Bytes, mode: PutMode) -> Result<PutOutcome> {
        self.run(path, move |tree, path| tree.put(path, &content, mode).at(path)).await
    }

    async fn put_in_order(&self, steps: Vec<Vec<Put>>) -> Result<()> {
        steps.iter().flatten().try_for_each(|put| HIDDEN.check(&put.path))?;
        self.run(&Put::place(&steps), move |tree, _| tree.put_in_order(&steps)).await
    }

    async fn open(&self, path: &StoragePath, range: Option<ByteRange>) -> Result<Opened> {
        let at_once = self.read_at_once;
        if let Some(done) = Ready::open(self, path, range) {
            return done;
        }
        self.run(path, move |tree, path| {
            let (file, metadata) = read(tree, path)?;
            let size = metadata.size;
            let range = match range {
                None => 0..size,
                Some(range) => range
                    .resolve(size)
                    .ok_or_else(|| Error::new(ErrorKind::OutOfRange { size }, path))?,
            };
            let length = range.end - range.start;
            let region = FileRegion::new(Arc::new(file), range.start, length);
            let content = match length <= at_once {
                true => Content::Bytes(region.read_blocking().at(path)?),
                false => Content::File(region),
            };
            Ok(Opened { metadata, range, content })
        })
        .await
    }

    async fn stat(&self, path: &StoragePath) -> Result<Metadata> {
        if let Some(done) = Ready::stat(self, path) {
            return done;
        }
        self.run(path, |tree, path| {
            let metadata = tree.disk.describe(path).at(path)?;
            tree.unsettled.wait(path);
            content_metadata(&metadata, path)
        })
        .await
    }

    async fn list(&self, folder: &StoragePath, request: ListRequest<'_>) -> Result<Listing> {
        let listed = self.now(folder, |tree| match tree.list_now(folder, request) {
            Ok(page) => Some(Ok(page)),
            Err(Miss::Absent) => Some(Ok(Listing::default())),
            Err(Miss::Later) => None,
        });
        if let Some(page) = listed {
            // Who lists many folders lets others have their turn.
            tokio::task::coop::consume_budget().await;
            return page;
        }
        let (after, limit) = (request.after.map(str::to_owned), request.limit);
        self.run(folder, move |tree, folder| {
            list(tree, folder, ListRequest { after: after.as_deref(), limit })
        })
        .await
    }

    async fn list_each(
        &self,
        folder: &StoragePath,
        paths: &[StoragePath],
        request: ListRequest<'_>,
    ) -> Vec<Result<Listing>> {
        each::lists(&self.tree, folder, paths, request).await
    }

    async fn list_below(&self, folder: &StoragePath, request: ListRequest<'_>) -> Result<Contents> {
        let _ = request;
        Err(Error::new(ErrorKind::Unsupported, folder))
    }

    async fn delete(&self, path: &StoragePath) -> Result<()> {
        self.run(path, |tree, path| match tree.delete(path).at(path)? {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::NotFound, path)),
        })
        .await
    }

    async fn forget(&self, path: &StoragePath) -> Result<()> {
        match self.delete(path).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    async fn delete_below(&self, folder: &StoragePath) -> Result<bool> {
        self.run(folder, |tree, folder| tree.delete_below(folder).at(folder)).await
    }

    async fn forget_below(&self, folder: &StoragePath) -> Result<bool> {
        self.run(folder, |tree, folder| tree.forget_below(folder).at(folder)).await
    }

    async fn presign(
        &self,
        _path: &StoragePath,
        _request: &PresignRequest<'_>,
    ) -> Result<Option<String>> {
        Ok(None)
    }

    // How many bytes may come is what a client says, and no reason to take space from others.
    async fn begin_upload(
        &self,
        session: &StoragePath,
        _size_hint: Option<u64>,
    ) -> Result<Box<dyn Upload>> {
        self.take(session, Session::begin).await
    }

    async fn resume_upload(&self, session: &StoragePath) -> Result<Box<dyn Upload>> {
        self.take(session, Session::resume).await
    }

    async fn begin_direct(
        &self,
        _target: &StoragePath,
        _size_hint: Option<u64>,
    ) -> Result<Option<Box<dyn Upload>>> {
        // A session's file becomes the content by a link: no other way saves anything.
        Ok(None)
    }

    async fn give_up(
        &self,
        _folder: &StoragePath,
        _before: SystemTime,
        _dry_run: bool,
    ) -> Result<u64> {
        Ok(0)
    }

    async fn upload_checkpoint(&self, session: &StoragePath) -> Result<Checkpoint> {
        self.run(session, |tree, session| last_checkpoint(tree, session)).await
    }
}

impl Ready for FsDriver {
    fn get(&self, path: &StoragePath, limit: u64) -> Option<Result<Bytes>> {
        self.now(path, |tree| tree.get_now(path, limit))
    }

    fn open(&self, path: &StoragePath, range: Option<ByteRange>) -> Option<Result<Opened>> {
        self.now(path, |tree| tree.open_now(path, range, self.read_at_once))
    }

    fn stat(&self, path: &StoragePath) -> Option<Result<Metadata>> {
        self.now(path, |tree| tree.stat_now(path))
    }
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self {
            read_at_once: 64 * 1024,
            listed_names: 500_000,
            durable_folders: 100_000,
            leftover_age: Duration::from_secs(60 * 60),
            lease: Duration::from_secs(5),
            private: Vec::new(),
            plain: false,
            reluctance: None,
            crowd: None,
            trace: None,
        }
    }
}

/// Runs what may block where it may.
pub(crate) async fn blocking<T: Send + 'static>(
    path: &StoragePath,
    act: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(act).await {
        Ok(done) => Ok(done),
        Err(error) => Err(Error::new(ErrorKind::Other, path).because(error)),
    }
}

/// Small content, on a thread that may wait for it.
pub(crate) fn small(tree: &Tree, path: &StoragePath, limit: u64) -> Result<Bytes> {
    let (file, metadata) = read(tree, path)?;
    if metadata.size > limit {
        return Err(Error::new(ErrorKind::TooLarge { limit }, path));
    }
    let mut content = Vec::with_capacity(metadata.size as usize);
    file.take(limit).read_to_end(&mut content).at(path)?;
    Ok(content.into())
}

/// A page of a folder, on such a thread.
pub(crate) fn list(tree: &Tree, folder: &StoragePath, request: ListRequest<'_>) -> Result<Listing> {
    match tree.disk.list(folder, request) {
        Err(error) if is_no_folder(&error) => Ok(Listing::default()),
        page => page.at(folder),
    }
}

fn read(tree: &Tree, path: &StoragePath) -> Result<(File, Metadata)> {
    let file = tree.disk.read(path).at(path)?;
    tree.unsettled.wait(path);
    let metadata = content_metadata(&file.metadata().at(path)?, path)?;
    Ok((file, metadata))
}

pub(crate) fn content_metadata(
    metadata: &std::fs::Metadata,
    path: &StoragePath,
) -> Result<Metadata> {
    match metadata.is_file() {
        true => Ok(Metadata { size: metadata.len(), modified: metadata.modified().at(path)? }),
        false => Err(Error::new(ErrorKind::NotFound, path)),
    }
}

fn is_no_folder(error: &io::Error) -> bool {
    is_absent(error) || error.kind() == io::ErrorKind::NotADirectory
}
