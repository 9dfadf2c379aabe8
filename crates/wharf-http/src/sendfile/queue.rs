//! What a body hands its connection: pieces, and beside them the regions that some stand for.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    iter,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::{Buf, Bytes};

use super::Region;

/// The regions that wait to be sent over one connection, in order.
#[derive(Clone, Default)]
pub(crate) struct Regions(Arc<Mutex<Queue>>);

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Region>,
    /// Bytes of regions that were sent, and of which their piece does not know yet.
    sent: usize,
    /// A piece was used without being sent: what the connection would write is not to be trusted.
    broken: bool,
}

/// A piece of a body.
pub(crate) enum Piece {
    /// Bytes.
    Bytes(Bytes),
    /// So many bytes of a region on the queue.
    Region(Standin),
}

/// Stands for bytes of a region.
pub(crate) struct Standin {
    rest: usize,
    regions: Regions,
}

/// The longest region of one piece, in bytes.
pub(super) const LONGEST: u64 = 2 << 20;

/// What a piece shows for a region, as often as it takes. It is never read.
static PLACEHOLDER: [u8; 64 << 10] = [0; 64 << 10];

/// Whether a slice stands for a region.
pub(super) fn is_placeholder(slice: &[u8]) -> bool {
    PLACEHOLDER.as_ptr_range().contains(&slice.as_ptr())
}

// === impl Regions ===

impl Regions {
    /// Puts a region on the queue, and makes the piece that stands for it.
    pub(super) fn push(&self, region: Region) -> Piece {
        let rest = usize::try_from(region.len()).expect("regions of a piece are short");
        self.queue().waiting.push_back(region);
        Piece::Region(Standin { rest, regions: self.clone() })
    }

    /// Fails if what is to be written may hold something else than the content.
    pub(super) fn check(&self) -> io::Result<()> {
        if self.queue().broken {
            return Err(io::Error::other("a region of a file was passed over"));
        }
        Ok(())
    }

    /// The region that is sent next.
    pub(super) fn front(&self) -> io::Result<Region> {
        let front = self.queue().waiting.front().cloned();
        front.ok_or_else(|| io::Error::other("no region of a file is to be sent"))
    }

    /// Notes that so many bytes of the front were sent.
    pub(super) fn sent(&self, len: usize) {
        let mut queue = self.queue();
        queue.sent += len;
        if let Some(front) = queue.waiting.front_mut() {
            front.split_front(len as u64);
            if front.len() == 0 {
                queue.waiting.pop_front();
            }
        }
    }

    /// A piece was used up by so many bytes.
    fn used(&self, len: usize) {
        let mut queue = self.queue();
        match queue.sent.checked_sub(len) {
            Some(sent) => queue.sent = sent,
            None => queue.broken = true,
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Piece ===

impl Buf for Piece {
    fn remaining(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Region(standin) => standin.rest,
        }
    }

    fn chunk(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Region(standin) => &PLACEHOLDER[..standin.rest.min(PLACEHOLDER.len())],
        }
    }

    fn advance(&mut self, len: usize) {
        match self {
            Self::Bytes(bytes) => bytes.advance(len),
            Self::Region(standin) => {
                assert!(len <= standin.rest, "a piece is used up to its end at most");
                standin.rest -= len;
                standin.regions.used(len);
            }
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let chunks = match self {
            Self::Bytes(bytes) => iter::repeat_n(&**bytes, usize::from(!bytes.is_empty())),
            // Full ones only, and one that is not: what is shown is never more than what is left.
            Self::Region(standin) => match standin.rest / PLACEHOLDER.len() {
                0 => iter::repeat_n(self.chunk(), usize::from(standin.rest > 0)),
                full => iter::repeat_n(&PLACEHOLDER[..], full),
            },
        };
        let shown =
            slices.iter_mut().zip(chunks).map(|(slice, chunk)| *slice = IoSlice::new(chunk));
        shown.count()
    }
}

// === impl Standin ===

impl Drop for Standin {
    fn drop(&mut self) {
        // The queue would go on with the region of a piece that is gone.
        if self.rest > 0 {
            self.regions.queue().broken = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use wharf_content::FileRegion;

    use super::*;

    fn region(len: usize) -> Region {
        FileRegion::new(Arc::new(tempfile::tempfile().unwrap()), 0, len as u64).into()
    }

    #[test]
    fn a_piece_that_is_sent_is_used_up() {
        let regions = Regions::default();
        let (mut first, mut second) = (regions.push(region(10)), regions.push(region(5)));
        assert!(is_placeholder(first.chunk()) && first.chunk().len() == 10);
        regions.sent(4);
        first.advance(4);
        regions.sent(6);
        assert_eq!(regions.front().unwrap().len(), 5);
        first.advance(6);
        regions.sent(5);
        second.advance(5);
        drop((first, second));
        assert!(regions.check().is_ok() && regions.front().is_err());
    }

    #[test]
    fn a_piece_shows_at_most_what_is_left() {
        let regions = Regions::default();
        for len in [1, PLACEHOLDER.len() - 1, PLACEHOLDER.len(), PLACEHOLDER.len() + 1, 1 << 20] {
            let piece = regions.push(region(len));
            let mut slices = [IoSlice::new(b""); 64];
            let shown = piece.chunks_vectored(&mut slices);
            let total: usize = slices[..shown].iter().map(|slice| slice.len()).sum();
            assert!(
                total > len.saturating_sub(PLACEHOLDER.len()) && total <= len,
                "{len}: {total}"
            );
            assert!(slices[..shown].iter().all(|slice| is_placeholder(slice)));
        }
    }

    #[test]
    fn a_piece_that_is_copied_breaks_the_connection() {
        let regions = Regions::default();
        let mut piece = regions.push(region(10));
        let _copy = piece.copy_to_bytes(10);
        assert!(regions.check().is_err());
    }

    #[test]
    fn a_piece_that_is_dropped_breaks_the_connection() {
        let regions = Regions::default();
        drop(regions.push(region(10)));
        assert!(regions.check().is_err());
    }

    #[test]
    fn bytes_are_no_placeholder() {
        let mut bytes = Piece::Bytes(Bytes::from_static(b"abc"));
        assert!(!is_placeholder(bytes.chunk()) && !is_placeholder(b""));
        bytes.advance(3);
        assert_eq!(bytes.chunks_vectored(&mut [IoSlice::new(b"")]), 0);
    }
}
