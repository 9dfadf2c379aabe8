//! A driver whose clients are sent elsewhere.

use std::{sync::Arc, time::SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use wharf_content::ByteRange;
use wharf_driver::{
    Capabilities, Checkpoint, Contents, Driver, ListRequest, Listing, Metadata, Opened,
    PresignRequest, Put, PutMode, PutOutcome, Ready, Result, StoragePath, Unchanged, Upload,
};

use crate::Way;

/// Sends clients where a [`Way`] leads, and leaves everything else to the driver below. What is above
/// it asks only where to send a client that may have what it asks for.
#[derive(Clone, Debug)]
pub struct Guide {
    inner: Arc<dyn Driver>,
    way: Way,
}

// === impl Guide ===

impl Guide {
    /// Wraps a driver.
    pub fn new(inner: Arc<dyn Driver>, way: Way) -> Self {
        Self { inner, way }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Driver for Guide {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        let inner = self.inner.capabilities();
        Capabilities { presign: inner.presign || self.way.is_complete(), ..inner }
    }

    fn ready(&self) -> Option<&dyn Ready> {
        self.inner.ready()
    }

    fn watch(&self, paths: &[StoragePath]) -> Option<Arc<dyn Unchanged>> {
        self.inner.watch(paths)
    }

    async fn get(&self, path: &StoragePath, limit: u64) -> Result<Bytes> {
        self.inner.get(path, limit).await
    }

    async fn get_each(
        &self,
        folder: &StoragePath,
        paths: &[StoragePath],
        limit: u64,
    ) -> Vec<Result<Bytes>> {
        self.inner.get_each(folder, paths, limit).await
    }

    async fn put(&self, path: &StoragePath, content: Bytes, mode: PutMode) -> Result<PutOutcome> {
        self.inner.put(path, content, mode).await
    }

    async fn put_in_order(&self, steps: Vec<Vec<Put>>) -> Result<()> {
        self.inner.put_in_order(steps).await
    }

    async fn open(&self, path: &StoragePath, range: Option<ByteRange>) -> Result<Opened> {
        self.inner.open(path, range).await
    }

    async fn stat(&self, path: &StoragePath) -> Result<Metadata> {
        self.inner.stat(path).await
    }

    async fn list(&self, folder: &StoragePath, request: ListRequest<'_>) -> Result<Listing> {
        self.inner.list(folder, request).await
    }

    async fn list_each(
        &self,
        folder: &StoragePath,
        paths: &[StoragePath],
        request: ListRequest<'_>,
    ) -> Vec<Result<Listing>> {
        self.inner.list_each(folder, paths, request).await
    }

    async fn list_below(&self, folder: &StoragePath, request: ListRequest<'_>) -> Result<Contents> {
        self.inner.list_below(folder, request).await
    }

    async fn delete(&self, path: &StoragePath) -> Result<()> {
        self.inner.delete(path).await
    }

    async fn forget(&self, path: &StoragePath) -> Result<()> {
        self.inner.forget(path).await
    }

    async fn delete_below(&self, folder: &StoragePath) -> Result<bool> {
        self.inner.delete_below(folder).await
    }

    async fn forget_below(&self, folder: &StoragePath) -> Result<bool> {
        self.inner.forget_below(folder).await
    }

    async fn presign(
        &self,
        path: &StoragePath,
        request: &PresignRequest<'_>,
    ) -> Result<Option<String>> {
        let given = match self.way.is_complete() {
            true => None,
            false => self.inner.presign(path, request).await?,
        };
        Ok(self.way.lead(path, given))
    }

    async fn begin_upload(
        &self,
        session: &StoragePath,
        size_hint: Option<u64>,
    ) -> Result<Box<dyn Upload>> {
        self.inner.begin_upload(session, size_hint).await
    }

    async fn resume_upload(&self, session: &StoragePath) -> Result<Box<dyn Upload>> {
        self.inner.resume_upload(session).await
    }

    async fn begin_direct(
        &self,
        target: &StoragePath,
        size_hint: Option<u64>,
    ) -> Result<Option<Box<dyn Upload>>> {
        self.inner.begin_direct(target, size_hint).await
    }

    async fn give_up(
        &self,
        folder: &StoragePath,
        before: SystemTime,
        dry_run: bool,
    ) -> Result<u64> {
        self.inner.give_up(folder, before, dry_run).await
    }

    async fn upload_checkpoint(&self, session: &StoragePath) -> Result<Checkpoint> {
        self.inner.upload_checkpoint(session).await
    }
}
