//! The words of the table: where, how, what.

use std::{fmt, sync::LazyLock};

use crate::TABLE;

/// A kind of path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `/`: the server is alive.
    Alive,
    /// `/v2/`: the registry speaks this API.
    Base,
    /// The repositories of the registry.
    Catalog,
    /// The tags of a repository.
    TagsList,
    /// One manifest of a repository, by tag or digest.
    Manifest,
    /// One blob of a repository.
    Blob,
    /// Where uploads begin.
    BlobUploads,
    /// One upload session.
    BlobUpload,
    /// The manifests that have another one as their subject.
    Referrers,
    /// A repository as a whole.
    Repository,
}

/// A method of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `PUT`
    Put,
    /// `POST`
    Post,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
    /// `OPTIONS`
    Options,
    /// Every method that has no row of its own.
    Any,
}

/// What a request asks for: an endpoint and a method under one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the row of the table that names it")]
pub enum Operation {
    Alive,
    Base,
    CatalogList,
    TagsList,
    ManifestGet,
    ManifestHead,
    ManifestPut,
    ManifestDelete,
    BlobGet,
    BlobHead,
    BlobDelete,
    UploadStart,
    UploadStatus,
    UploadAppend,
    UploadCommit,
    UploadCancel,
    ReferrersList,
    RepositoryDelete,
    Options,
}

// === impl Endpoint ===

impl Endpoint {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 10] = [
        Self::Alive,
        Self::Base,
        Self::Catalog,
        Self::TagsList,
        Self::Manifest,
        Self::Blob,
        Self::BlobUploads,
        Self::BlobUpload,
        Self::Referrers,
        Self::Repository,
    ];

    /// Its path, with a word in angle brackets for each variable part.
    pub const fn template(self) -> &'static str {
        match self {
            Self::Alive => "/",
            Self::Base => "/v2/",
            Self::Catalog => "/v2/_catalog",
            Self::TagsList => "/v2/<name>/tags/list",
            Self::Manifest => "/v2/<name>/manifests/<tag-or-digest>",
            Self::Blob => "/v2/<name>/blobs/<digest>",
            Self::BlobUploads => "/v2/<name>/blobs/uploads/",
            Self::BlobUpload => "/v2/<name>/blobs/uploads/<id>",
            Self::Referrers => "/v2/<name>/referrers/<digest>",
            Self::Repository => "/v2/<name>/",
        }
    }

    /// The value of an `Allow` header: the methods that have a row here.
    pub fn allow(self) -> &'static str {
        static ALLOW: LazyLock<Vec<String>> =
            LazyLock::new(|| Endpoint::ALL.into_iter().map(methods).collect());
        &ALLOW[self as usize]
    }
}

// === impl Method ===

impl Method {
    /// Its name, `*` for [`Method::Any`].
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Any => "*",
        }
    }

    pub(crate) fn covers(self, method: &str) -> bool {
        self == Self::Any || self.as_str() == method
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn methods(endpoint: Endpoint) -> String {
    let rows = TABLE.iter().filter(|row| row.endpoint == endpoint && row.method != Method::Any);
    let mut methods: Vec<_> = rows.map(|row| row.method.as_str()).collect();
    methods.sort_unstable();
    methods.join(", ")
}
