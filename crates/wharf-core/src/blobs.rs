//! The blobs of a repository.

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use wharf_content::{ByteRange, CollectError, Content};
use wharf_digest::Digest;
use wharf_manifest::Descriptor;

use crate::{BlobIngester, Error, ErrorKind, Page, PageRequest, Result};

/// Describes blobs.
#[async_trait]
pub trait BlobStatter: Send + Sync {
    /// Digest, size and media type of a blob; `BlobUnknown` if there is none.
    async fn stat(&self, digest: &Digest) -> Result<Descriptor>;
}

/// Reads blobs.
#[async_trait]
pub trait BlobProvider: BlobStatter {
    /// Opens a blob, or a range of it. `BlobUnknown` if there is none, `RangeUnsatisfiable` if no
    /// byte of it lies in the range.
    async fn open(&self, digest: &Digest, range: Option<ByteRange>) -> Result<BlobReader>;

    /// A whole blob of at most `limit` bytes.
    async fn get(&self, digest: &Digest, limit: u64) -> Result<Bytes> {
        let reader = self.open(digest, None).await?;
        reader.content.collect(limit).await.map_err(|error| match error {
            CollectError::TooLarge { limit } => {
                ErrorKind::Other(format!("blob {digest} exceeds {limit} bytes")).into()
            }
            error => Error::from(ErrorKind::Other(format!("read blob {digest}"))).because(error),
        })
    }
}

/// An open blob.
#[derive(Debug)]
pub struct BlobReader {
    /// What it is; the size is that of the whole blob.
    pub descriptor: Descriptor,
    /// Which bytes of it `content` holds.
    pub range: Range<u64>,
    /// The bytes.
    pub content: Content,
}

/// Takes blobs out of a repository.
#[async_trait]
pub trait BlobDeleter: Send + Sync {
    /// Unlinks a blob; the next caller does not find it. `BlobUnknown` if it is not linked.
    async fn delete(&self, digest: &Digest) -> Result<()>;
}

/// Walks blobs.
#[async_trait]
pub trait BlobEnumerator: Send + Sync {
    /// One page of digests, in the byte order of their text.
    async fn enumerate(&self, page: PageRequest) -> Result<Page<Digest>>;
}

/// Knows other places from which a client can read a blob.
#[async_trait]
pub trait BlobRedirector: Send + Sync {
    /// A URL that serves this blob for `method` for a short while, `None` if there is none;
    /// `BlobUnknown` if the repository does not link it.
    async fn redirect(&self, digest: &Digest, method: &str) -> Result<Option<String>>;
}

/// The blobs of one repository.
pub trait BlobStore: BlobProvider + BlobIngester {
    /// Deletes, if this registry does that.
    fn deleter(&self) -> Option<&dyn BlobDeleter> {
        None
    }

    /// Redirects, if the backend can be read directly.
    fn redirector(&self) -> Option<&dyn BlobRedirector> {
        None
    }

    /// Walks the blobs that the repository links.
    fn enumerator(&self) -> Option<&dyn BlobEnumerator> {
        None
    }
}
