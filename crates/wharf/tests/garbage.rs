//! `wharf garbage-collect` beside servers, and what it says.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, SystemTime},
};

use tempfile::TempDir;
use wharf_digest::Digest;
use wharf_testkit::process::Server;

/// A store with a blob that nothing refers to, and how to serve it.
struct Store {
    folder: TempDir,
    config: PathBuf,
    orphan: PathBuf,
}

#[test]
fn it_refuses_while_a_server_writes_and_goes_on_when_it_has_ended() {
    let store = Store::new("");
    let server = store.serve();
    let refused = store.collect(&["-q"]);
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
    let message = String::from_utf8_lossy(&refused.stderr);
    assert!(message.contains(&format!("process {} on", server.pid())), "{message}");
    assert!(store.orphan.exists());

    // Looking is allowed.
    let dry = store.collect(&["--dry-run"]);
    assert_eq!(dry.status.code(), Some(0), "{dry:?}");
    assert!(store.orphan.exists());

    end(server);
    let done = store.collect(&["-m"]);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    let expected = format!(
        "a\n\n0 blobs marked, 1 blobs and 0 manifests eligible for deletion\n\
         a: layer link eligible for deletion: {0}\nblob eligible for deletion: {0}\n",
        Digest::sha256(b"orphan")
    );
    assert_eq!(String::from_utf8_lossy(&done.stdout), expected);
    let summary = String::from_utf8_lossy(&done.stderr);
    assert!(summary.contains("removed 1 blobs with 6 bytes"), "{summary}");
    assert!(!store.orphan.exists());
}

#[test]
fn a_server_that_only_reads_is_no_reason_to_refuse() {
    let store = Store::new(", maintenance: {readonly: {enabled: true}}");
    let server = store.serve();
    let done = store.collect(&["--quiet"]);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    assert!(done.stdout.is_empty() && done.stderr.is_empty(), "{done:?}");
    assert!(!store.orphan.exists());
    end(server);
}

#[test]
fn it_can_be_forced() {
    let store = Store::new("");
    let server = store.serve();
    let done = store.collect(&["--force"]);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    assert!(!store.orphan.exists());
    end(server);
}

#[test]
fn what_is_young_stays_unless_told_otherwise() {
    let store = Store::new("");
    let young = SystemTime::now() - Duration::from_secs(60);
    File::touch(&store.orphan, young);
    assert_eq!(store.collect(&[]).status.code(), Some(0));
    assert!(store.orphan.exists());
    assert_eq!(store.collect(&["--min-age", "soon"]).status.code(), Some(2));
    assert_eq!(store.collect(&["--min-age", "0s"]).status.code(), Some(0));
    assert!(!store.orphan.exists());
}

#[test]
fn what_is_damaged_is_said_on_stderr() {
    let store = Store::new("");
    let hex = Digest::sha256(b"manifest").encoded();
    let repository = store.folder.path().join("data/docker/registry/v2/repositories/a");
    let revision = repository.join("_manifests/revisions/sha256").join(hex);
    fs::create_dir_all(&revision).expect("made");
    fs::write(revision.join("link"), "").expect("written");
    let done = store.collect(&[]);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    let message = String::from_utf8_lossy(&done.stderr);
    assert!(message.contains("a: the link of manifest sha256:"), "{message}");
    assert!(message.contains("gone, all that the repository links is kept"), "{message}");
    assert!(store.orphan.exists());
}

struct File;

impl File {
    fn touch(path: &Path, time: SystemTime) {
        let file = fs::File::options().write(true).open(path).expect("opened");
        file.set_modified(time).expect("touched");
    }
}

impl Store {
    fn new(storage: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let config = folder.path().join("config.yml");
        let text = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}{storage}}}\n\
             http: {{addr: '127.0.0.1:0'}}\n",
            data.display()
        );
        fs::write(&config, text).expect("written");
        let (root, digest) = (data.join("docker/registry/v2"), Digest::sha256(b"orphan"));
        let hex = digest.encoded();
        let orphan = root.join(format!("blobs/sha256/{}/{hex}/data", &hex[..2]));
        let link = root.join(format!("repositories/a/_layers/sha256/{hex}/link"));
        for (path, content) in [(&orphan, "orphan"), (&link, &digest.to_string())] {
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, content).expect("written");
            File::touch(path, SystemTime::now() - Duration::from_secs(2 * 60 * 60));
        }
        Self { folder, config, orphan }
    }

    /// Serves the store; returns when it listens.
    fn serve(&self) -> Server {
        Server::start(Path::new(env!("CARGO_BIN_EXE_wharf")), &self.config).expect("it listens")
    }

    fn collect(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wharf"));
        command.arg("garbage-collect").args(arguments).arg(&self.config);
        command.stdin(Stdio::null()).output().expect("it ran")
    }
}

fn end(server: Server) {
    assert!(server.end().expect("it ended").success());
}
