//! A registry behind a proxy, and what the proxy passes on.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Request, request::Builder};
use http_body_util::Empty;
use wharf_driver::MemoryDriver;
use wharf_http::Options;
use wharf_storage::StorageNamespace;

/// Where the proxy is.
pub(crate) fn proxy() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 1))
}

/// An empty registry that keeps no log and believes the proxy.
pub(crate) fn registry() -> (Arc<StorageNamespace>, Options) {
    let storage = wharf_storage::Options::default();
    let namespace = StorageNamespace::new(Arc::new(MemoryDriver::new()), storage);
    let options = Options {
        upload_key: b"key".to_vec(),
        trusted_proxies: Some(vec!["10.0.0.0/8".parse().expect("a network")]),
        ..Options::default()
    };
    (Arc::new(namespace), options)
}

/// A request with a line for each header; what can stand in none is left out.
pub(crate) fn request<'a>(
    mut request: Builder,
    headers: [&str; 5],
    lines: impl Iterator<Item = &'a [u8]>,
) -> http::Result<Request<Empty<Bytes>>> {
    for (name, value) in headers.into_iter().zip(lines) {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            request = request.header(name, value);
        }
    }
    request.body(Empty::new())
}
