//! A region of an open file.

use std::{fs::File, io, os::unix::fs::FileExt, sync::Arc};

use bytes::{Bytes, BytesMut};

/// `len` bytes of an open file, from `offset` on. Cheap to clone; the file stays open, so a delete
/// by name takes nothing away from a reader.
#[derive(Clone, Debug)]
pub struct FileRegion {
    file: Arc<File>,
    offset: u64,
    len: u64,
}

// === impl FileRegion ===

impl FileRegion {
    /// The region of `len` bytes that starts at `offset`. It should lie inside the file: what is
    /// missing is an [`io::ErrorKind::UnexpectedEof`] when it is read.
    pub fn new(file: Arc<File>, offset: u64, len: u64) -> Self {
        Self { file, offset, len }
    }

    /// The open file.
    pub fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// Where the region starts in the file, in bytes.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The length of the region, in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the region holds no byte.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes up to `most` bytes off the front, `None` once the region is empty.
    pub fn split_front(&mut self, most: u64) -> Option<FileRegion> {
        let len = most.min(self.len);
        let front = Self { file: Arc::clone(&self.file), offset: self.offset, len };
        self.offset += len;
        self.len -= len;
        (len > 0).then_some(front)
    }

    /// Reads the whole region into memory on a blocking thread.
    pub async fn read(self) -> io::Result<Bytes> {
        tokio::task::spawn_blocking(move || self.read_blocking()).await?
    }

    /// Reads the whole region into memory on this thread.
    pub fn read_blocking(&self) -> io::Result<Bytes> {
        let mut buffer = BytesMut::zeroed(usize::try_from(self.len).map_err(io::Error::other)?);
        self.file.read_exact_at(&mut buffer, self.offset)?;
        Ok(buffer.freeze())
    }
}
