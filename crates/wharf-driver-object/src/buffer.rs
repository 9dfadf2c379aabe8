//! The bytes of a piece that is being filled, and the memory that all of them share.
//!
//! Memory is reserved before bytes are taken. Nobody waits for more of it while it holds some that only
//! its client could free: uploads that wait for one another would wait for ever.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use object_store::PutPayload;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use wharf_digest::{Algorithm, Digester};
use wharf_driver::hashing;

use crate::Hashed;

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
    /// What is reserved for them.
    room: Option<OwnedSemaphorePermit>,
    /// Has taken some of them, or all: as many as it says.
    digester: Option<Box<Digester>>,
}

/// What is reserved for the first bytes.
pub(crate) const FIRST: u64 = 64 << 10;
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
    pub(crate) fn try_take(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).try_acquire_many_owned(self.permits(bytes)).ok()
    }

    /// Room for so many bytes, once others have stored theirs; `None` if they don't in time.
    pub(crate) async fn take(
        &self,
        bytes: u64,
        patience: Duration,
    ) -> Option<OwnedSemaphorePermit> {
        let taken = Arc::clone(&self.free).acquire_many_owned(self.permits(bytes));
        timeout(patience, taken).await.ok()?.ok()
    }

    /// What is larger than all memory can only come alone.
    fn permits(&self, bytes: u64) -> u32 {
        u32::try_from(bytes.min(self.all as u64)).unwrap_or(u32::MAX)
    }
}

// === impl Buffer ===

impl Buffer {
    /// Adds room.
    pub(crate) fn grow(&mut self, more: OwnedSemaphorePermit) {
        match &mut self.room {
            Some(room) => room.merge(more),
            None => self.room = Some(more),
        }
    }

    /// How many bytes there is room for, those that are there included.
    pub(crate) fn room(&self) -> u64 {
        self.room.as_ref().map_or(0, |room| room.num_permits() as u64)
    }

    /// Takes bytes off the front of `more`, as many as there is room for below `most`, and returns them.
    pub(crate) fn fill(&mut self, more: &mut Bytes, most: u64) -> Bytes {
        let free = self.room().min(most).saturating_sub(self.len);
        let taken = usize::try_from(free).unwrap_or(usize::MAX).min(more.len());
        let taken = more.split_to(taken);
        if !taken.is_empty() {
            self.len += taken.len() as u64;
            self.chunks.push(taken.clone());
        }
        taken
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

    /// Has a digester take bytes that came last, and the one of all bytes with it. Nothing is hashed for
    /// all of them unless that was so from the first one on.
    pub(crate) async fn hash(
        &mut self,
        bytes: Bytes,
        mut digester: Digester,
    ) -> io::Result<Digester> {
        let before = self.len - bytes.len() as u64;
        let fresh = (before == 0).then(|| Box::new(Digester::new(Algorithm::Sha256)));
        let own = self.digester.take().filter(|own| own.len() == before).or(fresh);
        let hashed = hashing(bytes.len(), move || {
            let Some(mut own) = own else {
                digester.update(&bytes);
                return (digester, None);
            };
            digester.update_with(&mut own, &bytes);
            (digester, Some(own))
        });
        let (digester, own) = hashed.await?;
        self.digester = own;
        Ok(digester)
    }

    /// What is known of the hash of all bytes.
    pub(crate) fn hashed(&self) -> Option<Hashed> {
        let digester = self.digester.as_ref().filter(|digester| digester.len() == self.len)?;
        Hashed::new(&self.chunks, Digester::clone(digester))
    }
}
