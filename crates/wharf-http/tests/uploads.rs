//! Uploads: every way in, and every way to get it wrong.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod support;

use support::{Answer, Server, options};
use wharf_digest::{Algorithm, Digest};

const CHUNKED: &str = "Transfer-Encoding: chunked";

fn sha256(content: &[u8]) -> String {
    Digest::sha256(content).to_string()
}

fn with_digest(location: &str, digest: &str) -> String {
    format!("{location}&digest={}", digest.replace(':', "%3A"))
}

async fn begin(server: &Server) -> String {
    let answer = server.send("POST", "/v2/app/blobs/uploads/", &[], b"").await;
    assert_eq!((answer.status, answer.header("range")), (202, Some("0-0")), "{answer:?}");
    assert_eq!(answer.header("content-length"), Some("0"));
    assert!(answer.header("docker-upload-uuid").is_some());
    answer.location()
}

async fn patch(server: &Server, location: &str, headers: &[&str], body: &[u8]) -> Answer {
    server.send("PATCH", location, headers, body).await
}

/// That the session stands at `size`, and the URL to go on with.
async fn stands(server: &Server, location: &str, size: u64) -> String {
    let path = location.split('?').next().unwrap();
    let answer = server.send("GET", path, &[], b"").await;
    assert_eq!(answer.status, 204, "{answer:?}");
    let range = format!("0-{}", size.saturating_sub(1));
    assert_eq!(answer.header("range"), Some(range.as_str()));
    let head = server.send("HEAD", path, &[], b"").await;
    assert_eq!((head.status, head.header("range")), (204, Some(range.as_str())));
    answer.location()
}

async fn stored(server: &Server, digest: &str, content: &[u8]) {
    let answer = server.get(&format!("/v2/app/blobs/{digest}")).await;
    assert_eq!((answer.status, &answer.body[..]), (200, content));
    assert_eq!(answer.header("docker-content-digest"), Some(digest));
}

#[tokio::test]
async fn a_blob_arrives_in_chunks_as_a_stream_or_at_once() {
    let server = Server::start(options()).await;

    let location = begin(&server).await;
    let answer = patch(&server, &location, &["Content-Range: 0-4"], b"hello").await;
    assert_eq!((answer.status, answer.header("range")), (202, Some("0-4")), "{answer:?}");
    let location = answer.location();
    let answer = patch(&server, &location, &[], b" wor").await;
    assert_eq!((answer.status, answer.header("range")), (202, Some("0-8")));
    let digest = sha256(b"hello world");
    let end = with_digest(&answer.location(), &digest);
    let answer = server.send("PUT", &end, &["Content-Range: 9-10"], b"ld").await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.location(), format!("/v2/app/blobs/{digest}"));
    assert_eq!(answer.header("docker-content-digest"), Some(digest.as_str()));
    stored(&server, &digest, b"hello world").await;

    let location = begin(&server).await;
    let answer = patch(&server, &location, &[CHUNKED], b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").await;
    assert_eq!((answer.status, answer.header("range")), (202, Some("0-4")));
    let digest = sha256(b"abcde");
    let answer = server.send("PUT", &with_digest(&answer.location(), &digest), &[], b"").await;
    assert_eq!(answer.status, 201);
    stored(&server, &digest, b"abcde").await;

    let digest = server.push_blob("app", b"at once").await;
    stored(&server, &digest, b"at once").await;
    let digest = Digest::of(Algorithm::Sha512, b"chunked").to_string();
    let path = format!("/v2/app/blobs/uploads/?digest={digest}");
    let answer = server.send("POST", &path, &[CHUNKED], b"7\r\nchunked\r\n0\r\n\r\n").await;
    assert_eq!(answer.status, 201, "{answer:?}");
    stored(&server, &digest, b"chunked").await;

    let empty = sha256(b"");
    let location = begin(&server).await;
    let end = with_digest(&location, &empty);
    let answer = server.send("PUT", &end, &[CHUNKED], b"0\r\n\r\n").await;
    assert_eq!(answer.status, 201, "{answer:?}");
    stored(&server, &empty, b"").await;
}

