//! What proxies say of their clients: `Forwarded`, `X-Forwarded-For`, `-Proto` and `-Host`, and `Host`, a
//! line for each.

use http::{Request, Uri, header};
use wharf_http::{App, Limits, Options};

use crate::{
    input::block_on,
    proxied::{proxy, registry, request},
};

const HEADERS: [&str; 5] =
    ["forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "host"];

/// Whatever a proxy says, a client is sent to a URL that it can follow, on a host that could be one, and
/// counts as somebody until it is answered.
pub fn check(data: &[u8]) {
    let app = app();
    // What counted for one address for ever would refuse the second.
    for _ in 0..2 {
        let lines = data.split(|byte| *byte == b'\n');
        let request = request(Request::post("/v2/a/blobs/uploads/"), HEADERS, lines);
        let request = request.expect("its parts are valid");
        let answer = block_on(app.handle(request, proxy()));
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
    let (namespace, options) = registry();
    let limits = Limits { requests_per_address: Some(1), ..Limits::default() };
    App::new(namespace, Options { limits, ..options })
}
