//! Blobs on their way in.
//!
//! One upload is a session: it survives the request, the connection and the process. What counts is
//! what is hashed *and* durable: [`UploadStatus::size`] is exactly where a client may go on.

use std::{fmt, sync::Arc, time::SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use wharf_digest::{Algorithm, Digest};
use wharf_manifest::{Descriptor, MediaType};
use wharf_reference::RepositoryName;

use crate::Result;

/// The name of an upload session: 1 to 128 of `[A-Za-z0-9_-]`, so that it can be a file name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UploadId(Arc<str>);

/// What an upload session holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadStatus {
    /// The session.
    pub id: UploadId,
    /// The bytes that are hashed and durable.
    pub size: u64,
    /// When the session began.
    pub started_at: SystemTime,
}

/// How a blob is to be created.
#[derive(Clone, Default)]
pub struct CreateOptions {
    /// Link it from another repository, if it is there already.
    pub mount: Option<Mount>,
    /// Hash with this algorithm while receiving; sha256 if `None`. Another algorithm can still be
    /// named at the end, at the price of reading everything back.
    pub algorithm: Option<Algorithm>,
    /// How many bytes will come, if the client said so. A hint: nothing is allocated from it.
    pub size_hint: Option<u64>,
    /// The digest of all that comes, if it comes at once: such a blob may go straight to its place.
    /// There may be no session then, so that it cannot be suspended, and only this digest committed.
    pub digest: Option<Digest>,
}

/// A blob that may be linked from another repository instead of being sent.
#[derive(Clone)]
pub struct Mount {
    /// The blob.
    pub digest: Digest,
    /// Where it is; `None` lets the registry look for a repository that has it.
    pub from: Option<RepositoryName>,
    /// Asked about every source before it counts.
    pub allowed: Arc<dyn MayPull>,
}

/// Whether the caller may pull from a repository, at this moment.
#[async_trait]
pub trait MayPull: Send + Sync {
    /// `true` only if it may.
    async fn may_pull(&self, name: &RepositoryName) -> bool;
}

/// What became of a creation.
#[expect(clippy::large_enum_variant, reason = "one at a time, and taken apart at once")]
pub enum CreateOutcome {
    /// A session has begun.
    Upload(Box<dyn BlobWriter>),
    /// The blob was there and is linked now.
    Mounted {
        /// The repository that it came from.
        from: RepositoryName,
        /// The blob.
        descriptor: Descriptor,
    },
}

/// Takes blobs in.
#[async_trait]
pub trait BlobIngester: Send + Sync {
    /// Stores and links a small blob; durable when it returns.
    async fn put(&self, media_type: &MediaType, bytes: Bytes) -> Result<Descriptor>;

    /// Begins an upload session, or mounts.
    async fn create(&self, options: CreateOptions) -> Result<CreateOutcome>;

    /// Goes on with a session, cut back to what is hashed and durable. `UploadUnknown` if there is
    /// none; `UploadBusy` while another request writes to it.
    async fn resume(&self, id: &UploadId) -> Result<Box<dyn BlobWriter>>;

    /// Where a session stands, without taking it. `UploadUnknown` if there is none.
    async fn status(&self, id: &UploadId) -> Result<UploadStatus>;
}

/// The one writer of an upload session. Dropping it leaves the session at its last checkpoint.
#[async_trait]
pub trait BlobWriter: Send {
    /// The session.
    fn id(&self) -> &UploadId;

    /// The bytes taken so far, those not yet durable included.
    fn size(&self) -> u64;

    /// When the session began.
    fn started_at(&self) -> SystemTime;

    /// Says that all the bytes of the blob follow at once, and which digest they have: if there are
    /// none yet, they may go straight to their place. Where they do, no bytes are kept but all of them.
    /// `size_hint` is how many, if the client said so.
    async fn aim(&mut self, digest: &Digest, size_hint: Option<u64>) -> Result<()> {
        let _ = (digest, size_hint);
        Ok(())
    }

    /// Takes the next bytes.
    async fn write(&mut self, chunk: Bytes) -> Result<()>;

    /// Makes everything taken durable and resumable, and says where the session stands.
    async fn suspend(&mut self) -> Result<UploadStatus>;

    /// Verifies the content, publishes and links it; durable when it returns, and the session is
    /// gone. `DigestMismatch` and every other failure leaves the session alive, and where
    /// [`BlobWriter::suspend`] left it last.
    async fn commit(&mut self, digest: &Digest) -> Result<Descriptor>;

    /// Ends the session and drops its bytes. One that is gone already is a success.
    async fn cancel(&mut self) -> Result<()>;
}

// === impl UploadId ===

impl UploadId {
    /// The longest name, in bytes.
    pub const MAX_LEN: usize = 128;

    /// Reads an id; `None` if the text is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let well_formed = (1..=Self::MAX_LEN).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        well_formed.then(|| Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