#[tokio::test]
async fn chunks_out_of_order_change_nothing() {
    let server = Server::start(options()).await;
    let first = begin(&server).await;
    let out_of_order = |answer: Answer, range: &str| {
        assert_eq!(answer.error(), (416, "RANGE_INVALID".into()), "{answer:?}");
        assert_eq!(answer.header("range"), Some(range));
        answer.location()
    };
    let answer = patch(&server, &first, &["Content-Range: 5-9"], b"world").await;
    out_of_order(answer, "0-0");
    let answer = patch(&server, &first, &["Content-Range: 0-4"], b"hello").await;
    assert_eq!(answer.status, 202);

    // The same again, as if the answer had been lost: with and without its place.
    let answer = patch(&server, &first, &["Content-Range: 0-4"], b"hello").await;
    out_of_order(answer, "0-4");
    let answer = patch(&server, &first, &[], b"hello").await;
    out_of_order(answer, "0-4");
    let answer = patch(&server, &first, &["Content-Range: 4-0"], b"hello").await;
    out_of_order(answer, "0-4");
    let answer = patch(&server, &first, &["Content-Range: some"], b"hello").await;
    let fresh = out_of_order(answer, "0-4");

    let digest = sha256(b"hello world");
    let end = with_digest(&fresh, &digest);
    out_of_order(server.send("PUT", &end, &["Content-Range: 9-14"], b" world").await, "0-4");
    let stale = with_digest(&first, &digest);
    out_of_order(server.send("PUT", &stale, &[], b" world").await, "0-4");
    let chunked = b"6\r\n world\r\n0\r\n\r\n";
    out_of_order(server.send("PUT", &stale, &[CHUNKED], chunked).await, "0-4");
    stands(&server, &first, 5).await;
    let answer = server.send("PUT", &end, &["Content-Range: 5-10"], b" world").await;
    assert_eq!(answer.status, 201, "{answer:?}");
    stored(&server, &digest, b"hello world").await;
}

#[tokio::test]
async fn bodies_that_do_not_fit_their_range_are_not_taken() {
    let server = Server::start(options()).await;
    let location = begin(&server).await;
    let check = |answer: Answer| assert_eq!(answer.error(), (400, "SIZE_INVALID".into()));
    check(patch(&server, &location, &["Content-Range: 0-9"], b"hello").await);
    check(patch(&server, &location, &["Content-Range: 0-3"], b"hello").await);
    let hello = b"5\r\nhello\r\n0\r\n\r\n";
    check(patch(&server, &location, &["Content-Range: 0-9", CHUNKED], hello).await);
    check(patch(&server, &location, &["Content-Range: 0-3", CHUNKED], hello).await);
    let fresh = stands(&server, &location, 0).await;
    let answer = patch(&server, &fresh, &["Content-Range: 0-4", CHUNKED], hello).await;
    assert_eq!(answer.status, 202, "{answer:?}");
}

#[tokio::test]
async fn a_wrong_digest_leaves_the_session_alive() {
    let server = Server::start(options()).await;
    let location = begin(&server).await;
    let answer = server.send("PUT", &location, &[], b"").await;
    assert_eq!(answer.error(), (400, "DIGEST_INVALID".into()));
    for bad in ["sha256:abc", "md5:d41d8cd98f00b204e9800998ecf8427e", "x", &sha256(b"other")] {
        let answer = server.send("PUT", &with_digest(&location, bad), &[], b"hello").await;
        assert_eq!(answer.error(), (400, "DIGEST_INVALID".into()), "{bad}");
        stands(&server, &location, 0).await;
    }
    let end = with_digest(&location, &sha256(b"hello"));
    assert_eq!(server.send("PUT", &end, &[], b"hello").await.status, 201);

    let path = format!("/v2/app/blobs/uploads/?digest={}", sha256(b"other"));
    let answer = server.send("POST", &path, &[], b"hello").await;
    assert_eq!(answer.error(), (400, "DIGEST_INVALID".into()));
    let answer = server.send("POST", "/v2/app/blobs/uploads/?digest-algorithm=md5", &[], b"").await;
    assert_eq!(answer.error(), (400, "DIGEST_INVALID".into()));
}

