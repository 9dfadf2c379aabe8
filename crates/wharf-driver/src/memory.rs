//! The reference driver: everything in memory, gone with the process.

mod tree;
mod upload;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use async_trait::async_trait;
use bytes::Bytes;
use wharf_content::{ByteRange, Content};

use crate::{
    Capabilities, Checkpoint, Contents, Driver, Error, ErrorKind, ListRequest, Listing, Metadata,
    Opened, PresignRequest, Put, PutMode, PutOutcome, Ready, Result, StoragePath, Unchanged,
    Upload, put_each_in_order,
};

use self::{
    tree::{Node, Tree},
    upload::MemoryUpload,
};

/// Keeps everything in memory. Clones share one store, so that a clone is what a restarted process
/// would find, had the process been persistent.
///
/// What it does is what the contract means; folders exist as long as something is in them.
///
/// ```
/// # use wharf_driver::{Driver, Error, MemoryDriver, PutMode, PutOutcome, StoragePath};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let driver = MemoryDriver::new();
/// let path = StoragePath::parse("a/link").expect("a valid path");
/// let outcome = driver.put(&path, "hello".into(), PutMode::Create).await?;
/// assert_eq!(outcome, PutOutcome::Written);
/// assert_eq!(driver.get(&path, 64).await?, "hello");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryDriver {
    store: Store,
}

/// The shared tree. The lock is never held across an await.
#[derive(Clone, Debug, Default)]
struct Store(Arc<Mutex<Tree>>);

/// The name that an upload session has in its folder.
const DATA: &str = "data";

// === impl MemoryDriver ===

impl MemoryDriver {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Driver for MemoryDriver {
    fn name(&self) -> &'static str {
        "inmemory"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { create_if_absent: true, ..Capabilities::default() }
    }

    fn ready(&self) -> Option<&dyn Ready> {
        None
    }

    fn watch(&self, _: &[StoragePath]) -> Option<Arc<dyn Unchanged>> {
        None
    }

    async fn get(&self, path: &StoragePath, limit: u64) -> Result<Bytes> {
        let (content, _) = self.store.content(path)?;
        match content.len() as u64 <= limit {
            true => Ok(content),
            false => Err(Error::new(ErrorKind::TooLarge { limit }, path)),
        }
    }

    async fn get_each(
        &self,
        folder: &StoragePath,
        paths: &[StoragePath],
        limit: u64,
    ) -> Vec<Result<Bytes>> {
        let mut each = Vec::with_capacity(paths.len());
        for path in paths {
            each.push(self.get(&folder.append(path), limit).await);
        }
        each
    }

    async fn put(&self, path: &StoragePath, content: Bytes, mode: PutMode) -> Result<PutOutcome> {
        let mut tree = self.store.lock();
        if mode == PutMode::Create && tree.get(path).is_some() {
            return Ok(PutOutcome::Exists);
        }
        tree.insert(path, Node::content(content))?;
        Ok(PutOutcome::Written)
    }

    async fn put_in_order(&self, steps: Vec<Vec<Put>>) -> Result<()> {
        put_each_in_order(self, steps).await
    }

    async fn open(&self, path: &StoragePath, range: Option<ByteRange>) -> Result<Opened> {
        let (content, metadata) = self.store.content(path)?;
        let size = metadata.size;
        let range = match range {
            None => 0..size,
            Some(range) => range
                .resolve(size)
                .ok_or_else(|| Error::new(ErrorKind::OutOfRange { size }, path))?,
        };
        // The range lies inside of bytes in memory, so its bounds fit a usize.
        let part = content.slice(range.start as usize..range.end as usize);
        Ok(Opened { metadata, range, content: Content::Bytes(part) })
    }

    async fn stat(&self, path: &StoragePath) -> Result<Metadata> {
        self.store.content(path).map(|(_, metadata)| metadata)
    }

    async fn list(&self, folder: &StoragePath, request: ListRequest<'_>) -> Result<Listing> {
        Ok(self.store.lock().children(folder, request))
    }

    async fn list_each(
        &self,
        folder: &StoragePath,
        paths: &[StoragePath],
        request: ListRequest<'_>,
    ) -> Vec<Result<Listing>> {
        let mut each = Vec::with_capacity(paths.len());
        for path in paths {
            each.push(self.list(&folder.append(path), request).await);
        }
        each
    }

    async fn list_below(&self, folder: &StoragePath, request: ListRequest<'_>) -> Result<Contents> {
        let _ = request;
        Err(Error::new(ErrorKind::Unsupported, folder))
    }

    async fn delete(&self, path: &StoragePath) -> Result<()> {
        match self.store.lock().remove(path) {
            Some(_) => Ok(()),
            None => Err(Error::new(ErrorKind::NotFound, path)),
        }
    }

    async fn forget(&self, path: &StoragePath) -> Result<()> {
        match self.delete(path).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    async fn delete_below(&self, folder: &StoragePath) -> Result<bool> {
        Ok(self.store.lock().remove_below(folder))
    }

    async fn forget_below(&self, folder: &StoragePath) -> Result<bool> {
        self.delete_below(folder).await
    }

    async fn presign(
        &self,
        _path: &StoragePath,
        _request: &PresignRequest<'_>,
    ) -> Result<Option<String>> {
        Ok(None)
    }

    async fn begin_upload(
        &self,
        session: &StoragePath,
        _size_hint: Option<u64>,
    ) -> Result<Box<dyn Upload>> {
        Ok(Box::new(MemoryUpload::begin(self.store.clone(), session)?))
    }

    async fn resume_upload(&self, session: &StoragePath) -> Result<Box<dyn Upload>> {
        Ok(Box::new(MemoryUpload::resume(self.store.clone(), session)?))
    }

    async fn begin_direct(
        &self,
        _target: &StoragePath,
        _size_hint: Option<u64>,
    ) -> Result<Option<Box<dyn Upload>>> {
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
        let data = data_of(session)?;
        Ok(match self.store.lock().get(&data) {
            Some(Node::Session(session)) => session.checkpoint.clone(),
            _ => Checkpoint::default(),
        })
    }
}

// === impl Store ===

impl Store {
    fn lock(&self) -> MutexGuard<'_, Tree> {
        // Every change of the tree is one insert or remove, so a panic elsewhere left it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn content(&self, path: &StoragePath) -> Result<(Bytes, Metadata)> {
        match self.lock().get(path) {
            Some(node) => Ok(node.read()),
            None => Err(Error::new(ErrorKind::NotFound, path)),
        }
    }
}

fn data_of(session: &StoragePath) -> Result<StoragePath> {
    session.join(DATA).map_err(|error| Error::new(ErrorKind::InvalidPath, session).because(error))
}
