//! Every row of the table, asked by everybody who may not: nothing is served by oversight.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod support;

use std::sync::Arc;

use async_trait::async_trait;
use support::{Answer, Server};
use wharf_api::{Endpoint, Method, Query, Row, TABLE, Target};
use wharf_auth::{
    Access, Authenticate, Challenge, Credentials, Gate, Identity, Needs, Policy, Presented,
    Rejection, Scope, Silly,
};
use wharf_digest::Digest;
use wharf_driver::MemoryDriver;
use wharf_http::App;
use wharf_storage::StorageNamespace;

/// Takes a token that is a list of accesses: `repository-app-pull.registry-catalog-all`.
struct Written;

struct Granted(Vec<String>);

#[async_trait]
impl Authenticate for Written {
    async fn authenticate(&self, presented: &Presented<'_>) -> Option<Result<Identity, Rejection>> {
        let Credentials::Bearer(token) = presented.credentials else { return None };
        if *token == "wrong" {
            return Some(Err(Rejection::Invalid("a test".into())));
        }
        let granted = Granted(token.split('.').map(str::to_owned).collect());
        Some(Ok(Identity { scope: Some(Arc::new(granted)), ..Identity::named("somebody") }))
    }
}

impl Scope for Granted {
    fn contains(&self, access: &Access) -> bool {
        self.0.contains(&written(access))
    }
}

fn written(access: &Access) -> String {
    access.to_string().replace(':', "-").replace('*', "all")
}

async fn serving(authenticator: Arc<dyn Authenticate>) -> Server {
    let options = wharf_storage::Options { delete: true, ..wharf_storage::Options::default() };
    let namespace = StorageNamespace::new(Arc::new(MemoryDriver::new()), options);
    let challenge = Challenge::bearer("https://auth.example/token", "registry.example");
    let gate = Gate::new(challenge, Policy::Open("auth.test")).with(authenticator);
    let options = wharf_http::Options { delete: true, ..support::options() };
    Server::serving(App::guarded(Arc::new(namespace), options, Arc::new(gate))).await
}

fn path(endpoint: Endpoint) -> String {
    let digest = Digest::sha256(b"x").to_string();
    endpoint
        .template()
        .replace("<name>", "app")
        .replace("<tag-or-digest>", "v1")
        .replace("<digest>", &digest)
        .replace("<id>", "u1")
}

/// A request for a row, and what it needs.
fn request(row: &'static Row) -> (&'static str, String, Needs) {
    let method = if row.method == Method::Any { "PUT" } else { row.method.as_str() };
    let path = path(row.endpoint);
    let (target, found): (Target, &Row) = wharf_api::resolve(method, &path).map_err(drop).unwrap();
    assert_eq!(found.operation, row.operation);
    let needs = Needs::of(row, &target, &Query::default()).unwrap();
    (method, path, needs)
}

async fn ask(server: &Server, method: &str, path: &str, authorization: &str) -> Answer {
    let header = format!("Authorization: {authorization}");
    let headers: &[&str] = if authorization.is_empty() { &[] } else { &[&header] };
    server.send(method, path, headers, b"").await
}

/// Every choice of some of the accesses, but not of all.
fn insufficient(accesses: &[Access]) -> Vec<String> {
    let mut tokens = Vec::new();
    for chosen in 0..(1_u32 << accesses.len()) - 1 {
        let some = accesses.iter().enumerate().filter(|(n, _)| chosen & (1 << n) != 0);
        let some: Vec<_> = some.map(|(_, access)| written(access)).collect();
        // And of another repository as much as anybody could want.
        let other = ["pull", "push", "delete"].map(|action| format!("repository-other-{action}"));
        tokens.push(some.into_iter().chain(other).collect::<Vec<_>>().join("."));
    }
    tokens
}

