//! Blobs, manifests and lists, as clients read, write and delete them.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod support;

use serde_json::{Value, json};
use support::{Answer, Server, options};
use wharf_digest::{Algorithm, Digest};
use wharf_http::Options;

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn image(config: &str, size: usize, subject: Option<&str>) -> Vec<u8> {
    let descriptor = |kind: &str, digest: &str, size: usize| json!({ "mediaType": kind, "digest": digest, "size": size });
    let mut image = json!({
        "schemaVersion": 2,
        "mediaType": IMAGE,
        "config": descriptor("application/vnd.example.config+json", config, size),
        "layers": [],
    });
    if let Some(subject) = subject {
        image["subject"] = descriptor(IMAGE, subject, 7);
    }
    serde_json::to_vec(&image).unwrap()
}

async fn put(server: &Server, path: &str, content: &[u8]) -> Answer {
    server.send("PUT", path, &[&format!("Content-Type: {IMAGE}")], content).await
}

/// An image in `app` with some tags, and its digest.
async fn push(server: &Server, tags: &[&str]) -> (Vec<u8>, String) {
    let config = server.push_blob("app", b"{}").await;
    let content = image(&config, 2, None);
    let digest = Digest::sha256(&content).to_string();
    for tag in tags {
        let answer = put(server, &format!("/v2/app/manifests/{tag}"), &content).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        assert_eq!(answer.location(), format!("/v2/app/manifests/{digest}"));
        assert_eq!(answer.header("docker-content-digest"), Some(digest.as_str()));
    }
    (content, digest)
}

#[tokio::test]
async fn a_blob_is_served_with_all_its_headers() {
    let server = Server::start(options()).await;
    let digest = server.push_blob("app", b"0123456789").await;
    let path = format!("/v2/app/blobs/{digest}");
    for method in ["GET", "HEAD"] {
        let answer = server.send(method, &path, &[], b"").await;
        let body: &[u8] = if method == "GET" { b"0123456789" } else { b"" };
        assert_eq!((answer.status, &answer.body[..]), (200, body));
        assert_eq!(answer.header("content-length"), Some("10"));
        assert_eq!(answer.header("docker-content-digest"), Some(digest.as_str()));
        assert_eq!(answer.header("etag"), Some(format!("\"{digest}\"").as_str()));
        assert_eq!(answer.header("accept-ranges"), Some("bytes"));
        assert_eq!(answer.header("cache-control"), Some("max-age=31536000"));
        assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
        assert_eq!(answer.header("docker-distribution-api-version"), Some("registry/2.0"));
    }
    for condition in ["*", &format!("W/\"{digest}\""), &format!("\"x\", \"{digest}\"")] {
        let header = format!("If-None-Match: {condition}");
        let answer = server.send("GET", &path, &[&header], b"").await;
        assert_eq!((answer.status, answer.header("etag").is_some()), (304, true));
    }
    let unknown = format!("/v2/app/blobs/{}", Digest::sha256(b"unknown"));
    let answer = server.send("GET", &unknown, &["If-None-Match: *"], b"").await;
    assert_eq!(answer.error(), (404, "BLOB_UNKNOWN".into()));
    let answer = server.send("HEAD", &unknown, &[], b"").await;
    assert_eq!((answer.status, answer.body.len()), (404, 0));
    // What one repository has is not there in another.
    assert_eq!(server.get(&path.replace("/app/", "/other/")).await.status, 404);

    assert_eq!(server.send("DELETE", &path, &[], b"").await.status, 202);
    assert_eq!(server.send("HEAD", &path, &[], b"").await.status, 404);
    assert_eq!(server.send("DELETE", &path, &[], b"").await.error().0, 404);
}

