//! Connections: time-outs, limits, both protocols, and an orderly end.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod support;

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Full, combinators::BoxBody};
use hyper::{Request, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use support::{Server, options};
use tokio::net::{TcpListener, TcpStream};
use wharf_digest::Digest;
use wharf_driver::MemoryDriver;
use wharf_driver_fs::FsDriver;
use wharf_http::{App, Limits, Options, Timeouts, serve};
use wharf_storage::StorageNamespace;
use wharf_testkit::driver_suite::pattern;

/// Time-outs of this length, where the test does not mean another one.
const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(200);

const PATIENT: Timeouts =
    Timeouts { header: LONG, idle: LONG, body_stall: LONG, write_stall: LONG };

fn timeouts(timeouts: Timeouts) -> Options {
    Options { timeouts, ..options() }
}

/// A server over a directory, so that blobs are regions of files.
async fn over_files(options: Options) -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let driver = FsDriver::new(folder.path(), wharf_driver_fs::Options::default()).unwrap();
    let namespace = StorageNamespace::new(Arc::new(driver), wharf_storage::Options::default());
    (Server::serving(App::new(Arc::new(namespace), options)).await, folder)
}

fn noise(length: usize) -> Bytes {
    pattern(1, length)
}

#[tokio::test]
async fn a_header_that_never_ends_is_cut() {
    let server = Server::start(timeouts(Timeouts { header: SHORT, ..PATIENT })).await;
    let mut client = server.client().await;
    client.write(b"GET /v2/ HTTP/1.1\r\nHost: a\r\nX-Slow: ").await;
    assert!(client.closed().await);
}

#[tokio::test]
async fn a_client_that_says_nothing_is_cut() {
    let short = Timeouts { header: SHORT, idle: SHORT, ..PATIENT };
    let server = Server::start(timeouts(short)).await;
    let mut silent = server.client().await;
    assert!(silent.closed().await);
    let mut once = server.client().await;
    assert_eq!(once.send("GET", "/v2/", &[], b"").await.status, 200);
    assert!(once.closed().await);
    let mut preface = server.client().await;
    preface.write(b"PRI * HTTP/2.0\r\n").await;
    assert!(preface.closed().await);
}

#[tokio::test]
async fn a_body_that_stalls_is_given_up_and_what_came_is_kept() {
    let server = Server::start(timeouts(Timeouts { body_stall: SHORT, ..PATIENT })).await;
    let begun = server.send("POST", "/v2/app/blobs/uploads/", &[], b"").await;
    let mut client = server.client().await;
    client.raw("PATCH", &begun.location(), &["Content-Length: 100".into()], b"hello").await;
    let answer = client.answer("PATCH").await;
    assert_eq!(answer.error(), (408, "SIZE_INVALID".into()));
    let status = server.get(&begun.location()).await;
    assert_eq!((status.status, status.header("range")), (204, Some("0-4")));
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut() {
    let options = timeouts(Timeouts { write_stall: SHORT, ..PATIENT });
    let (server, _folder) = over_files(options).await;
    let digest = server.push_blob("app", &noise(12 << 20)).await;
    let mut client = server.narrow_client().await;
    client.raw("GET", &format!("/v2/app/blobs/{digest}"), &[], b"").await;
    tokio::time::sleep(SHORT * 3).await;
    // The rest of what the kernel holds, and then the end, long before all has come.
    let taken = client.rest().await;
    assert!(taken < 12 << 20, "{taken}");
}

#[tokio::test]
async fn an_http2_client_that_makes_no_room_is_cut() {
    let options = timeouts(Timeouts { write_stall: SHORT, ..PATIENT });
    let (server, _folder) = over_files(options).await;
    let digest = server.push_blob("app", &noise(3 << 20)).await;
    let stream = TokioIo::new(TcpStream::connect(server.address).await.unwrap());
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(1000);
    let (mut client, connection): (Sender, _) = builder.handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let uri = format!("http://{}/v2/app/blobs/{digest}", server.address);
    let response = client.send_request(request("GET", &uri, empty())).await.unwrap();
    assert_eq!(response.status(), 200);
    let ended = tokio::time::timeout(LONG / 30, connection).await;
    assert!(ended.is_ok(), "the connection is still open");
    assert!(response.into_body().collect().await.is_err());
}

#[tokio::test]
async fn large_files_arrive_whole_over_both_protocols() {
    let (server, _folder) = over_files(options()).await;
    let content = noise((3 << 20) + 1234);
    let digest = server.push_blob("app", &content).await;
    let path = format!("/v2/app/blobs/{digest}");
    assert!(server.get(&path).await.body == content);
    let part = server.send("GET", &path, &["Range: bytes=1000000-3000000"], b"").await;
    assert!(part.body == content[1_000_000..=3_000_000]);
    let parts = server.send("GET", &path, &["Range: bytes=1-1000000,2000000-"], b"").await;
    assert_eq!(parts.status, 206);

    let mut client = h2(&server).await;
    let uri = format!("http://{}{path}", server.address);
    let response = client.send_request(request("GET", &uri, empty())).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.into_body().collect().await.unwrap().to_bytes() == content);
}

#[tokio::test]
async fn a_push_works_over_http2() {
    let server = Server::start(options()).await;
    let mut client = h2(&server).await;
    let base = format!("http://{}/v2/app/blobs", server.address);
    let begun = client.send_request(request("POST", &format!("{base}/uploads/"), empty())).await;
    let begun = begun.unwrap();
    assert_eq!(begun.status(), 202);
    let location = begun.headers()["location"].to_str().unwrap().to_owned();
    assert!(location.starts_with(&format!("{base}/uploads/")), "{location}");
    let content = noise(3 << 20);
    let digest = Digest::sha256(&content);
    let body = BoxBody::new(Full::new(content));
    let uri = format!("{location}&digest={digest}");
    let response = client.send_request(request("PUT", &uri, body)).await.unwrap();
    assert_eq!(response.status(), 201);
    let head = client.send_request(request("HEAD", &format!("{base}/{digest}"), empty())).await;
    assert_eq!(head.unwrap().headers()["content-length"], "3145728");
}

