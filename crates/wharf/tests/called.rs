//! The program under the name `registry`, and what it says about itself.

use std::{
    fs,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Output, Stdio},
};

#[test]
fn as_registry_it_says_how_it_is_used_and_which_version_it_is() {
    let usage = run("registry", &[]);
    assert_eq!(usage.status.code(), Some(0), "{usage:?}");
    let text = String::from_utf8_lossy(&usage.stderr);
    assert!(text.contains("Usage: registry [COMMAND]"), "{text}");
    for flag in ["-v", "--version"] {
        let version = run("/usr/bin/registry", &[flag]);
        let text = String::from_utf8_lossy(&version.stdout);
        let words: Vec<_> = text.split_whitespace().collect();
        assert_eq!((words[0], words[2]), ("registry", env!("CARGO_PKG_VERSION")), "{text}");
    }
    assert!(String::from_utf8_lossy(&run("wharf", &["version"]).stdout).starts_with("wharf "));
}

#[test]
fn as_registry_it_serves_nothing_that_nobody_named() {
    for arguments in [&["serve"][..], &["garbage-collect", "-d"]] {
        let refused = run("registry", arguments);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        let text = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(text, "registry: configuration path unspecified\n");
    }
    let wrong = run("registry", &["serve", "/nowhere/config.yml"]);
    assert_eq!(wrong.status.code(), Some(1), "{wrong:?}");
    let text = String::from_utf8_lossy(&wrong.stderr);
    assert!(text.starts_with("registry: cannot read /nowhere/config.yml"), "{text}");
    assert_eq!(run("registry", &["serve", "--all"]).status.code(), Some(2));
}

#[test]
fn as_registry_it_collects_garbage() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(folder.path());
    let done = run("registry", &["garbage-collect", "-d", "-m", &config]);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    let text = String::from_utf8_lossy(&done.stdout);
    assert!(text.contains("0 blobs marked, 0 blobs and 0 manifests eligible"), "{text}");
    let mut command = called("registry", &["garbage-collect", "--dry-run", "--quiet"]);
    let done = command.env("REGISTRY_CONFIGURATION_PATH", &config).output().expect("it ran");
    assert_eq!((done.status.code(), done.stdout.len()), (Some(0), 0), "{done:?}");
}

#[test]
fn every_shell_has_its_completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        for name in ["wharf", "registry"] {
            let script = run(name, &["completions", shell]);
            assert_eq!(script.status.code(), Some(0), "{script:?}");
            let text = String::from_utf8_lossy(&script.stdout);
            for word in [name, "fsck", "garbage-collect", "delete-untagged"] {
                assert!(text.contains(word), "{shell}: {word}");
            }
        }
    }
    assert_eq!(run("wharf", &["completions", "command.com"]).status.code(), Some(2));
}

#[test]
fn every_command_has_its_man_page() {
    let page = run("wharf", &["man"]);
    assert_eq!(page.status.code(), Some(0), "{page:?}");
    assert!(String::from_utf8_lossy(&page.stdout).contains(".TH wharf 1"), "{page:?}");
    let folder = tempfile::tempdir().expect("a folder");
    let pages = folder.path().join("share/man1");
    let done = run("wharf", &["man", pages.to_str().expect("UTF-8")]);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    for page in ["wharf.1", "wharf-serve.1", "wharf-fsck.1", "wharf-uploads-purge.1"] {
        let text = fs::read_to_string(pages.join(page)).expect("a page");
        assert!(text.contains(".SH SYNOPSIS"), "{page}");
    }
}

fn run(name: &str, arguments: &[&str]) -> Output {
    called(name, arguments).output().expect("it ran")
}

fn called(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharf"));
    command.arg0(name).args(arguments).stdin(Stdio::null());
    command.env_remove("REGISTRY_CONFIGURATION_PATH");
    command
}

fn config(folder: &Path) -> String {
    let path = folder.join("config.yml");
    let data = folder.join("data");
    let text =
        format!("version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n", data.display());
    fs::write(&path, text).expect("written");
    path.to_str().expect("UTF-8").to_owned()
}
