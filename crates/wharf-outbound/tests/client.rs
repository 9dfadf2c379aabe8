//! The client against servers on loopback.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod support;

use std::{
    io,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use support::{Server, answer};
use wharf_outbound::{Client, Error, Options, Reach, Resolve, Trailers};
use wharf_testkit::grpc;

/// Knows one name, which leads somewhere else every time.
struct Rebinding(AtomicUsize, &'static [&'static [&'static str]]);

#[async_trait]
impl Resolve for Rebinding {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let turn = self.0.fetch_add(1, Ordering::SeqCst);
        Ok(self.1[turn.min(self.1.len() - 1)].iter().map(|text| text.parse().unwrap()).collect())
    }
}

fn local() -> Options {
    Options { reach: Reach::everything(), ..Options::default() }
}

async fn get(options: Options, url: &str) -> Result<Response<Bytes>, Error> {
    let request = Request::get(url).body(Bytes::new()).unwrap();
    Client::new(options).unwrap().send(request).await
}

fn head<'a>(heads: &'a [String], name: &str) -> Option<&'a str> {
    let mut lines = heads.first()?.lines();
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[tokio::test]
async fn an_answer_is_read_whatever_its_status() {
    let server = Server::saying("503 Busy", "x-a: b\r\n", "later").await;
    let answer = get(local(), &server.url("/x?y=1")).await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (503, &b"later"[..]));
    assert_eq!(answer.headers()["x-a"], "b");
    assert!(server.heads()[0].starts_with("GET /x?y=1 HTTP/1.1\r\n"));
    assert!(head(&server.heads(), "user-agent").unwrap().starts_with("wharf/"));
}

