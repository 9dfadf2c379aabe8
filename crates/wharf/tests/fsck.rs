//! `wharf fsck`: what it prints, how it exits, and that it repairs beside nobody.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;
use wharf_digest::Digest;
use wharf_testkit::process::Server;

/// A store with one blob, which a repository links.
struct Store {
    _folder: TempDir,
    config: PathBuf,
    data: PathBuf,
    link: PathBuf,
}

#[test]
fn a_whole_store_is_0_and_a_damaged_one_4() {
    let store = Store::new();
    let done = store.check(&[]);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    assert!(done.stdout.is_empty());
    let summary = String::from_utf8_lossy(&done.stderr);
    assert!(summary.starts_with("1 blobs (4 bytes hashed), 1 repositories"), "{summary}");

    fs::write(&store.link, "").expect("damaged");
    let done = store.check(&["-q"]);
    assert_eq!((done.status.code(), done.stderr.len()), (Some(4), 0), "{done:?}");
    let line = String::from_utf8_lossy(&done.stdout);
    let digest = Digest::sha256(b"blob");
    assert_eq!(
        line,
        format!("layer-link-damaged: a: {digest}: its link is damaged (can be repaired)\n")
    );
    let done = store.check(&["--repair"]);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    assert_eq!(fs::read_to_string(&store.link).expect("there"), digest.to_string());
    assert_eq!(store.check(&[]).status.code(), Some(0));
}

#[test]
fn findings_are_lines_of_json_too() {
    let store = Store::new();
    fs::write(&store.data, "bolb").expect("damaged");
    assert_eq!(store.check(&["--no-hash"]).status.code(), Some(0));
    let done = store.check(&["--json", "--repository", "a"]);
    assert_eq!(done.status.code(), Some(4), "{done:?}");
    let lines: Vec<serde_json::Value> = String::from_utf8_lossy(&done.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let [finding, summary] = &lines[..] else { panic!("{done:?}") };
    assert_eq!(finding["kind"], "blob-corrupt");
    assert_eq!(finding["subject"], Digest::sha256(b"blob").to_string());
    assert_eq!(summary["summary"]["findings"], 1);
}

#[test]
fn what_cannot_be_done_is_1_and_what_cannot_be_meant_2() {
    let store = Store::new();
    let done = store.check(&["--repository", "b"]);
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    assert!(String::from_utf8_lossy(&done.stderr).contains("repository b"), "{done:?}");
    for wrong in ["--relink", "--all"] {
        assert_eq!(store.check(&[wrong]).status.code(), Some(2));
    }
}

#[test]
fn it_repairs_nothing_while_a_server_writes() {
    let store = Store::new();
    fs::write(&store.link, "").expect("damaged");
    let server = store.serve();
    assert_eq!(store.check(&["-q"]).status.code(), Some(4));
    let refused = store.check(&["--repair"]);
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
    assert!(fs::read(&store.link).expect("there").is_empty());
    assert_eq!(store.check(&["--repair", "--force"]).status.code(), Some(0));
    assert!(!fs::read(&store.link).expect("there").is_empty());
    end(server);
}

impl Store {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("data");
        let config = folder.path().join("config.yml");
        let text = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
             http: {{addr: '127.0.0.1:0'}}\n",
            root.display()
        );
        fs::write(&config, text).expect("written");
        let (root, digest) = (root.join("docker/registry/v2"), Digest::sha256(b"blob"));
        let hex = digest.encoded();
        let data = root.join(format!("blobs/sha256/{}/{hex}/data", &hex[..2]));
        let link = root.join(format!("repositories/a/_layers/sha256/{hex}/link"));
        for (path, content) in [(&data, "blob"), (&link, &digest.to_string())] {
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, content).expect("written");
        }
        Self { _folder: folder, config, data, link }
    }

    fn check(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wharf"));
        command.arg("fsck").args(arguments).arg(&self.config);
        command.stdin(Stdio::null()).output().expect("it ran")
    }

    /// Serves the store; returns when it listens.
    fn serve(&self) -> Server {
        Server::start(Path::new(env!("CARGO_BIN_EXE_wharf")), &self.config).expect("it listens")
    }
}

fn end(server: Server) {
    assert!(server.end().expect("it ended").success());
}
