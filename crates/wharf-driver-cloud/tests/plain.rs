//! The client for stores that are talked to without TLS, with a server that does as it is told.

#![allow(clippy::unwrap_used)]

use std::{
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
