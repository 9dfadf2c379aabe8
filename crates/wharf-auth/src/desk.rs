//! What is served beside the API: the desk where tokens are given out.

use std::net::{IpAddr, SocketAddr};

use async_trait::async_trait;
use http::{HeaderMap, Method, Response};

/// Answers requests at a path of its own.
#[async_trait]
pub trait Desk: Send + Sync {
    /// The whole path, which is none of the API's.
    fn path(&self) -> &str;

    /// Answers a request at it.
    async fn answer(&self, visit: Visit<'_>) -> Response<String>;
}

/// A request at the path of a desk.
#[derive(Clone, Copy)]
pub struct Visit<'a> {
    /// Its method.
    pub method: &'a Method,
    /// What stands behind `?`, undecoded.
    pub query: &'a str,
    /// The headers, credentials among them.
    pub headers: &'a HeaderMap,
    /// All of the body.
    pub body: &'a [u8],
    /// Where it comes from.
    pub remote: SocketAddr,
    /// Whom it counts for, as [`Ask::client`](crate::Ask::client).
    pub client: Option<IpAddr>,
    /// What the request is called in logs.
    pub request_id: &'a str,
    /// The certificate that the client has shown, in DER, of an authority that is trusted.
    pub certificate: Option<&'a [u8]>,
}
