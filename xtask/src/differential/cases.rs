//! The requests.

use super::{
    content::{
        CONFIG, DOCKER_LIST, DOCKER_MANIFEST, LAYER, OCI_INDEX, OCI_MANIFEST, digest, digest_512,
        image, index,
    },
    script::{Script, Step},
};

/// Everything that is compared.
pub(super) fn scripts() -> Vec<Script> {
    vec![
        Script::new("empty", [routes(), names(), references()].concat()).storage(DELETES),
        Script::new("uploads", uploads()).storage(DELETES).http("  secret: same\n"),
        Script::new(
            "content",
            [push(), blobs(), manifests(), lists(), mounts(), deletes()].concat(),
        )
        .storage(DELETES),
        Script::new("no-deletes", [push(), no_deletes()].concat()),
        Script::new("read-only", read_only())
            .storage("  maintenance: {readonly: {enabled: true}}\n"),
        Script::new("relative", locations()).http("  relativeurls: true\n"),
        Script::new("host", locations()).http("  host: https://registry.example.com\n"),
        Script::new("forwarded", forwarded())
            .http("  headers: {X-Content-Type-Options: [nosniff]}\n"),
        Script::new("prefix", prefixed()).http("  prefix: /registry/\n"),
        Script::new("auth", credentials()).top("auth: {silly: {realm: r, service: s}}\n"),
    ]
}

const DELETES: &str = "  delete: {enabled: true}\n";

const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// A digest of nothing that is there.
fn missing() -> String {
    digest(b"nothing that is there")
}

fn get(path: impl Into<String>) -> Step {
    Step::new("GET", path)
}

/// Every route with every method, in a store with nothing in it.
fn routes() -> Vec<Step> {
    let missing = missing();
    let paths = [
        "/".to_owned(),
        "/v2".to_owned(),
        "/v2/".to_owned(),
        "/v2/_catalog".to_owned(),
        "/v2/app/tags/list".to_owned(),
        "/v2/app/manifests/latest".to_owned(),
        format!("/v2/app/manifests/{missing}"),
        format!("/v2/app/blobs/{missing}"),
        "/v2/app/blobs/uploads".to_owned(),
        "/v2/app/blobs/uploads/".to_owned(),
        "/v2/app/blobs/uploads/none".to_owned(),
        format!("/v2/app/referrers/{missing}"),
        "/v2/app".to_owned(),
        "/v2/app/unknown".to_owned(),
        "/elsewhere".to_owned(),
    ];
    let all =
        paths.iter().flat_map(|path| METHODS.iter().map(move |method| Step::new(method, path)));
    all.collect()
}

fn names() -> Vec<Step> {
    let long = "a".repeat(256);
    let names = [
        "App",
        "app/",
        "-app",
        "app-",
        "a_-b",
        "a..b",
        "a__b",
        "a---b",
        "a.b/c-d/e_f",
        "example.com/app",
        "Example.com/app",
        "app%2Fnested",
        "app%20x",
        &long,
    ];
    let missing = missing();
    let mut steps = Vec::new();
    for name in names {
        steps.push(get(format!("/v2/{name}/tags/list")));
        steps.push(get(format!("/v2/{name}/manifests/latest")));
        steps.push(get(format!("/v2/{name}/blobs/{missing}")));
        steps.push(Step::new("POST", format!("/v2/{name}/blobs/uploads/")));
    }
    steps
}

fn references() -> Vec<Step> {
    let long = "t".repeat(129);
    let upper = format!("sha256:{}", "A".repeat(64));
    let tags = ["-x", ".x", "a%20b", "a:b", "UPPER", "_x", "1.0", "a+b", "%C3%A4", &long];
    let digests = [
        "sha256:abc",
        "sha256:",
        "sha256",
        "md5:d41d8cd98f00b204e9800998ecf8427e",
        "sha512:abc",
        "other:abc",
        "sha256:zz",
        &upper,
    ];
    let mut steps = Vec::new();
    for tag in tags {
        steps.push(get(format!("/v2/app/manifests/{tag}")));
        let body = image(OCI_MANIFEST, b"no config", b"no layer");
        let put = Step::new("PUT", format!("/v2/app/manifests/{tag}")).body(body);
        steps.push(put.header("Content-Type", OCI_MANIFEST));
    }
    for digest in digests {
        for method in ["GET", "HEAD", "DELETE"] {
            steps.push(Step::new(method, format!("/v2/app/blobs/{digest}")));
        }
        steps.push(get(format!("/v2/app/manifests/{digest}")));
    }
    steps
}

