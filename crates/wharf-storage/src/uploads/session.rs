//! The bytes of a session and their hash, which never part.

use std::sync::Arc;

use bytes::Bytes;
use wharf_core::{Result, UploadId};
use wharf_digest::{Algorithm, Digest};
use wharf_driver::{Driver, PutMode, StoragePath, Upload};

use super::hash::{self, Hash};
use crate::error::{StorageResult, UploadResult, damaged};

/// A long stream is made resumable each time that so many bytes have come.
const CHECKPOINT_EVERY: u64 = 64 << 20;

/// A client that goes on after a power cut has to send so much again, at most. In between a checkpoint
/// is noted only, which costs no more than its bytes do.
const SAVE_EVERY: u64 = 8 << 20;

/// What is stored and what is hashed. It exists only while both are the same.
pub(super) struct Session {
    id: UploadId,
    upload: Box<dyn Upload>,
    hash: Hash,
    /// Whether the state of the hash is saved.
    resumable: bool,
    /// Until something is saved that is to outlive a power cut.
    anchor: Option<Anchor>,
    direct: Option<Direct>,
}

/// What is different if the bytes go straight to their place.
struct Direct {
    /// The session that stays as it was meanwhile, if there is one.
    waiting: Option<Box<dyn Upload>>,
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
        id: UploadId,
        upload: Box<dyn Upload>,
        hash: Hash,
        resumable: bool,
        anchor: Option<Anchor>,
    ) -> Self {
        Self { id, upload, hash, resumable, anchor, direct: None }
    }

    /// A blob without a session, that goes straight to its place.
    pub(super) fn direct(id: UploadId, upload: Box<dyn Upload>, algorithm: Algorithm) -> Self {
        let direct = Some(Direct { waiting: None });
        let hash = Hash::new(algorithm);
        Self { id, upload, hash, resumable: false, anchor: None, direct }
    }

    /// Lets the bytes of a session that has none go straight to their place.
    pub(super) fn aim(&mut self, upload: Box<dyn Upload>, algorithm: Algorithm) {
        self.hash = Hash::new(algorithm);
        self.direct = Some(Direct { waiting: Some(std::mem::replace(&mut self.upload, upload)) });
    }

    /// Whether the bytes go straight to their place.
    pub(super) fn is_direct(&self) -> bool {
        self.direct.is_some()
    }

    /// Gives up the bytes that went straight to their place; `None` if there is no session behind them
    /// that goes on, without any.
    pub(super) async fn fall_back(mut self) -> Result<Option<Self>> {
        let Some(Direct { waiting }) = self.direct.take() else { return Ok(Some(self)) };
        self.upload.discard().await.stored()?;
        let Some(waiting) = waiting else { return Ok(None) };
        (self.upload, self.hash) = (waiting, Hash::new(self.hash.algorithm()));
        Ok(Some(self))
    }

    /// The bytes that it holds.
    pub(super) fn size(&self) -> u64 {
        self.upload.size()
    }

    /// Hashes and stores a batch. A failure ends the session as it is in memory: it
    /// can be taken up again from its last checkpoint.
    pub(super) async fn append(mut self, batch: Bytes) -> Result<Self> {
        if batch.is_empty() {
            return Ok(self);
        }
        match self.hash.running().take() {
            None => self.upload.append(vec![batch]).await.of_upload(&self.id)?,
            Some(digester) => {
                let hashed = self.upload.append_hashed(batch, digester).await;
                *self.hash.running() = Some(hashed.of_upload(&self.id)?);
            }
        }
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
        let far = session.size() - session.upload.checkpoint().length >= CHECKPOINT_EVERY;
        if far && !session.is_direct() {
            session.mark().await?;
        }
        Ok(session)
    }

    /// Makes everything durable and resumable.
    pub(super) async fn mark(&mut self) -> Result<()> {
        let state = self.hash.save(self.resumable);
        let checkpoint = self.upload.checkpoint();
        if checkpoint.length == self.size() && checkpoint.state == state {
            return Ok(());
        }
        if self.size() / SAVE_EVERY == checkpoint.length / SAVE_EVERY {
            return self.upload.note(state).await.of_upload(&self.id);
        }
        self.upload.save(state).await.of_upload(&self.id)?;
        // Not before it is known that the session is still there.
        if let Some(anchor) = self.anchor.take() {
            anchor.drop().await?;
        }
        Ok(())
    }

    /// The digest of everything. What goes straight to its place has only the one that it was begun
    /// with: it cannot be read back.
    pub(super) async fn digest(&mut self, algorithm: Algorithm) -> Result<Digest> {
        let algorithm = if self.is_direct() { self.hash.algorithm() } else { algorithm };
        if let Some(digest) = self.hash.digest(algorithm) {
            return Ok(digest);
        }
        let content = self.upload.read_back().await.of_upload(&self.id)?;
        hash::read_back(content, algorithm, self.size()).await
    }

    /// The bytes, for what does not change them.
    pub(super) fn upload(&mut self) -> &mut dyn Upload {
        &mut *self.upload
    }

    /// The session's bytes, for the end; `None` if there is no session.
    pub(super) fn into_upload(self) -> Option<Box<dyn Upload>> {
        match self.direct {
            None => Some(self.upload),
            Some(direct) => direct.waiting,
        }
    }
}

// === impl Anchor ===

impl Anchor {
    async fn drop(self) -> Result<()> {
        self.driver.put(&self.file, self.content, PutMode::Overwrite).await.stored()?;
        Ok(())
    }
}
