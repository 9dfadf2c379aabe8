//! The client for stores that are talked to without TLS, with a server that does as it is told.

#![allow(clippy::unwrap_used)]

use std::{
    future::poll_fn,
    io::ErrorKind,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::StreamExt;
use http::Request;
use object_store::{
    ClientOptions,
    client::{HttpClient, HttpConnector, HttpErrorKind, HttpRequestBody, HttpResponse},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use wharf_content::{Handover, Pipe, Tap, Tapped};
use wharf_driver_cloud::{Answer, Connector};

/// Answers each request on each connection, and counts the connections.
struct Server {
    url: String,
    connections: Arc<AtomicUsize>,
}

/// What a request is answered with, by its path.
const ANSWERS: &[(&str, &str)] = &[
    ("/short", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"),
    ("/empty", "HTTP/1.1 204 No Content\r\n\r\n"),
    ("/chunked", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    ("/last", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"),
    ("/silent", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello"),
    ("/cut", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello"),
];

const LONG: usize = 3 << 20;

/// No test waits longer for an answer.
const LIMIT: Duration = Duration::from_secs(30);

// === impl Server ===

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream));
            }
        });
        Self { url, connections }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    async fn get(&self, client: &HttpClient, path: &str) -> HttpResponse {
        let request = Request::get(format!("{}{path}", self.url)).body(HttpRequestBody::empty());
        client.execute(request.unwrap()).await.unwrap()
    }
}

async fn serve(mut stream: TcpStream) -> Option<()> {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).unwrap();
        let path = head.split(' ').nth(1).unwrap();
        if let Some((_, answer)) = ANSWERS.iter().find(|(name, _)| *name == path) {
            stream.write_all(answer.as_bytes()).await.ok()?;
        } else if path == "/long" {
            let start = format!("HTTP/1.1 200 OK\r\ncontent-length: {LONG}\r\n\r\n");
            stream.write_all(start.as_bytes()).await.ok()?;
            stream.write_all(&vec![b'x'; LONG]).await.ok()?;
        } else {
            // The request itself, with its body.
            let lower = head.to_lowercase();
            let length = lower.split("content-length: ").nth(1);
            let length = length.map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await.ok()?;
            let answer = format!("{head}{}", String::from_utf8_lossy(&body));
            let start = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", answer.len());
            stream.write_all(format!("{start}{answer}").as_bytes()).await.ok()?;
        }
        match path {
            "/silent" => std::future::pending().await,
            "/cut" | "/last" => return None,
            // As stores do after a while: the next request comes too late.
            "/empty" => {
                tokio::time::sleep(Duration::from_millis(50)).await;
                return None;
            }
            _ => {}
        }
    }
}

fn client() -> HttpClient {
    let options = ClientOptions::new().with_user_agent("me/1".try_into().unwrap());
    Connector::Plain.connect(&options.with_allow_http(true)).unwrap()
}

async fn read(answer: HttpResponse) -> Bytes {
    answer.into_body().bytes().await.unwrap()
}

