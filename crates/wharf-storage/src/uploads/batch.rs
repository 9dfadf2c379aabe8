//! Gathers what arrives until it is worth a trip to a blocking thread and to the driver.
//!
//! A batch is one buffer that begins at a page of the memory and ends, if it is full, at a page of
//! the session: so a driver may hand it to the disk as it is, past the page cache. What arrives is
//! copied into it while it is warm. A buffer that nobody needs any more is used again, whenever a driver
//! gives it back, and stays for a while when nobody writes: who pushes one blob pushes another, and fresh
//! memory costs half as much as hashing what comes into it, or more. What a batch costs beside its bytes
//! is threads that wake each other, so that few large ones cost less: 4 MiB instead of 1 take a quarter off
//! the CPU time of a push.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::{runtime::Handle, time::sleep};

/// A batch of this size goes on its way, if memory allows.
const FULL: usize = 4 << 20;

/// A batch is at least this large when it goes on its way before the end.
const LEAST: usize = 64 << 10;

/// What all writers together may gather; as much again may be on its way to the disk. A few take whole
/// batches; the more there are, the smaller their batches, so that a thousand clients that send slowly, or
/// stop, do not cost a gigabyte.
const BUDGET: usize = 32 << 20;

/// What disks and page caches count in.
const PAGE: usize = 4096;

/// How many bytes of buffers are kept for the next batches. A driver of objects has as many as make a part,
/// and gives them back together.
const SPARE: usize = BUDGET;

/// Smaller buffers are cheap, and only very many writers would use them again.
const WORTH_KEEPING: usize = 2 * LEAST;

/// How long they are kept when nobody writes, at least, and at most twice as long.
const REST: Duration = Duration::from_secs(2);

/// Counts the writers of a registry, and keeps their buffers.
#[derive(Clone, Default)]
pub(crate) struct Writers(Arc<Desk>);

#[derive(Default)]
struct Desk {
    writers: AtomicUsize,
    /// How often the last one has left.
    left: AtomicUsize,
    spare: Mutex<Spare>,
}

#[derive(Default)]
struct Spare {
    buffers: Vec<BytesMut>,
    /// Whether a task frees them once nobody has written for a while.
    swept: bool,
}

/// A full buffer on its way through a driver.
struct Loan {
    buffer: BytesMut,
    home: Writers,
}

/// What one writer may gather. It counts until it is dropped.
pub(super) struct Share(Writers);

/// Bytes in order, and those that have no room yet.
#[derive(Default)]
pub(super) struct Batch {
    home: Writers,
    buffer: BytesMut,
    /// More than one chunk only if nobody waits until there is room.
    rest: VecDeque<Bytes>,
}

// === impl Writers ===

impl Writers {
    /// Counts one more.
    pub(super) fn enter(&self) -> Share {
        self.0.writers.fetch_add(1, Ordering::Relaxed);
        Share(self.clone())
    }

    /// A buffer with room for so much, if there is one.
    fn spare(&self, room: usize) -> Option<BytesMut> {
        self.0.spare().take(room)
    }
}

// === impl Desk ===

impl Desk {
    fn spare(&self) -> MutexGuard<'_, Spare> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_busy(&self) -> bool {
        self.writers.load(Ordering::Relaxed) > 0
    }

    /// Lets a task free the buffers, if nobody writes for a while.
    fn rest(self: &Arc<Self>) {
        let left = self.left.fetch_add(1, Ordering::Relaxed) + 1;
        let mut spare = self.spare();
        match Handle::try_current() {
            Err(_) => *spare = Spare::default(),
            Ok(_) if spare.swept => {}
            Ok(runtime) => {
                spare.swept = true;
                runtime.spawn(sweep(Arc::downgrade(self), left));
            }
        }
    }
}

// === impl Spare ===

impl Spare {
    /// The smallest one with room for so much.
    fn take(&mut self, room: usize) -> Option<BytesMut> {
        let fitting = self.buffers.iter().enumerate().filter(|(_, kept)| kept.capacity() >= room);
        let (at, _) = fitting.min_by_key(|(_, kept)| kept.capacity())?;
        Some(self.buffers.swap_remove(at))
    }

    /// Keeps one more, and for it, if there are too many, lets go of the smallest.
    fn keep(&mut self, buffer: BytesMut) {
        self.buffers.push(buffer);
        while self.buffers.iter().map(BytesMut::capacity).sum::<usize>() > SPARE {
            drop(self.take(0));
        }
    }
}

/// Frees the buffers of a desk that nobody has been at, or left, for a while.
async fn sweep(desk: Weak<Desk>, mut left: usize) {
    loop {
        sleep(REST).await;
        let Some(desk) = desk.upgrade() else { return };
        let seen = std::mem::replace(&mut left, desk.left.load(Ordering::Relaxed));
        let mut spare = desk.spare();
        if seen == left && !desk.is_busy() {
            *spare = Spare::default();
            return;
        }
    }
}

// === impl Loan ===

impl AsRef<[u8]> for Loan {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let desk = &*self.home.0;
        let mut spare = desk.spare();
        // Looked at under the lock: once they are freed, there are no more.
        if desk.is_busy() || spare.swept {
            self.buffer.clear();
            spare.keep(std::mem::take(&mut self.buffer));
        }
    }
}

// === impl Share ===

