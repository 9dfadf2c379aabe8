//! What a connection speaks: HTTP/1.1, or HTTP/2 from its first byte on.

use std::io;

use bytes::{Bytes, BytesMut};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::{io::AsyncReadExt, net::TcpStream};

use crate::Options;

/// The protocols that are spoken.
pub(crate) struct Protocols {
    pub(crate) http1: http1::Builder,
    /// `None` if it is off.
    pub(crate) http2: Option<http2::Builder<TokioExecutor>>,
}

/// The most streams of one HTTP/2 connection, and what each may send ahead, in bytes.
const STREAMS: u32 = 128;
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 2 << 20;

/// The largest piece of a request's body over HTTP/1.1, in bytes. Smaller ones cost time.
const READ_BUFFER: usize = 256 << 10;

/// How much of an answer one HTTP/2 stream may hold back, in bytes.
const SEND_BUFFER: usize = 256 << 10;

/// What a client says first that speaks HTTP/2 without having agreed on it (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// === impl Protocols ===

impl Protocols {
    pub(crate) fn new(options: &Options) -> Self {
        Self { http1: http1(options), http2: options.http2.then(|| http2(options)) }
    }

    /// Reads on until it is clear whether the client speaks HTTP/2. Returns what was read, too.
    pub(crate) async fn recognize(&self, tcp: &mut TcpStream) -> io::Result<(Bytes, bool)> {
        let mut read = BytesMut::new();
        let mut http2 = self.http2.is_some();
        while http2 && read.len() < PREFACE.len() {
            let came = tcp.read_buf(&mut read).await?;
            let known = read.len().min(PREFACE.len());
            http2 = came > 0 && read[..known] == PREFACE[..known];
        }
        Ok((read.freeze(), http2))
    }
}

fn http1(options: &Options) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(options.timeouts.header)
        .max_buf_size(READ_BUFFER)
        .writev(true);
    builder
}

fn http2(options: &Options) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(u32::try_from(options.max_header_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(options.timeouts.idle)
        .keep_alive_timeout(options.timeouts.header);
    builder
}