// === uploads ===

fn begin() -> Step {
    Step::new("POST", "/v2/app/blobs/uploads/").keep("up")
}

fn patch(bytes: &[u8], range: &str) -> Step {
    let step = Step::new("PATCH", "{up}").body(bytes).keep("up");
    let step = step.header("Content-Type", "application/octet-stream");
    if range.is_empty() { step } else { step.header("Content-Range", range) }
}

fn finish(digest: &str) -> Step {
    Step::new("PUT", format!("{{up}}&digest={digest}"))
}

fn uploads() -> Vec<Step> {
    let whole = digest(b"hello world");
    let state = "/v2/app/blobs/uploads/00000000-0000-0000-0000-000000000000";
    vec![
        // In one piece, and in two.
        begin(),
        get("{up}").note("begun"),
        Step::new("HEAD", "{up}").note("begun"),
        finish(&digest(b"hello")).body("hello"),
        get("{up}").note("finished"),
        finish(&digest(b"hello")).body("hello").note("again"),
        begin(),
        patch(b"hello ", "0-5"),
        get("{up}").keep("up").note("half"),
        patch(b"world", "6-10"),
        finish(&whole),
        get(format!("/v2/app/blobs/{whole}")),
        // Ranges in the wrong order, or that are none.
        begin(),
        patch(b"hello", "1-5").note("too far"),
        patch(b"hello", "0-3").note("too long"),
        patch(b"hello", "0-9").note("too short"),
        patch(b"hello", "5-0").note("backwards"),
        patch(b"hello", "x-y").note("no numbers"),
        patch(b"hello", "0-4"),
        patch(b"hello", "0-4").note("again"),
        patch(b"", "").note("empty"),
        patch(b" world", "5-10"),
        finish("sha256:abc").note("no digest"),
        Step::new("PUT", "{up}").note("without a digest"),
        finish("md5:d41d8cd98f00b204e9800998ecf8427e"),
        finish(&whole),
        // The wrong digest, and what is left of the upload.
        begin(),
        finish(&missing()).body("hello").note("wrong digest"),
        get("{up}").note("after the wrong digest"),
        Step::new("DELETE", "{up}").note("after the wrong digest"),
        // Given up.
        begin(),
        Step::new("DELETE", "{up}"),
        get("{up}").note("given up"),
        patch(b"hello", "0-4").note("given up"),
        Step::new("DELETE", "{up}").note("given up"),
        // Types, and bodies that are not there.
        begin(),
        Step::new("PATCH", "{up}").body("x").header("Content-Type", "text/plain"),
        Step::new("PATCH", "{up}").body("x").note("without a type").keep("up"),
        finish(&digest(b"")).note("digest of nothing"),
        begin(),
        finish(&digest(b"")).note("nothing"),
        get(format!("/v2/app/blobs/{}", digest(b""))),
        begin(),
        patch(b"hello", "bytes 0-4/5").note("of HTTP"),
        // Other algorithms.
        begin(),
        finish(&digest_512(b"hello")).body("hello").note("sha512"),
        get(format!("/v2/app/blobs/{}", digest_512(b"hello"))),
        // In one request.
        Step::new("POST", format!("/v2/app/blobs/uploads/?digest={}", digest(b"one"))).body("one"),
        Step::new("POST", format!("/v2/app/blobs/uploads/?digest={}", missing())).body("one"),
        Step::new("POST", "/v2/app/blobs/uploads/?digest=sha256:abc").body("one"),
        // Forged, and not there.
        get(state),
        Step::new("PATCH", state).body("x"),
        Step::new("PUT", format!("{state}?digest={whole}")),
        Step::new("DELETE", state),
        Step::new("PATCH", format!("{state}?_state=forged")).body("x"),
        Step::new("PUT", format!("{state}?_state=forged&digest={whole}")),
        get(format!("{state}?_state=forged")),
        get("/v2/app/blobs/uploads/not-an-id"),
        get("/v2/app/blobs/uploads/a%2Fb"),
        // With the location of another repository.
        begin(),
        Step::new("POST", "{up}"),
    ]
}

// === content ===

/// Puts a blob where it belongs.
fn blob(repository: &str, bytes: &[u8]) -> [Step; 2] {
    [
        Step::new("POST", format!("/v2/{repository}/blobs/uploads/")).keep("up"),
        finish(&digest(bytes)).body(bytes),
    ]
}

