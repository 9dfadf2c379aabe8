//! Reading file regions for many clients at once, in bounded memory.
//!
//! A reader holds a few pieces (see `window.rs`); their size follows from the number of readers. What the
//! kernel has in memory is read by whoever sends it, who has it in the cache of its processor then;
//! anything else on a thread that may wait for the disk, one piece ahead.

use std::{
    fmt,
    future::Future,
    io,
    os::unix::fs::FileExt,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::task::JoinHandle;
use wharf_content::FileRegion;

use crate::{
    sendfile::pages,
    window::{PIECES, Slot, Window},
};

/// The memory that all readers of regions share.
#[derive(Debug)]
pub struct ReadBudget {
    total: u64,
    readers: AtomicU64,
    used: AtomicU64,
}

/// One of those who read, until it is dropped.
pub(crate) struct Reader(Arc<ReadBudget>);

/// Reads one region. It counts as a reader from its first read on.
pub struct RegionReader {
    rest: FileRegion,
    /// The bytes of the piece that is being read.
    ahead: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
    window: Window,
    budget: Arc<ReadBudget>,
    /// `None` before the first read.
    buffers: Option<Arc<Buffers>>,
}

/// The buffers of one reader, to be read into again.
struct Buffers {
    reader: Reader,
    spare: Mutex<Vec<Vec<u8>>>,
}

/// A piece of a region.
struct Piece {
    buffer: Vec<u8>,
    len: u64,
    buffers: Arc<Buffers>,
    _slot: Slot,
}

// === impl ReadBudget ===

impl ReadBudget {
    /// The smallest piece. It is granted even if nothing is left, so that every reader gets on: each
    /// may exceed the budget by two of these.
    pub const SMALLEST: u64 = 16 << 10;
    /// The largest piece.
    pub const LARGEST: u64 = 512 << 10;
    /// The largest piece that is read by whoever sends it, while others wait for their turn. As much goes into
    /// a connection at once: what is read ahead of that would have left the cache of the processor.
    const AT_ONCE: u64 = 64 << 10;

    /// A budget of so many bytes.
    pub fn new(total: u64) -> Arc<Self> {
        Arc::new(Self { total, readers: AtomicU64::new(0), used: AtomicU64::new(0) })
    }

    /// The bytes that one piece may have now: a fair part of everything, and a small part of what
    /// is left, as those who came first may hold more than their part.
    pub fn piece(&self) -> u64 {
        let pieces = self.readers().max(1) * PIECES as u64;
        let left = self.total.saturating_sub(self.used.load(Ordering::Relaxed));
        (self.total / pieces).min(left / 16).clamp(Self::SMALLEST, Self::LARGEST)
    }

    /// Counts one more reader.
    pub(crate) fn enter(self: &Arc<Self>) -> Reader {
        self.readers.fetch_add(1, Ordering::Relaxed);
        Reader(Arc::clone(self))
    }

    /// The bytes that the kernel may keep of an answer at once, where they never are in our memory.
    fn aside(&self) -> u64 {
        (self.total / self.readers().max(1)).max(Self::SMALLEST)
    }

    /// The readers that are at work.
    pub fn readers(&self) -> u64 {
        self.readers.load(Ordering::Relaxed)
    }
}

// === impl Reader ===

impl Reader {
    /// A fair part of the memory of the kernel, in bytes.
    pub(crate) fn aside(&self) -> usize {
        usize::try_from(self.0.aside()).unwrap_or(usize::MAX)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.readers.fetch_sub(1, Ordering::Relaxed);
    }
}

// === impl RegionReader ===

impl RegionReader {
    /// A reader of the whole region.
    pub fn new(region: FileRegion, budget: &Arc<ReadBudget>) -> Self {
        Self {
            rest: region,
            ahead: 0,
            reading: None,
            window: Window::default(),
            budget: Arc::clone(budget),
            buffers: None,
        }
    }

    /// Takes up to `most` bytes off the front, for a connection that sends files by better means.
    /// `None` if nothing is left, or what comes next is being read already.
    pub fn take(&mut self, most: u64) -> Option<FileRegion> {
        if self.reading.is_some() { None } else { self.rest.split_front(most) }
    }

    /// The bytes that are still to come.
    pub fn len(&self) -> u64 {
        self.ahead + self.rest.len()
    }

    /// Whether no byte is to come.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a piece is on its way from the file.
    pub(crate) fn is_reading(&self) -> bool {
        self.reading.is_some()
    }

    /// The next piece, `None` at the end.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.reading.is_none() && !self.rest.is_empty() {
            ready!(self.window.poll_room(cx));
            if let Some(piece) = self.read_cached() {
                return Poll::Ready(Some(Ok(piece)));
            }
            self.begin();
        }
        let Some(reading) = &mut self.reading else {
            return Poll::Ready(None);
        };
        let read = ready!(Pin::new(reading).poll(cx)).unwrap_or_else(|error| Err(error.into()));
        self.reading = None;
        self.ahead = 0;
        match read {
            Ok(piece) => {
                let next = self.rest.clone().split_front(ReadBudget::AT_ONCE);
                if next.is_some_and(|next| !pages::are_cached(&next)) {
                    self.begin();
                }
                Poll::Ready(Some(Ok(piece)))
            }
            Err(error) => {
                self.rest.split_front(self.rest.len());
                Poll::Ready(Some(Err(error)))
            }
        }
    }

    /// The next piece, if the kernel has it in memory.
    fn read_cached(&mut self) -> Option<Bytes> {
        let most = self.budget.piece().min(ReadBudget::AT_ONCE);
        let region = self.rest.clone().split_front(most)?;
        let mut piece = self.piece(region.len());
        if !pages::read_cached(&region, piece.room()) {
            return None;
        }
        self.rest.split_front(region.len());
        Some(Bytes::from_owner(piece))
    }

    /// Begins to read the next piece, if that is allowed.
    fn begin(&mut self) {
        if self.reading.is_some() || !self.window.has_room() {
            return;
        }
        if let Some(region) = self.rest.split_front(self.budget.piece()) {
            let piece = self.piece(region.len());
            self.ahead = region.len();
            self.reading = Some(tokio::task::spawn_blocking(move || piece.read(&region)));
        }
    }

    /// Room for a piece.
    fn piece(&mut self, len: u64) -> Piece {
        let budget = &self.budget;
        let buffers = self.buffers.get_or_insert_with(|| Buffers::new(budget));
        budget.used.fetch_add(len, Ordering::Relaxed);
        let (buffer, buffers) = (buffers.take(), Arc::clone(buffers));
        Piece { buffer, len, buffers, _slot: self.window.enter() }
    }
}

