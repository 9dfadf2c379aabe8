//! The contract.

use std::{
    fmt::Debug,
    ops::Range,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, future::join_all, stream};
use wharf_content::{ByteRange, Content};

use crate::{Checkpoint, Error, ErrorKind, Result, StoragePath, Upload};

/// How many of many small operations are under way, unless a driver knows better.
const READS: usize = 16;

/// A place where bytes live.
#[async_trait]
pub trait Driver: Debug + Send + Sync + 'static {
    /// What it is called in the configuration: `filesystem`, `inmemory`, `s3`.
    fn name(&self) -> &'static str;

    /// What it can do beyond the contract.
    fn capabilities(&self) -> Capabilities;

    /// Reads that never wait, if it knows which of them do not.
    fn ready(&self) -> Option<&dyn Ready> {
        None
    }

    /// Watches content from now on. What is read of it afterwards stays right for as long as
    /// [`Unchanged::holds`]: that is one question for all of it. `None` if it cannot be watched, or is not
    /// read so often that this would be worth its price.
    fn watch(&self, paths: &[StoragePath]) -> Option<Arc<dyn Unchanged>> {
        let _ = paths;
        None
    }

    /// Small content as a whole; `NotFound` if there is none, `TooLarge` if it has more than `limit`
    /// bytes.
    async fn get(&self, path: &StoragePath, limit: u64) -> Result<Bytes>;

    /// Small content at several paths below a folder, each as [`Driver::get`] gives it, in their
    /// order. A driver that can read many at less than the price of each does so.
    async fn get_each(
        &self,
        folder: &StoragePath,
        paths: &[StoragePath],
        limit: u64,
    ) -> Vec<Result<Bytes>> {
        let paths: Vec<_> = paths.iter().map(|path| folder.append(path)).collect();
        let gets = stream::iter(paths).map(|path| async move { self.get(&path, limit).await });
        gets.buffered(READS).collect().await
    }

    /// Stores small content, whole or not at all, durable when it returns.
    async fn put(&self, path: &StoragePath, content: Bytes, mode: PutMode) -> Result<PutOutcome>;

    /// Stores small content step by step, as [`PutMode::Overwrite`] does: all of a step is durable before
    /// anything of the next one is there. In which order the content of one step comes is open. After a
    /// failure some of it may be there, of one step more than are complete at most. A driver that can do all
    /// of it at less than the price of each does so.
    async fn put_in_order(&self, steps: Vec<Vec<Put>>) -> Result<()> {
        put_each_in_order(self, steps).await
    }

    /// Opens content, or a range of it; `NotFound` if there is none, `OutOfRange` if no byte lies in
    /// the range.
    async fn open(&self, path: &StoragePath, range: Option<ByteRange>) -> Result<Opened>;

    /// Describes content; `NotFound` if there is none, also for a folder.
    async fn stat(&self, path: &StoragePath) -> Result<Metadata>;

    /// One page of the direct children of a folder, in the byte order of their names, each once. A
    /// folder that does not exist is empty.
    async fn list(&self, folder: &StoragePath, request: ListRequest<'_>) -> Result<Listing>;

    /// The same page of several folders below a folder, each as [`Driver::list`] gives it, in their
    /// order. A driver that can list many at less than the price of each does so.
    async fn list_each(
        &self,
        folder: &StoragePath,
        paths: &[StoragePath],
        request: ListRequest<'_>,
    ) -> Vec<Result<Listing>> {
        let paths: Vec<_> = paths.iter().map(|path| folder.append(path)).collect();
        let lists = stream::iter(paths).map(|path| async move { self.list(&path, request).await });
        lists.buffered(READS).collect().await
    }

    /// Content below a folder, at any depth, in the byte order of its paths from there, those after
    /// `request.after` if there is one: at most `request.limit` of it, less where the driver gives less at
    /// once, but some unless there is none. What lies below a name that begins one of the names in `after`
    /// may be missing: after `1.0`, which sorts before `1/`, MinIO leaves out what is below `1`.
    /// `Unsupported` without [`Capabilities::flat_lists`].
    async fn list_below(&self, folder: &StoragePath, request: ListRequest<'_>) -> Result<Contents> {
        let _ = request;
        Err(Error::new(ErrorKind::Unsupported, folder).because("its folders are listed one by one"))
    }

    /// Removes content, durably; `NotFound` if there is none.
    async fn delete(&self, path: &StoragePath) -> Result<()>;

    /// Removes content, if there is any; a power cut may bring it back.
    async fn forget(&self, path: &StoragePath) -> Result<()> {
        match self.delete(path).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes everything below a folder, durably, and the folder where folders are real; `false`
    /// if nothing was there. `/a` never takes `/ab` with it.
    async fn delete_below(&self, folder: &StoragePath) -> Result<bool>;

    /// As [`Driver::delete_below`], but a power cut may bring back some of it.
    async fn forget_below(&self, folder: &StoragePath) -> Result<bool> {
        self.delete_below(folder).await
    }

    /// A URL that answers `request` for a while without us, `None` if there is no such thing.
    async fn presign(
        &self,
        path: &StoragePath,
        request: &PresignRequest<'_>,
    ) -> Result<Option<String>>;

    /// Begins an upload session, whose state lives below `session`: a folder of the caller's, in
    /// which the driver owns the names `data` and all that begin with `checkpoint`. A session that is
    /// there is taken up as by [`Driver::resume_upload`]: whoever begins what another one has just
    /// begun takes nothing from it. `size_hint` is how many bytes may come, if that is known.
    async fn begin_upload(
        &self,
        session: &StoragePath,
        size_hint: Option<u64>,
    ) -> Result<Box<dyn Upload>>;

    /// Takes up a session, cut back to its last [`Checkpoint`] (an empty one if none was saved).
    /// `NotFound` if no bytes were ever written there and nothing was saved; `Busy` while another
    /// writer, in this process or another one, holds it (see [`Capabilities::optimistic_sessions`]).
    async fn resume_upload(&self, session: &StoragePath) -> Result<Box<dyn Upload>>;

    /// Begins content of which the place is known before its bytes, for drivers that save work by that:
    /// `None` from the others. Nothing is there before it is published, and nothing of it can be taken
    /// up: to save, note or read it back is `Unsupported`, it can be published to `target` only, and it
    /// is gone when it is dropped.
    async fn begin_direct(
        &self,
        target: &StoragePath,
        size_hint: Option<u64>,
    ) -> Result<Option<Box<dyn Upload>>> {
        let _ = (target, size_hint);
        Ok(None)
    }

    /// Gives up what was begun below a folder before a time, by anybody, and neither finished nor given
    /// up, as far as it is not content and so is seen by nothing else; says how much that was. On a
    /// `dry_run` it is only counted.
    async fn give_up(
        &self,
        folder: &StoragePath,
        before: SystemTime,
        dry_run: bool,
    ) -> Result<u64> {
        let _ = (folder, before, dry_run);
        Ok(0)
    }

    /// The last checkpoint of a session, without taking it; an empty one if none was saved.
    async fn upload_checkpoint(&self, session: &StoragePath) -> Result<Checkpoint>;
}

/// The reads of a [`Driver`] on the thread that asks, as far as they wait for nothing.
///
/// `None` says that this one would have to wait, or that something is out of the ordinary: then the
/// driver itself is asked.
pub trait Ready: Send + Sync {
    /// As [`Driver::get`].
    fn get(&self, path: &StoragePath, limit: u64) -> Option<Result<Bytes>>;

    /// As [`Driver::open`].
    fn open(&self, path: &StoragePath, range: Option<ByteRange>) -> Option<Result<Opened>>;

    /// As [`Driver::stat`].
    fn stat(&self, path: &StoragePath) -> Option<Result<Metadata>>;
}

/// Content that is watched ([`Driver::watch`]).
pub trait Unchanged: Debug + Send + Sync {
    /// Whether everything is as it was when the watch began. Whatever anybody changed before the question
    /// is known to it; what has not changed may be taken for changed at any time, and then for good.
    fn holds(&self) -> bool;
}

/// What a driver can do beyond the contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// [`PutMode::Create`] holds against every other writer of the same store.
    pub create_if_absent: bool,
    /// [`Driver::open`] hands out file regions.
    pub file_regions: bool,
    /// [`Driver::presign`] gives URLs.
    pub presign: bool,
    /// What is stored outlives the process.
    pub persistent: bool,
    /// Each operation is a request to another machine: it takes long, and may cost money. What it has
    /// acknowledged is durable, be it a draft or forgotten.
    pub remote: bool,
    /// [`Driver::list_below`] gives content at any depth for the price of one list.
    pub flat_lists: bool,
    /// Nobody holds an upload session: any number of writers may take it up, and the first one to
    /// save goes on. The others are told [`ErrorKind::Busy`](crate::ErrorKind::Busy) when they want to
    /// save or earlier, and bytes of two are never mixed. Such a driver may gather bytes in memory, so that a
    /// session in which nothing was saved is `NotFound`.
    pub optimistic_sessions: bool,
}