#[tokio::test]
async fn ranges_are_exact() {
    let server = Server::start(options()).await;
    let digest = server.push_blob("app", b"0123456789").await;
    let path = format!("/v2/app/blobs/{digest}");
    let get = async |headers: &[&str]| server.send("GET", &path, headers, b"").await;
    for (range, place, content) in [
        ("bytes=2-4", "bytes 2-4/10", "234"),
        ("bytes=7-", "bytes 7-9/10", "789"),
        ("bytes=-3", "bytes 7-9/10", "789"),
        ("bytes=8-500", "bytes 8-9/10", "89"),
        ("bytes=-500", "bytes 0-9/10", "0123456789"),
        ("bytes=0-1,1-3", "bytes 0-3/10", "0123"),
        ("bytes=1-1,50-", "bytes 1-1/10", "1"),
    ] {
        let answer = get(&[&format!("Range: {range}")]).await;
        assert_eq!((answer.status, answer.text()), (206, content.into()), "{range}");
        assert_eq!(answer.header("content-range"), Some(place), "{range}");
        assert_eq!(answer.header("docker-content-digest"), Some(digest.as_str()));
    }
    for range in ["bytes=4-2", "bytes=10-", "bytes=50-60", "bytes=-0", "bytes=", "bytes=a-b"] {
        let answer = get(&[&format!("Range: {range}")]).await;
        assert_eq!(answer.error(), (416, "RANGE_INVALID".into()), "{range}");
        assert_eq!(answer.header("content-range"), Some("bytes */10"), "{range}");
    }
    let same = format!("If-Range: \"{digest}\"");
    assert_eq!(get(&["Range: bytes=0-1", &same]).await.status, 206);
    assert_eq!(get(&["Range: bytes=0-1", "If-Range: \"other\""]).await.status, 200);
    assert_eq!(get(&["Range: lines=0-1"]).await.status, 200);
    assert_eq!(server.send("HEAD", &path, &["Range: bytes=0-1"], b"").await.status, 200);

    let answer = get(&["Range: bytes=0-1, 5-6"]).await;
    assert_eq!(answer.status, 206);
    let kind = answer.header("content-type").unwrap();
    let boundary = kind.strip_prefix("multipart/byteranges; boundary=").unwrap();
    let part = |place: &str, content: &str| {
        format!(
            "--{boundary}\r\nContent-Type: application/octet-stream\r\n\
             Content-Range: bytes {place}/10\r\n\r\n{content}\r\n"
        )
    };
    let expected = part("0-1", "01") + &part("5-6", "56") + &format!("--{boundary}--\r\n");
    assert_eq!(answer.text(), expected);
}

#[tokio::test]
async fn a_manifest_comes_back_as_it_was_pushed() {
    let server = Server::start(options()).await;
    let (content, digest) = push(&server, &["v1"]).await;
    for reference in ["v1", &digest] {
        let path = format!("/v2/app/manifests/{reference}");
        for accept in ["Accept: */*", "Accept: text/html", &format!("Accept: {INDEX}"), "X-None: 1"]
        {
            let answer = server.send("GET", &path, &[accept], b"").await;
            assert_eq!((answer.status, &answer.body), (200, &content), "{accept}");
            assert_eq!(answer.header("content-type"), Some(IMAGE));
            assert_eq!(answer.header("docker-content-digest"), Some(digest.as_str()));
        }
        let head = server.send("HEAD", &path, &[], b"").await;
        let length = content.len().to_string();
        assert_eq!((head.status, head.header("content-length")), (200, Some(length.as_str())));
        assert_eq!(head.header("content-type"), Some(IMAGE));
        for method in ["GET", "HEAD"] {
            let condition = format!("If-None-Match: \"{digest}\"");
            let answer = server.send(method, &path, &[&condition], b"").await;
            assert_eq!(answer.status, 304, "{method}");
            assert_eq!(server.send(method, &path, &["If-None-Match: *"], b"").await.status, 304);
        }
    }
    let unknown = Digest::sha256(b"unknown");
    let condition = format!("If-None-Match: \"{unknown}\"");
    let path = format!("/v2/app/manifests/{unknown}");
    let answer = server.send("GET", &path, &[&condition], b"").await;
    assert_eq!(answer.error(), (404, "MANIFEST_UNKNOWN".into()));

    assert_eq!(server.send("DELETE", "/v2/app/manifests/v1", &[], b"").await.status, 202);
    assert_eq!(server.get("/v2/app/manifests/v1").await.error().0, 404);
    assert_eq!(server.send("DELETE", "/v2/app/manifests/v1", &[], b"").await.error().0, 404);
    let path = format!("/v2/app/manifests/{digest}");
    assert_eq!(server.send("DELETE", &path, &[], b"").await.status, 202);
    assert_eq!(server.send("DELETE", &path, &[], b"").await.error().0, 404);
}

