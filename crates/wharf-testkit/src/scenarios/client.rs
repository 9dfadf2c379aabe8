//! An HTTP/1.1 client that shows what is on the wire, and can send what no client should.
//!
//! Each request has a connection of its own, read to its end: a body after `HEAD`, or a
//! `Content-Length` that is off by one, cannot hide.

use std::{io, time::Duration};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::{Check, Registry, Response, check::ensure};

/// How long one exchange may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The most bytes of an answer that are read.
const MOST: u64 = 256 << 20;

/// A request to build and send.
#[derive(Clone, Debug)]
pub struct Request {
    address: String,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    None,
    /// With its `Content-Length`.
    Sized(Bytes),
    /// `Transfer-Encoding: chunked`.
    Chunked(Vec<Bytes>),
    /// Announces more than it sends.
    Cut {
        announced: u64,
        sent: Bytes,
    },
    /// Chunked, without its end.
    CutChunked(Bytes),
}

// === impl Request ===

impl Request {
    pub(super) fn new(registry: &Registry, method: &str, address: String, path: String) -> Self {
        let headers = registry.options().headers.clone();
        Self { address, method: method.into(), path, headers, body: Body::None }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Adds a parameter to the query; the value is sent as it is.
    #[must_use]
    pub fn query(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        let separator = if self.path.contains('?') { '&' } else { '?' };
        self.path.push_str(&format!("{separator}{name}={value}"));
        self
    }

    /// Sends these bytes, with their length.
    #[must_use]
    pub fn body(mut self, bytes: impl Into<Bytes>) -> Self {
        self.body = Body::Sized(bytes.into());
        self
    }

    /// Sends these pieces, without a length.
    #[must_use]
    pub fn chunked(mut self, pieces: impl IntoIterator<Item = Bytes>) -> Self {
        self.body = Body::Chunked(pieces.into_iter().collect());
        self
    }

    /// Announces a length, sends fewer bytes and ends the sending side.
    #[must_use]
    pub fn cut(mut self, announced: u64, sent: impl Into<Bytes>) -> Self {
        self.body = Body::Cut { announced, sent: sent.into() };
        self
    }

    /// Sends a piece of a chunked body and ends the sending side.
    #[must_use]
    pub fn cut_chunked(mut self, sent: impl Into<Bytes>) -> Self {
        self.body = Body::CutChunked(sent.into());
        self
    }

    /// Sends it and reads the whole answer.
    pub async fn send(self) -> Check<Response> {
        let step = format!("{} {}", self.method, self.path);
        let answer = async {
            let (answer, ended) = self.exchange().await?;
            // A server may answer, and close, before it has read everything.
            if answer.is_empty() {
                ended?;
            }
            Response::parse(&answer, self.method == "HEAD")
        };
        answer.await.map_err(|stop| stop.during(&step)).map(|response| response.of(step))
    }

    /// Sends it and waits until the server has closed the connection, with or without an answer.
    pub async fn send_broken(self) -> Check {
        self.exchange().await.map(drop)
    }

    async fn exchange(&self) -> Check<(Vec<u8>, io::Result<()>)> {
        let exchange = exchange(&self.address, self.parts());
        timeout(PATIENCE, exchange).await.map_err(|_| format!("no answer after {PATIENCE:?}"))?
    }

    /// The wire form, and whether the sending side ends behind it.
    fn parts(&self) -> (Vec<Bytes>, bool) {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        let mut headers = vec![("Host".to_owned(), self.address.clone())];
        headers.push(("Connection".into(), "close".into()));
        headers.extend(self.headers.iter().cloned());
        let mut parts = Vec::new();
        match &self.body {
            Body::None if matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS") => {}
            Body::None => headers.push(("Content-Length".into(), "0".into())),
            Body::Sized(bytes) => {
                headers.push(("Content-Length".into(), bytes.len().to_string()));
                parts.push(bytes.clone());
            }
            Body::Cut { announced, sent } => {
                headers.push(("Content-Length".into(), announced.to_string()));
                parts.push(sent.clone());
            }
            Body::Chunked(pieces) => {
                headers.push(("Transfer-Encoding".into(), "chunked".into()));
                pieces.iter().for_each(|piece| push_chunk(&mut parts, piece));
                parts.push(Bytes::from_static(b"0\r\n\r\n"));
            }
            Body::CutChunked(sent) => {
                headers.push(("Transfer-Encoding".into(), "chunked".into()));
                push_chunk(&mut parts, sent);
            }
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        parts.insert(0, head.into());
        (parts, matches!(self.body, Body::Cut { .. } | Body::CutChunked(_)))
    }
}

/// An empty chunk would end the body.
fn push_chunk(parts: &mut Vec<Bytes>, piece: &Bytes) {
    if !piece.is_empty() {
        parts.push(format!("{:x}\r\n", piece.len()).into());
        parts.push(piece.clone());
        parts.push(Bytes::from_static(b"\r\n"));
    }
}

/// Sends bytes as they are and reads until the server closes, or resets the connection.
pub(super) async fn send_raw(address: &str, bytes: impl Into<Bytes>) -> Check<Vec<u8>> {
    let exchange = exchange(address, (vec![bytes.into()], false));
    let (answer, _) = timeout(PATIENCE, exchange)
        .await
        .map_err(|_| format!("not closed after {PATIENCE:?}"))??;
    Ok(answer)
}

/// What came back, and how the connection ended.
async fn exchange(
    address: &str,
    (parts, end): (Vec<Bytes>, bool),
) -> Check<(Vec<u8>, io::Result<()>)> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut reader, mut writer) = stream.into_split();
    let write = async {
        for part in parts {
            writer.write_all(&part).await?;
        }
        if end { writer.shutdown().await } else { Ok(()) }
    };
    let mut answer = Vec::new();
    let mut limited = (&mut reader).take(MOST);
    let read = limited.read_to_end(&mut answer);
    let (written, read): (io::Result<()>, _) = tokio::join!(write, read);
    ensure((answer.len() as u64) < MOST, "the answer does not end")?;
    Ok((answer, written.and(read.map(drop))))
}
