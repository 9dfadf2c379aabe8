//! The blobs of a repository, once they are in.

use async_trait::async_trait;
use bytes::Bytes;
use wharf_content::{ByteRange, Content};
use wharf_digest::Digest;
use wharf_manifest::{Descriptor, MediaType};

use super::{MemoryRepository, page};
use crate::{
    BlobDeleter, BlobEnumerator, BlobProvider, BlobReader, BlobStatter, BlobStore, Error,
    ErrorKind, Page, PageRequest, Result,
};

// === impl MemoryRepository ===

impl MemoryRepository {
    fn blob(&self, digest: &Digest) -> Result<Bytes> {
        let state = self.shared.state();
        state.blob(&self.name, digest).cloned().ok_or_else(|| Error::blob_unknown(digest))
    }
}

#[async_trait]
impl BlobStatter for MemoryRepository {
    async fn stat(&self, digest: &Digest) -> Result<Descriptor> {
        Ok(describe(digest, &self.blob(digest)?))
    }
}

#[async_trait]
impl BlobProvider for MemoryRepository {
    async fn open(&self, digest: &Digest, range: Option<ByteRange>) -> Result<BlobReader> {
        let bytes = self.blob(digest)?;
        let size = bytes.len() as u64;
        let range = match range {
            Some(range) => range.resolve(size).ok_or(ErrorKind::RangeUnsatisfiable { size })?,
            None => 0..size,
        };
        // Both ends lie within the bytes, so that they fit.
        let part = bytes.slice(range.start as usize..range.end as usize);
        let descriptor = describe(digest, &bytes);
        Ok(BlobReader { descriptor, range, content: Content::Bytes(part) })
    }
}

#[async_trait]
impl BlobDeleter for MemoryRepository {
    async fn delete(&self, digest: &Digest) -> Result<()> {
        let mut state = self.shared.state();
        let contents = state.repositories.get_mut(&self.name);
        match contents.is_some_and(|contents| contents.blobs.remove(digest)) {
            true => Ok(()),
            false => Err(Error::blob_unknown(digest)),
        }
    }
}

#[async_trait]
impl BlobEnumerator for MemoryRepository {
    async fn enumerate(&self, request: PageRequest) -> Result<Page<Digest>> {
        let state = self.shared.state();
        let Some(contents) = state.repository(&self.name) else { return Ok(Page::empty()) };
        Ok(page(contents.blobs.iter().copied(), Digest::to_string, &request))
    }
}

impl BlobStore for MemoryRepository {
    fn deleter(&self) -> Option<&dyn BlobDeleter> {
        Some(self)
    }

    fn enumerator(&self) -> Option<&dyn BlobEnumerator> {
        Some(self)
    }
}

fn describe(digest: &Digest, bytes: &Bytes) -> Descriptor {
    Descriptor::new(MediaType::octet_stream(), *digest, bytes.len() as u64)
}
