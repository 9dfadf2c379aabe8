use proptest::prelude::*;

use super::*;
use crate::{Effect, Endpoint, Method, Operation, Permission};

const HEX: &str = "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c";

fn target(path: &str) -> String {
    let target = route(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    format!("{:?} {}", target.endpoint(), target)
}

fn code(method: &str, path: &str) -> (ErrorCode, u16) {
    let error = route(path).map(|target| target.to_string()).expect_err(path).info(method);
    (error.code(), error.status())
}

#[test]
fn paths_name_their_targets() {
    let check = |path: &str, expected: &str| assert_eq!(target(path), expected, "{path}");
    check("/", "Alive /");
    check("/v2", "Base /v2/");
    check("/v2/", "Base /v2/");
    check("/v2/_catalog", "Catalog /v2/_catalog");
    check("/v2/_catalog/", "Catalog /v2/_catalog");
    check("/v2/a/tags/list", "TagsList /v2/a/tags/list");
    check("/v2/a/b/c/manifests/v1.0", "Manifest /v2/a/b/c/manifests/v1.0");
    check("/v2/a/", "Repository /v2/a/");
    check("/v2/a/b/", "Repository /v2/a/b/");
    check("/v2/a/blobs/uploads", "BlobUploads /v2/a/blobs/uploads/");
    check("/v2/a/blobs/uploads/", "BlobUploads /v2/a/blobs/uploads/");
    check("/v2/a/blobs/uploads/0190-ab_C", "BlobUpload /v2/a/blobs/uploads/0190-ab_C");
    for kind in ["blobs", "manifests", "referrers"] {
        let path = format!("/v2/a/{kind}/sha256:{HEX}");
        assert_eq!(route(&path).unwrap().to_string(), path);
        // Clients that escape the colon are right, too.
        assert_eq!(route(&path.replace(':', "%3A")).unwrap().to_string(), path);
    }
}

#[test]
fn the_last_keyword_of_a_path_decides() {
    let name = |path: &str| route(path).unwrap().name().unwrap().to_string();
    assert_eq!(name("/v2/a/manifests/b/manifests/c"), "a/manifests/b");
    assert_eq!(name("/v2/tags/list/tags/list"), "tags/list");
    assert_eq!(name("/v2/manifests/manifests/manifests"), "manifests");
    assert_eq!(name("/v2/a/blobs/uploads/manifests/b"), "a/blobs/uploads");
    assert_eq!(name("/v2/a/manifests/blobs/uploads"), "a/manifests");
    assert_eq!(name("/v2/blobs/uploads/blobs/uploads/id"), "blobs/uploads");
    assert_eq!(target("/v2/a/manifests/tags/list"), "TagsList /v2/a/manifests/tags/list");
}

#[test]
fn malformed_names_are_refused_by_name() {
    let long = "a".repeat(256);
    for name in [
        "A",
        "a/B",
        "Foo.com/bar",
        "..",
        "a/..",
        "a/../b",
        "%2e%2e",
        "a%2fb",
        "a%2Fb",
        "a%00",
        "a%0ab",
        "a%",
        "a%zz",
        "a%ff",
        "a%252fb",
        "a//b",
        "",
        "a/",
        ".a",
        "a.",
        "a___b",
        "-a",
        "é",
        "a b",
        "a%20b",
        "_catalog",
        long.as_str(),
    ] {
        for path in [format!("/v2/{name}/tags/list"), format!("/v2/{name}/manifests/latest")] {
            assert_eq!(code("GET", &path), (ErrorCode::NameInvalid, 400), "{path}");
        }
    }
    let error = route("/v2/a/B/tags/list").unwrap_err().info("GET");
    assert_eq!(error.detail(), Some(&json!({"name": "a/B"})));
    let fits = "a".repeat(255);
    assert!(route(&format!("/v2/{fits}/tags/list")).is_ok());
}

#[test]
fn malformed_references_are_refused_by_kind() {
    let digest = (ErrorCode::DigestInvalid, 400);
    for text in ["sha256:baddigeststring", "sha256:", ":", "md5:d41d8cd98f00b204e9800998ecf8427e"] {
        for method in ["GET", "PUT", "DELETE"] {
            assert_eq!(code(method, &format!("/v2/a/manifests/{text}")), digest, "{text}");
        }
        assert_eq!(code("GET", &format!("/v2/a/blobs/{text}")), digest, "{text}");
        assert_eq!(code("GET", &format!("/v2/a/referrers/{text}")), digest, "{text}");
    }
    assert_eq!(code("GET", "/v2/a/blobs/latest"), digest);
    assert_eq!(code("GET", &format!("/v2/a/blobs/sha256:{}", HEX.to_uppercase())), digest);
    let long = "a".repeat(129);
    for tag in [".INVALID_MANIFEST_NAME", "-a", "a%20b", "a%2fb", "a+b", long.as_str(), "%00"] {
        let path = format!("/v2/a/manifests/{tag}");
        assert_eq!(code("PUT", &path), (ErrorCode::TagInvalid, 400), "{tag}");
        assert_eq!(code("GET", &path), (ErrorCode::ManifestUnknown, 404), "{tag}");
        assert_eq!(code("DELETE", &path), (ErrorCode::ManifestUnknown, 404), "{tag}");
    }
    for id in ["..", "a.b", "a%2fb", "%00", "", long.as_str()] {
        let path = format!("/v2/a/blobs/uploads/{id}/");
        assert_eq!(code("PATCH", &path), (ErrorCode::BlobUploadUnknown, 404), "{id}");
    }
}

#[test]
fn other_paths_do_not_exist() {
    for path in [
        "",
        "//",
        "/v1/",
        "/v2x",
        "/v2x/",
        "v2/",
        "/v2/a",
        "/v2/a/b",
        "/v2/a/tags",
        "/v2/_x/y",
        "/v2/a/manifests",
        "/v2/a/manifests/",
        "/v2/a/blobs/",
        "/v2/a/tags/",
        "/v2/a/referrers/",
        "/v2/A/",
        "/v2//",
        "/v2/a//",
        "/v2/_x/",
        "/v2/a/b/tags/list/x",
        "/healthz",
        "*",
    ] {
        assert_eq!(code("GET", path), (ErrorCode::Unsupported, 404), "{path}");
    }
    let endless = format!("/v2/{}", "x/".repeat(100_000));
    let error = route(&endless).unwrap_err().info("GET");
    assert!(error.detail().unwrap().to_string().len() < 400);
}

#[test]
fn methods_have_rows_or_allow() {
    let find = |method: &str, path: &str| resolve(method, path).map(|(_, row)| row.operation);
    assert_eq!(find("GET", "/v2/a/manifests/x"), Ok(Operation::ManifestGet));
    assert_eq!(find("HEAD", "/v2/a/manifests/x"), Ok(Operation::ManifestHead));
    assert_eq!(find("HEAD", "/v2/_catalog"), Ok(Operation::CatalogList));
    assert_eq!(find("OPTIONS", "/v2/_catalog"), Ok(Operation::Options));
    assert_eq!(find("POST", "/v2/a/blobs/uploads"), Ok(Operation::UploadStart));
    assert_eq!(find("BREW", "/v2/"), Ok(Operation::Base));
    assert_eq!(find("DELETE", "/v2/a/b/"), Ok(Operation::RepositoryDelete));
    assert_eq!(find("GET", "/v2/a/b/").unwrap_err().allow, Some("DELETE, OPTIONS"));
    let refusal = find("PATCH", "/v2/a/manifests/x").unwrap_err();
    assert_eq!(refusal.allow, Some("DELETE, GET, HEAD, OPTIONS, PUT"));
    assert_eq!(refusal.error, ErrorInfo::new(ErrorCode::Unsupported));
    assert_eq!(find("get", "/v2/_catalog").unwrap_err().allow, Some("GET, HEAD, OPTIONS"));
    assert_eq!(find("*", "/v2/_catalog").unwrap_err().error.status(), 405);
}

#[test]
fn the_table_is_whole() {
    for endpoint in Endpoint::ALL {
        let rows: Vec<_> = TABLE.iter().filter(|row| row.endpoint == endpoint).collect();
        let has = |method| rows.iter().any(|row| row.method == method);
        assert!(has(Method::Options), "{endpoint:?}");
        assert_eq!(has(Method::Get), has(Method::Head), "{endpoint:?}");
        for (at, row) in rows.iter().enumerate() {
            assert!(rows[..at].iter().all(|other| other.method != row.method), "{row:?} twice");
        }
    }
    for row in TABLE {
        assert!(!row.summary.is_empty() && !row.successes.is_empty(), "{row:?}");
        let safe = matches!(row.method, Method::Get | Method::Head | Method::Options | Method::Any);
        assert_eq!(row.mutates(), !safe, "{row:?}");
        assert_eq!(row.deletes(), row.effect == Effect::Deletes);
        // Whatever names a repository needs a permission for it.
        if row.path().contains("<name>") && row.method != Method::Options {
            let guarded = row.permissions.iter().any(|p| matches!(p, Permission::Repository(_)));
            // What is no name is no path at all, where nothing else follows.
            let told = row.errors.contains(&ErrorCode::NameInvalid);
            assert!(guarded && (told || row.endpoint == Endpoint::Repository), "{row:?}");
        }
        let success = row.successes.iter().all(|success| (200..400).contains(&success.status));
        assert!(success, "{row:?}");
    }
}

fn name() -> impl Strategy<Value = RepositoryName> {
    let component = prop_oneof![
        "[a-z0-9]{1,8}((\\.|_|__|-{1,3})[a-z0-9]{1,4}){0,2}",
        Just("manifests".to_owned()),
        Just("blobs".to_owned()),
        Just("uploads".to_owned()),
        Just("tags".to_owned()),
        Just("list".to_owned()),
        Just("referrers".to_owned()),
    ];
    prop::collection::vec(component, 1..6)
        .prop_map(|components| RepositoryName::parse(&components.join("/")).unwrap())
}

fn any_digest() -> impl Strategy<Value = Digest> {
    (any::<[u8; 8]>(), 0..3usize).prop_map(|(content, algorithm)| {
        Digest::of(wharf_digest::Algorithm::ALL[algorithm], &content)
    })
}

fn any_target() -> impl Strategy<Value = Target> {
    let tag = "[A-Za-z0-9_][A-Za-z0-9._-]{0,127}".prop_map(|tag| Tag::parse(&tag).unwrap().into());
    let reference = prop_oneof![tag, any_digest().prop_map(TagOrDigest::from)];
    prop_oneof![
        Just(Target::Alive),
        Just(Target::Base),
        Just(Target::Catalog),
        name().prop_map(|name| Target::Tags { name }),
        (name(), reference).prop_map(|(name, reference)| Target::Manifest { name, reference }),
        (name(), any_digest()).prop_map(|(name, digest)| Target::Blob { name, digest }),
        name().prop_map(|name| Target::Uploads { name }),
        (name(), "[A-Za-z0-9_-]{1,128}").prop_map(|(name, id)| Target::Upload { name, id }),
        (name(), any_digest()).prop_map(|(name, digest)| Target::Referrers { name, digest }),
        name().prop_filter_map("a word with something behind it", |name| {
            let keyword = name.as_str().split('/').any(|word| KEYWORDS.contains(&word));
            (!keyword).then_some(Target::Repository { name })
        }),
    ]
}

proptest! {
    #[test]
    fn every_target_is_found_by_its_path(target in any_target()) {
        prop_assert_eq!(route(&target.to_string()), Ok(target));
    }

    #[test]
    fn an_encoded_path_is_the_same_path(target in any_target()) {
        let path = target.to_string();
        let encoded: String = path.chars().map(|c| match c {
            '/' => "/".to_owned(),
            c => format!("%{:02x}", c as u32),
        }).collect();
        // Only the root `/v2` is spelled out.
        let encoded = encoded.replacen("/%76%32", "/v2", 1);
        prop_assert_eq!(route(&encoded), Ok(target));
    }

    #[test]
    fn any_path_is_a_target_or_an_error(
        path in "\\PC{0,80}|/v2/[a-zA-Z0-9%/:._-]{0,80}|/v2(/(a|blobs|uploads|manifests|tags|list|%2f|%00|\\.\\.|)){0,8}",
        method in "GET|PUT|[A-Z]{0,8}",
    ) {
        match resolve(&method, &path) {
            Ok((target, row)) => prop_assert_eq!(target.endpoint(), row.endpoint),
            Err(refusal) => prop_assert!((400..500).contains(&refusal.error.status())),
        }
    }
}