#[tokio::test]
async fn every_row_is_refused_to_whoever_lacks_a_permission_of_it() {
    let server = serving(Arc::new(Written)).await;
    let mut refused = 0;
    for row in TABLE {
        let (method, path, needs) = request(row);
        if needs.is_nothing() {
            // No credentials are looked at, not even wrong ones.
            for authorization in ["", "Bearer wrong", "nonsense"] {
                assert_eq!(ask(&server, method, &path, authorization).await.status, 200, "{path}");
            }
            continue;
        }
        for (authorization, error) in [
            ("", None),
            ("Bearer wrong", Some("invalid_token")),
            ("Basic YTpi", Some("invalid_token")),
        ] {
            let answer = ask(&server, method, &path, authorization).await;
            assert_eq!(answer.status, 401, "{method} {path} {authorization:?}");
            let challenge = answer.header("www-authenticate").unwrap();
            let begin = "Bearer realm=\"https://auth.example/token\",service=\"registry.example\"";
            assert!(challenge.starts_with(begin), "{challenge}");
            for access in &needs.accesses {
                assert!(challenge.contains(access.name()), "{challenge}");
                assert!(challenge.contains(access.action()), "{challenge}");
            }
            let named = error.map(|error| format!(",error=\"{error}\""));
            assert_eq!(challenge.contains(",error="), named.is_some(), "{challenge}");
            assert!(challenge.ends_with(named.as_deref().unwrap_or("")), "{challenge}");
        }
        for token in insufficient(&needs.accesses) {
            let answer = ask(&server, method, &path, &format!("Bearer {token}")).await;
            assert_eq!(answer.status, 401, "{method} {path} with {token}");
            let challenge = answer.header("www-authenticate").unwrap();
            assert!(challenge.ends_with(",error=\"insufficient_scope\""), "{challenge}");
            refused += 1;
        }
        let all: Vec<_> = needs.accesses.iter().map(written).collect();
        let token = if all.is_empty() { "nothing".to_owned() } else { all.join(".") };
        let answer = ask(&server, method, &path, &format!("Bearer {token}")).await;
        assert!(![401, 403].contains(&answer.status), "{method} {path}: {}", answer.status);
    }
    assert!(refused > 20, "{refused}");
}

#[tokio::test]
async fn silly_knows_everybody_who_says_something() {
    let server = serving(Arc::new(Silly)).await;
    for row in TABLE {
        let (method, path, needs) = request(row);
        let expected = if needs.is_nothing() { 200 } else { 401 };
        assert_eq!(ask(&server, method, &path, "").await.status, expected, "{method} {path}");
        let answer = ask(&server, method, &path, "anything").await;
        assert!(![401, 403].contains(&answer.status), "{method} {path}: {}", answer.status);
    }
}

#[tokio::test]
async fn a_mount_from_where_one_may_not_pull_is_a_fresh_upload() {
    let server = serving(Arc::new(Written)).await;
    let content = b"secret layer";
    let digest = Digest::sha256(content);
    let owner = "Authorization: Bearer repository-secret-pull.repository-secret-push";
    let path = format!("/v2/secret/blobs/uploads/?digest={digest}");
    assert_eq!(server.send("POST", &path, &[owner], content).await.status, 201);
    let path = format!("/v2/app/blobs/uploads/?mount={digest}&from=secret");
    let challenge = ask(&server, "POST", &path, "").await;
    let challenge = challenge.header("www-authenticate").unwrap().to_owned();
    let scope = "scope=\"repository:app:pull,push repository:secret:pull\"";
    assert!(challenge.contains(scope), "{challenge}");
    let own = "repository-app-pull.repository-app-push";
    assert_eq!(ask(&server, "POST", &path, &format!("Bearer {own}")).await.status, 202);
    let anywhere = format!("/v2/app/blobs/uploads/?mount={digest}");
    assert_eq!(ask(&server, "POST", &anywhere, &format!("Bearer {own}")).await.status, 202);
    let both = format!("Bearer {own}.repository-secret-pull");
    assert_eq!(ask(&server, "POST", &path, &both).await.status, 201);
}

#[tokio::test]
async fn the_body_of_a_refusal_names_what_is_missing() {
    let server = serving(Arc::new(Written)).await;
    let answer = ask(&server, "GET", "/v2/app/tags/list", "").await;
    let body: serde_json::Value = serde_json::from_str(&answer.text()).unwrap();
    assert_eq!(body["errors"][0]["code"], "UNAUTHORIZED");
    let expected =
        serde_json::json!([{"Type": "repository", "Class": "", "Name": "app", "Action": "pull"}]);
    assert_eq!(body["errors"][0]["detail"], expected);
}
