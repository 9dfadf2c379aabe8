//! What other registries were hardened against after they had been open, without a number of its own or
//! beside one.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod support;

use support::Server;
use wharf_api::{Method, TABLE};
use wharf_digest::Digest;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The rows of the table as requests.
fn requests() -> impl Iterator<Item = (&'static str, String)> {
    let digest = Digest::sha256(b"x").to_string();
    TABLE.iter().map(move |row| {
        let method = if row.method == Method::Any { "PUT" } else { row.method.as_str() };
        let path = row.path().replace("<name>", "app").replace("<tag-or-digest>", "v1");
        (method, path.replace("<digest>", &digest).replace("<id>", "u1"))
    })
}

/// zot 2.1.16: a parameter of the login said where the browser was sent afterwards.
#[tokio::test]
async fn zot_2_1_16_no_parameter_sends_a_client_elsewhere() {
    let server = Server::start(support::options()).await;
    let elsewhere = "https%3A%2F%2Fevil.example%2F";
    let names = ["callback_ui", "redirect", "redirect_uri", "next", "url", "return_to", "from"];
    let query: Vec<_> = names.iter().map(|name| format!("{name}={elsewhere}")).collect();
    let query = query.join("&");
    for (method, path) in requests() {
        let answer = server.send(method, &format!("{path}?{query}"), &[], b"").await;
        for name in ["location", "link", "refresh"] {
            let value = answer.header(name).unwrap_or_default();
            assert!(!value.contains("evil.example"), "{method} {path}: {name}: {value}");
            // Nor to a host that is written as a path.
            assert!(!value.starts_with("//"), "{method} {path}: {name}: {value}");
        }
    }
    for path in ["//evil.example/%2e%2e", "//evil.example//v2/", "/\\evil.example", "/v2"] {
        let answer = server.get(path).await;
        let location = answer.header("location").unwrap_or_default();
        assert!(!location.contains("evil.example"), "{path}: {location}");
    }
}

/// zot 2.1.15: any origin was let in, with credentials.
#[tokio::test]
async fn zot_2_1_15_no_origin_is_let_in() {
    let server = Server::start(support::options()).await;
    for (method, path) in requests() {
        for asked in [method, "OPTIONS"] {
            for origin in ["https://evil.example", "null", "http://registry.test"] {
                let headers = [
                    format!("Origin: {origin}"),
                    format!("Access-Control-Request-Method: {method}"),
                    "Access-Control-Request-Headers: authorization".to_owned(),
                ];
                let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
                let answer = server.send(asked, &path, &headers, b"").await;
                let allowed =
                    answer.headers.iter().find(|(name, _)| name.starts_with("access-control-"));
                assert_eq!(allowed, None, "{asked} {path}");
            }
        }
    }
}

/// zot 2.1.16: metrics were read by a client that checked no certificate. Ours are not served where
/// clients are: they have a listener of their own, which is off.
#[tokio::test]
async fn zot_2_1_16_what_tells_of_the_server_is_not_on_its_port() {
    let server = Server::start(support::options()).await;
    for path in ["/metrics", "/debug/vars", "/debug/pprof/", "/debug/health", "/v2/metrics"] {
        assert_eq!(server.get(path).await.status, 404, "{path}");
    }
}

/// CVE-2025-30086: whoever asked for a list could filter it by any field, that of the hash of a password
/// included.
#[tokio::test]
async fn cve_2025_30086_a_list_is_filtered_by_nothing_but_what_the_table_names() {
    let server = Server::start(support::options()).await;
    let index = r#"{"schemaVersion": 2, "manifests": []}"#;
    let header = format!("Content-Type: {INDEX}");
    let digest = Digest::sha256(index.as_bytes());
    for path in ["/v2/app/manifests/v1", "/v2/other/manifests/v1"] {
        assert_eq!(server.send("PUT", path, &[&header], index.as_bytes()).await.status, 201);
    }
    let subject = format!(r#"{{"mediaType": "{INDEX}", "digest": "{digest}", "size": 37}}"#);
    let referrer = format!(r#"{{"schemaVersion": 2, "manifests": [], "subject": {subject}}}"#);
    let put = server.send("PUT", "/v2/app/manifests/v2", &[&header], referrer.as_bytes()).await;
    assert_eq!(put.status, 201, "{}", put.text());
    let lists = ["/v2/_catalog", "/v2/app/tags/list", &format!("/v2/app/referrers/{digest}")];
    for list in lists {
        let all = server.get(list).await;
        assert_eq!(all.status, 200, "{list}");
        for query in [
            "q=password%3D~a",
            "q=salt%3D%7Ba%20b%7D",
            "filter=owner.password",
            "sort=-password",
            "fields=password",
            "expand=owner",
            "name=zzz",
            "tag=zzz",
            "owner_id=1",
        ] {
            let filtered = server.get(&format!("{list}?{query}")).await;
            assert_eq!((filtered.status, filtered.body), (200, all.body.clone()), "{list}?{query}");
        }
    }
}
