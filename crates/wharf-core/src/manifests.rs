//! The manifests of a repository.

use async_trait::async_trait;
use bytes::Bytes;
use wharf_digest::{Algorithm, Digest};
use wharf_manifest::{Descriptor, MediaType};
use wharf_reference::{Tag, TagOrDigest};

use crate::{Page, PageRequest, Result};

/// Exactly the bytes that were pushed, with the media type they were pushed as. The digest always
/// matches the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestBytes {
    media_type: MediaType,
    digest: Digest,
    bytes: Bytes,
}

/// How a manifest is to be read.
#[derive(Clone, Debug, Default)]
pub struct GetOptions {
    /// Media types that the caller takes, for an upstream; a manifest is never converted.
    pub accept: Vec<MediaType>,
    /// Digests that the caller has already.
    pub if_none_match: Vec<Digest>,
}

/// What a read of a manifest found.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "one at a time, and taken apart at once")]
pub enum Fetched {
    /// The manifest.
    Manifest(ManifestBytes),
    /// The manifest is there, and is one that the caller has already.
    NotModified(Descriptor),
}

/// How a manifest is to be stored.
#[derive(Clone, Debug, Default)]
pub struct PutOptions {
    /// Tags that point to it once it is stored.
    pub tags: Vec<Tag>,
    /// Store it although content that it refers to is missing (a cache, an import).
    pub skip_reference_checks: bool,
}

/// What was stored.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The manifest.
    pub descriptor: Descriptor,
    /// The subject under which it is listed as a referrer from now on.
    pub subject: Option<Digest>,
    /// The tags that point to it from now on.
    pub tags: Vec<Tag>,
}

/// The manifests of one repository.
#[async_trait]
pub trait ManifestStore: Send + Sync {
    /// Digest, size and media type; `ManifestUnknown` if there is none.
    async fn resolve(&self, reference: &TagOrDigest) -> Result<Descriptor>;

    /// The manifest itself; `ManifestUnknown` if there is none.
    async fn get(&self, reference: &TagOrDigest, options: GetOptions) -> Result<Fetched>;

    /// Checks and stores a manifest, then points the tags to it; durable when it returns.
    /// `ManifestInvalid`, `ManifestRefused`, or `ManifestReferencesUnknown` with everything that is
    /// missing; nothing changes then.
    async fn put(&self, manifest: ManifestBytes, options: PutOptions) -> Result<Stored>;

    /// Removes a manifest with every tag that points to it; `ManifestUnknown` if there is none,
    /// `Unsupported` if deletes are off.
    async fn delete(&self, digest: &Digest) -> Result<()>;

    /// Walks the manifests of the repository.
    fn enumerator(&self) -> Option<&dyn ManifestEnumerator> {
        None
    }
}

/// Walks manifests.
#[async_trait]
pub trait ManifestEnumerator: Send + Sync {
    /// One page of digests, in the byte order of their text.
    async fn enumerate(&self, page: PageRequest) -> Result<Page<Digest>>;
}

// === impl ManifestBytes ===

impl ManifestBytes {
    /// Takes the bytes and computes their digest.
    pub fn new(media_type: MediaType, bytes: Bytes, algorithm: Algorithm) -> Self {
        let digest = Digest::of(algorithm, &bytes);
        Self { media_type, digest, bytes }
    }

    /// What they were pushed as.
    pub fn media_type(&self) -> &MediaType {
        &self.media_type
    }

    /// The digest of the bytes.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Media type, digest and size.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.media_type.clone(), self.digest, self.bytes.len() as u64)
    }
}
