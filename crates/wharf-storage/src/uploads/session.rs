//! The bytes of a session and their hash, which never part.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::future::join;
use wharf_core::Result;
use wharf_digest::{Algorithm, Digest};
use wharf_driver::{Driver, PutMode, StoragePath, Upload};

use super::hash::{self, Hash};
use crate::error::{StorageResult, damaged};

/// A long stream is made resumable each time that so many bytes have come.
const CHECKPOINT_EVERY: u64 = 64 << 20;

/// A client that goes on after a power cut has to send so much again, at most. In between a checkpoint
/// is noted only, which costs no more than its bytes do.
const SAVE_EVERY: u64 = 8 << 20;

/// What is stored and what is hashed. It exists only while both are the same.
pub(super) struct Session {
    upload: Box<dyn Upload>,
    hash: Hash,
    /// Whether the state of the hash is saved.
    resumable: bool,
    /// The buffer of the last batch, to be used again.
    spare: Option<BytesMut>,
    /// Until something is saved that is to outlive a power cut.
    anchor: Option<Anchor>,
}

/// The file that makes a folder a session, not yet durable.
pub(super) struct Anchor {
    pub(super) driver: Arc<dyn Driver>,
    pub(super) file: StoragePath,
    pub(super) content: Bytes,
}

// === impl Session ===

impl Session {
    pub(super) fn new(
        upload: Box<dyn Upload>,
        hash: Hash,
        resumable: bool,
        anchor: Anchor,
    ) -> Self {
        Self { upload, hash, resumable, spare: None, anchor: Some(anchor) }
    }

    /// The bytes that it holds.
    pub(super) fn size(&self) -> u64 {
        self.upload.size()
    }

    /// Hashes and stores a batch at the same time. A failure ends the session as it is in memory: it
    /// can be taken up again from its last checkpoint.
    pub(super) async fn append(mut self, batch: Bytes) -> Result<Self> {
        if batch.is_empty() {
            return Ok(self);
        }
        let (hashed, appended) =
            join(self.hash.update(batch.clone()), self.upload.append(vec![batch.clone()])).await;
        appended.stored()?;
        hashed?;
        self.spare = batch.try_into_mut().ok();
        match self.hash.len() {
            Some(hashed) if hashed != self.upload.size() => {
                Err(damaged(format!("{} bytes stored, {hashed} hashed", self.upload.size())))
            }
            _ => Ok(self),
        }
    }

    /// [`Session::append`], then a checkpoint if the last one is far away.
    pub(super) async fn append_long(self, batch: Bytes) -> Result<Self> {
        let mut session = self.append(batch).await?;
        if session.size() - session.upload.checkpoint().length >= CHECKPOINT_EVERY {
            session.mark().await?;
        }
        Ok(session)
    }

    /// An empty buffer, if there is one that nobody needs any more.
    pub(super) fn spare(&mut self) -> Option<BytesMut> {
        let mut spare = self.spare.take()?;
        spare.clear();
        Some(spare)
    }

    /// Makes everything durable and resumable.
    pub(super) async fn mark(&mut self) -> Result<()> {
        let state = self.hash.save(self.resumable);
        let checkpoint = self.upload.checkpoint();
        if checkpoint.length == self.size() && checkpoint.state == state {
            return Ok(());
        }
        if self.size() / SAVE_EVERY == checkpoint.length / SAVE_EVERY {
            return self.upload.note(state).await.stored();
        }
        self.upload.save(state).await.stored()?;
        // Not before it is known that the session is still there.
        if let Some(anchor) = self.anchor.take() {
            anchor.drop().await?;
        }
        Ok(())
    }

    /// The digest of everything.
    pub(super) async fn digest(&mut self, algorithm: Algorithm) -> Result<Digest> {
        if let Some(digest) = self.hash.digest(algorithm) {
            return Ok(digest);
        }
        let content = self.upload.read_back().await.stored()?;
        hash::read_back(content, algorithm, self.size()).await
    }

    /// The bytes, for what does not change them.
    pub(super) fn upload(&mut self) -> &mut dyn Upload {
        &mut *self.upload
    }

    /// The bytes, for the end.
    pub(super) fn into_upload(self) -> Box<dyn Upload> {
        self.upload
    }
}

// === impl Anchor ===

impl Anchor {
    async fn drop(self) -> Result<()> {
        self.driver.put(&self.file, self.content, PutMode::Overwrite).await.stored()?;
        Ok(())
    }
}
