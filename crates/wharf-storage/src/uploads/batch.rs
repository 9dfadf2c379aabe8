//! Gathers what arrives until it is worth a trip to a blocking thread and to the driver.
//!
//! A batch is one buffer that begins at a page of the memory and ends, if it is full, at a page of
//! the session: so a driver may hand it to the disk as it is, past the page cache. What arrives is
//! copied into it while it is warm. A buffer that came back from the driver is used again.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// A batch of this size goes on its way, if memory allows.
const FULL: usize = 1 << 20;

/// A batch is at least this large when it goes on its way before the end.
const LEAST: usize = 64 << 10;

/// What all writers together may gather; as much again may be on its way to the disk. A few take whole batches; the more there are, the smaller
/// their batches, so that a thousand clients that send slowly, or stop, do not cost a gigabyte.
const BUDGET: usize = 32 << 20;

/// What disks and page caches count in.
const PAGE: usize = 4096;

/// Counts the writers of a registry.
#[derive(Clone, Default)]
pub(crate) struct Writers(Arc<AtomicUsize>);

/// What one writer may gather. It counts until it is dropped.
pub(super) struct Share(Writers);

/// Bytes in order, and those that have no room yet.
#[derive(Default)]
pub(super) struct Batch {
    buffer: BytesMut,
    /// More than one chunk only if nobody waits until there is room.
    rest: VecDeque<Bytes>,
}

// === impl Writers ===

impl Writers {
    /// Counts one more.
    pub(super) fn enter(&self) -> Share {
        self.0.fetch_add(1, Ordering::Relaxed);
        Share(self.clone())
    }
}

// === impl Share ===

impl Share {
    /// How many bytes make a batch that begins at `offset`, as long as there are so many writers.
    pub(super) fn full(&self, offset: u64) -> usize {
        let writers = self.0.0.load(Ordering::Relaxed).max(1);
        let full = (BUDGET / writers).clamp(LEAST, FULL) / PAGE * PAGE;
        // The remainder is less than a page.
        full - (offset % PAGE as u64) as usize
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

// === impl Batch ===

impl Batch {
    /// Takes a chunk, of which what is over a full batch has to wait.
    pub(super) fn push(&mut self, chunk: Bytes, full: usize) {
        self.rest.push_back(chunk);
        self.fill(full);
    }

    /// How many bytes it has, those that wait for room included.
    pub(super) fn len(&self) -> u64 {
        let rest: usize = self.rest.iter().map(Bytes::len).sum();
        (self.buffer.len() + rest) as u64
    }

    /// Whether it has to go before more can come.
    pub(super) fn is_full(&self, full: usize) -> bool {
        self.buffer.len() >= full
    }

    /// Whether a chunk waits for room.
    pub(super) fn is_over(&self) -> bool {
        !self.rest.is_empty()
    }

    /// Takes out what has room, and goes on with the rest.
    pub(super) fn take(&mut self) -> Bytes {
        std::mem::take(&mut self.buffer).freeze()
    }

    /// Gets room for what comes next: the buffer of a batch that is done, or the rest of this one.
    pub(super) fn refill(&mut self, spare: Option<BytesMut>, full: usize) {
        if let Some(spare) = spare.filter(|spare| spare.capacity() > self.buffer.capacity()) {
            self.buffer = spare;
        }
        self.fill(full);
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn fill(&mut self, full: usize) {
        // A chunk that is taken is dropped: not even an empty slice keeps a buffer of the connection.
        while let Some(mut chunk) = self.rest.pop_front() {
            let taken = full.saturating_sub(self.buffer.len()).min(chunk.len());
            self.reserve(taken, full);
            self.buffer.put_slice(&chunk[..taken]);
            chunk.advance(taken);
            if !chunk.is_empty() {
                self.rest.push_front(chunk);
                return;
            }
        }
    }

    /// Grows in few and wide steps: a small blob needs no megabyte, a large one only one buffer.
    fn reserve(&mut self, more: usize, full: usize) {
        let wanted = self.buffer.len() + more;
        if wanted <= self.buffer.capacity() {
            return;
        }
        let capacity = if wanted <= LEAST { (4 * wanted).clamp(PAGE, LEAST) } else { full };
        let mut larger = aligned(capacity.max(wanted));
        larger.put_slice(&self.buffer);
        self.buffer = larger;
    }
}

/// An empty buffer that begins at a page.
fn aligned(capacity: usize) -> BytesMut {
    let mut buffer = BytesMut::with_capacity(capacity + PAGE);
    let before = buffer.as_ptr().align_offset(PAGE);
    buffer.put_bytes(0, before.min(PAGE));
    buffer.advance(before.min(PAGE));
    buffer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined_in_order_and_cut_where_a_batch_is_full() {
        let mut batch = Batch::default();
        for chunk in ["a", "bc", "", "def"] {
            batch.push(chunk.into(), 5);
        }
        assert!(batch.is_full(5) && batch.is_over());
        assert_eq!(batch.take(), "abcde");
        batch.refill(None, 5);
        assert!(!batch.is_full(5) && !batch.is_over());
        assert_eq!(batch.take(), "f");
        assert_eq!(batch.take(), "");
    }

    #[test]
    fn a_batch_begins_and_ends_at_a_page() {
        let (share, mut batch) = (Writers::default().enter(), Batch::default());
        for offset in [0, 1, 4095, 4096, 123_456_789] {
            let full = share.full(offset);
            assert_eq!((offset + full as u64) % PAGE as u64, 0);
            batch.push(vec![b'x'; 2 * FULL].into(), full);
            let bytes = batch.take();
            assert_eq!((bytes.len(), bytes.as_ptr().align_offset(PAGE)), (full, 0));
            batch.clear();
        }
    }

    #[test]
    fn a_buffer_that_came_back_is_used_again() {
        let mut batch = Batch::default();
        batch.push(vec![b'x'; FULL].into(), FULL);
        let first = batch.take();
        let place = first.as_ptr();
        let mut spare = first.try_into_mut().expect("nobody else has it");
        spare.clear();
        batch.refill(Some(spare), FULL);
        batch.push(vec![b'y'; FULL].into(), FULL);
        assert_eq!(batch.take().as_ptr(), place);
    }

    #[test]
    fn a_small_chunk_takes_little_room() {
        let mut batch = Batch::default();
        batch.push("x".into(), FULL);
        assert!(batch.buffer.capacity() <= 2 * PAGE);
    }

    #[test]
    fn many_writers_gather_less_each() {
        let writers = Writers::default();
        let first = writers.enter();
        assert_eq!(first.full(0), FULL);
        let others: Vec<_> = (0..1000).map(|_| writers.enter()).collect();
        assert_eq!(first.full(0), LEAST);
        drop(others);
        assert_eq!(first.full(0), FULL);
    }
}