#[tokio::test]
async fn a_session_needs_its_state_and_its_repository() {
    let server = Server::start(options()).await;
    let location = begin(&server).await;
    let (path, state) = location.split_once('?').unwrap();
    let elsewhere = location.replace("/app/", "/other/");
    let forged = format!("{path}?{}", state.replace("_state=0", "_state=1"));
    for method in ["PATCH", "PUT", "DELETE"] {
        for url in [path, &elsewhere, &forged, &format!("{path}?_state=")] {
            let answer = server.send(method, url, &[], b"").await;
            assert_eq!(answer.error(), (404, "BLOB_UPLOAD_INVALID".into()), "{method} {url}");
        }
    }
    let other = path.replace("/app/", "/other/");
    assert_eq!(server.get(&other).await.error(), (404, "BLOB_UPLOAD_UNKNOWN".into()));
    // The question where a session stands is also asked with a digest in the query.
    assert_eq!(server.get(&with_digest(&location, "sha256:x")).await.status, 204);
    let answer = patch(&server, &location, &["Content-Type: text/html"], b"x").await;
    assert_eq!(answer.error(), (415, "UNSUPPORTED".into()));
    assert_eq!(server.send("DELETE", &location, &[], b"").await.status, 204);
    assert_eq!(server.get(path).await.error(), (404, "BLOB_UPLOAD_UNKNOWN".into()));
    let answer = patch(&server, &location, &[], b"x").await;
    assert_eq!(answer.error(), (404, "BLOB_UPLOAD_UNKNOWN".into()));
}

#[tokio::test]
async fn what_arrived_before_a_cut_is_kept() {
    let server = Server::start(options()).await;
    let location = begin(&server).await;
    let mut client = server.client().await;
    client.raw("PATCH", &location, &["Content-Length: 100".into()], b"hello").await;
    drop(client);
    let path = location.split('?').next().unwrap();
    let mut range = String::new();
    for _ in 0..1000 {
        range = server.get(path).await.header("range").unwrap().to_owned();
        if range == "0-4" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(range, "0-4");
    let fresh = stands(&server, &location, 5).await;
    let end = with_digest(&fresh, &sha256(b"hello world"));
    let answer = server.send("PUT", &end, &[], b" world").await;
    assert_eq!(answer.status, 201, "{answer:?}");
}

#[tokio::test]
async fn blobs_are_mounted_or_a_session_begins() {
    let server = Server::start(options()).await;
    let digest = server.push_blob("app", b"layer").await;
    let mount = async |query: String| {
        server.send("POST", &format!("/v2/other/blobs/uploads/?{query}"), &[], b"").await
    };
    let answer = mount(format!("mount={digest}&from=app")).await;
    assert_eq!((answer.status, answer.location()), (201, format!("/v2/other/blobs/{digest}")));
    assert_eq!(answer.header("docker-content-digest"), Some(digest.as_str()));
    assert_eq!(server.get(&format!("/v2/other/blobs/{digest}")).await.body, b"layer");

    let unknown = sha256(b"unknown");
    assert_eq!(mount(format!("mount={unknown}&from=app")).await.status, 202);
    assert_eq!(mount(format!("mount={digest}&from=nowhere")).await.status, 202);
    assert_eq!(mount(format!("mount={digest}&from=Bad")).await.status, 202);
    assert_eq!(mount("mount=x&from=app".into()).await.error(), (400, "DIGEST_INVALID".into()));
    // A digest ahead of a body that never comes.
    assert_eq!(mount(format!("digest={unknown}")).await.status, 202);
}

#[tokio::test]
async fn a_client_that_waits_to_be_asked_is_asked() {
    let server = Server::start(options()).await;
    let location = begin(&server).await;
    let mut client = server.client().await;
    let head = ["Content-Length: 5".to_owned(), "Expect: 100-continue".to_owned()];
    client.raw("PATCH", &location, &head, b"").await;
    assert_eq!(client.answer("PATCH").await.status, 100);
    client.write(b"hello").await;
    assert_eq!(client.answer("PATCH").await.status, 202);

    // And not, if nobody wants its body.
    let path = location.split('?').next().unwrap();
    client.raw("PATCH", path, &head, b"").await;
    assert_eq!(client.answer("PATCH").await.status, 404);
}
