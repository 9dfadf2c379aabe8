//! Says which driver it was.

use std::{future::Future, sync::Arc, time::SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use tracing::{Instrument, debug_span};
use wharf_content::{ByteRange, Content};
use wharf_digest::Digester;

use crate::{
    Capabilities, Checkpoint, Contents, Driver, ListRequest, Listing, Metadata, Opened,
    PresignRequest, Published, Put, PutMode, PutOutcome, Ready, Result, StoragePath, Unchanged,
    Upload,
};

/// Puts the driver's name into every error, and every operation into a span at debug level.
///
/// Adapters stand in this order, from the outside in: [`Named`], [`Checked`](crate::Checked),
/// [`Limited`](crate::Limited), [`Prefixed`](crate::Prefixed), the driver.
#[derive(Clone, Debug)]
pub struct Named {
    inner: Arc<dyn Driver>,
}

struct NamedUpload {
    inner: Box<dyn Upload>,
    name: &'static str,
    session: StoragePath,
}

// === impl Named ===

impl Named {
    /// Wraps a driver.
    pub fn new(inner: Arc<dyn Driver>) -> Self {
        Self { inner }
    }

    fn upload(&self, session: &StoragePath, inner: Box<dyn Upload>) -> Box<dyn Upload> {
        Box::new(NamedUpload { inner, name: self.inner.name(), session: session.clone() })
    }
}

async fn told<T>(
    driver: &'static str,
    operation: &'static str,
    path: &StoragePath,
    future: impl Future<Output = Result<T>> + Send,
) -> Result<T> {
    let span = debug_span!("storage", driver, operation, %path);
    future.instrument(span).await.map_err(|error| error.named(driver))
}

async fn told_each<T>(
    driver: &'static str,
    operation: &'static str,
    folder: &StoragePath,
    future: impl Future<Output = Vec<Result<T>>> + Send,
) -> Vec<Result<T>> {
    let span = debug_span!("storage", driver, operation, path = %folder);
    let each = future.instrument(span).await;
    each.into_iter().map(|done| done.map_err(|error| error.named(driver))).collect()
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Driver for Named {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn ready(&self) -> Option<&dyn Ready> {
        None
    }

    fn watch(&self, paths: &[StoragePath]) -> Option<Arc<dyn Unchanged>> {
        self.inner.watch(paths)
    }

    async fn get(&self, path: &StoragePath, limit: u64) -> Result<Bytes> {
        told(self.name(), "get", path, self.inner.get(path, limit)).await
    }

    async fn get_each(
        &self,
        folder: &StoragePath,
        paths: &[StoragePath],
        limit: u64,
    ) -> Vec<Result<Bytes>> {
        told_each(self.name(), "get_each", folder, self.inner.get_each(folder, paths, limit)).await
    }

    async fn put(&self, path: &StoragePath, content: Bytes, mode: PutMode) -> Result<PutOutcome> {
        told(self.name(), "put", path, self.inner.put(path, content, mode)).await
    }

    async fn put_in_order(&self, steps: Vec<Vec<Put>>) -> Result<()> {
        let path = Put::place(&steps);
        told(self.name(), "put_in_order", &path, self.inner.put_in_order(steps)).await
    }

    async fn open(&self, path: &StoragePath, range: Option<ByteRange>) -> Result<Opened> {
        told(self.name(), "open", path, self.inner.open(path, range)).await
    }

    async fn stat(&self, path: &StoragePath) -> Result<Metadata> {
        told(self.name(), "stat", path, self.inner.stat(path)).await
    }

    async fn list(&self, folder: &StoragePath, request: ListRequest<'_>) -> Result<Listing> {
        told(self.name(), "list", folder, self.inner.list(folder, request)).await
    }

    async fn list_each(
        &self,
        folder: &StoragePath,
        paths: &[StoragePath],
        request: ListRequest<'_>,
    ) -> Vec<Result<Listing>> {
        told_each(self.name(), "list_each", folder, self.inner.list_each(folder, paths, request))
            .await
    }

    async fn list_below(&self, folder: &StoragePath, request: ListRequest<'_>) -> Result<Contents> {
        told(self.name(), "list_below", folder, self.inner.list_below(folder, request)).await
    }

    async fn delete(&self, path: &StoragePath) -> Result<()> {
        told(self.name(), "delete", path, self.inner.delete(path)).await
    }

    async fn forget(&self, path: &StoragePath) -> Result<()> {
        told(self.name(), "forget", path, self.inner.forget(path)).await
    }

    async fn delete_below(&self, folder: &StoragePath) -> Result<bool> {
        told(self.name(), "delete_below", folder, self.inner.delete_below(folder)).await
    }

    async fn forget_below(&self, folder: &StoragePath) -> Result<bool> {
        let forgotten = self.inner.forget_below(folder);
        told(self.name(), "forget_below", folder, forgotten).await
    }

    async fn presign(
        &self,
        path: &StoragePath,
        request: &PresignRequest<'_>,
    ) -> Result<Option<String>> {
        told(self.name(), "presign", path, self.inner.presign(path, request)).await
    }

    async fn begin_upload(
        &self,
        session: &StoragePath,
        size_hint: Option<u64>,
    ) -> Result<Box<dyn Upload>> {
        let begun = self.inner.begin_upload(session, size_hint);
        let begun = told(self.name(), "begin_upload", session, begun).await?;
        Ok(self.upload(session, begun))
    }

    async fn resume_upload(&self, session: &StoragePath) -> Result<Box<dyn Upload>> {
        let resumed = self.inner.resume_upload(session);
        let resumed = told(self.name(), "resume_upload", session, resumed).await?;
        Ok(self.upload(session, resumed))
    }

    async fn begin_direct(
        &self,
        target: &StoragePath,
        size_hint: Option<u64>,
    ) -> Result<Option<Box<dyn Upload>>> {
        let begun = self.inner.begin_direct(target, size_hint);
        let begun = told(self.name(), "begin_direct", target, begun).await?;
        Ok(begun.map(|begun| self.upload(target, begun)))
    }

    async fn give_up(
        &self,
        folder: &StoragePath,
        before: SystemTime,
        dry_run: bool,
    ) -> Result<u64> {
        let given_up = self.inner.give_up(folder, before, dry_run);
        told(self.name(), "give_up", folder, given_up).await
    }

    async fn upload_checkpoint(&self, session: &StoragePath) -> Result<Checkpoint> {
        let checkpoint = self.inner.upload_checkpoint(session);
        told(self.name(), "upload_checkpoint", session, checkpoint).await
    }
}

// === impl NamedUpload ===

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Upload for NamedUpload {
    fn size(&self) -> u64 {
        self.inner.size()
    }

    fn checkpoint(&self) -> &Checkpoint {
        self.inner.checkpoint()
    }

    async fn append(&mut self, pieces: Vec<Bytes>) -> Result<()> {
        told(self.name, "append", &self.session, self.inner.append(pieces)).await
    }

    async fn append_hashed(&mut self, piece: Bytes, digester: Digester) -> Result<Digester> {
        let appended = self.inner.append_hashed(piece, digester);
        told(self.name, "append", &self.session, appended).await
    }

    async fn save(&mut self, state: Bytes) -> Result<()> {
        told(self.name, "save", &self.session, self.inner.save(state)).await
    }

    async fn note(&mut self, state: Bytes) -> Result<()> {
        told(self.name, "note", &self.session, self.inner.note(state)).await
    }

    async fn read_back(&mut self) -> Result<Content> {
        told(self.name, "read_back", &self.session, self.inner.read_back()).await
    }

    async fn publish(&mut self, target: &StoragePath) -> Result<Published> {
        told(self.name, "publish", target, self.inner.publish(target)).await
    }

    async fn publish_with(
        &mut self,
        target: &StoragePath,
        puts: Vec<Put>,
    ) -> Result<(Published, Vec<Put>)> {
        told(self.name, "publish", target, self.inner.publish_with(target, puts)).await
    }

    async fn discard(&mut self) -> Result<()> {
        told(self.name, "discard", &self.session, self.inner.discard()).await
    }
}