#[tokio::test]
async fn manifests_are_checked_before_anything_is_stored() {
    let server = Server::start(Options { max_manifest_bytes: 2000, ..options() }).await;
    let (content, digest) = push(&server, &["v1"]).await;
    let check = |answer: Answer, status: u16, code: &str| {
        assert_eq!(answer.error(), (status, code.to_owned()), "{answer:?}");
    };
    let other = format!("/v2/app/manifests/{}", Digest::sha256(b"other"));
    check(put(&server, &other, &content).await, 400, "DIGEST_INVALID");
    let other = format!("/v2/app/manifests/{}", Digest::of(Algorithm::Sha512, b"other"));
    check(put(&server, &other, &content).await, 400, "DIGEST_INVALID");
    check(put(&server, "/v2/app/manifests/sha256:x", &content).await, 400, "DIGEST_INVALID");
    check(put(&server, "/v2/app/manifests/-x", &content).await, 400, "TAG_INVALID");
    check(put(&server, "/v2/App/manifests/x", &content).await, 400, "NAME_INVALID");
    check(put(&server, "/v2/app/manifests/x", b"{").await, 400, "MANIFEST_INVALID");
    let answer = server.send("PUT", "/v2/app/manifests/x", &[], &content).await;
    check(answer, 400, "MANIFEST_INVALID");
    let kind = "Content-Type: application/json";
    let answer = server.send("PUT", "/v2/app/manifests/x", &[kind], &content).await;
    check(answer, 400, "MANIFEST_INVALID");

    let missing = Digest::sha256(b"missing").to_string();
    let answer = put(&server, "/v2/app/manifests/x", &image(&missing, 7, None)).await;
    assert!(answer.text().contains(&missing));
    check(answer, 400, "MANIFEST_BLOB_UNKNOWN");

    let large = vec![b' '; 100_000];
    check(put(&server, "/v2/app/manifests/x", &large).await, 413, "MANIFEST_INVALID");
    let chunked = [b"186a0\r\n", &large[..], b"\r\n0\r\n\r\n"].concat();
    let headers = [&format!("Content-Type: {IMAGE}"), "Transfer-Encoding: chunked"];
    let answer = server.send("PUT", "/v2/app/manifests/x", &headers, &chunked).await;
    check(answer, 413, "MANIFEST_INVALID");

    let answer = put(&server, &format!("/v2/app/manifests/{digest}?tag=-"), &content).await;
    check(answer, 400, "TAG_INVALID");
    let many: String = (0..101).map(|i| format!("&tag=t{i}")).collect();
    let path = format!("/v2/app/manifests/{digest}?{many}");
    check(put(&server, &path, &content).await, 414, "TAG_INVALID");
    assert_eq!(
        server.get("/v2/app/tags/list").await.text(),
        "{\"name\":\"app\",\"tags\":[\"v1\"]}\n"
    );
}

#[tokio::test]
async fn one_push_can_set_many_tags() {
    let server = Server::start(options()).await;
    let (content, digest) = push(&server, &[]).await;
    let tags: Vec<_> = (0..12).map(|i| format!("t{i:02}")).collect();
    let query = tags.iter().map(|tag| format!("&tag={tag}")).collect::<String>();
    let answer =
        put(&server, &format!("/v2/app/manifests/{digest}?{query}&tag=t00"), &content).await;
    assert_eq!(
        (answer.status, answer.all("oci-tag")),
        (201, tags.iter().map(|t| &t[..]).collect())
    );
    let list: Value = serde_json::from_str(&server.get("/v2/app/tags/list").await.text()).unwrap();
    assert_eq!(list["tags"], json!(tags));

    let digest = Digest::of(Algorithm::Sha512, &content).to_string();
    let answer = put(&server, &format!("/v2/app/manifests/{digest}?tag=long"), &content).await;
    assert_eq!(answer.header("docker-content-digest"), Some(digest.as_str()), "{answer:?}");
    let answer = server.get("/v2/app/manifests/long").await;
    assert_eq!(answer.header("docker-content-digest"), Some(digest.as_str()));
}

