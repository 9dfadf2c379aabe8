//! Gathers what arrives until it is worth a trip to a blocking thread and to the driver.

use bytes::{BufMut, Bytes, BytesMut};

/// A batch of this size goes on its way.
pub(super) const FULL: usize = 1 << 20;

/// A smaller chunk is copied: it may be a slice of a much larger buffer, which it would keep alive.
const COPY_BELOW: usize = 64 << 10;

/// Pieces in order.
#[derive(Default)]
pub(super) struct Batch {
    pieces: Vec<Bytes>,
    /// Small chunks, which come after the pieces.
    small: BytesMut,
    len: usize,
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

    pub(super) fn is_full(&self) -> bool {
        self.len >= FULL
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
    fn a_thousand_single_bytes_are_one_piece() {
        let mut batch = Batch::default();
        (0..1000).for_each(|_| batch.push(Bytes::from_static(b"x")));
        assert_eq!(batch.take().len(), 1);
    }
}
