//! One store, two registries: what distribution wrote is served by Wharf, and what Wharf wrote is served
//! by distribution, byte for byte; what one of them deletes is gone for the other.
//!
//! The peers are programs named by `WHARF_PEERS`, paths joined by `:` (distribution 3.x, docker-registry
//! 2.8); without it the test says that it skips. The store is a folder, and a bucket of S3 too where
//! `WHARF_TEST_S3` names one. `cargo xtask ci` sets both.

use std::{
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use wharf_digest::{Algorithm, Digest};
use wharf_testkit::{
    process::Server,
    raw::{Client, Response},
};

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, \
    application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.v2+json";

/// Everything that one push leaves behind.
#[derive(Default)]
struct Pushed {
    blobs: Vec<(String, Digest, Vec<u8>)>,
    manifests: Vec<(String, String, Vec<u8>)>,
    referrers: Vec<(String, Digest, Digest)>,
}

/// One connection, one repository.
struct Pusher<'a> {
    client: Client,
    repository: &'a str,
    /// Makes the content of each pusher its own.
    salt: &'a str,
    pushed: Pushed,
}

#[test]
fn a_store_is_served_by_both_whoever_wrote_it() {
    let Ok(peers) = env::var("WHARF_PEERS") else {
        println!("skipped: WHARF_PEERS names no other registry");
        return;
    };
    for peer in peers.split(':').filter(|peer| !peer.is_empty()) {
        let folder = tempfile::tempdir().expect("temporary folder");
        let root = folder.path().join("data");
        both_ways(Path::new(peer), &format!("filesystem: {{rootdirectory: {}}}", root.display()));
        let Ok(section) = env::var("WHARF_TEST_S3") else {
            println!("skipped: WHARF_TEST_S3 names no bucket");
            continue;
        };
        let name = folder.path().file_name().expect("a name").to_string_lossy();
        let root: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        both_ways(Path::new(peer), &below(&section, &format!("/compat/{root}")));
    }
}

/// A section of a store, with a folder that is ours alone.
fn below(section: &str, root: &str) -> String {
    section.replacen('{', &format!("{{rootdirectory: {root}, "), 1)
}

fn both_ways(peer: &Path, storage: &str) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let config = write_config(folder.path(), storage);
    let wharf = Path::new(env!("CARGO_BIN_EXE_wharf"));

    let theirs = with(peer, &config, |address| push(address, "theirs/app", "peer"));
    let ours = with(wharf, &config, |address| {
        assert_pulled(address, &theirs);
        assert_referrers(address, &theirs);
        assert_tags(address, "theirs/app", &["docker", "image", "index", "moved"]);
        assert_catalog(address, &["theirs/app"]);
        let ours = push(address, "ours/nested/app", "wharf");
        let again = push(address, "theirs/app", "second");
        [ours, again]
    });
    with(peer, &config, |address| {
        assert_pulled(address, &theirs);
        ours.iter().for_each(|pushed| assert_pulled(address, pushed));
        assert_tags(address, "ours/nested/app", &["docker", "image", "index", "moved"]);
        assert_catalog(address, &["ours/nested/app", "theirs/app"]);
    });
    with(wharf, &config, |address| {
        assert_pulled(address, &theirs);
        ours.iter().for_each(|pushed| assert_pulled(address, pushed));
        ours.iter().for_each(|pushed| assert_referrers(address, pushed));
        delete(address, "theirs/app", "docker");
    });
    with(peer, &config, |address| {
        assert_gone(address, "theirs/app", "docker");
        assert_tags(address, "theirs/app", &["image", "index", "moved"]);
        delete(address, "ours/nested/app", "docker");
    });
    with(wharf, &config, |address| {
        assert_gone(address, "ours/nested/app", "docker");
        assert_tags(address, "ours/nested/app", &["image", "index", "moved"]);
    });
    let kind = storage.split(':').next().unwrap_or_default();
    println!("{} and wharf serve each other's store: {kind}", peer.display());
}

/// A configuration in the schema of distribution, with a section of a store.
fn write_config(folder: &Path, storage: &str) -> PathBuf {
    let file = folder.join("config.yml");
    let text = format!(
        "version: 0.1\nstorage:\n  {storage}\n  delete: {{enabled: true}}\n  \
         redirect: {{disable: true}}\nhttp: {{addr: '127.0.0.1:0', secret: of-this-test}}\n"
    );
    fs::write(&file, text).expect("write the configuration");
    file
}

