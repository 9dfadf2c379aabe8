//! A log that nobody reads must not stop the registry, and one that is read must not slow it down.
//!
//! Lines are put behind each other in memory, and a thread of their own writes them, many at once. While
//! whoever reads them stands still and there is no more room, further lines are dropped and counted; the
//! count is written once there is room.

use std::{
    io::{self, Write},
    mem,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use tracing_subscriber::fmt::MakeWriter;

/// Hands lines over; cheap to clone.
#[derive(Clone)]
pub(crate) struct Lines(Arc<Shared>);

struct Shared {
    waiting: Mutex<Waiting>,
    /// There is something to do for the thread.
    wake: Condvar,
}

/// What waits for the thread.
#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    /// Told when the lines before them are written.
    flushes: Vec<SyncSender<()>>,
    /// How many lines there was no room for.
    dropped: u64,
    /// The thread has nothing to do, and has to be told when there is something.
    idle: bool,
}

/// How many bytes may wait.
const ROOM: usize = 1 << 20;

/// So many are written without waiting for more.
const ENOUGH: usize = 64 << 10;

/// How long a line waits for others.
const LINGER: Duration = Duration::from_millis(10);

/// How long the end of the program waits for lines to be written.
const PATIENCE: Duration = Duration::from_secs(1);

// === impl Lines ===

impl Lines {
    /// Starts the thread that writes to `target`.
    pub(crate) fn to(log: &'static str, target: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared { waiting: Mutex::default(), wake: Condvar::new() });
        let lines = Self(Arc::clone(&shared));
        thread::Builder::new()
            .name(format!("{log}-log"))
            .spawn(move || write_all(log, &shared, target))?;
        Ok(lines)
    }

    /// Takes one line, or several whole ones.
    pub(crate) fn take(&self, lines: &[u8]) {
        let mut waiting = self.0.lock();
        if waiting.lines.len() + lines.len() > ROOM {
            waiting.dropped += 1;
            return;
        }
        let before = waiting.lines.len();
        waiting.lines.extend_from_slice(lines);
        let is_enough = before < ENOUGH && waiting.lines.len() >= ENOUGH;
        if mem::take(&mut waiting.idle) || is_enough {
            drop(waiting);
            self.0.wake.notify_one();
        }
    }

    /// Waits until what was handed over is written, but not for long.
    pub(crate) fn flush(&self) {
        let (done, is_done) = sync_channel(1);
        self.0.lock().flushes.push(done);
        self.0.wake.notify_one();
        is_done.recv_timeout(PATIENCE).ok();
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

impl Write for &Lines {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.take(lines);
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

// === impl Shared ===

impl Shared {
    /// Waits until there is something to write, and then a little for more; `room` is an empty buffer.
    fn next(&self, room: Vec<u8>) -> Waiting {
        let mut waiting = self.lock();
        while waiting.is_empty() {
            waiting.idle = true;
            waiting = self.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        waiting.idle = false;
        if !waiting.is_urgent() {
            let longer = self.wake.wait_timeout(waiting, LINGER);
            waiting = longer.unwrap_or_else(PoisonError::into_inner).0;
        }
        mem::replace(&mut *waiting, Waiting { lines: room, ..Waiting::default() })
    }

    /// What waits. It is whole even if a thread panicked with it.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Waiting ===

impl Waiting {
    fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.flushes.is_empty()
    }

    fn is_urgent(&self) -> bool {
        !self.flushes.is_empty() || self.lines.len() >= ENOUGH
    }
}

fn write_all(log: &str, shared: &Shared, mut target: impl Write) {
    let mut room = Vec::new();
    loop {
        let Waiting { mut lines, flushes, dropped: missing, .. } = shared.next(room);
        // Nothing can be done about a log that cannot be written, and the registry goes on.
        let _ = target.write_all(&lines);
        let _ = target.flush();
        if missing > 0 {
            tracing::warn!(
                missing,
                "lines of the {log} log were dropped: they are not taken fast enough"
            );
        }
        for done in flushes {
            let _ = done.try_send(());
        }
        lines.clear();
        room = lines;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    /// Takes nothing before it is told to.
    struct Stuck {
        go: Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // The other end is gone when everything may pass.
            self.go.recv().ok();
            self.written.lock().expect("no test has failed").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn stuck() -> (impl FnOnce(), Arc<Mutex<Vec<u8>>>, Lines) {
        let (release, go) = channel();
        let written = Arc::new(Mutex::new(Vec::new()));
        let lines =
            Lines::to("test", Stuck { go, written: Arc::clone(&written) }).expect("a thread");
        (move || drop(release), written, lines)
    }

    /// Whoever waits to be told at the end has nothing to do meanwhile.
    fn flush_all(lines: &Lines, enough: impl Fn() -> bool) {
        for _ in 0..1000 {
            lines.flush();
            if enough() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("not written in time");
    }

    #[test]
    fn a_reader_that_stands_still_costs_lines_and_no_time() {
        let (release, written, lines) = stuck();
        // One buffer may be with the thread, and one waits.
        let line = [b'x'; 1023];
        let count = 3 * ROOM / line.len();
        (&lines).write_all(&line).expect("it is taken");
        while !lines.0.lock().lines.is_empty() {
            thread::sleep(Duration::from_millis(1));
        }
        for _ in 1..count {
            (&lines).write_all(&line).expect("it is taken or dropped");
        }
        let waiting = lines.0.lock();
        assert!(waiting.dropped > 0 && waiting.lines.len() <= ROOM);
        let dropped = usize::try_from(waiting.dropped).expect("few");
        drop(waiting);
        release();
        let length = || written.lock().expect("fine").len();
        flush_all(&lines, || length() == (count - dropped) * line.len());
    }

    #[test]
    fn lines_come_in_order_and_whole() {
        let (release, written, lines) = stuck();
        release();
        let all: String = (0..20_000).map(|number| format!("line {number}\n")).collect();
        for line in all.split_inclusive('\n') {
            (&lines).write_all(line.as_bytes()).expect("it is taken");
        }
        flush_all(&lines, || *written.lock().expect("fine") == all.as_bytes());
    }
}
