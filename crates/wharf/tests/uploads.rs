//! `wharf uploads purge`.

use std::{
    fs,
    process::{Command, Output},
};

#[test]
fn old_uploads_are_dropped_and_others_stay() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, config) = (folder.path().join("data"), folder.path().join("config.yml"));
    let text =
        format!("version: 0.1\nstorage: {{filesystem: {{rootdirectory: '{}'}}}}\n", data.display());
    fs::write(&config, text).expect("written");
    let uploads = data.join("docker/registry/v2/repositories/a/_uploads");
    let session = |id: &str, started: &str| {
        let session = uploads.join(id);
        fs::create_dir_all(&session).expect("made");
        fs::write(session.join("startedat"), started).expect("written");
        session
    };
    let old = session("0b2b9c3e-58e5-4b1e-8f0e-3a5a0d6b7c01", "2020-02-02T02:02:02Z");
    let young = session("0b2b9c3e-58e5-4b1e-8f0e-3a5a0d6b7c02", "2999-02-02T02:02:02Z");
    let purge = |arguments: &[&str]| -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wharf"));
        command.args(["uploads", "purge"]).args(arguments).arg(&config);
        command.output().expect("it ran")
    };

    let dry = purge(&["--dry-run"]);
    let said = String::from_utf8_lossy(&dry.stdout);
    assert!(dry.status.success() && said.starts_with("2 uploads, 1 would be dropped, "), "{dry:?}");
    assert!(old.exists());

    let done = purge(&["--age", "24h"]);
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(
        done.status.success() && said.starts_with("2 uploads, 1 dropped, 0 being "),
        "{done:?}"
    );
    assert!(!old.exists() && young.exists());
    assert_eq!(purge(&["--age", "old"]).status.code(), Some(2));
}