impl fmt::Debug for RegionReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rest.fmt(f)
    }
}

// === impl Buffers ===

impl Buffers {
    fn new(budget: &Arc<ReadBudget>) -> Arc<Self> {
        Arc::new(Self { reader: budget.enter(), spare: Mutex::default() })
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn budget(&self) -> &ReadBudget {
        &self.reader.0
    }

    fn take(&self) -> Vec<u8> {
        self.spare().pop().unwrap_or_default()
    }

    /// Keeps a buffer; one that has become too large, as more readers have come, is freed.
    fn give_back(&self, buffer: Vec<u8>) {
        if buffer.capacity() as u64 <= self.budget().piece() {
            self.spare().push(buffer);
        }
    }
}

// === impl Piece ===

impl Piece {
    /// A piece is never longer than [`ReadBudget::LARGEST`].
    fn room(&mut self) -> &mut [u8] {
        self.buffer.resize(self.len as usize, 0);
        &mut self.buffer
    }

    fn read(mut self, region: &FileRegion) -> io::Result<Bytes> {
        region.file().read_exact_at(self.room(), region.offset())?;
        Ok(Bytes::from_owner(self))
    }
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.buffers.budget().used.fetch_sub(self.len, Ordering::Relaxed);
        self.buffers.give_back(std::mem::take(&mut self.buffer));
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, io::Write as _};

    use super::*;

    fn region(content: &[u8]) -> FileRegion {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        FileRegion::new(Arc::new(file), 0, content.len() as u64)
    }

    async fn next(reader: &mut RegionReader) -> Option<io::Result<Bytes>> {
        poll_fn(|cx| reader.poll_next(cx)).await
    }