#[tokio::test]
async fn tags_are_listed_by_page() {
    let server = Server::start(Options { max_tags: 3, ..options() }).await;
    assert_eq!(server.get("/v2/app/tags/list").await.error(), (404, "NAME_UNKNOWN".into()));
    assert_eq!(server.get("/v2/app/tags/list?n=0").await.error(), (404, "NAME_UNKNOWN".into()));
    push(&server, &["1.0", "1.0-alpine", "1.0.1", "2", "latest"]).await;
    let list = async |query: &str| {
        let answer = server.get(&format!("/v2/app/tags/list{query}")).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        let json: Value = serde_json::from_str(&answer.text()).unwrap();
        let tags = json["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap());
        (tags.collect::<Vec<_>>().join(" "), answer.header("link").map(str::to_owned))
    };
    assert_eq!(list("").await, ("1.0 1.0-alpine 1.0.1 2 latest".into(), None));
    assert_eq!(list("?n=0").await, (String::new(), None));
    assert_eq!(list("?last=1.0.1").await, ("2 latest".into(), None));
    assert_eq!(list("?last=zzz").await, (String::new(), None));
    let next = "</v2/app/tags/list?n=2&last=1.0-alpine&ns=x>; rel=\"next\"".to_owned();
    assert_eq!(list("?n=2&ns=x").await, ("1.0 1.0-alpine".into(), Some(next)));
    assert_eq!(list("?n=2&last=1.0.1").await, ("2 latest".into(), None));
    let (tags, link) = list("?n=99999999999999999999").await;
    assert_eq!((tags.as_str(), link.is_some()), ("1.0 1.0-alpine 1.0.1", true));
    for bad in ["-1", "x", "1.5"] {
        let answer = server.get(&format!("/v2/app/tags/list?n={bad}")).await;
        assert_eq!(answer.error(), (400, "PAGINATION_NUMBER_INVALID".into()));
    }
}

#[tokio::test]
async fn the_catalog_is_listed_by_page() {
    let options = Options { prefix: "/reg/".into(), catalog_max_entries: 5, ..options() };
    let server = Server::start(options).await;
    assert_eq!(server.get("/reg/v2/_catalog").await.text(), "{\"repositories\":[]}\n");
    for name in ["a", "a/b", "a-b"] {
        let location = format!("/reg/v2/{name}/blobs/uploads/?digest={}", Digest::sha256(b"{}"));
        assert_eq!(server.send("POST", &location, &[], b"{}").await.status, 201);
        let content = image(&Digest::sha256(b"{}").to_string(), 2, None);
        let answer = put(&server, &format!("/reg/v2/{name}/manifests/v1"), &content).await;
        assert!(answer.location().starts_with(&format!("/reg/v2/{name}/manifests/sha256:")));
    }
    let answer = server.get("/reg/v2/_catalog").await;
    assert_eq!(answer.text(), "{\"repositories\":[\"a\",\"a-b\",\"a/b\"]}\n");
    assert_eq!(answer.header("link"), None);
    let answer = server.get("/reg/v2/_catalog?n=2").await;
    assert_eq!(answer.text(), "{\"repositories\":[\"a\",\"a-b\"]}\n");
    let next = "</reg/v2/_catalog?n=2&last=a-b>; rel=\"next\"";
    assert_eq!(answer.header("link"), Some(next));
    let answer = server.get("/reg/v2/_catalog?n=2&last=a-b").await;
    assert_eq!(
        (answer.text().as_str(), answer.header("link")),
        ("{\"repositories\":[\"a/b\"]}\n", None)
    );
    let answer = server.get("/reg/v2/_catalog?n=0").await;
    assert_eq!((answer.text().as_str(), answer.header("link")), ("{\"repositories\":[]}\n", None));
    for bad in ["6", "-1", "x", "99999999999999999999"] {
        let answer = server.get(&format!("/reg/v2/_catalog?n={bad}")).await;
        assert_eq!(answer.error(), (400, "PAGINATION_NUMBER_INVALID".into()));
    }
    assert_eq!(server.get("/v2/").await.error().0, 404);
    assert_eq!(server.get("/regv2/").await.error().0, 404);
    assert_eq!(server.get("/").await.status, 200);
}

#[tokio::test]
async fn referrers_are_listed_for_everything() {
    let server = Server::start(options()).await;
    let subject = Digest::sha256(b"never pushed").to_string();
    let path = format!("/v2/app/referrers/{subject}");
    let answer = server.get(&path).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some(INDEX)));
    let index: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(index, json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [] }));

    let config = server.push_blob("app", b"{}").await;
    let content = image(&config, 2, Some(&subject));
    let answer = put(&server, "/v2/app/manifests/signature", &content).await;
    assert_eq!((answer.status, answer.header("oci-subject")), (201, Some(subject.as_str())));
    let list = async |query: &str| {
        let answer = server.get(&format!("{path}{query}")).await;
        let index: Value = serde_json::from_slice(&answer.body).unwrap();
        let filters = answer.header("oci-filters-applied").map(str::to_owned);
        (index["manifests"].as_array().unwrap().len(), filters)
    };
    let filtered = || Some("artifactType".to_owned());
    assert_eq!(list("").await, (1, None));
    let kind = "?artifactType=application%2Fvnd.example.config%2Bjson";
    assert_eq!(list(kind).await, (1, filtered()));
    assert_eq!(list("?artifactType=other/type").await, (0, filtered()));
    let answer = server.get("/v2/app/referrers/notadigest").await;
    assert_eq!(answer.error(), (400, "DIGEST_INVALID".into()));
}