/// What happens to content that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutMode {
    /// It is replaced.
    Overwrite,
    /// It stays.
    Create,
    /// It is replaced, and a power cut may take it away, or what is in it.
    Draft,
}

/// What a `put` did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// The content is stored.
    Written,
    /// Something was there, and stays ([`PutMode::Create`]).
    Exists,
}

/// Small content to be stored ([`Driver::put_in_order`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// Where.
    pub path: StoragePath,
    /// The whole of it.
    pub content: Bytes,
}

/// Open content.
#[derive(Debug)]
pub struct Opened {
    /// Size and age of the whole.
    pub metadata: Metadata,
    /// Which bytes of it `content` holds.
    pub range: Range<u64>,
    /// The bytes.
    pub content: Content,
}

/// Size and age of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// In bytes.
    pub size: u64,
    /// When it was written last.
    pub modified: SystemTime,
}

/// Which children of a folder are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListRequest<'a> {
    /// Only names strictly after this one, which need not exist.
    pub after: Option<&'a str>,
    /// The most entries to return, at least 1.
    pub limit: usize,
}

/// One page of the children of a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// In the byte order of their names.
    pub entries: Vec<Entry>,
    /// Whether there are entries after these.
    pub more: bool,
}

/// A child of a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its own name, without the folder.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
}

