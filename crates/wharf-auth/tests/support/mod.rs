//! Requests for a gate.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::net::SocketAddr;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderMap;
use wharf_api::Query;
use wharf_auth::{Ask, Authorize, Denial, Grant, Memo, Origin};

struct Here;

impl Origin for Here {
    fn url(&self, path: &str) -> String {
        format!("https://registry.example{path}")
    }
}

pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

pub(crate) fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

pub(crate) async fn get(
    gate: &dyn Authorize,
    url: &str,
    authorization: &str,
) -> Result<Grant, Denial> {
    request(gate, "GET", url, authorization).await
}

/// Asks whether a request may be served.
pub(crate) async fn request(
    gate: &dyn Authorize,
    method: &str,
    url: &str,
    authorization: &str,
) -> Result<Grant, Denial> {
    request_with(gate, method, url, authorization, None).await
}

/// The same, over a connection that remembers.
pub(crate) async fn get_again(
    gate: &dyn Authorize,
    memo: &Memo,
    url: &str,
    authorization: &str,
) -> Result<Grant, Denial> {
    ask(gate, "GET", url, authorization, None, Some(memo)).await
}

/// The same, over a connection with a client's certificate.
pub(crate) async fn request_with(
    gate: &dyn Authorize,
    method: &str,
    url: &str,
    authorization: &str,
    certificate: Option<&[u8]>,
) -> Result<Grant, Denial> {
    ask(gate, method, url, authorization, certificate, None).await
}

async fn ask(
    gate: &dyn Authorize,
    method: &str,
    url: &str,
    authorization: &str,
    certificate: Option<&[u8]>,
    memo: Option<&Memo>,
) -> Result<Grant, Denial> {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let (target, row) = wharf_api::resolve(method, path).map_err(drop).unwrap();
    let query = Query::parse(query).unwrap();
    let mut headers = HeaderMap::new();
    if !authorization.is_empty() {
        headers.insert("authorization", authorization.parse().unwrap());
    }
    let remote = SocketAddr::from(([192, 0, 2, 1], 1234));
    gate.authorize(Ask {
        row,
        target: &target,
        query: &query,
        headers: &headers,
        remote,
        client: Some(remote.ip()),
        request_id: "r1",
        origin: &Here,
        certificate,
        memo,
    })
    .await
}