#[tokio::test]
async fn what_the_registry_does_not_do_is_405() {
    let server = Server::start(Options { delete: false, ..options() }).await;
    let digest = server.push_blob("app", b"x").await;
    for path in [format!("/v2/app/blobs/{digest}"), "/v2/app/manifests/v1".into()] {
        let answer = server.send("DELETE", &path, &[], b"").await;
        assert_eq!(answer.error(), (405, "UNSUPPORTED".into()));
        assert!(!answer.header("allow").unwrap().contains("DELETE"));
        let answer = server.send("POST", &path, &[], b"x").await;
        assert_eq!(answer.error(), (405, "UNSUPPORTED".into()));
        assert!(answer.header("allow").unwrap().contains("GET"));
    }
    // An upload can be given up although deletes are off.
    let answer = server.send("POST", "/v2/app/blobs/uploads/", &[], b"").await;
    assert_eq!(server.send("DELETE", &answer.location(), &[], b"").await.status, 204);

    let server = Server::start(Options { read_only: true.into(), ..options() }).await;
    for (method, path) in [
        ("POST", "/v2/app/blobs/uploads/"),
        ("PUT", "/v2/app/manifests/v1"),
        ("DELETE", "/v2/app/manifests/v1"),
    ] {
        let answer = server.send(method, path, &[], b"x").await;
        assert_eq!(answer.error(), (405, "UNSUPPORTED".into()), "{method}");
    }
    assert_eq!(server.get("/v2/app/manifests/v1").await.error().0, 404);
    let left = server.send("OPTIONS", "/v2/app/manifests/v1", &[], b"").await;
    assert_eq!((left.status, left.header("allow")), (200, Some("GET, HEAD, OPTIONS")));
}

#[tokio::test]
async fn every_answer_of_the_api_has_its_headers() {
    let headers = vec![("X-Content-Type-Options".into(), "nosniff".into())];
    let server = Server::start(Options { headers, ..options() }).await;
    for (method, path, status) in [
        ("GET", "/v2/", 200),
        ("POST", "/v2/", 200),
        ("HEAD", "/v2/", 200),
        ("GET", "/v2", 200),
        ("OPTIONS", "/v2/app/tags/list", 200),
        ("GET", "/v2/app/nothing", 404),
        ("PUT", "/v2/app/tags/list", 405),
        ("GET", "/v2/app/blobs/sha256:x", 400),
        ("GET", "/v2/a%2fb/tags/list", 400),
        ("GET", "/v2/../tags/list", 400),
        ("GET", "/v2/a%00b/tags/list", 400),
        ("GET", "/v2/app/tags/list?n=%ff", 400),
    ] {
        let answer = server.send(method, path, &[], b"").await;
        assert_eq!(answer.status, status, "{method} {path} {answer:?}");
        assert_eq!(answer.header("docker-distribution-api-version"), Some("registry/2.0"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert!(answer.header("content-length").is_some());
    }
    assert_eq!(server.get("/v2/").await.text(), "{}");
    let alive = server.get("/").await;
    assert_eq!((alive.status, alive.header("cache-control")), (200, Some("no-cache")));
    assert_eq!(alive.header("docker-distribution-api-version"), None);
}

#[tokio::test]
async fn locations_are_those_of_the_client() {
    let server = Server::start(options()).await;
    let location = async |headers: &[&str]| {
        let answer = server.send("POST", "/v2/app/blobs/uploads/", headers, b"").await;
        answer.header("location").unwrap().to_owned()
    };
    assert!(location(&[]).await.starts_with("http://registry.test/v2/app/blobs/uploads/"));
    let proxied = location(&["X-Forwarded-Proto: https", "X-Forwarded-Host: r.example"]).await;
    assert!(proxied.starts_with("https://r.example/v2/app/blobs/uploads/"));
    let odd = location(&["X-Forwarded-Host: r.example/evil?"]).await;
    assert!(odd.starts_with("/v2/app/blobs/uploads/"));
}
