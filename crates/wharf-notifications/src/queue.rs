//! The queue: a log with one thread that writes it, for many who put something in.
//!
//! Whoever puts something in for good waits until it is synced; those who wait at the same time share
//! a sync. What may be lost is written a moment later, without one.

use std::{
    io,
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{
    sync::{oneshot, watch},
    time::timeout,
};

use crate::log::{Found, Index, LONGEST, Log, Reader};

/// Payloads in the order in which they were put in, on disk. Dropping it writes what is left.
pub(crate) struct Queue {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
    index: Arc<Index>,
    /// Makes readers.
    folder: std::path::PathBuf,
    end: watch::Receiver<u64>,
}

/// How large a queue may be, and what then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The most bytes on disk.
    pub size: u64,
    /// What happens when they are used up.
    pub when_full: WhenFull,
}

/// What happens when a queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// The oldest events go, and are counted.
    #[default]
    DropOldest,
    /// Nothing new is taken, so that nothing can be pushed or deleted.
    Refuse,
}

/// Why something is not in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the queue of events is full")]
    Full,
    #[error("an event is too large for its queue")]
    TooLarge,
    #[error("the queue of events cannot be written")]
    Unwritable,
    #[error("the queue of events is slow")]
    Slow,
}

/// Told of every payload that goes unread, with its number.
pub(crate) type OnDrop = Box<dyn Fn(u64, &[u8]) + Send>;

struct Shared {
    inbox: Mutex<Inbox>,
    wake: Condvar,
}

/// What the writer is to do next.
#[derive(Default)]
struct Inbox {
    payloads: Vec<Vec<u8>>,
    bytes: usize,
    /// Who waits for their being synced.
    waiting: Vec<oneshot::Sender<Result<(), Refused>>>,
    /// Nothing before this number is needed.
    trim: Option<u64>,
    closed: bool,
}

/// The thread that writes.
struct Writer {
    log: Log,
    bounds: Bounds,
    on_drop: OnDrop,
    end: watch::Sender<u64>,
}

/// How many files a full queue has; the oldest go one at a time.
const SEGMENTS: u64 = 16;

/// How long what may be lost waits for more.
const LINGER: Duration = Duration::from_millis(5);

/// How much of what may be lost waits to be written; more is dropped.
const MOST_UNWRITTEN: usize = 4 << 20;

/// A disk that takes longer is as good as none.
const PATIENCE: Duration = Duration::from_secs(30);

/// The writer needs little more than its buffers, which are elsewhere.
const STACK: usize = 256 << 10;

// === impl Queue ===

impl Queue {
    /// Opens the queue in a folder, which nobody else has open. The next payload gets the number
    /// `least` or a higher one. Waits for the disk.
    pub(crate) fn open(
        folder: &Path,
        bounds: Bounds,
        least: u64,
        on_drop: OnDrop,
    ) -> io::Result<Self> {
        let log = Log::open(folder, bounds.size / SEGMENTS, least)?;
        let index = Arc::clone(log.index());
        let (sender, end) = watch::channel(index.next());
        let shared = Arc::new(Shared { inbox: Mutex::default(), wake: Condvar::new() });
        let mut writer = Writer { log, bounds, on_drop, end: sender };
        let inbox = Arc::clone(&shared);
        let writer = thread::Builder::new().name("events".to_owned()).stack_size(STACK).spawn(
            move || {
                while let Some(work) = inbox.next() {
                    writer.work(work);
                }
            },
        )?;
        let folder = folder.to_owned();
        Ok(Self { shared, writer: Some(writer), index, folder, end })
    }

    /// Puts payloads in, one after the other, and returns when they are durable.
    pub(crate) async fn put(&self, payloads: Vec<Vec<u8>>) -> Result<(), Refused> {
        if payloads.iter().any(|payload| payload.len() > LONGEST) {
            return Err(Refused::TooLarge);
        }
        let (told, answer) = oneshot::channel();
        {
            let mut inbox = self.shared.lock();
            inbox.add(payloads);
            inbox.waiting.push(told);
        }
        self.shared.wake.notify_one();
        match timeout(PATIENCE, answer).await {
            Ok(answer) => answer.unwrap_or(Err(Refused::Unwritable)),
            Err(_) => Err(Refused::Slow),
        }
    }

    /// Puts a payload in that may be lost, and waits for nothing.
    pub(crate) fn put_soon(&self, payload: Vec<u8>) -> Result<(), Refused> {
        if payload.len() > LONGEST {
            return Err(Refused::TooLarge);
        }
        let mut inbox = self.shared.lock();
        if inbox.bytes + payload.len() > MOST_UNWRITTEN {
            return Err(Refused::Slow);
        }
        // Only the first one has to wake the writer, which then waits for more of its own accord.
        let is_first = inbox.payloads.is_empty();
        inbox.add(vec![payload]);
        drop(inbox);
        if is_first {
            self.shared.wake.notify_one();
        }
        Ok(())
    }

