//! What a connection sends without reading it.

use std::{io, sync::Arc};

use tokio::net::TcpStream;
use wharf_content::{FileRegion, Pipe};

use crate::window::Slot;

/// Bytes that are somewhere else.
#[derive(Clone)]
pub(crate) enum Region {
    /// In a file.
    File(FileRegion),
    /// In a pipe.
    Pipe(PipeRegion),
}

/// The bytes in a pipe that were put there at once, and counted as a piece.
#[derive(Clone)]
pub(crate) struct PipeRegion {
    pipe: Arc<Pipe>,
    len: u64,
    _slot: Arc<Slot>,
}

// === impl Region ===

impl Region {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::File(region) => region.len(),
            Self::Pipe(region) => region.len,
        }
    }

    /// Takes up to `most` bytes off the front, `None` once there are none.
    pub(super) fn split_front(&mut self, most: u64) -> Option<Self> {
        match self {
            Self::File(region) => region.split_front(most).map(Self::File),
            Self::Pipe(region) => region.split_front(most).map(Self::Pipe),
        }
    }
}

impl From<FileRegion> for Region {
    fn from(region: FileRegion) -> Self {
        Self::File(region)
    }
}

// === impl PipeRegion ===

impl PipeRegion {
    /// The next `len` bytes of a pipe.
    pub(crate) fn new(pipe: &Arc<Pipe>, len: usize, slot: Slot) -> Self {
        Self { pipe: Arc::clone(pipe), len: len as u64, _slot: Arc::new(slot) }
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    fn split_front(&mut self, most: u64) -> Option<Self> {
        let len = most.min(self.len);
        self.len -= len;
        (len > 0).then(|| Self { len, ..self.clone() })
    }

    /// Sends bytes from the front, as many as the socket takes. Returns how many.
    pub(super) fn send(&self, tcp: &TcpStream) -> io::Result<usize> {
        self.pipe.drain(tcp, usize::try_from(self.len).unwrap_or(usize::MAX))
    }
}
