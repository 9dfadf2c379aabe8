//! Bounds how much goes on at once.

use std::{future::Future, sync::Arc, time::SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Semaphore;
use wharf_content::{ByteRange, Content};
use wharf_digest::Digester;

use crate::{
    Capabilities, Checkpoint, Contents, Driver, ListRequest, Listing, Metadata, Opened,
    PresignRequest, Published, Put, PutMode, PutOutcome, Ready, Result, StoragePath, Unchanged,
    Upload,
};

/// Lets a number of operations in at once (`maxthreads`); the others wait for their turn, in order.
///
/// A permit is held for one operation, never for longer: neither an upload that waits for its client
/// nor content that is being sent holds one. A read that waits for nothing needs none.
#[derive(Clone, Debug)]
pub struct Limited {
    inner: Arc<dyn Driver>,
    permits: Permits,
}

struct LimitedUpload {
    inner: Box<dyn Upload>,
    permits: Permits,
}

#[derive(Clone, Debug)]
struct Permits(Arc<Semaphore>);

// === impl Limited ===

impl Limited {
    /// Wraps a driver; at least one operation is let in.
    pub fn new(inner: Arc<dyn Driver>, operations: usize) -> Self {
        let permits = operations.clamp(1, Semaphore::MAX_PERMITS);
        Self { inner, permits: Permits(Arc::new(Semaphore::new(permits))) }
    }

    /// What waits for nothing takes no turn.
    fn now<T>(&self, read: impl FnOnce(&dyn Ready) -> Option<T>) -> Option<T> {
        self.inner.ready().and_then(read)
    }

    fn upload(&self, inner: Box<dyn Upload>) -> Box<dyn Upload> {
        Box::new(LimitedUpload { inner, permits: self.permits.clone() })
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Driver for Limited {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn ready(&self) -> Option<&dyn Ready> {
        self.inner.ready()
    }

    fn watch(&self, paths: &[StoragePath]) -> Option<Arc<dyn Unchanged>> {
        self.inner.watch(paths)
    }

    async fn get(&self, path: &StoragePath, limit: u64) -> Result<Bytes> {
        if let Some(done) = self.now(|ready| ready.get(path, limit)) {
            return done;
        }
        self.permits.hold(self.inner.get(path, limit)).await
    }

    async fn get_each(
        &self,
        folder: &StoragePath,
        paths: &[StoragePath],
        limit: u64,
    ) -> Vec<Result<Bytes>> {
        self.permits.hold(self.inner.get_each(folder, paths, limit)).await
    }

    async fn put(&self, path: &StoragePath, content: Bytes, mode: PutMode) -> Result<PutOutcome> {
        self.permits.hold(self.inner.put(path, content, mode)).await
    }

    async fn put_in_order(&self, steps: Vec<Vec<Put>>) -> Result<()> {
        self.permits.hold(self.inner.put_in_order(steps)).await
    }

    async fn open(&self, path: &StoragePath, range: Option<ByteRange>) -> Result<Opened> {
        if let Some(done) = self.now(|ready| ready.open(path, range)) {
            return done;
        }
        self.permits.hold(self.inner.open(path, range)).await
    }

    async fn stat(&self, path: &StoragePath) -> Result<Metadata> {
        if let Some(done) = self.now(|ready| ready.stat(path)) {
            return done;
        }
        self.permits.hold(self.inner.stat(path)).await
    }

    async fn list(&self, folder: &StoragePath, request: ListRequest<'_>) -> Result<Listing> {
        self.permits.hold(self.inner.list(folder, request)).await
    }

    async fn list_each(
        &self,
        folder: &StoragePath,
        paths: &[StoragePath],
        request: ListRequest<'_>,
    ) -> Vec<Result<Listing>> {
        self.permits.hold(self.inner.list_each(folder, paths, request)).await
    }

    async fn list_below(&self, folder: &StoragePath, request: ListRequest<'_>) -> Result<Contents> {
        self.permits.hold(self.inner.list_below(folder, request)).await
    }

    async fn delete(&self, path: &StoragePath) -> Result<()> {
        self.permits.hold(self.inner.delete(path)).await
    }

    async fn forget(&self, path: &StoragePath) -> Result<()> {
        self.permits.hold(self.inner.forget(path)).await
    }

    async fn delete_below(&self, folder: &StoragePath) -> Result<bool> {
        self.permits.hold(self.inner.delete_below(folder)).await
    }

    async fn forget_below(&self, folder: &StoragePath) -> Result<bool> {
        self.permits.hold(self.inner.forget_below(folder)).await
    }

    async fn presign(
        &self,
        path: &StoragePath,
        request: &PresignRequest<'_>,
    ) -> Result<Option<String>> {
        self.permits.hold(self.inner.presign(path, request)).await
    }

    async fn begin_upload(
        &self,
        session: &StoragePath,
        size_hint: Option<u64>,
    ) -> Result<Box<dyn Upload>> {
        let begun = self.permits.hold(self.inner.begin_upload(session, size_hint)).await?;
        Ok(self.upload(begun))
    }

    async fn resume_upload(&self, session: &StoragePath) -> Result<Box<dyn Upload>> {
        let resumed = self.permits.hold(self.inner.resume_upload(session)).await?;
        Ok(self.upload(resumed))
    }

    async fn begin_direct(
        &self,
        target: &StoragePath,
        size_hint: Option<u64>,
    ) -> Result<Option<Box<dyn Upload>>> {
        let begun = self.permits.hold(self.inner.begin_direct(target, size_hint)).await?;
        Ok(begun.map(|begun| self.upload(begun)))
    }

    async fn give_up(
        &self,
        folder: &StoragePath,
        before: SystemTime,
        dry_run: bool,
    ) -> Result<u64> {
        self.permits.hold(self.inner.give_up(folder, before, dry_run)).await
    }

    async fn upload_checkpoint(&self, session: &StoragePath) -> Result<Checkpoint> {
        self.permits.hold(self.inner.upload_checkpoint(session)).await
    }
}

// === impl LimitedUpload ===

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Upload for LimitedUpload {
    fn size(&self) -> u64 {
        self.inner.size()
    }

    fn checkpoint(&self) -> &Checkpoint {
        self.inner.checkpoint()
    }

    async fn append(&mut self, pieces: Vec<Bytes>) -> Result<()> {
        self.permits.hold(self.inner.append(pieces)).await
    }

    async fn append_hashed(&mut self, piece: Bytes, digester: Digester) -> Result<Digester> {
        self.permits.hold(self.inner.append_hashed(piece, digester)).await
    }

    async fn save(&mut self, state: Bytes) -> Result<()> {
        self.permits.hold(self.inner.save(state)).await
    }

    async fn note(&mut self, state: Bytes) -> Result<()> {
        self.permits.hold(self.inner.note(state)).await
    }

    async fn read_back(&mut self) -> Result<Content> {
        self.permits.hold(self.inner.read_back()).await
    }

    async fn publish(&mut self, target: &StoragePath) -> Result<Published> {
        self.permits.hold(self.inner.publish(target)).await
    }

    async fn publish_with(
        &mut self,
        target: &StoragePath,
        puts: Vec<Put>,
    ) -> Result<(Published, Vec<Put>)> {
        self.permits.hold(self.inner.publish_with(target, puts)).await
    }

    async fn discard(&mut self) -> Result<()> {
        self.permits.hold(self.inner.discard()).await
    }
}

// === impl Permits ===

impl Permits {
    async fn hold<T>(&self, operation: impl Future<Output = T> + Send) -> T {
        let _permit = self.0.acquire().await.expect("the semaphore is never closed");
        operation.await
    }
}
