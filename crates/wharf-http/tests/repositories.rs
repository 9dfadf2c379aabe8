//! `DELETE /v2/<name>/`: a repository goes, and nothing else.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use support::{Server, options};
use wharf_core::Switch;
use wharf_digest::Digest;
use wharf_http::Options;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Pushes a blob and an image of it, as a client does. The status of the last answer.
async fn push_image(server: &Server, name: &str, content: &str) -> (u16, String) {
    let digest = Digest::sha256(content.as_bytes()).to_string();
    let path = format!("/v2/{name}/blobs/uploads/?digest={digest}");
    let answer = server.send("POST", &path, &[], content.as_bytes()).await;
    if answer.status != 201 {
        return (answer.status, digest);
    }
    let size = content.len();
    let descriptor = format!(
        r#"{{"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "{digest}", "size": {size}}}"#
    );
    let manifest = format!(
        r#"{{"schemaVersion": 2, "mediaType": "{MANIFEST}", "config": {descriptor}, "layers": []}}"#
    );
    let kind = format!("Content-Type: {MANIFEST}");
    let path = format!("/v2/{name}/manifests/latest");
    let answer = server.send("PUT", &path, &[&kind], manifest.as_bytes()).await;
    (answer.status, digest)
}

async fn delete(server: &Server, path: &str) -> u16 {
    server.send("DELETE", path, &[], b"").await.status
}

#[tokio::test]
async fn everything_of_a_repository_goes_and_what_is_below_its_name_stays() {
    let server = Server::start(options()).await;
    for name in ["a", "a/b", "a/b/c"] {
        assert_eq!(push_image(&server, name, "hello").await.0, 201);
    }
    let upload = server.send("POST", "/v2/a/b/blobs/uploads/", &[], b"").await.location();
    let digest = Digest::sha256(b"hello").to_string();
    assert_eq!(delete(&server, "/v2/a/b/").await, 202);
    for path in [
        "/v2/a/b/tags/list".to_owned(),
        "/v2/a/b/manifests/latest".to_owned(),
        format!("/v2/a/b/blobs/{digest}"),
        upload,
    ] {
        assert_eq!(server.get(&path).await.status, 404, "{path}");
    }
    for name in ["a", "a/b/c"] {
        assert_eq!(server.get(&format!("/v2/{name}/manifests/latest")).await.status, 200);
        assert_eq!(server.get(&format!("/v2/{name}/blobs/{digest}")).await.status, 200);
    }
    assert_eq!(server.get("/v2/_catalog").await.text(), "{\"repositories\":[\"a\",\"a/b/c\"]}\n");
    let answer = server.send("DELETE", "/v2/a/b/", &[], b"").await;
    assert_eq!(answer.error(), (404, "NAME_UNKNOWN".into()));
    assert_eq!(push_image(&server, "a/b", "hello").await.0, 201);
}

#[tokio::test]
async fn only_a_path_that_means_a_repository_deletes_one() {
    let server = Server::start(options()).await;
    for name in ["a", "a/manifests", "a/blobs"] {
        assert_eq!(push_image(&server, name, "hello").await.0, 201);
    }
    // Somebody's variable was empty.
    for path in ["/v2/a", "/v2/a/manifests/", "/v2/a/blobs/", "/v2//a/", "/v2/a//", "/v2/A/"] {
        assert_eq!(delete(&server, path).await, 404, "{path}");
    }
    assert_eq!(delete(&server, "/v2/").await, 200, "it says that the API is spoken");
    for name in ["a", "a/manifests", "a/blobs"] {
        assert_eq!(server.get(&format!("/v2/{name}/manifests/latest")).await.status, 200);
    }
    let answer = server.get("/v2/a/").await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("DELETE, OPTIONS")));
}

#[tokio::test]
async fn a_registry_that_is_read_only_keeps_its_repositories() {
    let read_only = Switch::default();
    let server = Server::start(Options { read_only: read_only.clone(), ..options() }).await;
    assert_eq!(push_image(&server, "a", "hello").await.0, 201);
    read_only.turn(true);
    let answer = server.send("DELETE", "/v2/a/", &[], b"").await;
    assert_eq!(answer.error(), (405, "UNSUPPORTED".into()));
    read_only.turn(false);
    assert_eq!(server.get("/v2/a/manifests/latest").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_push_beside_a_delete_is_whole_or_refused() {
    let server = Arc::new(Server::start(options()).await);
    let pushing: Vec<_> = (0..4)
        .map(|number| {
            let server = Arc::clone(&server);
            tokio::spawn(async move {
                for round in 0..60 {
                    let (status, _) = push_image(&server, "a", &format!("{number} {round}")).await;
                    // Its upload, or its blob, went with the repository.
                    assert!([201, 400, 404].contains(&status), "{status}");
                }
            })
        })
        .collect();
    let done = Arc::new(AtomicBool::new(false));
    let deleting = tokio::spawn({
        let (server, done) = (Arc::clone(&server), Arc::clone(&done));
        async move {
            while !done.load(Ordering::Relaxed) {
                assert!([202, 404].contains(&delete(&server, "/v2/a/").await));
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    });
    for pushing in pushing {
        pushing.await.unwrap();
    }
    // A request that is given up goes on in the server: the last one has to have ended.
    done.store(true, Ordering::Relaxed);
    deleting.await.unwrap();
    // Whatever is left is complete.
    let manifest = server.get("/v2/a/manifests/latest").await;
    if manifest.status == 200 {
        let json: serde_json::Value = serde_json::from_str(&manifest.text()).unwrap();
        let digest = json["config"]["digest"].as_str().unwrap();
        assert_eq!(server.get(&format!("/v2/a/blobs/{digest}")).await.status, 200);
    }
    let tags = server.get("/v2/a/tags/list").await;
    assert_eq!(tags.status == 200 && tags.text().contains("latest"), manifest.status == 200);
}