    /// Nobody needs anything before this number any more.
    pub(crate) fn trim(&self, number: u64) {
        if self.index.is_removable(number) {
            let mut inbox = self.shared.lock();
            inbox.trim = Some(number.max(inbox.trim.unwrap_or_default()));
            drop(inbox);
            self.shared.wake.notify_one();
        }
    }

    /// Reads from anywhere.
    pub(crate) fn reader(&self) -> Reader {
        Reader::new(&self.folder, Arc::clone(&self.index))
    }

    /// The number that comes next, and whenever there is another one.
    pub(crate) fn end(&self) -> watch::Receiver<u64> {
        self.end.clone()
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.wake.notify_one();
        if let Some(writer) = self.writer.take() {
            // It has nothing to tell but that it panicked, which was logged.
            let _ = writer.join();
        }
    }
}

// === impl Shared ===

impl Shared {
    /// Waits until there is something to do; `None` at the end.
    fn next(&self) -> Option<Inbox> {
        let mut inbox = self.lock();
        loop {
            if inbox.is_urgent() {
                break;
            }
            let is_empty = inbox.payloads.is_empty();
            if inbox.closed && is_empty {
                return None;
            }
            if is_empty {
                inbox = self.wake.wait(inbox).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let waited = self.wake.wait_timeout(inbox, LINGER);
            let (after, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            inbox = after;
            if waited.timed_out() || inbox.closed {
                break;
            }
        }
        let closed = inbox.closed;
        Some(std::mem::replace(&mut *inbox, Inbox { closed, ..Inbox::default() }))
    }

    /// The inbox. It is whole even if a thread panicked with it.
    fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Inbox ===

impl Inbox {
    fn add(&mut self, payloads: Vec<Vec<u8>>) {
        self.bytes += payloads.iter().map(Vec::len).sum::<usize>();
        self.payloads.extend(payloads);
    }

    fn is_urgent(&self) -> bool {
        !self.waiting.is_empty() || self.trim.is_some() || self.bytes > MOST_UNWRITTEN / 2
    }
}

// === impl Writer ===

impl Writer {
    fn work(&mut self, work: Inbox) {
        if let Some(number) = work.trim
            && let Err(error) = self.log.remove_before(number)
        {
            tracing::warn!(%error, "delivered events cannot be removed from their queue");
        }
        let written = self.write(&work);
        self.end.send_replace(self.log.index().next());
        if let Err(refused) = written {
            // Those who wait are told; of the others nobody else would hear.
            let lost = work.payloads.len();
            tracing::error!(lost, "{refused}");
        }
        for waiting in work.waiting {
            // Who does not wait any more has been told something else.
            let _ = waiting.send(written);
        }
    }

    fn write(&mut self, work: &Inbox) -> Result<(), Refused> {
        self.make_room(work.bytes as u64)?;
        while let Err(error) = self.log.append(&work.payloads) {
            let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
            let is_full = full.contains(&error.kind());
            tracing::error!(%error, "events cannot be written to their queue");
            if !is_full || self.bounds.when_full == WhenFull::Refuse || !self.drop_oldest() {
                return Err(if is_full { Refused::Full } else { Refused::Unwritable });
            }
        }
        if work.waiting.is_empty() {
            return Ok(());
        }
        self.log.sync().map_err(|error| {
            tracing::error!(%error, "the queue of events cannot be synced");
            Refused::Unwritable
        })
    }

    fn make_room(&mut self, bytes: u64) -> Result<(), Refused> {
        while bytes > 0 && self.log.index().bytes() + bytes > self.bounds.size {
            if self.bounds.when_full == WhenFull::Refuse {
                return Err(Refused::Full);
            }
            if !self.drop_oldest() {
                break;
            }
        }
        Ok(())
    }

    /// Drops the oldest events, after counting them; `false` if there are none.
    fn drop_oldest(&mut self) -> bool {
        let Some((segment, _)) = self.log.index().oldest() else { return false };
        let mut reader = self.log.reader();
        let mut number = segment.first;
        while let Ok(Found::Record(found, payload)) = reader.next(number)
            && found < segment.end
        {
            (self.on_drop)(found, &payload);
            number = found + 1;
        }
        let removed = self.log.remove_oldest();
        if let Err(error) = &removed {
            tracing::error!(%error, "old events cannot be removed from their queue");
        }
        removed.is_ok()
    }
}

#[cfg(test)]
mod tests;
