//! The writer of an upload session.
//!
//! While one batch is hashed and stored, the next one is gathered; there are never more than these
//! two. A batch that has begun belongs to a task of its own, so that it goes on while the client
//! sends.

use std::{mem, time::SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::task::JoinHandle;
use wharf_core::{BlobWriter, Error, ErrorKind, Result, UploadId, UploadStatus};
use wharf_digest::Digest;
use wharf_driver::{ErrorKind as Stored, StoragePath};
use wharf_manifest::{Descriptor, MediaType};

use super::{
    batch::{Batch, Share},
    discard,
    hash::Hash,
    session::{Anchor, Session},
};
use crate::{
    error::{StorageResult, UploadResult},
    layout,
    store::Scope,
};

/// The one writer of a session.
pub(crate) struct Writer {
    scope: Scope,
    id: UploadId,
    started_at: SystemTime,
    /// The bytes taken, those that are gathered included.
    size: u64,
    gathered: Batch,
    share: Share,
    stage: Stage,
}

/// Where the session is.
enum Stage {
    /// Not yet taken up: it was just made, and nothing was asked of it.
    Unopened(Option<Anchor>),
    /// Here.
    Idle(Box<Session>),
    /// With the task that stores a batch.
    Storing(JoinHandle<Result<Session>>),
    /// Lost by a failure, or by a future that was dropped; it can be resumed.
    Broken,
    /// Committed or cancelled.
    Ended,
}

// === impl Writer ===

impl Writer {
    pub(super) fn new(
        scope: Scope,
        id: UploadId,
        started_at: SystemTime,
        session: Session,
    ) -> Self {
        let size = session.size();
        Self::at(scope, id, started_at, size, Stage::Idle(Box::new(session)))
    }

    /// The writer of a new session, of which the driver need know nothing until bytes come.
    pub(super) fn unopened(
        scope: Scope,
        id: UploadId,
        started_at: SystemTime,
        anchor: Option<Anchor>,
    ) -> Self {
        Self::at(scope, id, started_at, 0, Stage::Unopened(anchor))
    }

    fn at(scope: Scope, id: UploadId, started_at: SystemTime, size: u64, stage: Stage) -> Self {
        let share = scope.store.writers.enter();
        let gathered = Batch::of(&share);
        Self { scope, id, started_at, size, gathered, share, stage }
    }

    /// Takes the session out, once the batch under way is stored. What takes it puts it back, unless
    /// something failed.
    async fn settle(&mut self) -> Result<Session> {
        // A future that is dropped while it waits must not take the task's handle with it.
        if let Stage::Storing(task) = &mut self.stage {
            let done = task.await;
            self.stage = Stage::Broken;
            let broken = || ErrorKind::Other(format!("blob upload {} broke off", self.id));
            let session = done.map_err(|error| Error::from(broken()).because(error))??;
            self.stage = Stage::Idle(Box::new(session));
        }
        match mem::replace(&mut self.stage, Stage::Broken) {
            Stage::Idle(session) => Ok(*session),
            Stage::Unopened(anchor) => self.open(anchor).await,
            Stage::Ended => {
                self.stage = Stage::Ended;
                Err(ErrorKind::UploadUnknown(self.id.clone()).into())
            }
            _ => Err(ErrorKind::Other(format!("blob upload {} broke off before", self.id)).into()),
        }
    }

    async fn open(&self, anchor: Option<Anchor>) -> Result<Session> {
        let begun = self.scope.driver().begin_upload(&self.folder(), None).await;
        let upload = begun.of_upload(&self.id)?;
        let (hash, resumable) =
            (Hash::load(upload.checkpoint()), self.scope.options().resumable_digest);
        Ok(Session::new(self.id.clone(), upload, hash, resumable, anchor))
    }

    /// [`Writer::settle`], with everything that was gathered.
    async fn flush(&mut self) -> Result<Session> {
        self.send_full().await?;
        let session = self.settle().await?;
        session.append(self.gathered.take()).await
    }

    /// Sends what is full on its way. What is over a batch stays with us if nobody waits for this
    /// to end, and goes with the next.
    async fn send_full(&mut self) -> Result<()> {
        loop {
            let at = self.gathered_from();
            if !self.gathered.is_full(self.share.full(at)) && !self.gathered.is_over() {
                return Ok(());
            }
            let session = self.settle().await?;
            let batch = self.gathered.take();
            let next = session.size() + batch.len() as u64;
            self.stage = Stage::Storing(tokio::spawn(session.append_long(batch)));
            self.gathered.refill(self.share.full(next));
        }
    }

    /// Where in the session what is gathered begins.
    fn gathered_from(&self) -> u64 {
        self.size - self.gathered.len()
    }

    /// Makes the bytes a blob, and mostly one of the repository: `false` if that is still to do.
    async fn publish(&self, session: &mut Session, digest: &Digest) -> Result<bool> {
        let link = layout::layer_link(&self.scope.name, digest);
        self.scope.vault().publish(digest, session.upload(), &link).await.of_upload(&self.id)
    }

    /// Makes a published blob one of the repository.
    async fn link(&self, digest: &Digest) -> Result<()> {
        self.scope.vault().link(&layout::layer_link(&self.scope.name, digest), digest).await
    }

    /// Remembers a blob of the repository, and describes it.
    async fn remember(&self, digest: &Digest) -> Descriptor {
        let descriptor = Descriptor::new(MediaType::octet_stream(), *digest, self.size);
        if let Some(cache) = self.scope.cache() {
            cache.set(digest, descriptor.clone()).await;
        }
        self.scope.store.recent.note(digest, &self.scope.name);
        descriptor
    }

    /// Gives up what went straight to its place. Without a session behind it, that is the end.
    async fn fall_back(&mut self, session: Session) -> Result<Option<Session>> {
        let session = session.fall_back().await?;
        match &session {
            Some(session) => self.size = session.size(),
            None => self.stage = Stage::Ended,
        }
        Ok(session)
    }

    fn folder(&self) -> StoragePath {
        layout::upload(&self.scope.name, &self.id)
    }

    fn check(&self, expected: &Digest, actual: Digest) -> Result<()> {
        match *expected == actual {
            true => Ok(()),
            false => Err(ErrorKind::DigestMismatch { expected: *expected, actual }.into()),
        }
    }
}

#[async_trait]
impl BlobWriter for Writer {
    fn id(&self) -> &UploadId {
        &self.id
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn started_at(&self) -> SystemTime {
        self.started_at
    }

    async fn aim(&mut self, digest: &Digest, size_hint: Option<u64>) -> Result<()> {
        if self.size > 0 || matches!(self.stage, Stage::Broken | Stage::Ended) {
            return Ok(());
        }
        let Some(upload) = self.scope.vault().begin_direct(digest, size_hint).await? else {
            return Ok(());
        };
        let mut session = self.settle().await?;
        session.aim(upload, digest.algorithm());
        self.stage = Stage::Idle(Box::new(session));
        Ok(())
    }

    async fn write(&mut self, chunk: Bytes) -> Result<()> {
        if matches!(self.stage, Stage::Broken | Stage::Ended) {
            return self.settle().await.map(drop);
        }
        let full = self.share.full(self.gathered_from());
        self.size += chunk.len() as u64;
        self.gathered.push(chunk, full);
        self.send_full().await
    }

    async fn suspend(&mut self) -> Result<UploadStatus> {
        let mut session = self.flush().await?;
        match session.is_direct() {
            true => {
                session = self.fall_back(session).await?.ok_or(ErrorKind::Unsupported(
                    "a blob that comes in one request cannot be continued",
                ))?;
            }
            false => session.mark().await?,
        }
        let size = session.size();
        self.stage = Stage::Idle(Box::new(session));
        Ok(UploadStatus { id: self.id.clone(), size, started_at: self.started_at })
    }

    async fn commit(&mut self, digest: &Digest) -> Result<Descriptor> {
        let mut session = self.flush().await?;
        let actual = session.digest(digest.algorithm()).await?;
        if let Err(mismatch) = self.check(digest, actual) {
            // The client may have named the wrong digest of the right bytes.
            if let Some(session) = self.fall_back(session).await? {
                self.stage = Stage::Idle(Box::new(session));
            }
            return Err(mismatch);
        }
        // Published first and linked then: a crash in between leaves a blob that nobody links, and
        // a session that can be committed again. A failure may mean that bytes did not reach the
        // disk, so that the session counts only up to its checkpoint.
        let is_linked = self.publish(&mut session, digest).await?;
        if !is_linked && let Err(error) = self.link(digest).await {
            self.stage = Stage::Idle(Box::new(session));
            return Err(error);
        }
        let descriptor = self.remember(digest).await;
        self.stage = Stage::Ended;
        let Some(upload) = session.into_upload() else { return Ok(descriptor) };
        if let Err(error) = discard(self.scope.driver(), &self.folder(), upload).await {
            // The blob is acknowledged all the same; purging will find the rest.
            let request = &*self.scope.context.request_id;
            tracing::warn!(request, upload = %self.id, %error, "finished upload stays behind");
        }
        Ok(descriptor)
    }

    async fn cancel(&mut self) -> Result<()> {
        let (driver, folder) = (self.scope.store.driver.clone(), self.folder());
        self.gathered.clear();
        match self.settle().await {
            Ok(session) => {
                if let Some(session) = self.fall_back(session).await?
                    && let Some(upload) = session.into_upload()
                {
                    discard(&*driver, &folder, upload).await?;
                }
            }
            Err(_) if matches!(self.stage, Stage::Ended) => {}
            Err(_) => match driver.resume_upload(&folder).await {
                Err(error) if error.kind() == Stored::Busy => {
                    let busy = ErrorKind::UploadBusy(self.id.clone());
                    return Err(Error::from(busy).because(error));
                }
                held => match held.found()? {
                    Some(upload) => discard(&*driver, &folder, upload).await?,
                    None => drop(driver.delete_below(&folder).await.stored()?),
                },
            },
        }
        self.stage = Stage::Ended;
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // What no one waits for any more need not be stored.
        if let Stage::Storing(task) = &self.stage {
            task.abort();
        }
    }
}
