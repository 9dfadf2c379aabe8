//! How registries were broken, each with the name of its advisory. What concerns other crates stands
//! there: `wharf-auth` (tokens, users), `wharf-outbound` (requests of our own).

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod support;

use std::{io::Write as _, sync::Arc};

use async_trait::async_trait;
use support::{Answer, Log, Server};
use wharf_api::{Method, Permission, TABLE};
use wharf_auth::{
    Access, Authenticate, Challenge, Credentials, Gate, Identity, Policy, Presented, Rejection,
    Scope,
};
use wharf_cache::MokaDescriptorCache;
use wharf_digest::Digest;
use wharf_driver::MemoryDriver;
use wharf_http::{AccessFormat, AccessLog, App, Options};
use wharf_storage::StorageNamespace;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Knows everybody by a user name, who may do everything in repositories that begin with it.
struct Names;

struct Own(String);

#[async_trait]
impl Authenticate for Names {
    async fn authenticate(&self, presented: &Presented<'_>) -> Option<Result<Identity, Rejection>> {
        match presented.credentials {
            Credentials::Basic { user, password } if password == "s3cret" => Some(Ok(Identity {
                scope: Some(Arc::new(Own(user.to_string()))),
                ..Identity::named(&**user)
            })),
            Credentials::Basic { .. } => Some(Err(Rejection::Invalid("wrong".into()))),
            _ => None,
        }
    }
}

impl Scope for Own {
    fn contains(&self, access: &Access) -> bool {
        access.name().split('/').next() == Some(&self.0)
    }
}

// user:s3cret
const ALICE: &str = "Authorization: Basic YWxpY2U6czNjcmV0";
const BOB: &str = "Authorization: Basic Ym9iOnMzY3JldA==";

async fn guarded() -> Server {
    Server::serving(guarded_app()).await
}

fn guarded_app() -> App {
    let options = wharf_storage::Options { delete: true, ..wharf_storage::Options::default() };
    let namespace = StorageNamespace::new(Arc::new(MemoryDriver::new()), options);
    let gate = Gate::new(Challenge::basic("r"), Policy::Open("test")).with(Arc::new(Names));
    App::guarded(Arc::new(namespace), support::options(), Arc::new(gate))
}

async fn push(server: &Server, who: &str, name: &str, content: &[u8]) -> Digest {
    let digest = Digest::sha256(content);
    let path = format!("/v2/{name}/blobs/uploads/?digest={digest}");
    assert_eq!(server.send("POST", &path, &[who], content).await.status, 201);
    digest
}

async fn put(server: &Server, path: &str, content_type: &str, body: &str) -> Answer {
    let header = format!("Content-Type: {content_type}");
    server.send("PUT", path, &[&header], body.as_bytes()).await
}

#[tokio::test]
async fn cve_2017_11468_a_manifest_has_a_largest_size() {
    let options = Options { max_manifest_bytes: 10_000, ..support::options() };
    let server = Server::start(options).await;
    let body = format!("{{\"x\": \"{}\"}}", "x".repeat(10_000));
    let answer = put(&server, "/v2/a/manifests/t", MANIFEST, &body).await;
    assert_eq!(answer.error(), (413, "MANIFEST_INVALID".into()));
    // One that never says how long it is, and never ends.
    let mut client = server.client().await;
    let head = format!(
        "PUT /v2/a/manifests/t HTTP/1.1\r\nhost: h\r\ncontent-type: {MANIFEST}\r\n\
         transfer-encoding: chunked\r\n\r\n"
    );
    client.write(head.as_bytes()).await;
    for _ in 0..3 {
        let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
        client.write(chunk.as_bytes()).await;
    }
    assert_eq!(client.answer("PUT").await.error(), (413, "MANIFEST_INVALID".into()));
}