fn put(name: &str, reference: &str, media_type: &str, body: Vec<u8>) -> Step {
    let path = format!("/v2/{name}/manifests/{reference}");
    Step::new("PUT", path).header("Content-Type", media_type).body(body)
}

fn oci() -> Vec<u8> {
    image(OCI_MANIFEST, CONFIG, LAYER)
}

fn docker() -> Vec<u8> {
    image(DOCKER_MANIFEST, CONFIG, LAYER)
}

/// An image in both forms, an index of each, and tags.
fn push() -> Vec<Step> {
    let mut steps = Vec::new();
    steps.extend(blob("app", CONFIG));
    steps.extend(blob("app", LAYER));
    steps.push(put("app", "oci", OCI_MANIFEST, oci()));
    steps.push(put("app", "docker", DOCKER_MANIFEST, docker()));
    steps.push(put("app", "index", OCI_INDEX, index(OCI_INDEX, OCI_MANIFEST, &oci())));
    steps.push(put("app", "list", DOCKER_LIST, index(DOCKER_LIST, DOCKER_MANIFEST, &docker())));
    steps.extend(blob("other/nested", LAYER));
    steps.extend(blob("other/nested", CONFIG));
    for tag in ["1.0", "1.0.1", "1.0-alpine", "latest"] {
        steps.push(put("other/nested", tag, OCI_MANIFEST, oci()));
    }
    steps
}

fn blobs() -> Vec<Step> {
    let path = format!("/v2/app/blobs/{}", digest(LAYER));
    let tag = format!("\"{}\"", digest(LAYER));
    let mut steps = vec![
        get(&path),
        Step::new("HEAD", &path),
        get(format!("/v2/other/blobs/{}", digest(LAYER))).note("of another repository"),
        get(format!("/v2/app/blobs/{}", digest(&oci()))).note("a manifest"),
        get(format!("/v2/app/blobs/{}", missing())),
        Step::new("HEAD", format!("/v2/app/blobs/{}", missing())),
        get(format!("/v2/app/blobs/{}", digest_512(LAYER))).note("sha512"),
    ];
    for range in [
        "bytes=0-0",
        "bytes=0-",
        "bytes=5-8",
        "bytes=-3",
        "bytes=-0",
        "bytes=-1000",
        "bytes=19-",
        "bytes=20-",
        "bytes=100-200",
        "bytes=8-5",
        "bytes=0-1,4-5",
        "bytes=a-b",
        "items=0-1",
        "bytes=",
        "bytes=0-1000",
    ] {
        steps.push(get(&path).header("Range", range));
    }
    steps.push(Step::new("HEAD", &path).header("Range", "bytes=0-1"));
    for value in [&*tag, &format!("W/{tag}"), "*", "\"other\"", &tag.replace('"', "")] {
        steps.push(get(&path).header("If-None-Match", value));
    }
    steps.push(get(&path).header("If-Range", &*tag).header("Range", "bytes=0-1"));
    steps.push(get(&path).header("If-Range", "\"other\"").header("Range", "bytes=0-1"));
    steps.push(get(&path).header("Accept", "text/plain"));
    steps
}

fn manifests() -> Vec<Step> {
    let mut steps = Vec::new();
    let types = [
        "",
        "*/*",
        "text/plain",
        OCI_MANIFEST,
        OCI_INDEX,
        DOCKER_MANIFEST,
        DOCKER_LIST,
        "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json",
    ];
    for reference in ["oci", "docker", "index", "list"] {
        for accept in types {
            let step = get(format!("/v2/app/manifests/{reference}"));
            steps.push(if accept.is_empty() { step } else { step.header("Accept", accept) });
        }
    }
    let by_digest = format!("/v2/app/manifests/{}", digest(&oci()));
    let tag = format!("\"{}\"", digest(&oci()));
    for method in ["GET", "HEAD"] {
        steps.push(Step::new(method, &by_digest).header("Accept", OCI_MANIFEST));
    }
    for value in [&*tag, &digest(&oci()), "\"other\"", "*"] {
        steps.push(get(&by_digest).header("Accept", OCI_MANIFEST).header("If-None-Match", value));
    }
    let absent = format!("/v2/app/manifests/{}", missing());
    steps.push(get(&absent));
    steps.push(get(absent).header("If-None-Match", missing()));
    steps.push(get("/v2/app/manifests/none").note("no such tag"));
    steps.push(Step::new("HEAD", "/v2/app/manifests/none").note("no such tag"));
    steps.push(get("/v2/none/manifests/latest"));
    steps.push(get(format!("/v2/other/nested/manifests/{}", digest(&docker()))));
    steps.extend(refused());
    steps
}

