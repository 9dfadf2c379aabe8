//! What a client that takes more than its share comes to.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod support;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use support::{Client, Server, options};
use wharf_auth::{Ask, Authorize, Denial, Grant};
use wharf_driver::MemoryDriver;
use wharf_driver_fs::FsDriver;
use wharf_http::{App, Limits, Options, Timeouts};
use wharf_storage::StorageNamespace;

/// Lets everybody do everything, under one name.
struct Alice;

#[async_trait]
impl Authorize for Alice {
    async fn authorize(&self, ask: Ask<'_>) -> Result<Grant, Denial> {
        let grant = wharf_http::AllowAll.authorize(ask).await?;
        Ok(Grant { subject: Some(wharf_core::Subject("alice".into())), ..grant })
    }
}

fn limits(limits: Limits) -> Options {
    Options { limits, ..options() }
}

/// A client in the middle of sending a body of 10 bytes.
async fn busy(server: &Server) -> (Client, String) {
    busy_as(server, "X-Nothing: 0").await
}

/// The same, with a header that says who it is.
async fn busy_as(server: &Server, who: &str) -> (Client, String) {
    let begun = server.send("POST", "/v2/app/blobs/uploads/", &[], b"").await;
    let mut client = server.client().await;
    let head = ["Content-Length: 10", "Expect: 100-continue", who].map(str::to_owned);
    client.raw("PATCH", &begun.location(), &head, b"").await;
    assert_eq!(client.answer("PATCH").await.status, 100);
    (client, begun.location())
}

/// The answer to a request, once it is no refusal any more.
async fn served(server: &Server) {
    for _ in 0..6000 {
        if server.get("/v2/").await.status == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("a place was never free again");
}

#[tokio::test]
async fn an_address_has_so_many_requests_at_a_time() {
    let limits = limits(Limits { requests_per_address: Some(1), ..Limits::default() });
    let server = Server::start(limits).await;
    let (mut client, _) = busy(&server).await;
    let answer = server.get("/v2/").await;
    assert_eq!(answer.error(), (429, "TOOMANYREQUESTS".into()));
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(server.get("/").await.status, 200, "the server says that it is alive");
    client.write(b"0123456789").await;
    assert_eq!(client.answer("PATCH").await.status, 202);
    served(&server).await;
}

#[tokio::test]
async fn a_proxy_names_the_address_that_counts() {
    let trusted_proxies = Some(vec!["127.0.0.0/8".parse().unwrap()]);
    let limits = Limits { requests_per_address: Some(1), ..Limits::default() };
    let server = Server::start(Options { limits, trusted_proxies, ..options() }).await;
    let (_client, _) = busy_as(&server, "X-Forwarded-For: 192.0.2.1").await;
    for (header, status) in [
        ("X-Forwarded-For: 192.0.2.1", 429),
        ("Forwarded: for=192.0.2.1", 429),
        ("X-Forwarded-For: 192.0.2.2", 200),
        ("Forwarded: for=192.0.2.2", 200),
    ] {
        assert_eq!(server.send("GET", "/v2/", &[header], b"").await.status, status, "{header}");
    }
}

#[tokio::test]
async fn a_proxy_that_names_nobody_speaks_for_many() {
    let trusted_proxies = Some(vec!["127.0.0.0/8".parse().unwrap()]);
    let limits = Limits { requests_per_address: Some(1), ..Limits::default() };
    let server = Server::start(Options { limits, trusted_proxies, ..options() }).await;
    let (_one, _) = busy(&server).await;
    let (_other, _) = busy(&server).await;
    assert_eq!(server.get("/v2/").await.status, 200);
}

#[tokio::test]
async fn a_user_has_so_many_requests_at_a_time() {
    let storage = wharf_storage::Options::default();
    let namespace = StorageNamespace::new(Arc::new(MemoryDriver::new()), storage);
    let limits = limits(Limits { requests_per_principal: Some(1), ..Limits::default() });
    let app = App::guarded(Arc::new(namespace), limits, Arc::new(Alice));
    let server = Server::serving(app).await;
    let (mut client, _) = busy(&server).await;
    let answer = server.get("/v2/").await;
    assert_eq!(answer.error(), (429, "TOOMANYREQUESTS".into()));
    client.write(b"0123456789").await;
    assert_eq!(client.answer("PATCH").await.status, 202);
    served(&server).await;
}

#[tokio::test]
async fn all_together_have_so_many_requests_at_a_time() {
    let limits = limits(Limits { requests: Some(1), ..Limits::default() });
    let server = Server::start(limits).await;
    let (client, _) = busy(&server).await;
    let answer = server.get("/v2/").await;
    assert_eq!(answer.error(), (503, "UNAVAILABLE".into()));
    assert_eq!(answer.header("retry-after"), Some("1"));
    // One whose client has left counts until it has ended, too.
    drop(client);
    served(&server).await;
}

#[tokio::test]
async fn an_answer_counts_until_it_is_taken() {
    let limits = limits(Limits { requests_per_address: Some(1), ..Limits::default() });
    let folder = tempfile::tempdir().unwrap();
    let driver = FsDriver::new(folder.path(), wharf_driver_fs::Options::default()).unwrap();
    let namespace = StorageNamespace::new(Arc::new(driver), wharf_storage::Options::default());
    let server = Server::serving(App::new(Arc::new(namespace), limits)).await;
    let digest = server.push_blob("app", &vec![7; 12 << 20]).await;
    let mut client = server.narrow_client().await;
    served(&server).await;
    client.raw("GET", &format!("/v2/app/blobs/{digest}"), &[], b"").await;
    let refused = async {
        while server.get("/v2/").await.status != 429 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), refused).await.unwrap();
    drop(client);
    served(&server).await;
}

