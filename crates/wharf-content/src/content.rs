//! Content that may live in memory, in a file, or on its way.

use std::{fmt, io};

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;

use crate::{ByteStream, FileRegion};

/// What a read hands out.
pub enum Content {
    /// All of it, in memory.
    Bytes(Bytes),
    /// A region of an open file: the surface sends it by the cheapest means that it has.
    File(FileRegion),
    /// Pieces that arrive over time.
    Stream(ByteStream),
}

/// Why content could not be collected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CollectError {
    /// There is more than the caller wants to hold.
    #[error("content exceeds the limit of {limit} bytes")]
    TooLarge {
        /// The most bytes that the caller takes.
        limit: u64,
    },
    /// The source failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

// === impl Content ===

impl Content {
    /// The number of bytes, `None` for a stream.
    pub fn len(&self) -> Option<u64> {
        match self {
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::File(region) => Some(region.len()),
            Self::Stream(_) => None,
        }
    }

    /// Whether it is known to hold no byte.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// Gathers everything, at most `limit` bytes; nothing is allocated beyond what arrives.
    pub async fn collect(self, limit: u64) -> Result<Bytes, CollectError> {
        if self.len().is_some_and(|len| len > limit) {
            return Err(CollectError::TooLarge { limit });
        }
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::File(region) => Ok(region.read().await?),
            Self::Stream(stream) => collect_stream(stream, limit).await,
        }
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<&'static str> for Content {
    fn from(text: &'static str) -> Self {
        Self::Bytes(Bytes::from_static(text.as_bytes()))
    }
}

impl From<FileRegion> for Content {
    fn from(region: FileRegion) -> Self {
        Self::File(region)
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Content::Bytes({})", bytes.len()),
            Self::File(region) => region.fmt(f),
            Self::Stream(_) => f.write_str("Content::Stream"),
        }
    }
}

async fn collect_stream(mut stream: ByteStream, limit: u64) -> Result<Bytes, CollectError> {
    let mut gathered = BytesMut::new();
    while let Some(piece) = stream.try_next().await? {
        if gathered.len() as u64 + piece.len() as u64 > limit {
            return Err(CollectError::TooLarge { limit });
        }
        gathered.extend_from_slice(&piece);
    }
    Ok(gathered.freeze())
}
