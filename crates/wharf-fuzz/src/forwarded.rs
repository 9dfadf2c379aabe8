//! What proxies say of their clients: `Forwarded`, `X-Forwarded-For`, `-Proto` and `-Host`, and `Host`, a
//! line for each.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Request, Uri, header};
use http_body_util::Empty;
use wharf_driver::MemoryDriver;
use wharf_http::{App, Limits, Options};
use wharf_storage::StorageNamespace;

use crate::input::block_on;

const HEADERS: [&str; 5] =
    ["forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "host"];

/// Whatever a proxy says, a client is sent to a URL that it can follow, on a host that could be one, and
/// counts as somebody until it is answered.
pub fn check(data: &[u8]) {
    let app = app();
    // What counted for one address for ever would refuse the second.
    for _ in 0..2 {
        let mut request = Request::post("/v2/a/blobs/uploads/");
        for (name, value) in HEADERS.into_iter().zip(data.split(|byte| *byte == b'\n')) {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                request = request.header(name, value);
            }
        }
        let request = request.body(Empty::<Bytes>::new()).expect("its parts are valid");
        let answer = block_on(app.handle(request, SocketAddr::from(([10, 0, 0, 1], 1))));
        assert_eq!(answer.status(), 202);
        let location = answer.headers()[header::LOCATION].to_str().expect("visible ASCII");
        let location: Uri = location.parse().expect("a client can go there");
        assert_eq!(location.path().rsplit_once('/').map(|it| it.0), Some("/v2/a/blobs/uploads"));
        if let Some(authority) = location.authority() {
            assert!(!authority.as_str().contains('@'));
        }
    }
}

fn app() -> App {
    let storage = wharf_storage::Options::default();
    let namespace = StorageNamespace::new(Arc::new(MemoryDriver::new()), storage);
    let options = Options {
        access_log: false,
        upload_key: b"key".to_vec(),
        trusted_proxies: Some(vec!["10.0.0.0/8".parse().expect("a network")]),
        limits: Limits { requests_per_address: Some(1), ..Limits::default() },
        ..Options::default()
    };
    App::new(Arc::new(namespace), options)
}
