//! What one client does again and again: fetch, push, or pull slowly.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use wharf_digest::Digest;

use super::connection::{Answer, Connection, path as path_of};
use super::content::{self, Content};
use crate::Outcome;

const CHUNK: usize = 1024 * 1024;

/// A slow client takes a piece and waits this long.
const DRIP: Duration = Duration::from_millis(250);

/// One turn of a client, which is what the rate and the latency count.
pub(crate) enum Job {
    /// Requests one after the other.
    Fetch(Vec<Exchange>),
    /// One of the requests, each in its turn.
    Rotate(AtomicUsize, Vec<Exchange>),
    /// A list of at least so many bytes, page by page to its end.
    Walk(String, u64),
    /// A blob of one's own.
    Push(Content, How),
    /// A blob of one's own, and a manifest with it.
    PushImage(Content),
    /// A body that is taken in small pieces until the time is over.
    Drip(Exchange),
}

/// How a blob is sent.
#[derive(Clone, Copy)]
pub(crate) enum How {
    /// POST, one PATCH, PUT.
    Patch,
    /// POST, PUT with the bytes.
    Put,
    /// POST, a PATCH for every MiB, PUT.
    Chunks,
}

/// A request, and what its answer has to be.
pub(crate) struct Exchange {
    pub(crate) request: Vec<u8>,
    pub(crate) status: u16,
    pub(crate) length: Length,
}

/// How long a body has to be.
#[derive(Clone, Copy)]
pub(crate) enum Length {
    Exactly(u64),
    AtLeast(u64),
}

/// A repository that one connection pushes to.
pub(crate) struct Pusher<'a> {
    pub(crate) connection: &'a mut Connection,
    pub(crate) repository: &'a str,
}

// === impl Job ===

impl Job {
    /// Each of the requests in its turn, over all clients.
    pub(crate) fn rotate(exchanges: Vec<Exchange>) -> Self {
        Job::Rotate(AtomicUsize::new(0), exchanges)
    }

    /// Does it once, and returns how many bytes of content went over the wire.
    pub(crate) async fn turn(&self, connection: &mut Connection, end: Instant) -> Outcome<u64> {
        let mut to = Pusher { connection, repository: "bench/pushed" };
        match self {
            Job::Fetch(exchanges) => {
                let mut bytes = 0;
                for exchange in exchanges {
                    bytes += exchange.run(to.connection).await?;
                }
                Ok(bytes)
            }
            Job::Rotate(next, exchanges) => {
                let number = next.fetch_add(1, Ordering::Relaxed) % exchanges.len();
                exchanges[number].run(to.connection).await
            }
            Job::Walk(path, least) => walk(to.connection, path, *least).await,
            Job::Push(content, how) => {
                let blob = content.blob();
                to.blob(blob.digest, &blob.parts(), *how).await?;
                Ok(blob.len() as u64)
            }
            Job::PushImage(content) => to.image(content).await,
            Job::Drip(exchange) => exchange.drip(to.connection, end).await,
        }
    }
}

// === impl Exchange ===

impl Exchange {
    pub(crate) fn get(path: &str, length: Length) -> Self {
        Self { request: request("GET", path, ""), status: 200, length }
    }

    pub(crate) fn head(path: &str, status: u16, length: Length) -> Self {
        Self { request: request("HEAD", path, ""), status, length }
    }

    /// The same with more headers, each with a line end.
    pub(crate) fn with(mut self, headers: &str) -> Self {
        let end = self.request.len() - 2;
        self.request.splice(end..end, headers.bytes());
        self
    }

    async fn run(&self, connection: &mut Connection) -> Outcome<u64> {
        let answer = connection.exchange(&self.request, &[]).await?;
        let expected = match self.length {
            Length::Exactly(length) => answer.length == length,
            Length::AtLeast(length) => answer.length >= length,
        };
        if answer.status != self.status || !expected {
            let Answer { status, length, .. } = answer;
            return Err(format!("{}: {status}, {length} bytes", self.line()).into());
        }
        Ok(if self.request.starts_with(b"HEAD ") { 0 } else { answer.length })
    }

    async fn drip(&self, connection: &mut Connection, end: Instant) -> Outcome<u64> {
        let head = connection.begin(&self.request, &[]).await?;
        let promised =
            matches!(self.length, Length::Exactly(length) if head.length == Some(length));
        if head.status != self.status || !promised {
            return Err(format!("{}: {}, {:?} bytes", self.line(), head.status, head.length).into());
        }
        let mut bytes = 0;
        while Instant::now() < end {
            bytes += connection.some().await? as u64;
            sleep_until(end.min(Instant::now() + DRIP)).await;
        }
        connection.close();
        Ok(bytes)
    }

