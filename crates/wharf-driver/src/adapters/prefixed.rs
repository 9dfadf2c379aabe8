//! Moves everything below a folder.

use std::{sync::Arc, time::SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use wharf_content::{ByteRange, Content};
use wharf_digest::Digester;

use crate::{
    Capabilities, Checkpoint, Contents, Driver, ListRequest, Listing, Metadata, Opened,
    PresignRequest, Published, Put, PutMode, PutOutcome, Ready, Result, StoragePath, Unchanged,
    Upload,
};

/// Puts a folder in front of every path (`rootdirectory`). Errors name the whole path, which is
/// where an operator has to look.
#[derive(Clone, Debug)]
pub struct Prefixed {
    inner: Arc<dyn Driver>,
    prefix: StoragePath,
}

struct PrefixedUpload {
    inner: Box<dyn Upload>,
    prefix: StoragePath,
}

// === impl Prefixed ===

impl Prefixed {
    /// Wraps a driver.
    pub fn new(inner: Arc<dyn Driver>, prefix: StoragePath) -> Self {
        Self { inner, prefix }
    }

    fn real(&self, path: &StoragePath) -> StoragePath {
        self.prefix.append(path)
    }

    fn upload(&self, inner: Box<dyn Upload>) -> Box<dyn Upload> {
        Box::new(PrefixedUpload { inner, prefix: self.prefix.clone() })
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Driver for Prefixed {
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
        let paths: Vec<_> = paths.iter().map(|path| self.real(path)).collect();
        self.inner.watch(&paths)
    }

    async fn get(&self, path: &StoragePath, limit: u64) -> Result<Bytes> {
        self.inner.get(&self.real(path), limit).await
    }

    async fn get_each(
        &self,
        folder: &StoragePath,
        paths: &[StoragePath],
        limit: u64,
    ) -> Vec<Result<Bytes>> {
        self.inner.get_each(&self.real(folder), paths, limit).await
    }

    async fn put(&self, path: &StoragePath, content: Bytes, mode: PutMode) -> Result<PutOutcome> {
        self.inner.put(&self.real(path), content, mode).await
    }

    async fn put_in_order(&self, steps: Vec<Vec<Put>>) -> Result<()> {
        let real = |put: Put| Put { path: self.real(&put.path), ..put };
        let steps = steps.into_iter().map(|step| step.into_iter().map(real).collect());
        self.inner.put_in_order(steps.collect()).await
    }

    async fn open(&self, path: &StoragePath, range: Option<ByteRange>) -> Result<Opened> {
        self.inner.open(&self.real(path), range).await
    }

    async fn stat(&self, path: &StoragePath) -> Result<Metadata> {
        self.inner.stat(&self.real(path)).await
    }

    async fn list(&self, folder: &StoragePath, request: ListRequest<'_>) -> Result<Listing> {
        self.inner.list(&self.real(folder), request).await
    }

    async fn list_each(
        &self,
        folder: &StoragePath,
        paths: &[StoragePath],
        request: ListRequest<'_>,
    ) -> Vec<Result<Listing>> {
        self.inner.list_each(&self.real(folder), paths, request).await
    }

    async fn list_below(&self, folder: &StoragePath, request: ListRequest<'_>) -> Result<Contents> {
        self.inner.list_below(&self.real(folder), request).await
    }

    async fn delete(&self, path: &StoragePath) -> Result<()> {
        self.inner.delete(&self.real(path)).await
    }

    async fn forget(&self, path: &StoragePath) -> Result<()> {
        self.inner.forget(&self.real(path)).await
    }

    async fn delete_below(&self, folder: &StoragePath) -> Result<bool> {
        self.inner.delete_below(&self.real(folder)).await
    }

    async fn forget_below(&self, folder: &StoragePath) -> Result<bool> {
        self.inner.forget_below(&self.real(folder)).await
    }

    async fn presign(
        &self,
        path: &StoragePath,
        request: &PresignRequest<'_>,
    ) -> Result<Option<String>> {
        self.inner.presign(&self.real(path), request).await
    }

    async fn begin_upload(
        &self,
        session: &StoragePath,
        size_hint: Option<u64>,
    ) -> Result<Box<dyn Upload>> {
        self.inner.begin_upload(&self.real(session), size_hint).await.map(|it| self.upload(it))
    }

    async fn resume_upload(&self, session: &StoragePath) -> Result<Box<dyn Upload>> {
        self.inner.resume_upload(&self.real(session)).await.map(|it| self.upload(it))
    }

    async fn begin_direct(
        &self,
        target: &StoragePath,
        size_hint: Option<u64>,
    ) -> Result<Option<Box<dyn Upload>>> {
        let begun = self.inner.begin_direct(&self.real(target), size_hint).await?;
        Ok(begun.map(|begun| self.upload(begun)))
    }

    async fn give_up(
        &self,
        folder: &StoragePath,
        before: SystemTime,
        dry_run: bool,
    ) -> Result<u64> {
        self.inner.give_up(&self.real(folder), before, dry_run).await
    }

    async fn upload_checkpoint(&self, session: &StoragePath) -> Result<Checkpoint> {
        self.inner.upload_checkpoint(&self.real(session)).await
    }
}

// === impl PrefixedUpload ===

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Upload for PrefixedUpload {
    fn size(&self) -> u64 {
        self.inner.size()
    }

    fn checkpoint(&self) -> &Checkpoint {
        self.inner.checkpoint()
    }

    async fn append(&mut self, pieces: Vec<Bytes>) -> Result<()> {
        self.inner.append(pieces).await
    }

    async fn append_hashed(&mut self, piece: Bytes, digester: Digester) -> Result<Digester> {
        self.inner.append_hashed(piece, digester).await
    }

    async fn save(&mut self, state: Bytes) -> Result<()> {
        self.inner.save(state).await
    }

    async fn note(&mut self, state: Bytes) -> Result<()> {
        self.inner.note(state).await
    }

    async fn read_back(&mut self) -> Result<Content> {
        self.inner.read_back().await
    }

    async fn publish(&mut self, target: &StoragePath) -> Result<Published> {
        self.inner.publish(&self.prefix.append(target)).await
    }

    async fn publish_with(
        &mut self,
        target: &StoragePath,
        puts: Vec<Put>,
    ) -> Result<(Published, Vec<Put>)> {
        let real = |put: &Put| Put::new(self.prefix.append(&put.path), put.content.clone());
        let inside = puts.iter().map(real).collect();
        let (published, left) =
            self.inner.publish_with(&self.prefix.append(target), inside).await?;
        Ok((published, if left.is_empty() { left } else { puts }))
    }

    async fn discard(&mut self) -> Result<()> {
        self.inner.discard().await
    }
}