#[tokio::test]
async fn cve_2021_41190_a_body_is_one_type_of_manifest() {
    let server = Server::start(support::options()).await;
    let digest = server.push_blob("a", b"{}").await;
    let descriptor = format!(
        r#"{{"mediaType": "application/vnd.oci.empty.v1+json", "digest": "{digest}", "size": 2}}"#
    );
    let both =
        format!(r#"{{"schemaVersion": 2, "config": {descriptor}, "layers": [], "manifests": []}}"#);
    for content_type in [MANIFEST, INDEX] {
        let answer = put(&server, "/v2/a/manifests/t", content_type, &both).await;
        assert_eq!(answer.error(), (400, "MANIFEST_INVALID".into()));
    }
    // And the type that it names is the one that it is sent as.
    let index = format!(r#"{{"schemaVersion": 2, "mediaType": "{INDEX}", "manifests": []}}"#);
    let answer = put(&server, "/v2/a/manifests/t", MANIFEST, &index).await;
    assert_eq!(answer.error(), (400, "MANIFEST_INVALID".into()));
    assert_eq!(put(&server, "/v2/a/manifests/t", INDEX, &index).await.status, 201);
}

#[tokio::test]
async fn cve_2023_2253_a_page_has_a_largest_size() {
    let server = Server::start(support::options()).await;
    let index = r#"{"schemaVersion": 2, "manifests": []}"#;
    assert_eq!(put(&server, "/v2/a/manifests/t", INDEX, index).await.status, 201);
    for n in ["9223372036854775807", "18446744073709551615", "1000000000"] {
        let answer = server.get(&format!("/v2/_catalog?n={n}")).await;
        assert_eq!(answer.error(), (400, "PAGINATION_NUMBER_INVALID".into()), "{n}");
        let tags = server.get(&format!("/v2/a/tags/list?n={n}")).await;
        assert!(tags.status == 200 || tags.status == 400, "{n}: {}", tags.status);
        let digest = Digest::sha256(b"x");
        let referrers = server.get(&format!("/v2/a/referrers/{digest}?n={n}")).await;
        assert!(referrers.status == 200 || referrers.status == 400, "{n}");
    }
    for n in ["-1", "x", "1e9", "0x10"] {
        assert_eq!(server.get(&format!("/v2/_catalog?n={n}")).await.status, 400, "{n}");
    }
}

#[tokio::test]
async fn cve_2026_35172_what_is_deleted_stays_deleted() {
    let storage = wharf_storage::Options {
        delete: true,
        cache: Some(Arc::new(MokaDescriptorCache::new(100))),
        ..wharf_storage::Options::default()
    };
    let namespace = StorageNamespace::new(Arc::new(MemoryDriver::new()), storage);
    let server = Server::serving(App::new(Arc::new(namespace), support::options())).await;
    let digest = server.push_blob("a", b"shared").await;
    assert_eq!(server.push_blob("b", b"shared").await, digest);
    let in_a = format!("/v2/a/blobs/{digest}");
    assert_eq!(server.get(&in_a).await.status, 200);
    assert_eq!(server.send("DELETE", &in_a, &[], b"").await.status, 202);
    // The other repository still has it, and whoever reads it there fills the cache again.
    assert_eq!(server.get(&format!("/v2/b/blobs/{digest}")).await.status, 200);
    assert_eq!(server.get(&in_a).await.error(), (404, "BLOB_UNKNOWN".into()));
    assert_eq!(server.send("HEAD", &in_a, &[], b"").await.status, 404);
}

#[tokio::test]
async fn cve_2026_41888_where_deletes_are_off_nothing_is_deleted() {
    let options = Options { delete: false, ..support::options() };
    let server = Server::start(options).await;
    let index = r#"{"schemaVersion": 2, "manifests": []}"#;
    assert_eq!(put(&server, "/v2/app/manifests/v1", INDEX, index).await.status, 201);
    let digest = Digest::sha256(index.as_bytes()).to_string();
    let mut rows = 0;
    for row in TABLE.iter().filter(|row| row.deletes()) {
        assert_eq!(row.method, Method::Delete);
        for reference in ["v1", &digest] {
            let path = row.path().replace("<name>", "app").replace("<tag-or-digest>", reference);
            let path = path.replace("<digest>", &digest);
            let answer = server.send("DELETE", &path, &[], b"").await;
            assert_eq!(answer.error(), (405, "UNSUPPORTED".into()), "{path}");
        }
        rows += 1;
    }
    assert!(rows >= 2);
    assert_eq!(server.get("/v2/app/manifests/v1").await.status, 200);
}

#[tokio::test]
async fn cve_2024_39897_to_know_a_digest_opens_nothing() {
    let server = guarded().await;
    let digest = push(&server, ALICE, "alice/app", b"alice's layer").await;
    // Not in a repository of one's own, by any way of asking.
    for (method, path) in [
        ("GET", format!("/v2/bob/app/blobs/{digest}")),
        ("HEAD", format!("/v2/bob/app/blobs/{digest}")),
    ] {
        assert_eq!(server.send(method, &path, &[BOB], b"").await.status, 404, "{method} {path}");
    }
    for query in [format!("mount={digest}&from=alice/app"), format!("mount={digest}")] {
        let path = format!("/v2/bob/app/blobs/uploads/?{query}");
        assert_eq!(server.send("POST", &path, &[BOB], b"").await.status, 202, "{path}");
    }
    let path = format!("/v2/bob/app/blobs/{digest}");
    assert_eq!(server.send("GET", &path, &[BOB], b"").await.status, 404);
}

#[tokio::test]
async fn cve_2026_32589_an_upload_is_of_its_user_and_its_repository() {
    let server = guarded().await;
    let begun = server.send("POST", "/v2/alice/a/blobs/uploads/", &[ALICE], b"").await.location();
    for method in ["PATCH", "PUT", "DELETE"] {
        // Another user in the same repository, and in one of its own with the same session.
        assert_eq!(server.send(method, &begun, &[BOB], b"x").await.status, 401, "{method}");
        let moved = begun.replace("/alice/a/", "/bob/a/");
        assert_eq!(server.send(method, &moved, &[BOB], b"x").await.status, 404, "{method}");
        // The same user in another repository; and without the state, or with one made up.
        let moved = begun.replace("/alice/a/", "/alice/b/");
        assert_eq!(server.send(method, &moved, &[ALICE], b"x").await.status, 404, "{method}");
        let (bare, _) = begun.split_once('?').unwrap();
        for url in [bare.to_owned(), format!("{bare}?_state=0.{}", "0".repeat(64))] {
            assert_eq!(server.send(method, &url, &[ALICE], b"x").await.status, 404, "{method}");
        }
    }
    assert_eq!(server.send("PATCH", &begun, &[ALICE], b"x").await.status, 202);
}

/// CVE-2022-31666 to 31671, CVE-2024-22278: the object was found by its id, whosever it was.
#[tokio::test]
async fn cve_2022_31666_an_id_leads_nowhere_outside_of_its_repository() {
    let server = guarded().await;
    let begun = server.send("POST", "/v2/alice/a/blobs/uploads/", &[ALICE], b"").await;
    let id = begun.header("docker-upload-uuid").unwrap().to_owned();
    let path = format!("/v2/bob/a/blobs/uploads/{id}");
    assert_eq!(
        server.send("GET", &path, &[BOB], b"").await.error(),
        (404, "BLOB_UPLOAD_UNKNOWN".into())
    );
    let index = r#"{"schemaVersion": 2, "manifests": []}"#;
    let header = format!("Content-Type: {INDEX}");
    let put =
        server.send("PUT", "/v2/alice/a/manifests/t", &[ALICE, &header], index.as_bytes()).await;
    let digest = put.header("docker-content-digest").unwrap();
    let path = format!("/v2/bob/a/manifests/{digest}");
    assert_eq!(
        server.send("GET", &path, &[BOB], b"").await.error(),
        (404, "MANIFEST_UNKNOWN".into())
    );
    let deleted = server.send("DELETE", &path, &[BOB], b"").await;
    assert_eq!(deleted.status, 404);
    let path = format!("/v2/alice/a/manifests/{digest}");
    assert_eq!(server.send("GET", &path, &[ALICE], b"").await.status, 200);
}

#[tokio::test]
async fn cve_2026_27771_nothing_that_is_there_is_read_anonymously() {
    let server = guarded().await;
    let digest = push(&server, ALICE, "alice/app", b"{}").await;
    let index = r#"{"schemaVersion": 2, "manifests": []}"#;
    let header = format!("Content-Type: {INDEX}");
    let tag = "/v2/alice/app/manifests/latest";
    assert_eq!(server.send("PUT", tag, &[ALICE, &header], index.as_bytes()).await.status, 201);
    let manifest = Digest::sha256(index.as_bytes());
    for path in [
        "/v2/".to_owned(),
        "/v2/_catalog".to_owned(),
        "/v2/_catalog?n=1".to_owned(),
        "/v2/alice/app/tags/list".to_owned(),
        tag.to_owned(),
        format!("/v2/alice/app/manifests/{manifest}"),
        format!("/v2/alice/app/blobs/{digest}"),
        format!("/v2/alice/app/referrers/{manifest}"),
    ] {
        for method in ["GET", "HEAD"] {
            for who in [None, Some("Authorization: Basic Og=="), Some("Authorization: Bearer x")] {
                let headers: Vec<&str> = who.into_iter().chain(["Range: bytes=0-0"]).collect();
                let answer = server.send(method, &path, &headers, b"").await;
                assert_eq!(answer.status, 401, "{method} {path} {who:?}");
                assert!(answer.header("docker-content-digest").is_none());
                assert!(answer.header("etag").is_none());
            }
        }
    }
}

/// No tag is special, whatever it is called.
#[tokio::test]
async fn cve_2026_31801_latest_is_a_tag_like_any_other() {
    let server = guarded().await;
    let index = r#"{"schemaVersion": 2, "manifests": []}"#;
    let header = format!("Content-Type: {INDEX}");
    for tag in ["latest", "v1"] {
        let path = format!("/v2/alice/app/manifests/{tag}");
        for method in ["PUT", "DELETE", "GET"] {
            let answer = server.send(method, &path, &[BOB, &header], index.as_bytes()).await;
            assert_eq!(answer.status, 401, "{method} {tag}");
        }
    }
}

/// Nobody registers here, and nothing that a request says of its sender but its credentials counts.
#[tokio::test]
async fn cve_2019_16097_nothing_in_a_request_makes_an_admin() {
    let server = guarded().await;
    let digest = push(&server, ALICE, "alice/app", b"{}").await.to_string();
    let claims =
        ["X-Admin: true", "X-Remote-User: alice", "X-Forwarded-User: alice", "Role: admin"];
    let body = br#"{"username": "bob", "admin": true, "has_admin_role": true, "subject": "alice"}"#;
    for row in TABLE.iter().filter(|row| !row.permissions.contains(Permission::None)) {
        let method = if row.method == Method::Any { "PUT" } else { row.method.as_str() };
        let path = row.path().replace("<name>", "alice/app").replace("<tag-or-digest>", "v1");
        let path = path.replace("<digest>", &digest).replace("<id>", "u1");
        let path = format!("{path}?admin=true&user=alice&role=admin");
        let anonymous = server.send(method, &path, &claims, body).await;
        assert_eq!(anonymous.status, 401, "{method} {path}");
        if !row.permissions.contains(Permission::Authenticated) {
            let headers: Vec<_> = claims.into_iter().chain([BOB]).collect();
            assert_eq!(server.send(method, &path, &headers, body).await.status, 401, "{path}");
        }
    }
    for path in ["/v2/users/", "/api/users", "/v2/_users", "/users", "/v2/register", "/token"] {
        for method in ["POST", "PUT"] {
            let status = server.send(method, path, &[BOB], body).await.status;
            assert!([401, 404, 405].contains(&status), "{method} {path}: {status}");
        }
    }
}

/// Other origins are not let in, and nothing is an answer that a browser would run.
#[tokio::test]
async fn cve_2025_32019_no_answer_is_a_page() {
    let server = Server::start(support::options()).await;
    let digest = server.push_blob("a", b"<script>alert(1)</script>").await;
    let origin = ["Origin: https://evil.example", "Accept: text/html"];
    for path in [
        "/v2/".to_owned(),
        "/v2/<script>/tags/list".to_owned(),
        "/v2/_catalog?n=<script>".to_owned(),
        format!("/v2/a/blobs/{digest}"),
        "/nowhere".to_owned(),
    ] {
        let answer = server.send("GET", &path, &origin, b"").await;
        let html = answer.header("content-type").is_some_and(|kind| kind.contains("html"));
        assert!(!html, "{path}");
        let cors = answer.headers.iter().any(|(name, _)| name.starts_with("access-control-"));
        assert!(!cors, "{path}");
    }
}

/// Paths that would leave the store, if they were joined to one.
#[tokio::test]
async fn no_path_leaves_its_repository() {
    let server = Server::start(support::options()).await;
    for name in
        ["..", "a/../b", "%2e%2e", "a%2f..%2fb", "a//b", "a%00b", "a\\b", ".", "a/.", "%252e"]
    {
        for path in [
            format!("/v2/{name}/tags/list"),
            format!("/v2/a/manifests/{name}"),
            format!("/v2/a/blobs/{name}"),
            format!("/v2/a/blobs/uploads/{name}"),
            format!("/v2/a/blobs/sha256:{name}"),
        ] {
            let answer = server.get(&path).await;
            assert!((400..500).contains(&answer.status), "{path}: {}", answer.status);
            assert!(answer.status != 404 || answer.text().contains("errors"), "{path}");
        }
    }
}

#[tokio::test]
async fn cve_2025_48374_no_secret_reaches_the_log() {
    let (log, _guard) = Log::begin(tracing::Level::TRACE);
    let app = [AccessFormat::Combined, AccessFormat::Json].into_iter().fold(
        guarded_app(),
        |app, format| {
            let sink = log.clone();
            let write = move |line: &str| sink.clone().write_all(line.as_bytes()).unwrap();
            app.with_meter(Arc::new(AccessLog::new(format, write)))
        },
    );
    let server = Server::serving(app).await;
    let begun = server.send("POST", "/v2/alice/a/blobs/uploads/", &[ALICE], b"").await.location();
    server.send("PATCH", &begun, &[ALICE], b"x").await;
    // alice:s3cret-but-wrong, and a token.
    let wrong = "Authorization: Basic YWxpY2U6czNjcmV0LWJ1dC13cm9uZw==";
    server.send("GET", "/v2/", &[wrong], b"").await;
    server.send("GET", "/v2/", &["Authorization: Bearer s3cret.s3cret.s3cret"], b"").await;
    server.send("GET", "/v2/bob/a/tags/list", &[ALICE, "Cookie: s3cret"], b"").await;
    server.send("GET", "/v2/_catalog?token=s3cret", &[], b"").await;
    let text = log.take();
    assert!(text.contains("access denied") && text.contains("PATCH /v2/alice/a"), "{text}");
    let (_, state) = begun.split_once("_state=").unwrap();
    for secret in ["s3cret", "czNjcmV0", state, &state[2..]] {
        assert!(!text.contains(secret), "{secret} in\n{text}");
    }
}