#[tokio::test]
async fn private_addresses_are_out_of_reach() {
    let server = Server::saying("200 OK", "", "secret").await;
    let refused = get(Options::default(), &server.url("/")).await.unwrap_err();
    assert!(matches!(refused, Error::Private { .. }), "{refused}");
    let port = server.address.port();
    for host in ["127.0.0.1", "[::ffff:127.0.0.1]", "localhost", "127.1.2.3"] {
        let url = format!("http://{host}:{port}/");
        let refused = get(Options::default(), &url).await.unwrap_err();
        assert!(matches!(refused, Error::Private { .. }), "{host}: {refused}");
    }
    assert_eq!(server.heads(), [""; 0]);
    let named = Reach::public().and_server(&server.url("/").parse().unwrap());
    let options = Options { reach: named, ..Options::default() };
    assert_eq!(get(options, &server.url("/")).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_name_that_is_rebound_gains_nothing() {
    let server = Server::saying("200 OK", "", "secret").await;
    let url = format!("http://rebound.example:{}/", server.address.port());
    const TURNS: [&[&[&str]]; 3] =
        [&[&["127.0.0.1"]], &[&["::1", "127.0.0.1"]], &[&["169.254.169.254"]]];
    for turns in TURNS {
        let resolver = Arc::new(Rebinding(AtomicUsize::new(0), turns));
        let refused = get(Options { resolver, ..Options::default() }, &url).await.unwrap_err();
        assert!(matches!(refused, Error::Private { .. }), "{refused}");
    }
    assert_eq!(server.heads(), [""; 0]);
    // What was resolved is what is connected to: the name is asked for once.
    let resolver = Arc::new(Rebinding(AtomicUsize::new(0), &[&["127.0.0.1"], &["192.0.2.1"]]));
    let options = Options { resolver: Arc::clone(&resolver) as _, ..local() };
    assert_eq!(get(options, &url).await.unwrap().status(), 200);
    assert_eq!(resolver.0.load(Ordering::SeqCst), 1);
}

/// CVE-2026-2376: a redirect led a mirroring registry into its own network.
#[tokio::test]
async fn cve_2026_2376_a_redirect_does_not_lead_into_a_private_network() {
    let inner = Server::saying("200 OK", "", "secret").await;
    let location = format!("location: {}\r\n", inner.url("/"));
    let outer = Server::saying("302 Found", &location, "").await;
    let reach = Reach::public().and_server(&outer.url("/").parse().unwrap());
    let options = Options { reach, ..Options::default() };
    let refused = get(options, &outer.url("/")).await.unwrap_err();
    assert!(matches!(refused, Error::Private { .. }), "{refused}");
    assert_eq!((outer.heads().len(), inner.heads().len()), (1, 0));
}

/// CVE-2026-33540: credentials were sent to whoever an answer named.
#[tokio::test]
async fn cve_2026_33540_credentials_do_not_follow_a_redirect() {
    let other = Server::saying("200 OK", "", "").await;
    let location = format!("location: {}\r\n", other.url("/"));
    let server = Server::saying("307 Temporary Redirect", &location, "").await;
    let client = Client::new(local()).unwrap();
    for (name, value) in [("authorization", "Bearer s3cret"), ("x-token", "s3cret")] {
        let request = Request::get(server.url("/")).header(name, value).body(Bytes::new()).unwrap();
        let refused = client.send(request).await.unwrap_err();
        assert!(matches!(refused, Error::Redirect { .. }), "{refused}");
        assert!(!format!("{refused} {refused:?}").contains("s3cret"));
    }
    let url = server.url("/").replace("://", "://user:s3cret@");
    assert!(matches!(get(local(), &url).await, Err(Error::Redirect { .. })));
    assert_eq!(other.heads(), [""; 0]);
    // What carries nothing secret may go on.
    assert_eq!(get(local(), &server.url("/")).await.unwrap().status(), 200);
}

#[tokio::test]
async fn what_is_sent_is_not_sent_twice() {
    let server = Server::saying("307 Temporary Redirect", "location: /again\r\n", "").await;
    let request = Request::post(server.url("/")).body(Bytes::new()).unwrap();
    let answer = Client::new(local()).unwrap().send(request).await.unwrap();
    assert_eq!((answer.status().as_u16(), server.heads().len()), (307, 1));
}

#[tokio::test]
async fn redirects_end() {
    let server = Server::saying("302 Found", "location: /again\r\n", "").await;
    let error = get(local(), &server.url("/")).await.unwrap_err();
    assert!(error.to_string().ends_with("redirects too often"), "{error}");
    assert_eq!(server.heads().len(), 4);
}

#[tokio::test]
async fn credentials_of_a_url_become_a_header() {
    let server = Server::saying("200 OK", "", "").await;
    let url = server.url("/").replace("://", "://us%65r:p%3Ass@");
    get(local(), &url).await.unwrap();
    // "user:p:ss"
    assert_eq!(head(&server.heads(), "authorization"), Some("Basic dXNlcjpwOnNz"));
    assert!(!head(&server.heads(), "host").unwrap().contains('@'));
}

#[tokio::test]
async fn no_answer_is_larger_than_the_limit() {
    let body = "x".repeat(5000);
    let server = Server::saying("200 OK", "", &body).await;
    let error = get(Options { max_body: 4999, ..local() }, &server.url("/")).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: 4999, .. }), "{error}");
    let answer = get(Options { max_body: 5000, ..local() }, &server.url("/")).await.unwrap();
    assert_eq!(answer.body().len(), 5000);
    // A body that never says how long it is.
    let endless = Server::start(|_| {
        let mut answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        (0..100).for_each(|_| answer.extend(b"100\r\n".iter().chain(&[b'x'; 256]).chain(b"\r\n")));
        answer
    })
    .await;
    let error = get(Options { max_body: 9000, ..local() }, &endless.url("/")).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up() {
    let silent = Server::start(|_| Vec::new()).await;
    let options = Options { timeout: Duration::from_millis(50), ..local() };
    let error = get(options, &silent.url("/")).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    // One that begins and then stands still.
    let stuck =
        Server::start(|_| b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc".to_vec()).await;
    let options = Options { timeout: Duration::from_millis(50), ..local() };
    let error = get(options, &stuck.url("/")).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error_without_secrets() {
    let error = get(local(), "http://user:s3cret@127.0.0.1:1/path").await.unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error}");
    assert!(error.to_string().starts_with("cannot connect to http://127.0.0.1:1: "), "{error}");
    for url in ["ftp://a/", "/path", "a.example"] {
        assert!(matches!(get(local(), url).await, Err(Error::Url(_))), "{url}");
    }
}

#[tokio::test]
async fn requests_go_through_a_configured_proxy() {
    let proxy = Server::start(|head| answer("200 OK", "", head.lines().next().unwrap())).await;
    let named = format!("http://user:pass@{}", proxy.address);
    let options = Options { proxy: Some(named.parse().unwrap()), ..Options::default() };
    let answer = get(options.clone(), "http://far.example/x").await.unwrap();
    assert_eq!(&answer.body()[..], b"GET http://far.example/x HTTP/1.1");
    assert_eq!(head(&proxy.heads(), "proxy-authorization"), Some("Basic dXNlcjpwYXNz"));
    let refused = get(options.clone(), "http://127.0.0.1/x").await.unwrap_err();
    assert!(matches!(refused, Error::Private { .. }), "{refused}");
    // The tunnel is asked for; that the proxy then speaks no TLS is an error like any other.
    assert!(matches!(get(options, "https://far.example/x").await, Err(Error::Connect { .. })));
    let tunnel = &proxy.heads()[1];
    assert!(tunnel.starts_with("CONNECT far.example:443 HTTP/1.1\r\n"), "{tunnel}");
    assert!(tunnel.contains("Proxy-Authorization: Basic dXNlcjpwYXNz\r\n"), "{tunnel}");
}

#[tokio::test]
async fn http2_is_spoken_at_once_where_it_is_wanted_and_trailers_are_kept() {
    let server = grpc::Double::start(&[5]).unwrap();
    let client = Client::new(Options { http2_only: true, ..local() }).unwrap();
    let call = async || {
        let call = Request::post(format!("http://{}/call", server.address()));
        client.send(call.body(Bytes::from_static(b"message")).unwrap()).await.unwrap()
    };
    let refused = call().await;
    assert_eq!(refused.headers()["grpc-status"], "5");
    let taken = call().await;
    assert_eq!(taken.extensions().get::<Trailers>().unwrap().0["grpc-status"], "0");
    assert_eq!(taken.body().len(), 5);
    assert_eq!(server.calls().recv().unwrap().body, "message");
}