#[tokio::test]
async fn an_address_has_so_many_connections() {
    let limits = limits(Limits { connections_per_address: Some(1), ..Limits::default() });
    let server = Server::start(limits).await;
    let mut first = server.client().await;
    assert_eq!(first.send("GET", "/v2/", &[], b"").await.status, 200);
    assert!(server.client().await.closed().await);
    assert_eq!(first.send("GET", "/v2/", &[], b"").await.status, 200);
}

#[tokio::test]
async fn idle_clients_make_room_for_others() {
    let limits = limits(Limits { connections: Some(2), ..Limits::default() });
    let server = Server::start(limits).await;
    let mut idle = server.client().await;
    assert_eq!(idle.send("GET", "/v2/", &[], b"").await.status, 200);
    let mut slow = server.client().await;
    slow.write(b"GET /v2/ HTTP/1.1\r\nHost: a\r\nX-Slow: ").await;
    // All that come are served, one after the other.
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = server.client().await;
        assert_eq!(client.send("GET", "/v2/", &[], b"").await.status, 200);
        clients.push(client);
    }
    assert!(idle.closed().await);
    assert!(slow.closed().await);
}

#[tokio::test]
async fn a_body_that_drips_is_given_up() {
    let timeouts = Timeouts { body_stall: Duration::from_millis(300), ..Timeouts::default() };
    let limits = Limits { upload_rate: 1 << 20, ..Limits::default() };
    let server = Server::start(Options { timeouts, limits, ..options() }).await;
    let (mut client, location) = busy(&server).await;
    for digit in b"0123456" {
        // Each byte comes in time, and all of them too late.
        client.write(&[*digit]).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(client.answer("PATCH").await.error(), (408, "SIZE_INVALID".into()));
    assert_eq!(server.get(&location).await.status, 204, "what came of it can be gone on with");
}

#[tokio::test]
async fn a_client_that_sips_is_cut() {
    let timeouts = Timeouts { write_stall: Duration::from_millis(500), ..Timeouts::default() };
    let limits = Limits { download_rate: 1 << 30, ..Limits::default() };
    let server = Server::start(Options { timeouts, limits, ..options() }).await;
    let digest = server.push_blob("app", &vec![7; 64 << 20]).await;
    let mut client = server.narrow_client().await;
    client.raw("GET", &format!("/v2/app/blobs/{digest}"), &[], b"").await;
    assert!(client.sip(10_000, Duration::from_millis(5)).await < 64 << 20);
}

#[tokio::test]
async fn the_number_of_headers_has_a_limit() {
    let server = Server::start(limits(Limits { headers: 20, ..Limits::default() })).await;
    let headers: Vec<_> = (0..30).map(|n| format!("X-{n}: a")).collect();
    let headers: Vec<_> = headers.iter().map(String::as_str).collect();
    assert_eq!(server.send("GET", "/v2/", &headers, b"").await.status, 431);
    assert_eq!(server.send("GET", "/v2/", &headers[..10], b"").await.status, 200);
}
