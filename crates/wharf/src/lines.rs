//! A log that nobody reads must not stop the registry.
//!
//! Lines go through a bounded queue to a thread of their own. While whoever reads them stands still and
//! the queue is full, further lines are dropped and counted; the count is written once there is room.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use tracing_subscriber::fmt::MakeWriter;

/// Hands lines over; cheap to clone.
#[derive(Clone)]
pub(crate) struct Lines {
    queue: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
}

enum Message {
    Line(Vec<u8>),
    /// Everything before this is to be written, and then this answered.
    Flush(SyncSender<()>),
}

/// How many lines may wait.
const WAITING: usize = 8192;

/// How long the end of the program waits for lines to be written.
const PATIENCE: Duration = Duration::from_secs(1);

// === impl Lines ===

impl Lines {
    /// Starts the thread that writes to `target`.
    pub(crate) fn to(log: &'static str, target: impl Write + Send + 'static) -> io::Result<Self> {
        let (queue, waiting) = sync_channel(WAITING);
        let dropped = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&dropped);
        thread::Builder::new()
            .name(format!("{log}-log"))
            .spawn(move || write_all(log, &waiting, target, &counted))?;
        Ok(Self { queue, dropped })
    }

    /// Waits until what was handed over is written, but not for long.
    pub(crate) fn flush(&self) {
        let (done, is_done) = sync_channel(1);
        if self.queue.try_send(Message::Flush(done)).is_ok() {
            is_done.recv_timeout(PATIENCE).ok();
        }
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self::Writer {
        self.clone()
    }
}

impl Write for Lines {
    /// Takes one line, or several whole ones.
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        if self.queue.try_send(Message::Line(lines.to_vec())).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_all(log: &str, waiting: &Receiver<Message>, mut target: impl Write, dropped: &AtomicU64) {
    for message in waiting {
        // Nothing can be done about a log that cannot be written, and the registry goes on.
        match message {
            Message::Line(line) => {
                let _ = target.write_all(&line);
            }
            Message::Flush(done) => {
                let _ = target.flush();
                let _ = done.try_send(());
            }
        }
        let missing = dropped.swap(0, Ordering::Relaxed);
        if missing > 0 {
            tracing::warn!(
                missing,
                "lines of the {log} log were dropped: they are not taken fast enough"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc::channel};

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

    #[test]
    fn a_reader_that_stands_still_costs_lines_and_no_time() {
        let (release, go) = channel();
        let written = Arc::new(Mutex::new(Vec::new()));
        let mut lines =
            Lines::to("test", Stuck { go, written: Arc::clone(&written) }).expect("a thread");
        for _ in 0..WAITING * 2 {
            lines.write_all(b"line\n").expect("it is taken or dropped");
        }
        assert!(lines.dropped.load(Ordering::Relaxed) >= WAITING as u64 - 1);
        drop(release);
        // There may be no room yet for the wish to flush.
        let enough = |written: &Mutex<Vec<u8>>| written.lock().expect("fine").len() >= WAITING * 5;
        for _ in 0..1000 {
            Lines::flush(&lines);
            if enough(&written) {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        assert!(enough(&written));
    }
}
