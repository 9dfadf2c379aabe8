//! Who may do what, and what happens when the registry itself fails.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod support;

use std::sync::Arc;

use async_trait::async_trait;
use http::HeaderValue;
use support::{Answer, Server, options};
use wharf_api::{Endpoint, Method, Permission, TABLE};
use wharf_core::{
    ErrorKind, MayPull, Namespace, Page, PageRequest, Repository, RequestContext, Result, Subject,
};
use wharf_digest::Digest;
use wharf_driver::MemoryDriver;
use wharf_http::{App, Ask, Authorize, Denial, Grant};
use wharf_reference::RepositoryName;
use wharf_storage::StorageNamespace;

/// Knows everybody by the name in `Authorization`, and lets nobody see `secret/…` but alice.
struct Names;

/// May pull from everywhere but `secret/…`.
struct Pulls(bool);

/// A registry in which nothing works.
struct Broken;

#[async_trait]
impl Authorize for Names {
    async fn authorize(&self, ask: Ask<'_>) -> Result<Grant, Denial> {
        if ask.row.permissions.contains(Permission::None) {
            return Ok(Grant::anonymous());
        }
        let Some(name) = ask.headers.get("authorization") else {
            let challenges = vec![HeaderValue::from_static("Basic realm=\"test\"")];
            return Err(Denial::Unauthorized { challenges, detail: None });
        };
        let name = name.to_str().unwrap();
        let secret = ask.target.name().is_some_and(|name| name.as_str().starts_with("secret/"));
        if secret && name != "alice" {
            return Err(Denial::Denied { detail: None });
        }
        let subject = Some(Subject(name.into()));
        Ok(Grant { subject, may_pull: Arc::new(Pulls(name == "alice")), ..Grant::anonymous() })
    }
}

#[async_trait]
impl MayPull for Pulls {
    async fn may_pull(&self, name: &RepositoryName) -> bool {
        self.0 || !name.as_str().starts_with("secret/")
    }
}

#[async_trait]
impl Namespace for Broken {
    fn repository(&self, _: &RepositoryName, _: &RequestContext) -> Arc<dyn Repository> {
        panic!("on purpose")
    }

    async fn repositories(&self, _: PageRequest) -> Result<Page<RepositoryName>> {
        Err(ErrorKind::Other("the disk at /srv/secret is on fire".into()).into())
    }

    async fn ping(&self) -> Result<()> {
        Ok(())
    }
}

async fn guarded() -> Server {
    let options = wharf_storage::Options { delete: true, ..wharf_storage::Options::default() };
    let namespace = StorageNamespace::new(Arc::new(MemoryDriver::new()), options);
    let app = App::guarded(Arc::new(namespace), support::options(), Arc::new(Names));
    Server::serving(app).await
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

#[tokio::test]
async fn no_row_of_the_table_is_served_unasked() {
    let server = guarded().await;
    let mut asked = 0;
    for row in TABLE.iter().filter(|row| !row.permissions.contains(Permission::None)) {
        let method = if row.method == Method::Any { "PUT" } else { row.method.as_str() };
        let answer = server.send(method, &path(row.endpoint), &[], b"").await;
        assert_eq!(answer.status, 401, "{method} {}", row.path());
        assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"test\""));
        if method != "HEAD" {
            assert_eq!(answer.error().1, "UNAUTHORIZED");
        }
        asked += 1;
    }
    assert!(asked > 10);
    assert_eq!(server.get("/").await.status, 200);
    let answer = server.send("GET", "/v2/secret/a/tags/list", &["Authorization: bob"], b"").await;
    assert_eq!(answer.error(), (403, "DENIED".into()));
}

#[tokio::test]
async fn blobs_are_mounted_only_from_where_the_caller_may_pull() {
    let server = guarded().await;
    let content = b"secret layer";
    let digest = Digest::sha256(content);
    let path = format!("/v2/secret/a/blobs/uploads/?digest={digest}");
    let answer = server.send("POST", &path, &["Authorization: alice"], content).await;
    assert_eq!(answer.status, 201);
    let mount = async |name: &str, from: &str| -> Answer {
        let path = format!("/v2/{name}/blobs/uploads/?mount={digest}{from}");
        server.send("POST", &path, &[&format!("Authorization: {name}")], b"").await
    };
    assert_eq!(mount("bob", "&from=secret/a").await.status, 202);
    assert_eq!(mount("bob", "").await.status, 202);
    assert_eq!(mount("alice", "&from=secret/a").await.status, 201);
}

#[tokio::test]
async fn an_upload_belongs_to_who_began_it() {
    let server = guarded().await;
    let begun = server.send("POST", "/v2/a/blobs/uploads/", &["Authorization: alice"], b"").await;
    let answer = server.send("PATCH", &begun.location(), &["Authorization: bob"], b"x").await;
    assert_eq!(answer.error(), (404, "BLOB_UPLOAD_INVALID".into()));
    let answer = server.send("PATCH", &begun.location(), &["Authorization: alice"], b"x").await;
    assert_eq!(answer.status, 202);
}

#[tokio::test]
async fn failures_of_the_registry_stay_its_own() {
    let server = Server::serving(App::new(Arc::new(Broken), options())).await;
    let mut client = server.client().await;
    for (method, path) in [
        ("GET", "/v2/a/tags/list"),
        ("DELETE", "/v2/a/manifests/v1"),
        ("POST", "/v2/a/blobs/uploads/"),
        ("GET", "/v2/_catalog"),
    ] {
        // On one connection: a panic costs its request only.
        let answer = client.send(method, path, &[], b"").await;
        assert_eq!(answer.error(), (500, "UNKNOWN".into()));
        assert!(!answer.text().contains("secret"));
    }
}