    fn line(&self) -> String {
        let line = self.request.split(|byte| *byte == b'\r').next().unwrap_or_default();
        String::from_utf8_lossy(line).into_owned()
    }
}

// === impl Pusher ===

impl Pusher<'_> {
    pub(crate) async fn blob(&mut self, digest: Digest, parts: &[&[u8]], how: How) -> Outcome {
        let start = format!("/v2/{}/blobs/uploads/", self.repository);
        let mut location = self.send("POST", &start, "", &[], 202).await?;
        match how {
            How::Put => return self.finish(&location, digest, parts).await,
            How::Patch => location = self.send("PATCH", &location, "", parts, 202).await?,
            How::Chunks => {
                let mut from = 0;
                for chunk in parts.iter().flat_map(|part| part.chunks(CHUNK)) {
                    let to = from + chunk.len();
                    let range = format!("Content-Range: {from}-{}\r\n", to - 1);
                    location = self.send("PATCH", &location, &range, &[chunk], 202).await?;
                    from = to;
                }
            }
        }
        self.finish(&location, digest, &[]).await
    }

    pub(crate) async fn manifest(&mut self, reference: &str, bytes: &[u8]) -> Outcome {
        let path = format!("/v2/{}/manifests/{reference}", self.repository);
        let kind = format!("Content-Type: {}\r\n", content::IMAGE);
        self.send("PUT", &path, &kind, &[bytes], 201).await.map(drop)
    }

    /// Pushes a blob that nobody has seen and a manifest of it, under a tag of its own.
    async fn image(&mut self, content: &Content) -> Outcome<u64> {
        let tag = format!("t{}", &content.blob().digest.encoded()[..16]);
        self.image_as(&tag, content).await
    }

    /// Pushes a blob that nobody has seen and a manifest of it.
    pub(crate) async fn image_as(&mut self, tag: &str, content: &Content) -> Outcome<u64> {
        let blob = content.blob();
        self.blob(blob.digest, &blob.parts(), How::Patch).await?;
        let descriptor = (blob.digest, blob.len());
        let manifest = content::manifest(descriptor, &[descriptor]).to_string();
        self.manifest(tag, manifest.as_bytes()).await?;
        Ok((blob.len() + manifest.len()) as u64)
    }

    async fn finish(&mut self, location: &str, digest: Digest, parts: &[&[u8]]) -> Outcome {
        let sign = if location.contains('?') { '&' } else { '?' };
        let path = format!("{location}{sign}digest={digest}");
        self.send("PUT", &path, "", parts, 201).await.map(drop)
    }

    /// Sends a request that has to be answered with `status`, and returns the path to go on with.
    async fn send(
        &mut self,
        method: &str,
        path: &str,
        fields: &str,
        parts: &[&[u8]],
        status: u16,
    ) -> Outcome<String> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let kind = if fields.contains("Content-Type") { "" } else { OCTETS };
        let fields = format!("{kind}Content-Length: {length}\r\n{fields}");
        let answer = self.connection.exchange(&request(method, path, &fields), parts).await?;
        if answer.status != status {
            return Err(format!("{method} {path}: {}", answer.status).into());
        }
        Ok(answer.location.map(|location| path_of(&location).to_owned()).unwrap_or_default())
    }
}

const OCTETS: &str = "Content-Type: application/octet-stream\r\n";

/// The head of a request; `fields` end with a line end each.
fn request(method: &str, path: &str, fields: &str) -> Vec<u8> {
    let accept = if path.contains("/manifests/") { content::IMAGE } else { "*/*" };
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: {accept}\r\n{fields}\r\n");
    head.into_bytes()
}

async fn walk(connection: &mut Connection, start: &str, least: u64) -> Outcome<u64> {
    let (mut bytes, mut page) = (0, Some(start.to_owned()));
    while let Some(path) = page {
        let answer = connection.exchange(&request("GET", &path, ""), &[]).await?;
        if answer.status != 200 {
            return Err(format!("GET {path}: {}", answer.status).into());
        }
        bytes += answer.length;
        page = answer.next;
    }
    match bytes >= least {
        true => Ok(bytes),
        false => Err(format!("GET {start}: {bytes} bytes on all its pages").into()),
    }
}

/// Turns an error of the wire into one that says which turn failed.
pub(crate) fn explain(error: &(dyn std::error::Error + Send + Sync + 'static)) -> String {
    match error.downcast_ref::<io::Error>() {
        Some(error) => format!("connection: {error}"),
        None => error.to_string(),
    }
}
