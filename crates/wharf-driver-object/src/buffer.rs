//! The bytes of a piece that is being filled, and the memory that all of them share.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use object_store::PutPayload;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// The memory of all uploads of a driver.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    free: Arc<Semaphore>,
    all: usize,
}

/// Bytes in memory, until they are stored.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    chunks: Vec<Bytes>,
    len: u64,
    held: Option<OwnedSemaphorePermit>,
}

/// Memory is asked for in steps of at most so many bytes.
pub(crate) const STEP: usize = 1 << 20;
/// With less than this, one upload could not go on.
const LEAST: usize = 64 << 20;

// === impl Memory ===

impl Memory {
    pub(crate) fn new(bytes: usize) -> Self {
        let all = bytes.clamp(LEAST, Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(all)), all }
    }

    /// What one piece may take: several can be under way.
    pub(crate) fn of_a_piece(&self) -> u64 {
        (self.all / 8) as u64
    }

    /// Room for so many bytes, if it is there.
    pub(crate) fn try_take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).try_acquire_many_owned(permits(bytes)).ok()
    }

    /// Room for so many bytes, once others have stored theirs; `None` if they don't in time.
    pub(crate) async fn take(
        &self,
        bytes: usize,
        patience: Duration,
    ) -> Option<OwnedSemaphorePermit> {
        let taken = Arc::clone(&self.free).acquire_many_owned(permits(bytes));
        timeout(patience, taken).await.ok()?.ok()
    }
}

fn permits(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

// === impl Buffer ===

impl Buffer {
    pub(crate) fn push(&mut self, chunk: Bytes, room: OwnedSemaphorePermit) {
        self.len += chunk.len() as u64;
        self.chunks.push(chunk);
        match &mut self.held {
            Some(held) => held.merge(room),
            None => self.held = Some(room),
        }
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// The bytes, to be sent; they stay.
    pub(crate) fn payload(&self) -> PutPayload {
        self.chunks.iter().cloned().collect()
    }

    pub(crate) fn chunks(&self) -> &[Bytes] {
        &self.chunks
    }
}
