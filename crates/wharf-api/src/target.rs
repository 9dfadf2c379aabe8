//! What a path names.

use std::fmt;

use wharf_digest::Digest;
use wharf_reference::{RepositoryName, TagOrDigest};

use crate::Endpoint;

/// What a path names, every part of it well formed. [`fmt::Display`] writes the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `/`
    Alive,
    /// `/v2/`
    Base,
    /// `/v2/_catalog`
    Catalog,
    /// `/v2/<name>/tags/list`
    Tags {
        /// The repository.
        name: RepositoryName,
    },
    /// `/v2/<name>/manifests/<tag-or-digest>`
    Manifest {
        /// The repository.
        name: RepositoryName,
        /// Which manifest.
        reference: TagOrDigest,
    },
    /// `/v2/<name>/blobs/<digest>`
    Blob {
        /// The repository.
        name: RepositoryName,
        /// Which blob.
        digest: Digest,
    },
    /// `/v2/<name>/blobs/uploads/`
    Uploads {
        /// The repository.
        name: RepositoryName,
    },
    /// `/v2/<name>/blobs/uploads/<id>`
    Upload {
        /// The repository.
        name: RepositoryName,
        /// The session: 1 to 128 of `[A-Za-z0-9_-]`.
        id: String,
    },
    /// `/v2/<name>/referrers/<digest>`
    Referrers {
        /// The repository.
        name: RepositoryName,
        /// The subject.
        digest: Digest,
    },
    /// `/v2/<name>/`
    Repository {
        /// The repository.
        name: RepositoryName,
    },
}

// === impl Target ===

impl Target {
    /// The kind of path.
    pub fn endpoint(&self) -> Endpoint {
        match self {
            Self::Alive => Endpoint::Alive,
            Self::Base => Endpoint::Base,
            Self::Catalog => Endpoint::Catalog,
            Self::Tags { .. } => Endpoint::TagsList,
            Self::Manifest { .. } => Endpoint::Manifest,
            Self::Blob { .. } => Endpoint::Blob,
            Self::Uploads { .. } => Endpoint::BlobUploads,
            Self::Upload { .. } => Endpoint::BlobUpload,
            Self::Referrers { .. } => Endpoint::Referrers,
            Self::Repository { .. } => Endpoint::Repository,
        }
    }

    /// The repository, if the path names one.
    pub fn name(&self) -> Option<&RepositoryName> {
        match self {
            Self::Alive | Self::Base | Self::Catalog => None,
            Self::Tags { name }
            | Self::Manifest { name, .. }
            | Self::Blob { name, .. }
            | Self::Uploads { name }
            | Self::Upload { name, .. }
            | Self::Referrers { name, .. }
            | Self::Repository { name } => Some(name),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alive => f.write_str("/"),
            Self::Base => f.write_str("/v2/"),
            Self::Catalog => f.write_str("/v2/_catalog"),
            Self::Tags { name } => write!(f, "/v2/{name}/tags/list"),
            Self::Manifest { name, reference } => write!(f, "/v2/{name}/manifests/{reference}"),
            Self::Blob { name, digest } => write!(f, "/v2/{name}/blobs/{digest}"),
            Self::Uploads { name } => write!(f, "/v2/{name}/blobs/uploads/"),
            Self::Upload { name, id } => write!(f, "/v2/{name}/blobs/uploads/{id}"),
            Self::Referrers { name, digest } => write!(f, "/v2/{name}/referrers/{digest}"),
            Self::Repository { name } => write!(f, "/v2/{name}/"),
        }
    }
}