/// What a child of a folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// Content.
    File,
    /// Something with children.
    Folder,
}

/// Content below a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// In the byte order of their paths.
    pub files: Vec<File>,
    /// Whether there are files after these.
    pub more: bool,
}

/// Content, as a list of all that is below a folder shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// From the folder on. It need not be a [`StoragePath`], if somebody else has put it there.
    pub path: String,
    /// In bytes.
    pub size: u64,
}

/// What a presigned URL is to answer.
#[derive(Clone, Debug)]
pub struct PresignRequest<'a> {
    /// `GET` or `HEAD`.
    pub method: &'a str,
    /// For how long.
    pub valid_for: Duration,
}

// === impl Put ===

impl Put {
    /// Content and where it goes.
    pub fn new(path: StoragePath, content: impl Into<Bytes>) -> Self {
        Self { path, content: content.into() }
    }

    /// Where the first of many goes, by which all of them are called; the root if there are none.
    pub fn place(steps: &[Vec<Self>]) -> StoragePath {
        steps.iter().flatten().next().map_or_else(StoragePath::root, |put| put.path.clone())
    }
}

/// [`Driver::put_in_order`] for a driver to which it is worth nothing more than as many
/// [`Driver::put`], those of a step at once.
pub async fn put_each_in_order<D: Driver + ?Sized>(driver: &D, steps: Vec<Vec<Put>>) -> Result<()> {
    for step in steps {
        let puts = step.into_iter().map(|Put { path, content }| async move {
            driver.put(&path, content, PutMode::Overwrite).await
        });
        // What has begun is not left in the middle because another one failed.
        join_all(puts).await.into_iter().try_for_each(|put| put.map(drop))?;
    }
    Ok(())
}
