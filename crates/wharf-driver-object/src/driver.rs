//! The driver.

use std::{sync::Arc, time::SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::{GetOptions, GetRange, GetResult, ObjectMeta, memory::InMemory, path::Path};
use wharf_content::{ByteRange, ByteStream, Content};
use wharf_driver::{
    Capabilities, Checkpoint, Contents, Driver, Error, ErrorKind, ListRequest, Listing, Metadata,
    Opened, PresignRequest, Put, PutMode, PutOutcome, Result, StoragePath, Upload,
    put_each_in_order,
};

use crate::{
    Options, Store,
    buffer::Memory,
    chain::{Chain, Link},
    direct::DirectUpload,
    flat, listing,
    objects::Objects,
    orphans,
    pieces::full,
    tap,
    upload::ObjectUpload,
};

/// Keeps everything in an object store. Clones share it.
#[derive(Clone, Debug)]
pub struct ObjectDriver {
    name: &'static str,
    capabilities: Capabilities,
    objects: Arc<Objects>,
    memory: Memory,
    multipart: bool,
}

// === impl ObjectDriver ===

impl ObjectDriver {
    /// A driver that the configuration calls `name`. Asks the store nothing: what it can do has to be
    /// in the options. `InvalidPath` if the prefix is none.
    pub fn new(name: &'static str, store: Store, options: Options) -> Result<Self> {
        let capabilities = Capabilities {
            create_if_absent: options.create_if_absent,
            presign: store.signer.is_some(),
            persistent: options.persistent,
            remote: true,
            flat_lists: options.byte_order && store.pages.is_some(),
            optimistic_sessions: true,
            ..Capabilities::default()
        };
        let objects = Arc::new(Objects::new(store, &options)?);
        let memory = Memory::new(options.memory);
        Ok(Self { name, capabilities, objects, memory, multipart: options.multipart })
    }

    /// A driver over memory, gone with the process: for tests, and to try things out.
    pub fn in_memory() -> Self {
        let store = Store::new(Arc::new(InMemory::new()));
        Self::new("objects", store, Options::default()).expect("no prefix is a valid one")
    }

    fn chain<'a>(&'a self, session: &'a StoragePath) -> Chain<'a> {
        Chain { objects: &self.objects, session }
    }

    fn upload(&self, session: &StoragePath, last: Option<Link>) -> Box<dyn Upload> {
        let (objects, memory) = (Arc::clone(&self.objects), self.memory.clone());
        Box::new(ObjectUpload::new(objects, memory, session, last))
    }

    /// Opens a range that could not be had as it was asked for: because no byte lies in it, or because
    /// the store does not know this form of it.
    async fn open_by_size(
        &self,
        path: &StoragePath,
        range: ByteRange,
        refused: Option<Error>,
    ) -> Result<Opened> {
        let key = self.objects.key(path);
        let meta = self.objects.head(&key).await?.ok_or_else(|| not_found(path))?;
        let size = meta.size;
        let range = range.resolve(size).ok_or(Error::new(ErrorKind::OutOfRange { size }, path))?;
        if let Some(refused) = refused.filter(|refused| refused.kind() == ErrorKind::Unavailable) {
            return Err(refused);
        }
        let range = Some(GetRange::Bounded(range));
        let options = GetOptions { range, if_match: meta.e_tag, ..GetOptions::default() };
        let result = self.objects.get(&key, options).await?;
        let (metadata, range) = (metadata(&result.meta), result.range.clone());
        let content = self.content(&key, result);
        Ok(Opened { metadata, range, content })
    }
}

impl ObjectDriver {
    /// The bytes of an answer.
    fn content(&self, key: &Path, result: GetResult) -> Content {
        let tap = tap::tap(&self.objects, key, &result);
        let pieces = self.objects.body(key, result).map_err(into_io);
        Content::Stream(ByteStream::new(pieces).with_tap(tap))
    }
}

#[async_trait]
impl Driver for ObjectDriver {
    fn name(&self) -> &'static str {
        self.name
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    async fn get(&self, path: &StoragePath, limit: u64) -> Result<Bytes> {
        check_content(path)?;
        self.objects.read(&self.objects.key(path), limit).await
    }

    async fn put(&self, path: &StoragePath, content: Bytes, mode: PutMode) -> Result<PutOutcome> {
        if path.is_root() {
            return Err(Error::new(ErrorKind::InvalidPath, path));
        }
        let key = self.objects.key(path);
        match mode {
            // What a store has acknowledged is durable, a draft or not.
            PutMode::Overwrite | PutMode::Draft => self.objects.put(&key, content).await?,
            PutMode::Create if !self.objects.create(&key, content).await? => {
                return Ok(PutOutcome::Exists);
            }
            PutMode::Create => {}
        }
        Ok(PutOutcome::Written)
    }

    async fn put_in_order(&self, steps: Vec<Vec<Put>>) -> Result<()> {
        put_each_in_order(self, steps).await
    }

    async fn open(&self, path: &StoragePath, range: Option<ByteRange>) -> Result<Opened> {
        check_content(path)?;
        let wanted = match range.map(|range| (range, wanted(range))) {
            None => None,
            Some((_, Some(wanted))) => Some(wanted),
            Some((range, None)) => return self.open_by_size(path, range, None).await,
        };
        let key = self.objects.key(path);
        let options = GetOptions { range: wanted, ..GetOptions::default() };
        let result = match (self.objects.get(&key, options).await, range) {
            (Err(error), Some(range)) if !error.is_not_found() => {
                return self.open_by_size(path, range, Some(error)).await;
            }
            (result, _) => result?,
        };
        let (metadata, given) = (metadata(&result.meta), result.range.clone());
        if range.is_some() && given.is_empty() {
            return Err(Error::new(ErrorKind::OutOfRange { size: metadata.size }, path));
        }
        let content = self.content(&key, result);
        Ok(Opened { metadata, range: given, content })
    }

    async fn stat(&self, path: &StoragePath) -> Result<Metadata> {
        check_content(path)?;
        let meta = self.objects.head(&self.objects.key(path)).await?;
        meta.map(|meta| metadata(&meta)).ok_or_else(|| not_found(path))
    }

    async fn list(&self, folder: &StoragePath, request: ListRequest<'_>) -> Result<Listing> {
        listing::page(&self.objects, folder, request).await
    }

    async fn list_below(&self, folder: &StoragePath, request: ListRequest<'_>) -> Result<Contents> {
        match &self.objects.store.pages {
            Some(pages) if self.capabilities.flat_lists => {
                flat::page(&self.objects, &**pages, folder, request).await
            }
            _ => Err(Error::new(ErrorKind::Unsupported, folder)),
        }
    }

    async fn delete(&self, path: &StoragePath) -> Result<()> {
        // Stores delete what is not there without a word.
        self.stat(path).await?;
        self.forget(path).await
    }

    async fn forget(&self, path: &StoragePath) -> Result<()> {
        let key = self.objects.key(path);
        let keys = stream::iter([Ok(key.clone())]).boxed();
        self.objects.remove(&key, keys).await.map(drop)
    }

    async fn delete_below(&self, folder: &StoragePath) -> Result<bool> {
        let key = self.objects.key(folder);
        let prefix = Some(&key).filter(|key| !key.is_root());
        let list = self.objects.store.objects.list(prefix);
        let keys = list.map_ok(|object| object.location).boxed();
        Ok(self.objects.remove(&key, keys).await? > 0)
    }

    async fn presign(
        &self,
        path: &StoragePath,
        request: &PresignRequest<'_>,
    ) -> Result<Option<String>> {
        let Some(signer) = &self.objects.store.signer else { return Ok(None) };
        if !matches!(request.method, "GET" | "HEAD") {
            return Ok(None);
        }
        let key = self.objects.key(path);
        let url = signer.sign(request.method, &key, request.valid_for);
        self.objects.within(&key, url).await.map(Some)
    }

    async fn begin_upload(
        &self,
        session: &StoragePath,
        _size_hint: Option<u64>,
    ) -> Result<Box<dyn Upload>> {
        let last = self.chain(session).last().await?;
        Ok(self.upload(session, last))
    }

    async fn resume_upload(&self, session: &StoragePath) -> Result<Box<dyn Upload>> {
        let last = self.chain(session).last().await?.ok_or_else(|| not_found(session))?;
        Ok(self.upload(session, Some(last)))
    }

    async fn begin_direct(
        &self,
        target: &StoragePath,
        size_hint: Option<u64>,
    ) -> Result<Option<Box<dyn Upload>>> {
        if target.is_root() {
            return Err(Error::new(ErrorKind::InvalidPath, target));
        }
        let fits = size_hint.is_some_and(|size| size <= full(0, self.memory.of_a_piece()));
        if !fits && !self.multipart {
            return Ok(None);
        }
        let (objects, memory) = (Arc::clone(&self.objects), self.memory.clone());
        Ok(Some(Box::new(DirectUpload::new(objects, memory, target, size_hint))))
    }

    async fn give_up(
        &self,
        folder: &StoragePath,
        before: SystemTime,
        dry_run: bool,
    ) -> Result<u64> {
        orphans::abort(&self.objects, folder, before, dry_run).await
    }

    async fn upload_checkpoint(&self, session: &StoragePath) -> Result<Checkpoint> {
        let last = self.chain(session).last().await?.unwrap_or_default();
        Ok(last.record.checkpoint())
    }
}

/// How a store is asked for a range, `None` if it can have no byte whatever the size is.
fn wanted(range: ByteRange) -> Option<GetRange> {
    match range {
        ByteRange::From(first) | ByteRange::Between(first, u64::MAX) => {
            Some(GetRange::Offset(first))
        }
        ByteRange::Between(first, last) if first > last => None,
        ByteRange::Between(first, last) => Some(GetRange::Bounded(first..last + 1)),
        ByteRange::Suffix(0) => None,
        // More than any object has: there are stores that count no further, and send the whole.
        ByteRange::Suffix(length) if i64::try_from(length).is_err() => None,
        ByteRange::Suffix(length) => Some(GetRange::Suffix(length)),
    }
}

/// The root is a folder.
fn check_content(path: &StoragePath) -> Result<()> {
    if path.is_root() { Err(not_found(path)) } else { Ok(()) }
}

fn not_found(path: &StoragePath) -> Error {
    Error::new(ErrorKind::NotFound, path)
}

fn metadata(meta: &ObjectMeta) -> Metadata {
    Metadata { size: meta.size, modified: meta.last_modified.into() }
}

pub(crate) fn into_io(error: Error) -> std::io::Error {
    std::io::Error::other(error)
}
