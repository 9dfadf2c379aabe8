//! A connection that does not wait for ever.
//!
//! A client that takes no bytes for too long is cut off. And before a connection is closed while the
//! client still sends, what it sends is read for a moment: otherwise the reset that the kernel
//! answers with would overtake our last answer, and the client would never read it.

use std::{
    future::Future,
    io,
    mem::MaybeUninit,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use tokio::time::{Sleep, sleep};

/// A connection with time-outs.
pub(crate) struct Connection<T> {
    inner: T,
    written: Written,
    write_stall: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    closing: Closing,
}

/// How many bytes went out over a connection.
#[derive(Clone, Default)]
pub(crate) struct Written(Arc<AtomicU64>);

/// How far the end of a connection has come.
enum Closing {
    No,
    Lingering { until: Pin<Box<Sleep>>, rest: usize },
    Done,
}

/// How long, and for how much, a client may go on sending after our last answer.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 4 << 20;

// === impl Connection ===

impl<T> Connection<T> {
    pub(crate) fn new(inner: T, write_stall: Duration) -> Self {
        Self {
            inner,
            written: Written::default(),
            write_stall,
            stalled: None,
            closing: Closing::No,
        }
    }

    /// Counts the bytes that go out.
    pub(crate) fn written(&self) -> Written {
        self.written.clone()
    }
}

impl<T: Write + Unpin> Connection<T> {
    /// Passes on what a write came to; one that makes no progress for too long fails.
    fn timed(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut T>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let written = write(Pin::new(&mut self.inner), cx);
        if let Poll::Ready(written) = written {
            self.stalled = None;
            self.written.add(*written.as_ref().unwrap_or(&0));
            return Poll::Ready(written);
        }
        let stall = self.write_stall;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(stall)));
        stalled.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: Read + Unpin> Read for Connection<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl<T: Read + Write + Unpin> Write for Connection<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.timed(cx, |inner, cx| inner.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.timed(cx, |inner, cx| inner.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Closing::No = this.closing {
            ready!(Pin::new(&mut this.inner).poll_shutdown(cx))?;
            let until = Box::pin(sleep(LINGER));
            this.closing = Closing::Lingering { until, rest: LINGER_BYTES };
        }
        if let Closing::Lingering { until, rest } = &mut this.closing {
            let over = until.as_mut().poll(cx).is_ready();
            if !over {
                ready!(discard(&mut this.inner, cx, rest));
            }
            this.closing = Closing::Done;
        }
        Poll::Ready(Ok(()))
    }
}

// === impl Written ===

impl Written {
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// Reads until nothing more comes, or `rest` bytes have come.
fn discard<T: Read + Unpin>(inner: &mut T, cx: &mut Context<'_>, rest: &mut usize) -> Poll<()> {
    let mut scratch = [MaybeUninit::uninit(); 8 << 10];
    loop {
        let mut buffer = ReadBuf::uninit(&mut scratch);
        let read = ready!(Pin::new(&mut *inner).poll_read(cx, buffer.unfilled()));
        let length = buffer.filled().len();
        *rest = rest.saturating_sub(length);
        if read.is_err() || length == 0 || *rest == 0 {
            return Poll::Ready(());
        }
    }
}