/// Manifests that are not taken.
fn refused() -> Vec<Step> {
    let orphan = image(OCI_MANIFEST, b"not there", LAYER);
    let wrong = format!("/v2/app/manifests/{}", missing());
    let text = |body: &str| body.as_bytes().to_vec();
    let both = String::from_utf8_lossy(&oci()).replace("\"layers\"", "\"manifests\":[],\"layers\"");
    vec![
        Step::new("PUT", "/v2/app/manifests/bad").body(oci()).note("without a type"),
        put("app", "bad", "application/json", oci()),
        put("app", "bad", "text/plain", oci()),
        put("app", "bad", "", oci()),
        put("app", "bad", DOCKER_MANIFEST, oci()).note("but OCI"),
        put("app", "bad", OCI_INDEX, oci()).note("but an image"),
        put("app", "charset", &format!("{OCI_MANIFEST}; charset=utf-8"), oci()),
        put("app", "bad", "application/vnd.docker.distribution.manifest.v1+json", oci()),
        put("app", "bad", OCI_MANIFEST, text("")).note("empty"),
        put("app", "bad", OCI_MANIFEST, text("{")).note("no JSON"),
        put("app", "bad", OCI_MANIFEST, text("[]")).note("a list"),
        put("app", "bad", OCI_MANIFEST, text("{}")).note("empty map"),
        put("app", "bad", OCI_MANIFEST, text("{\"schemaVersion\":1}")).note("version 1"),
        put("app", "bad", OCI_MANIFEST, both.into_bytes()).note("both"),
        put("app", "bad", OCI_MANIFEST, orphan).note("missing config"),
        put("app", "bad", OCI_INDEX, index(OCI_INDEX, OCI_MANIFEST, b"none")).note("missing child"),
        Step::new("PUT", wrong)
            .header("Content-Type", OCI_MANIFEST)
            .body(oci())
            .note("wrong digest"),
        put("app", &digest(&oci()), OCI_MANIFEST, oci()).note("by digest"),
        put("app", &digest_512(&oci()), OCI_MANIFEST, oci()).note("sha512"),
        put("app", "large", OCI_MANIFEST, vec![b' '; 4 * 1024 * 1024 + 1]).note("too large"),
        put("new", "latest", OCI_MANIFEST, oci()).note("nothing there yet"),
    ]
}

fn lists() -> Vec<Step> {
    let queries = [
        "",
        "?n=0",
        "?n=1",
        "?n=2",
        "?n=-1",
        "?n=x",
        "?n=",
        "?n=1.5",
        "?n=1000",
        "?n=1001",
        "?n=99999999999999999999",
        "?last=1.0",
        "?last=zzz",
        "?last=",
        "?n=1&last=1.0",
        "?n=2&last=a",
        "?last=app&n=1",
        "?n=1&n=2",
        "?x=y&n=1",
    ];
    let lists = ["/v2/other/nested/tags/list", "/v2/app/tags/list", "/v2/_catalog"];
    let all = lists.iter().flat_map(|list| queries.iter().map(move |q| get(format!("{list}{q}"))));
    let mut steps: Vec<Step> = all.collect();
    steps.push(get("/v2/none/tags/list"));
    steps.push(Step::new("HEAD", "/v2/app/tags/list"));
    steps.push(Step::new("HEAD", "/v2/_catalog"));
    steps
}

fn mounts() -> Vec<Step> {
    let mount = |query: String| Step::new("POST", format!("/v2/mounted/blobs/uploads/?{query}"));
    let layer = digest(LAYER);
    vec![
        mount(format!("mount={layer}&from=app")),
        Step::new("HEAD", format!("/v2/mounted/blobs/{layer}")),
        mount(format!("mount={layer}&from=app")).note("again"),
        mount(format!("mount={}&from=app", missing())),
        mount(format!("mount={layer}&from=none")),
        mount("mount=sha256:abc&from=app".to_owned()),
        mount(format!("mount={layer}&from=App")),
        mount(format!("mount={}", digest(CONFIG))).note("from anywhere"),
        mount("from=app".to_owned()),
    ]
}