// === pushing ===

fn push(address: SocketAddr, repository: &str, salt: &str) -> Pushed {
    let client = Client::new(address);
    let mut to = Pusher { client, repository, salt, pushed: Pushed::default() };
    let image = to.image(OCI_MANIFEST, "application/vnd.oci.image.config.v1+json", "image");
    to.image(DOCKER_MANIFEST, "application/vnd.docker.container.image.v1+json", "docker");
    to.index(&image);
    to.signature(&image);
    to.sha512_blob();
    // The tag has a history, and its first manifest stays reachable by digest.
    let first = to.manifest_of(OCI_MANIFEST, "application/vnd.oci.image.config.v1+json", "first");
    to.put_manifest("moved", OCI_MANIFEST, first.clone(), false);
    to.put_manifest("moved", OCI_MANIFEST, image, true);
    let by_digest = Digest::sha256(&first).to_string();
    to.pushed.manifests.push((repository.to_owned(), by_digest, first));
    to.pushed
}

impl Pusher<'_> {
    fn image(&mut self, media_type: &str, config_type: &str, tag: &str) -> Vec<u8> {
        let manifest = self.manifest_of(media_type, config_type, tag);
        self.put_manifest(tag, media_type, manifest.clone(), true);
        manifest
    }

    fn manifest_of(&mut self, media_type: &str, config_type: &str, name: &str) -> Vec<u8> {
        let config =
            format!(r#"{{"architecture":"amd64","os":"linux","name":"{name}-{}"}}"#, self.salt);
        let layer = format!("layer {name} {} ", self.salt).repeat(5000);
        let config = self.descriptor(config_type, config.into_bytes());
        let layer = self.descriptor("application/vnd.oci.image.layer.v1.tar", layer.into_bytes());
        format!(
            "{{\n \"schemaVersion\": 2, \"mediaType\": \"{media_type}\",\n \
             \"config\": {config}, \"layers\": [{layer}], \"x\": \"{}\"}}",
            self.salt
        )
        .into_bytes()
    }

    fn index(&mut self, image: &[u8]) {
        let (digest, size) = (Digest::sha256(image), image.len());
        let index = format!(
            r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{{"mediaType":"{OCI_MANIFEST}","digest":"{digest}","size":{size},"platform":{{"architecture":"amd64","os":"linux"}}}}]}}"#
        );
        self.put_manifest("index", OCI_INDEX, index.into_bytes(), true);
    }

    fn signature(&mut self, subject: &[u8]) {
        let subject_digest = Digest::sha256(subject);
        let config = self.descriptor("application/vnd.oci.empty.v1+json", b"{}".to_vec());
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","artifactType":"application/vnd.example.signature","config":{config},"layers":[],"subject":{{"mediaType":"{OCI_MANIFEST}","digest":"{subject_digest}","size":{}}},"annotations":{{"by":"{}"}}}}"#,
            subject.len(),
            self.salt,
        )
        .into_bytes();
        let digest = Digest::sha256(&manifest);
        self.put_manifest(&digest.to_string(), OCI_MANIFEST, manifest, true);
        self.pushed.referrers.push((self.repository.to_owned(), subject_digest, digest));
    }

    fn sha512_blob(&mut self) {
        let content = format!("sha512 {}", self.salt).into_bytes();
        self.put_blob(Digest::of(Algorithm::Sha512, &content), content);
    }

    fn descriptor(&mut self, media_type: &str, content: Vec<u8>) -> String {
        let digest = Digest::sha256(&content);
        let size = content.len();
        self.put_blob(digest, content);
        format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{size}}}"#)
    }

    fn put_blob(&mut self, digest: Digest, content: Vec<u8>) {
        let begin = format!("/v2/{}/blobs/uploads/", self.repository);
        let answer = self.client.request("POST", &begin, &[], b"").expect("POST");
        let location = answer.location().expect("Location");
        let joint = if location.contains('?') { '&' } else { '?' };
        let close = format!("{location}{joint}digest={digest}");
        let kind = [("Content-Type", "application/octet-stream")];
        let answer = self.client.request("PUT", &close, &kind, &content).expect("PUT");
        assert_eq!(answer.status, 201, "{answer:?}");
        self.pushed.blobs.push((self.repository.to_owned(), digest, content));
    }

    fn put_manifest(&mut self, reference: &str, media_type: &str, bytes: Vec<u8>, last: bool) {
        let path = format!("/v2/{}/manifests/{reference}", self.repository);
        let kind = [("Content-Type", media_type)];
        let answer = self.client.request("PUT", &path, &kind, &bytes).expect("PUT");
        assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
        if last {
            // A later push of the same tag takes the place of the earlier one.
            let key = (self.repository.to_owned(), reference.to_owned());
            self.pushed.manifests.push((key.0, key.1, bytes));
        }
    }
}