impl Share {
    /// How many bytes make a batch that begins at `offset`, as long as there are so many writers.
    pub(super) fn full(&self, offset: u64) -> usize {
        let writers = self.0.0.writers.load(Ordering::Relaxed).max(1);
        // In few sizes, so that the buffers of others fit.
        let full = (BUDGET / writers.next_power_of_two()).clamp(LEAST, FULL);
        // The remainder is less than a page.
        full - (offset % PAGE as u64) as usize
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let desk = &self.0.0;
        if desk.writers.fetch_sub(1, Ordering::Relaxed) == 1 {
            desk.rest();
        }
    }
}

// === impl Batch ===

impl Batch {
    /// An empty one of a writer.
    pub(super) fn of(share: &Share) -> Self {
        Self { home: share.0.clone(), ..Self::default() }
    }

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
        let buffer = std::mem::take(&mut self.buffer);
        match buffer.capacity() < WORTH_KEEPING {
            true => buffer.freeze(),
            false => Bytes::from_owner(Loan { buffer, home: self.home.clone() }),
        }
    }

    /// Gets room for what comes next: the buffer of a batch that is done, or a new one.
    pub(super) fn refill(&mut self, full: usize) {
        if self.buffer.capacity() < full
            && let Some(spare) = self.home.spare(full)
        {
            self.buffer = spare;
        }
        self.fill(full);
    }

    pub(super) fn clear(&mut self) {
        self.buffer = BytesMut::new();
        self.rest.clear();
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
        let capacity = if wanted <= LEAST {
            (4 * wanted).clamp(PAGE, LEAST)
        } else {
            full.next_multiple_of(PAGE)
        };
        let capacity = capacity.max(wanted);
        let spare = (capacity > LEAST).then(|| self.home.spare(capacity)).flatten();
        let mut larger = spare.unwrap_or_else(|| aligned(capacity));
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
        batch.refill(5);
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
        let share = Writers::default().enter();
        let mut batch = Batch::of(&share);
        batch.push(vec![b'x'; FULL].into(), FULL);
        let first = batch.take();
        let (place, part) = (first.as_ptr(), first.slice(..1));
        drop(first);
        batch.refill(FULL);
        batch.push(vec![b'y'; FULL].into(), FULL);
        let second = batch.take();
        assert!(second.as_ptr() != place && part == "x");
        drop(part);
        batch.push(vec![b'z'; FULL].into(), FULL);
        assert_eq!(batch.take().as_ptr(), place);
    }

    fn full(share: &Share) -> Bytes {
        let mut batch = Batch::of(share);
        batch.push(vec![b'x'; FULL].into(), FULL);
        batch.take()
    }

    #[test]
    fn without_a_runtime_no_buffer_is_kept_when_nobody_writes() {
        let writers = Writers::default();
        let (one, two) = (writers.enter(), writers.enter());
        let kept = || writers.0.spare().buffers.iter().map(BytesMut::capacity).sum::<usize>();
        let late = full(&one);
        let many: Vec<_> = (0..2 * SPARE / FULL).map(|_| full(&one)).collect();
        drop(many);
        assert!(kept() <= SPARE && kept() > SPARE - 2 * FULL);
        drop(one);
        assert!(kept() > SPARE - 2 * FULL);
        drop(two);
        drop(late);
        assert_eq!(kept(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn buffers_are_kept_from_one_writer_to_the_next_and_then_no_longer() {
        let writers = Writers::default();
        let kept = || writers.0.spare().buffers.len();
        for _ in 0..5 {
            let share = writers.enter();
            let late = full(&share);
            drop(full(&share));
            drop(share);
            drop(late);
            assert_eq!(kept(), 2);
            sleep(REST * 3 / 4).await;
        }
        // Who has written for long has left a moment ago as well.
        let share = writers.enter();
        sleep(REST * 5 / 2).await;
        drop(share);
        sleep(REST * 3 / 4).await;
        assert_eq!(kept(), 2);
        sleep(REST * 2).await;
        assert_eq!(kept(), 0);
        // Nobody frees what comes back later, so that it is not kept.
        let share = writers.enter();
        let late = full(&share);
        drop(share);
        sleep(REST * 2).await;
        drop(late);
        assert_eq!(kept(), 0);
    }

    #[test]
    fn the_smallest_that_fits_is_used_and_the_smallest_goes() {
        let mut spare = Spare::default();
        for pages in [3, 1, 2, 5] {
            spare.keep(BytesMut::with_capacity(pages * PAGE));
        }
        let mut take = |pages| spare.take(pages * PAGE).map(|taken| taken.capacity() / PAGE);
        assert_eq!(
            [take(2), take(2), take(4), take(2), take(1)],
            [Some(2), Some(3), Some(5), None, Some(1)]
        );
        spare.keep(BytesMut::with_capacity(PAGE));
        (0..=SPARE / FULL).for_each(|_| spare.keep(BytesMut::with_capacity(FULL)));
        assert_eq!(spare.buffers.len(), SPARE / FULL);
        assert!(spare.buffers.iter().all(|kept| kept.capacity() == FULL));
    }

    #[test]
    fn what_held_a_small_blob_is_not_kept() {
        let share = Writers::default().enter();
        for length in [1, LEAST / 4, LEAST] {
            let mut batch = Batch::of(&share);
            batch.push(vec![b'x'; length].into(), FULL);
            drop(batch.take());
        }
        assert!(share.0.0.spare().buffers.is_empty());
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