#[tokio::test]
async fn http2_can_be_off() {
    let server = Server::start(Options { http2: false, ..options() }).await;
    let mut client = server.client().await;
    client.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(client.closed().await);
}

#[tokio::test]
async fn headers_have_a_limit() {
    let server = Server::start(Options { max_header_bytes: 8000, ..options() }).await;
    let large = format!("X-Large: {}", "x".repeat(10_000));
    let answer = server.send("GET", "/v2/", &[&large], b"").await;
    assert_eq!(answer.error(), (431, "UNSUPPORTED".into()));
    let answer = server.send("GET", "/v2/", &["X-Small: x"], b"").await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_refused_body_does_not_hide_the_answer() {
    let server = Server::start(options()).await;
    for path in ["/v2/app/manifests/v1", "/v2/app/blobs/uploads/x", "/v2/App/manifests/v1"] {
        let answer = server.send("PUT", path, &["Content-Type: a/b"], &noise(6 << 20)).await;
        assert!((400..500).contains(&answer.status), "{answer:?}");
        assert_eq!(answer.header("connection"), Some("close"));
    }
    // A short one costs nobody the connection.
    let mut client = server.client().await;
    for _ in 0..2 {
        let answer = client.send("PUT", "/v2/App/manifests/v1", &[], &noise(1000)).await;
        assert_eq!((answer.status, answer.header("connection")), (400, None));
    }
}

#[tokio::test]
async fn a_push_is_finished_without_its_client() {
    let server = Server::start(options()).await;
    let begun = server.send("POST", "/v2/app/blobs/uploads/", &[], b"").await;
    let digest = Digest::sha256(b"hello");
    let end = format!("{}&digest={digest}", begun.location());
    let mut client = server.client().await;
    client.raw("PUT", &end, &["Content-Length: 5".into()], b"hello").await;
    drop(client);
    for _ in 0..2000 {
        if server.get(&format!("/v2/app/blobs/{digest}")).await.status == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the blob was never stored");
}

#[tokio::test]
async fn the_end_waits_for_requests_but_not_for_idle_clients() {
    let server = Server::start(timeouts(PATIENT)).await;
    let begun = server.send("POST", "/v2/app/blobs/uploads/", &[], b"").await;
    let mut idle = server.client().await;
    assert_eq!(idle.send("GET", "/v2/", &[], b"").await.status, 200);
    let mut busy = server.client().await;
    let head = ["Content-Length: 10".to_owned(), "Expect: 100-continue".to_owned()];
    busy.raw("PATCH", &begun.location(), &head, b"").await;
    assert_eq!(busy.answer("PATCH").await.status, 100);
    busy.write(b"hello").await;

    server.tell_to_stop();
    assert!(idle.closed().await);
    busy.write(b"world").await;
    let answer = busy.answer("PATCH").await;
    assert_eq!((answer.status, answer.header("range")), (202, Some("0-9")));
    server.stop().await;
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn an_upload_that_the_end_cuts_keeps_what_came() {
    let options = options();
    let storage = wharf_storage::Options::default();
    let namespace = Arc::new(StorageNamespace::new(Arc::new(MemoryDriver::new()), storage));
    let app = Arc::new(App::new(namespace, options));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = support::Client::connect(listener.local_addr().unwrap()).await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let shutdown = async { drop(stopped.await) };
    let running = tokio::spawn(serve(listener, Arc::clone(&app), shutdown, 5 * SHORT));

    let begun = client.send("POST", "/v2/app/blobs/uploads/", &[], b"").await;
    let head = ["Content-Length: 10".to_owned(), "Expect: 100-continue".to_owned()];
    client.raw("PATCH", &begun.location(), &head, b"").await;
    assert_eq!(client.answer("PATCH").await.status, 100);
    client.write(b"hello").await;
    drop(stop);
    running.await.unwrap().unwrap();

    let path = begun.location();
    let request = Request::get(path).body(Empty::<Bytes>::new()).unwrap();
    let answer = app.handle(request, ([127, 0, 0, 1], 1).into()).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["range"]),
        (204, &"0-4".parse().unwrap())
    );
}

#[tokio::test]
async fn connections_have_a_limit() {
    let server = Server::start(Options {
        limits: Limits { connections: Some(1), ..Limits::default() },
        ..options()
    })
    .await;
    let mut first = server.client().await;
    assert_eq!(first.send("GET", "/v2/", &[], b"").await.status, 200);
    let mut second = server.client().await;
    second.raw("GET", "/v2/", &[], b"").await;
    let early = tokio::time::timeout(SHORT, second.answer("GET")).await;
    assert!(early.is_err(), "the second connection waits for the first");
    drop(first);
    assert_eq!(second.answer("GET").await.status, 200);
}

type Sender = http2::SendRequest<BoxBody<Bytes, Infallible>>;

async fn h2(server: &Server) -> Sender {
    let stream = TokioIo::new(TcpStream::connect(server.address).await.unwrap());
    let (client, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    client
}

fn request(
    method: &str,
    uri: &str,
    body: BoxBody<Bytes, Infallible>,
) -> Request<BoxBody<Bytes, Infallible>> {
    Request::builder().method(method).uri(uri).body(body).unwrap()
}

fn empty() -> BoxBody<Bytes, Infallible> {
    BoxBody::new(Empty::new())
}