#[tokio::test]
async fn a_connection_is_used_again_once_its_answer_was_read() {
    let (server, client) = (Server::start().await, client());
    for (path, body) in [("/short", "hello"), ("/chunked", "abc"), ("/short", "hello")] {
        assert_eq!(read(server.get(&client, path).await).await, body);
    }
    assert_eq!(read(server.get(&client, "/long").await).await.len(), LONG);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn whoever_stops_at_the_last_byte_gives_the_connection_back() {
    let (server, client) = (Server::start().await, client());
    let mut body = server.get(&client, "/short").await.into_body().bytes_stream();
    assert_eq!(body.next().await.unwrap().unwrap(), "hello");
    drop(body);
    assert_eq!(read(server.get(&client, "/short").await).await, "hello");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn the_connection_of_an_answer_that_nobody_reads_to_its_end_is_closed() {
    let (server, client) = (Server::start().await, client());
    let mut body = server.get(&client, "/long").await.into_body().bytes_stream();
    assert!(!body.next().await.unwrap().unwrap().is_empty());
    drop(body);
    assert_eq!(read(server.get(&client, "/short").await).await, "hello");
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_connection_that_the_store_has_closed_is_not_used() {
    let (server, client) = (Server::start().await, client());
    assert_eq!(read(server.get(&client, "/last").await).await, "ok");
    assert_eq!(read(server.get(&client, "/short").await).await, "hello");
    assert_eq!(server.connections(), 2);
    assert_eq!(read(server.get(&client, "/empty").await).await, "");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(read(server.get(&client, "/short").await).await, "hello");
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn many_at_once_have_a_connection_each() {
    let (server, client) = (Server::start().await, client());
    let all = (0..8).map(|_| async { read(server.get(&client, "/long").await).await.len() });
    let all = futures_util::future::join_all(all).await;
    assert_eq!(all, [LONG; 8]);
    assert!((2..=8).contains(&server.connections()));
}

#[tokio::test]
async fn a_request_says_what_stores_want_to_hear() {
    let (server, client) = (Server::start().await, client());
    let payload = object_store::PutPayload::from_iter(["ab", "cd"].map(Bytes::from));
    let request = Request::put(format!("{}/echo?a=b", server.url)).header("content-length", 4);
    let request = request.body(HttpRequestBody::from(payload)).unwrap();
    let answer = read(client.execute(request).await.unwrap()).await;
    let answer = String::from_utf8(answer.to_vec()).unwrap().to_lowercase();
    let host = server.url.strip_prefix("http://").unwrap();
    assert!(answer.starts_with("put /echo?a=b http/1.1\r\n"), "{answer}");
    assert!(answer.contains(&format!("\r\nhost: {host}\r\n")), "{answer}");
    assert!(answer.contains("\r\nuser-agent: me/1\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nabcd"), "{answer}");
}

/// Reads an answer from its socket, and past what was read before through a pipe.
#[cfg(target_os = "linux")]
async fn read_socket(mut tap: Box<dyn Tap>) -> (Vec<u8>, std::io::Result<()>) {
    let pipe = Pipe::new().unwrap();
    let (target, mut source) = tokio::net::UnixStream::pair().unwrap();
    let mut all = Vec::new();
    loop {
        match poll_fn(|cx| tap.poll_next(cx, &pipe, 100_000)).await {
            None => return (all, Ok(())),
            Some(Err(error)) => return (all, Err(error)),
            Some(Ok(Tapped::Bytes(bytes))) => all.extend_from_slice(&bytes),
            Some(Ok(Tapped::Piped(len))) => {
                let start = all.len();
                all.resize(start + len, 0);
                let mut at = start;
                while at < all.len() {
                    let drained = pipe.drain(&target, all.len() - at).unwrap();
                    source.read_exact(&mut all[at..at + drained]).await.unwrap();
                    at += drained;
                }
            }
        }
    }
}

#[cfg(target_os = "linux")]
fn socket(answer: &HttpResponse) -> Option<Box<dyn Tap>> {
    answer.extensions().get::<Handover>().unwrap().take()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_socket_of_an_answer_gives_what_its_body_would() {
    let (server, client) = (Server::start().await, client());
    for path in ["/long", "/short", "/long"] {
        let answer = server.get(&client, path).await;
        let (read, end) = timeout(LIMIT, read_socket(socket(&answer).unwrap())).await.unwrap();
        end.unwrap();
        let expected = if path == "/long" { vec![b'x'; LONG] } else { b"hello".to_vec() };
        assert!(read == expected, "{path}: {} bytes", read.len());
        assert!(socket(&answer).is_none());
        let error = answer.into_body().bytes().await.unwrap_err();
        assert_eq!(error.kind(), HttpErrorKind::Interrupted);
    }
    // And the connection is used again, by whoever reads a body or a socket.
    assert_eq!(read(server.get(&client, "/short").await).await, "hello");
    assert_eq!(server.connections(), 1);
    let last = server.get(&client, "/last").await;
    // There is a socket only if its end was not seen yet.
    match socket(&last) {
        Some(socket) => assert_eq!(read_socket(socket).await.0, b"ok"),
        None => assert_eq!(read(last).await, "ok"),
    }
    assert_eq!(server.get(&client, "/short").await.status(), 200);
    assert_eq!(server.connections(), 2);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_socket_that_breaks_is_an_error_and_what_has_no_length_has_no_socket() {
    let (server, client) = (Server::start().await, client());
    let answer = server.get(&client, "/cut").await;
    let (came, end) = timeout(LIMIT, read_socket(socket(&answer).unwrap())).await.unwrap();
    assert_eq!((&*came, end.unwrap_err().kind()), (&b"hello"[..], ErrorKind::UnexpectedEof));
    let answer = server.get(&client, "/chunked").await;
    assert!(socket(&answer).is_none());
    assert_eq!(read(answer).await, "abc");
    let answer = server.get(&client, "/long").await;
    drop(socket(&answer));
    assert_eq!(read(server.get(&client, "/short").await).await, "hello");
}

#[tokio::test]
async fn a_body_that_is_cut_is_an_error_and_one_that_stops_ends_in_time() {
    let (server, client) = (Server::start().await, client());
    let answer = server.get(&client, "/cut").await.into_body();
    let error = timeout(Duration::from_secs(30), answer.bytes()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), HttpErrorKind::Interrupted);

    let answer = server.get(&client, "/silent").await;
    let mut body = answer.into_body().bytes_stream();
    assert_eq!(body.next().await.unwrap().unwrap(), "hello");
    tokio::time::pause();
    let error = body.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), HttpErrorKind::Timeout);
}

#[tokio::test]
async fn nobody_there_is_told_as_it_always_was() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let request = Request::get(format!("http://{free}/")).body(HttpRequestBody::empty()).unwrap();
    let error = client().execute(request).await.unwrap_err();
    assert_eq!(error.kind(), HttpErrorKind::Connect);
    let answer = Answer::of(&error);
    assert!(answer.unreachable && answer.text.contains("refused"), "{answer:?}");
}
