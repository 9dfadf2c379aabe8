//! Whole requests, one after the other, to a registry in memory.
//!
//! ```text
//! POST /v2/a/blobs/uploads/
//!
//! ====
//! PUT {location}&digest={digest}
//! Content-Type: application/octet-stream
//!
//! hello
//! ```
//!
//! `{location}` stands for the last `Location`, `{digest}` for the digest of the request's own body:
//! what no fuzzer finds by itself.

use std::{net::SocketAddr, str, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt, Full};
use wharf_digest::Digest;
use wharf_driver::MemoryDriver;
use wharf_http::{App, Options};
use wharf_storage::StorageNamespace;

use crate::input::{block_on, parts, split, text};

const NEXT: &[u8] = b"\n====\n";

/// The most requests of one input.
const MOST: usize = 16;

/// Every request gets an answer that is one: no failure of ours, a body of the promised length, an
/// error that can be read, content that has the digest it is said to have.
pub fn check(data: &[u8]) {
    let app = app();
    let mut location = String::new();
    for part in parts(data, NEXT, MOST) {
        let Some(request) = request(part, &location) else { continue };
        let (method, partial) = (request.method().clone(), request.headers().contains_key("range"));
        let remote = SocketAddr::from(([127, 0, 0, 1], 1));
        let (head, body) = block_on(async {
            let (head, body) = app.handle(request, remote).await.into_parts();
            let body = body.collect().await.expect("what is in memory can be read");
            (Response::from_parts(head, ()), body.to_bytes())
        });
        answered(&method, &head, &body);
        if !partial && method == Method::GET && head.status() == 200 {
            named(head.headers(), &body);
        }
        if let Some(next) = head.headers().get(header::LOCATION) {
            location = visible(next).to_owned();
            location.parse::<http::Uri>().expect("a client can go there");
        }
    }
}

fn app() -> App {
    let storage = wharf_storage::Options { delete: true, ..wharf_storage::Options::default() };
    let namespace = StorageNamespace::new(Arc::new(MemoryDriver::new()), storage);
    let options = Options {
        delete: true,
        relative_urls: true,
        upload_key: b"key".to_vec(),
        max_manifest_bytes: 64 << 10,
        ..Options::default()
    };
    App::new(Arc::new(namespace), options)
}

/// The request that the text means; `None` if no connection would take it for one.
fn request(part: &[u8], location: &str) -> Option<Request<Full<Bytes>>> {
    let (head, body) = split(part, b"\n\n");
    let digest = Digest::sha256(body).to_string();
    let head = text(head)?.replace("{location}", location).replace("{digest}", &digest);
    let mut lines = head.lines();
    let (method, target) = lines.next()?.split_once(' ')?;
    let mut request = Request::builder().method(method).uri(target);
    let headers = request.headers_mut()?;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let name = HeaderName::try_from(name).ok()?;
        headers.append(name, HeaderValue::try_from(value.trim()).ok()?);
    }
    // A connection sees to it that the length is the true one.
    headers.remove(header::TRANSFER_ENCODING);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    request.body(Full::new(Bytes::copy_from_slice(body))).ok()
}

fn answered(method: &Method, head: &Response<()>, body: &Bytes) {
    let (status, headers) = (head.status(), head.headers());
    assert!(status.as_u16() < 500, "{status}: {}", String::from_utf8_lossy(body));
    let bodyless = method == Method::HEAD || matches!(status.as_u16(), 204 | 304);
    if bodyless {
        return assert!(body.is_empty());
    }
    let length = headers.get(header::CONTENT_LENGTH).map(visible);
    assert_eq!(length, Some(body.len().to_string().as_str()));
    if status.is_client_error() {
        let json: serde_json::Value = serde_json::from_slice(body).expect("an error is JSON");
        assert!(json["errors"][0]["code"].is_string(), "{json}");
    }
}

/// Holds content against the digest under which it is answered.
fn named(headers: &HeaderMap, body: &Bytes) {
    if let Some(digest) = headers.get("docker-content-digest") {
        let digest = Digest::parse(visible(digest)).expect("a digest of ours is one");
        assert!(digest.matches(body), "content is not {digest}");
    }
}

fn visible(value: &HeaderValue) -> &str {
    value.to_str().expect("our headers are visible ASCII")
}
