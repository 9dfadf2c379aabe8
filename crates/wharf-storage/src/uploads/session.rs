//! The bytes of a session and their hash, which never part.

use bytes::{Bytes, BytesMut};
use futures_util::future::join;
use wharf_core::Result;
use wharf_digest::{Algorithm, Digest};
use wharf_driver::Upload;

use super::hash::{self, Hash};
use crate::error::{StorageResult, damaged};

/// A long stream is made resumable each time that so many bytes have come.
const CHECKPOINT_EVERY: u64 = 64 << 20;

/// What is stored and what is hashed. It exists only while both are the same.
pub(super) struct Session {
    upload: Box<dyn Upload>,
    hash: Hash,
    /// Whether the state of the hash is saved.
    resumable: bool,
    /// The buffer of the last batch, to be used again.
    spare: Option<BytesMut>,
}

// === impl Session ===

impl Session {
    pub(super) fn new(upload: Box<dyn Upload>, hash: Hash, resumable: bool) -> Self {
        Self { upload, hash, resumable, spare: None }
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
            session.save().await?;
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
    pub(super) async fn save(&mut self) -> Result<()> {
        let state = self.hash.save(self.resumable);
        let checkpoint = self.upload.checkpoint();
        if checkpoint.length == self.size() && checkpoint.state == state {
            return Ok(());
        }
        self.upload.save(state).await.stored()
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
