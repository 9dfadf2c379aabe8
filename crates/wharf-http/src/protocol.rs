//! What a connection speaks: HTTP/1.1, or HTTP/2 from its first byte on.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use hyper::{
    rt::{Read, ReadBufCursor, Write},
    server::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use crate::{
    Limits, Options,
    frames::{Flood, Framed, Frames},
};

/// The protocols that are spoken.
pub(crate) struct Protocols {
    pub(crate) http1: http1::Builder,
    /// `None` if it is off.
    pub(crate) http2: Option<http2::Builder<TokioExecutor>>,
}

/// A stream of which the first bytes were read already, and are to be read again.
pub(crate) struct Ahead<T> {
    read: Bytes,
    stream: TokioIo<T>,
}

/// What a stream of HTTP/2 and a whole connection may send ahead, in bytes.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 2 << 20;

/// The largest piece of a request's body over HTTP/1.1, in bytes. Smaller ones cost time.
const READ_BUFFER: usize = 256 << 10;

/// How many streams a client may have reset, or make us reset, that we have still to look at: more end
/// the connection.
const RESETS: usize = 32;

/// How much of an answer one HTTP/2 stream may hold back, in bytes.
const SEND_BUFFER: usize = 256 << 10;

/// What a client says first that speaks HTTP/2 without having agreed on it (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// === impl Protocols ===

impl Protocols {
    pub(crate) fn new(options: &Options) -> Self {
        Self { http1: http1(options), http2: options.http2.then(|| http2(options)) }
    }

    /// Reads on until it is clear whether the client speaks HTTP/2; the answer is the second value. What
    /// says nothing is not handed on in any case: it would be given buffers for what it might say.
    pub(crate) async fn recognize<T>(&self, mut stream: T) -> io::Result<(Ahead<T>, bool)>
    where
        T: AsyncRead + Unpin,
    {
        let mut read = BytesMut::new();
        let mut http2 = self.http2.is_some();
        while read.is_empty() || (http2 && read.len() < PREFACE.len()) {
            let came = stream.read_buf(&mut read).await?;
            if came == 0 {
                http2 = false;
                break;
            }
            let known = read.len().min(PREFACE.len());
            http2 = http2 && read[..known] == PREFACE[..known];
        }
        Ok((Ahead { read: read.freeze(), stream: TokioIo::new(stream) }, http2))
    }
}

// === impl Ahead ===

impl<T> Ahead<T> {
    /// The stream itself.
    pub(crate) fn inner(&self) -> &T {
        self.stream.inner()
    }

    /// The same, with its frames counted. What it has is HTTP/2, from the first byte on.
    pub(crate) fn framed(self) -> Result<Ahead<Framed<T>>, Flood> {
        let mut frames = Frames::new(PREFACE.len());
        frames.pass(&self.read)?;
        let stream = Framed::new(self.stream.into_inner(), frames);
        Ok(Ahead { read: self.read, stream: TokioIo::new(stream) })
    }
}

impl<T: AsyncRead + Unpin> Read for Ahead<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        let len = self.read.len().min(buffer.remaining());
        buffer.put_slice(&self.read.split_to(len));
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> Write for Ahead<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

fn http1(options: &Options) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(options.timeouts.header)
        .max_buf_size(READ_BUFFER);
    if options.limits.headers != Limits::default().headers {
        // As many as without this, it would take an allocation for each request.
        builder.max_headers(options.limits.headers);
    }
    builder
}

fn http2(options: &Options) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(options.limits.streams)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(RESETS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(u32::try_from(options.max_header_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(options.timeouts.idle)
        .keep_alive_timeout(options.timeouts.header);
    builder
}