// === pulling ===

fn assert_pulled(address: SocketAddr, pushed: &Pushed) {
    let mut client = Client::new(address);
    for (repository, digest, content) in &pushed.blobs {
        let answer = get(&mut client, &format!("/v2/{repository}/blobs/{digest}"));
        assert!(answer.body == *content, "{repository}@{digest}");
    }
    for (repository, reference, content) in &pushed.manifests {
        // A tag may have been pushed again by the other side: its digest has not.
        for reference in [Digest::sha256(content).to_string(), reference.clone()] {
            let answer = get(&mut client, &format!("/v2/{repository}/manifests/{reference}"));
            if reference.contains(':') {
                assert!(answer.body == *content, "{repository}@{reference}");
            }
        }
    }
}

fn assert_referrers(address: SocketAddr, pushed: &Pushed) {
    let mut client = Client::new(address);
    for (repository, subject, referrer) in &pushed.referrers {
        let answer = get(&mut client, &format!("/v2/{repository}/referrers/{subject}"));
        let listed = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(listed.contains(&referrer.to_string()), "{repository}@{subject}: {listed}");
        assert!(listed.contains("application/vnd.example.signature"), "{listed}");
    }
}

fn assert_tags(address: SocketAddr, repository: &str, expected: &[&str]) {
    let answer = get(&mut Client::new(address), &format!("/v2/{repository}/tags/list"));
    let listed = String::from_utf8_lossy(&answer.body).into_owned();
    let (_, tags) = listed.split_once("\"tags\":[").expect("a list of tags");
    // Distribution 2.8 lists them in no order.
    let mut tags: Vec<_> = tags.trim_end().trim_end_matches("]}").split(',').collect();
    tags.sort_unstable();
    let expected: Vec<_> = expected.iter().map(|tag| format!("\"{tag}\"")).collect();
    assert_eq!(tags, expected, "{listed}");
}

fn assert_catalog(address: SocketAddr, expected: &[&str]) {
    let answer = get(&mut Client::new(address), "/v2/_catalog");
    let names = expected.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(",");
    let listed = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(listed.contains(&format!("[{names}]")), "{listed}");
}

// === deleting ===

/// Deletes the manifest that a tag names, and the tag with it.
fn delete(address: SocketAddr, repository: &str, tag: &str) {
    let mut client = Client::new(address);
    let found = get(&mut client, &format!("/v2/{repository}/manifests/{tag}"));
    let path = format!("/v2/{repository}/manifests/{}", Digest::sha256(&found.body));
    let answer = client.request("DELETE", &path, &[], b"").expect("DELETE");
    assert_eq!(answer.status, 202, "{path}: {answer:?}");
}

fn assert_gone(address: SocketAddr, repository: &str, tag: &str) {
    let path = format!("/v2/{repository}/manifests/{tag}");
    let answer = Client::new(address).request("GET", &path, &[("Accept", ACCEPT)], b"");
    assert_eq!(answer.expect("GET").status, 404, "{path}");
}

// === helpers ===

fn get(client: &mut Client, path: &str) -> Response {
    let answer = client.request("GET", path, &[("Accept", ACCEPT)], b"").expect("GET");
    assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
    answer
}

fn with<T>(program: &Path, config: &Path, act: impl FnOnce(SocketAddr) -> T) -> T {
    let server = Server::start(program, config).expect("the registry starts");
    let result = act(server.address());
    server.kill().expect("kill");
    result
}
