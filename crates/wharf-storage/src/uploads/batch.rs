//! Gathers what arrives until it is worth a trip to a blocking thread and to the driver.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::{BufMut, Bytes, BytesMut};

/// A batch of this size goes on its way, if memory allows.
const FULL: usize = 1 << 20;

/// What all writers together may gather. A few take whole batches; the more there are, the smaller
/// their batches, so that a thousand clients that send slowly, or stop, do not cost a gigabyte.
const BUDGET: usize = 32 << 20;

/// A smaller chunk is copied: it may be a slice of a much larger buffer, which it would keep alive.
const COPY_BELOW: usize = 64 << 10;

/// Counts the writers of a registry.
#[derive(Clone, Default)]
pub(crate) struct Writers(Arc<AtomicUsize>);

/// What one writer may gather. It counts until it is dropped.
pub(super) struct Share(Writers);

/// Pieces in order.
#[derive(Default)]
pub(super) struct Batch {
    pieces: Vec<Bytes>,
    /// Small chunks, which come after the pieces.
    small: BytesMut,
    len: usize,
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
    /// How many bytes make a batch, as long as there are so many writers.
    fn full(&self) -> usize {
        let writers = self.0.0.load(Ordering::Relaxed).max(1);
        (BUDGET / writers).clamp(COPY_BELOW, FULL)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

// === impl Batch ===

impl Batch {
    pub(super) fn push(&mut self, chunk: Bytes) {
        self.len += chunk.len();
        if chunk.len() < COPY_BELOW {
            self.small.put(chunk);
        } else {
            self.seal();
            self.pieces.push(chunk);
        }
    }

    pub(super) fn is_full(&self, share: &Share) -> bool {
        self.len >= share.full()
    }

    pub(super) fn take(&mut self) -> Vec<Bytes> {
        self.seal();
        self.len = 0;
        std::mem::take(&mut self.pieces)
    }

    fn seal(&mut self) {
        if !self.small.is_empty() {
            self.pieces.push(std::mem::take(&mut self.small).freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_order_and_joins_what_is_small() {
        let mut batch = Batch::default();
        let large = Bytes::from(vec![b'L'; COPY_BELOW]);
        for chunk in ["a".into(), "b".into(), large.clone(), "c".into(), Bytes::new()] {
            batch.push(chunk);
        }
        assert_eq!(batch.take(), [Bytes::from("ab"), large, Bytes::from("c")]);
        assert_eq!(batch.take(), Vec::<Bytes>::new());
    }

    #[test]
    fn many_writers_gather_less_each() {
        let writers = Writers::default();
        let first = writers.enter();
        assert_eq!(first.full(), FULL);
        let others: Vec<_> = (0..1000).map(|_| writers.enter()).collect();
        assert_eq!(first.full(), COPY_BELOW);
        drop(others);
        assert_eq!(first.full(), FULL);
    }

    #[test]
    fn a_thousand_single_bytes_are_one_piece() {
        let mut batch = Batch::default();
        (0..1000).for_each(|_| batch.push(Bytes::from_static(b"x")));
        assert_eq!(batch.take().len(), 1);
    }
}