    #[test]
    fn what_the_kernel_keeps_for_many_is_no_more_than_for_few() {
        let budget = ReadBudget::new(64 << 20);
        let first = budget.enter();
        assert_eq!(first.aside(), 64 << 20);
        let others: Vec<_> = (1..1024).map(|_| budget.enter()).collect();
        assert_eq!(first.aside(), 64 << 10);
        drop(others);
        assert_eq!(first.aside(), 64 << 20);
    }

    #[tokio::test]
    async fn pieces_arrive_in_order_and_complete() {
        let content: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
        let mut reader = RegionReader::new(region(&content), &ReadBudget::new(64 << 20));
        let mut read = Vec::new();
        while let Some(piece) = next(&mut reader).await {
            read.extend_from_slice(&piece.unwrap());
        }
        assert!(read == content);
    }

    #[tokio::test]
    async fn what_is_in_memory_is_read_at_once() {
        let region = region(&vec![7; 1 << 20]);
        let known = pages::are_cached(&region);
        let mut reader = RegionReader::new(region, &ReadBudget::new(64 << 20));
        let is_there = poll_fn(|cx| Poll::Ready(reader.poll_next(cx).is_ready())).await;
        assert_eq!(is_there, known);
    }

    /// Whether the kernel does as it is told or not.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn what_the_kernel_has_forgotten_arrives_as_well() {
        let content: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
        let region = region(&content);
        region.file().sync_all().unwrap();
        rustix::fs::fadvise(region.file(), 0, None, rustix::fs::Advice::DontNeed).unwrap();
        let mut reader = RegionReader::new(region, &ReadBudget::new(64 << 20));
        let mut read = Vec::new();
        while let Some(piece) = next(&mut reader).await {
            read.extend_from_slice(&piece.unwrap());
        }
        assert!(read == content);
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_holds_two_pieces() {
        let mut reader = RegionReader::new(region(&vec![7; 4 << 20]), &ReadBudget::new(64 << 20));
        let first = next(&mut reader).await.unwrap().unwrap();
        let _second = next(&mut reader).await.unwrap().unwrap();
        let third = poll_fn(|cx| Poll::Ready(reader.poll_next(cx).is_pending())).await;
        assert!(third && reader.reading.is_none(), "nothing is read until a piece was sent");
        drop(first);
        assert!(next(&mut reader).await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn many_readers_read_small_pieces() {
        let budget = ReadBudget::new(1 << 20);
        let file = region(&vec![7; 1 << 20]);
        let mut readers: Vec<_> =
            (0..32).map(|_| RegionReader::new(file.clone(), &budget)).collect();
        assert_eq!(budget.readers(), 0, "who has read nothing yet takes nothing from others");
        for reader in &mut readers {
            next(reader).await.unwrap().unwrap();
        }
        assert_eq!(budget.piece(), ReadBudget::SMALLEST);
        let mut last = RegionReader::new(file, &budget);
        assert_eq!(next(&mut last).await.unwrap().unwrap().len(), 16 << 10);
        drop((readers, last));
        // A piece may still be read ahead.
        for _ in 0..1000 {
            if budget.readers() == 0 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        assert_eq!((budget.readers(), budget.used.load(Ordering::Relaxed)), (0, 0));
    }

    #[tokio::test]
    async fn slow_readers_that_came_first_leave_something() {
        let budget = ReadBudget::new(8 << 20);
        let file = region(&vec![7; 4 << 20]);
        let mut held = Vec::new();
        for _ in 0..200 {
            let mut reader = RegionReader::new(file.clone(), &budget);
            let pieces = [next(&mut reader).await, next(&mut reader).await];
            held.push((reader, pieces));
        }
        let used = budget.used.load(Ordering::Relaxed);
        assert!(used <= (8 << 20) + 200 * 2 * ReadBudget::SMALLEST, "{used}");
    }

    #[tokio::test]
    async fn a_file_that_was_cut_is_an_error() {
        let file = region(b"short");
        let longer = FileRegion::new(Arc::clone(file.file()), 0, 100);
        let mut reader = RegionReader::new(longer, &ReadBudget::new(1 << 20));
        let error = next(&mut reader).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(next(&mut reader).await.is_none());
    }
}