fn deletes() -> Vec<Step> {
    let layer = digest(LAYER);
    let delete = |path: String| Step::new("DELETE", path);
    vec![
        delete("/v2/other/nested/manifests/1.0".to_owned()),
        delete("/v2/other/nested/manifests/1.0".to_owned()).note("again"),
        get("/v2/other/nested/tags/list").note("after a tag"),
        delete("/v2/other/nested/manifests/none".to_owned()),
        delete(format!("/v2/other/nested/manifests/{}", missing())),
        delete(format!("/v2/other/nested/manifests/{}", digest(&oci()))),
        get("/v2/other/nested/tags/list").note("after a manifest"),
        get("/v2/other/nested/manifests/latest").header("Accept", OCI_MANIFEST).note("gone"),
        delete(format!("/v2/other/nested/manifests/{}", digest(&oci()))).note("again"),
        delete(format!("/v2/other/nested/blobs/{layer}")),
        Step::new("HEAD", format!("/v2/other/nested/blobs/{layer}")).note("gone"),
        delete(format!("/v2/other/nested/blobs/{layer}")).note("again"),
        get(format!("/v2/app/blobs/{layer}")).note("still there"),
        delete(format!("/v2/app/blobs/{}", missing())),
        get("/v2/_catalog").note("at the end"),
    ]
}

fn no_deletes() -> Vec<Step> {
    vec![
        Step::new("DELETE", "/v2/app/manifests/oci"),
        Step::new("DELETE", format!("/v2/app/manifests/{}", digest(&oci()))),
        Step::new("DELETE", format!("/v2/app/blobs/{}", digest(LAYER))),
        Step::new("DELETE", format!("/v2/app/blobs/{}", missing())),
        get("/v2/app/manifests/oci").header("Accept", OCI_MANIFEST),
    ]
}

fn read_only() -> Vec<Step> {
    vec![
        get("/v2/"),
        get("/v2/_catalog"),
        Step::new("POST", "/v2/app/blobs/uploads/"),
        Step::new("PATCH", "/v2/app/blobs/uploads/x"),
        put("app", "latest", OCI_MANIFEST, oci()),
        Step::new("DELETE", "/v2/app/manifests/latest"),
        Step::new("DELETE", format!("/v2/app/blobs/{}", missing())),
        get("/v2/app/manifests/latest"),
        Step::new("OPTIONS", "/v2/app/manifests/latest"),
    ]
}

/// Where answers send clients.
fn locations() -> Vec<Step> {
    let mut steps = Vec::from(blob("app", CONFIG));
    steps.extend(blob("app", LAYER));
    steps.push(put("app", "latest", OCI_MANIFEST, oci()));
    let mount = format!("/v2/b/blobs/uploads/?mount={}&from=app", digest(LAYER));
    steps.push(Step::new("POST", mount));
    steps.push(get("/v2/app/tags/list?n=1"));
    steps
}

fn forwarded() -> Vec<Step> {
    let begin = || Step::new("POST", "/v2/app/blobs/uploads/");
    vec![
        begin().header("X-Forwarded-Proto", "https"),
        begin().header("X-Forwarded-Host", "a.example.com"),
        begin().header("X-Forwarded-Proto", "https").header("X-Forwarded-Host", "a.example.com, b"),
        begin().header("Forwarded", "proto=https;host=c.example.com"),
        begin().header("Forwarded", "host=\"d.example.com:80\", host=e"),
        get("/v2/"),
        get("/v2/app/manifests/none"),
        get("/v2/app/unknown"),
        get("/"),
    ]
}

fn prefixed() -> Vec<Step> {
    vec![
        get("/registry/v2/"),
        get("/v2/"),
        get("/"),
        get("/registry/"),
        get("/registry/v2/_catalog"),
        Step::new("POST", "/registry/v2/app/blobs/uploads/").keep("up"),
        finish(&digest(LAYER)).body(LAYER),
    ]
}

fn credentials() -> Vec<Step> {
    let known = |step: Step| step.header("Authorization", "Bearer x");
    vec![
        get("/"),
        get("/v2/"),
        known(get("/v2/")),
        get("/v2/_catalog"),
        known(get("/v2/_catalog")),
        get("/v2/app/tags/list"),
        known(get("/v2/app/tags/list")),
        get("/v2/app/manifests/latest"),
        put("app", "latest", OCI_MANIFEST, oci()),
        Step::new("DELETE", "/v2/app/manifests/latest"),
        Step::new("POST", "/v2/app/blobs/uploads/"),
        Step::new("POST", format!("/v2/app/blobs/uploads/?mount={}&from=b", missing())),
        known(Step::new("POST", "/v2/app/blobs/uploads/")),
        get("/v2/App/tags/list"),
        get("/elsewhere"),
    ]
}
