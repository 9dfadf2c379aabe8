//! What `WWW-Authenticate` says of a request: its target, and below it `Host`, `X-Forwarded-Host`,
//! `X-Forwarded-Proto`, `Forwarded` and `Authorization`, a line for each.

use std::{collections::BTreeMap, sync::Arc};

use http::{Request, Uri, header};
use wharf_auth::{Challenge, Gate, Policy};
use wharf_http::App;

use crate::{
    input::block_on,
    proxied::{proxy, registry, request},
};

const HEADERS: [&str; 5] =
    ["host", "x-forwarded-host", "x-forwarded-proto", "forwarded", "authorization"];

/// A service with everything in its name that could end a quoted text.
const SERVICE: &str = r#"a "b\", c=d"#;

/// Whatever a stranger says, a challenge is one challenge: each parameter is quoted and stands once, the
/// realm is a place that a client can go to, and the scope is of the repository that was asked for.
pub fn check(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let target = lines.next().and_then(|line| Uri::try_from(line).ok());
    let Some(target) = target.filter(|target| target.path().starts_with('/')) else { return };
    let Ok(request) = request(Request::post(target), HEADERS, lines) else { return };
    let answer = block_on(app().handle(request, proxy()));
    let challenges: Vec<_> = answer.headers().get_all(header::WWW_AUTHENTICATE).iter().collect();
    assert_eq!(challenges.len(), if answer.status() == 401 { 1 } else { 0 });
    for challenge in challenges {
        bearer(challenge.to_str().expect("visible ASCII"));
    }
}

fn bearer(challenge: &str) {
    let parameters = parameters(challenge.strip_prefix("Bearer ").expect("it asks for a token"));
    let realm: Uri = parameters["realm"].parse().expect("a client can go there");
    // Who names no host is sent to the one that it has found itself.
    assert!(realm.authority().is_none_or(|authority| !authority.as_str().contains('@')));
    assert!(realm.path().ends_with("/token"));
    assert_eq!(parameters["service"], SERVICE);
    for scope in parameters.get("scope").into_iter().flat_map(|scope| scope.split(' ')) {
        let mut parts = scope.splitn(3, ':');
        let (kind, name) = (parts.next().expect("a kind"), parts.next().expect("a name"));
        let known = kind == "registry" && name == "catalog";
        assert!(known || wharf_reference::RepositoryName::parse(name).is_ok(), "{scope}");
        assert!(parts.next().is_some_and(|actions| !actions.is_empty()), "{scope}");
    }
    for name in parameters.keys() {
        assert!(["realm", "service", "scope", "error"].contains(&name.as_str()), "{name}");
    }
}

/// `name="quoted text"`, with commas between: RFC 9110, read strictly.
fn parameters(mut text: &str) -> BTreeMap<String, String> {
    let mut parameters = BTreeMap::new();
    loop {
        let (name, rest) = text.split_once("=\"").expect("a name and a quoted text");
        let (mut value, mut rest) = (String::new(), rest.chars());
        loop {
            match rest.next().expect("the quoted text ends") {
                '"' => break,
                '\\' => value.push(rest.next().expect("something is quoted")),
                other => value.push(other),
            }
        }
        assert!(parameters.insert(name.to_owned(), value).is_none(), "{name} stands twice");
        text = match rest.as_str() {
            "" => return parameters,
            rest => rest.strip_prefix(',').expect("a comma stands between two"),
        };
    }
}

fn app() -> App {
    let (namespace, options) = registry();
    let gate = Gate::new(Challenge::bearer_here("/token", SERVICE), Policy::Open("fuzz"));
    App::guarded(namespace, options, Arc::new(gate))
}
