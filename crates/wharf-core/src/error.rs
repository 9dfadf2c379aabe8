//! Conditions that a caller can act on.

use std::{error::Error as StdError, fmt};

use wharf_digest::Digest;
use wharf_manifest::ManifestError;
use wharf_reference::{RepositoryName, Tag, TagOrDigest};

use crate::UploadId;

/// The result of a registry operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A condition, and what caused it.
pub struct Error {
    kind: Box<ErrorKind>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What went wrong, with the subject of the operation.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The repository does not link this blob.
    #[error("blob unknown: {0}")]
    BlobUnknown(Digest),
    /// There is no such upload session.
    #[error("blob upload unknown: {0}")]
    UploadUnknown(UploadId),
    /// The bytes do not continue the upload where it stands; the session survives.
    #[error("blob upload {id} stands at {at} bytes, not at {given}")]
    UploadOffset {
        /// The session.
        id: UploadId,
        /// The offset at which the client may go on.
        at: u64,
        /// The offset that it named.
        given: u64,
    },
    /// Another request writes to the session; it survives.
    #[error("blob upload {0} is being written by another request")]
    UploadBusy(UploadId),
    /// The repository has as many upload sessions as it may.
    #[error("{repository} has {limit} uploads that were begun and not ended")]
    TooManyUploads {
        /// The repository.
        repository: RepositoryName,
        /// How many it may have.
        limit: usize,
    },
    /// The content has another digest than the one that was named.
    #[error("content is {actual}, not {expected}")]
    DigestMismatch {
        /// What the client named.
        expected: Digest,
        /// What the content is.
        actual: Digest,
    },
    /// The content has another size than the one that was named.
    #[error("content has {actual} bytes, not {expected}")]
    SizeMismatch {
        /// What the client named, in bytes.
        expected: u64,
        /// What there is, in bytes.
        actual: u64,
    },
    /// Neither a manifest of this digest nor a tag of this name is in the repository.
    #[error("manifest unknown: {repository}: {reference}")]
    ManifestUnknown {
        /// Where it was looked for.
        repository: RepositoryName,
        /// What was looked for.
        reference: TagOrDigest,
    },
    /// The manifest breaks a rule.
    #[error("manifest invalid: {0}")]
    ManifestInvalid(#[from] ManifestError),
    /// The manifest is valid, but this registry's policy refuses it.
    #[error("manifest refused: {0}")]
    ManifestRefused(String),
    /// The manifest needs blobs or manifests that the repository does not have.
    #[error("manifest refers to unknown content: {}", join(.0))]
    ManifestReferencesUnknown(Vec<Digest>),
    /// The manifest is larger than this registry takes.
    #[error("manifest exceeds the limit of {limit} bytes")]
    ManifestTooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// There is no such tag.
    #[error("tag unknown: {0}")]
    TagUnknown(Tag),
    /// There is no such repository.
    #[error("repository unknown: {0}")]
    RepositoryUnknown(RepositoryName),
    /// No byte of the content lies in the range.
    #[error("range not satisfiable: the content has {size} bytes")]
    RangeUnsatisfiable {
        /// The size of the content, in bytes.
        size: u64,
    },
    /// The caller may not do this.
    #[error("access denied: {0}")]
    Denied(String),
    /// This registry does not do this (deletes are off, the registry is read-only).
    #[error("unsupported: {0}")]
    Unsupported(&'static str),
    /// What is stored is damaged.
    #[error("stored content is damaged: {0}")]
    Corrupt(String),
    /// No space is left.
    #[error("no space left: {0}")]
    Full(String),
    /// The backend is away for now; a later try may succeed.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// The source of a body that was being read failed: the client, not the registry.
    #[error("request body: {0}")]
    Body(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

// === impl Error ===

impl Error {
    /// The condition.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// Takes the condition out.
    pub fn into_kind(self) -> ErrorKind {
        *self.kind
    }

    /// Adds what caused it.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Whether the subject is simply not there.
    pub fn is_unknown(&self) -> bool {
        matches!(
            *self.kind,
            ErrorKind::BlobUnknown(_)
                | ErrorKind::UploadUnknown(_)
                | ErrorKind::ManifestUnknown { .. }
                | ErrorKind::TagUnknown(_)
                | ErrorKind::RepositoryUnknown(_)
        )
    }

    /// Says that a blob is not linked.
    pub fn blob_unknown(digest: &Digest) -> Self {
        ErrorKind::BlobUnknown(*digest).into()
    }

    /// Says that a manifest or tag is not there.
    pub fn manifest_unknown(
        repository: &RepositoryName,
        reference: impl Into<TagOrDigest>,
    ) -> Self {
        ErrorKind::ManifestUnknown { repository: repository.clone(), reference: reference.into() }
            .into()
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self { kind: Box::new(kind), source: None }
    }
}

impl From<ManifestError> for Error {
    fn from(error: ManifestError) -> Self {
        ErrorKind::ManifestInvalid(error).into()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.kind)?;
        match &self.source {
            Some(source) => write!(f, " because {source:?}"),
            None => Ok(()),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

fn join(digests: &[Digest]) -> String {
    digests.iter().map(Digest::to_string).collect::<Vec<_>>().join(", ")
}
