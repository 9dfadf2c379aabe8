//! `wharf auth explain`: a sentence, and a status for scripts.

use std::{fs, process::Command};

fn explain(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_wharf"))
        .args(["auth", "explain"])
        .args(arguments)
        .env_remove("REGISTRY_CONFIGURATION_PATH")
        .output()
        .expect("the program runs");
    let text = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.success(), String::from_utf8(text).expect("text").trim_end().to_owned())
}

#[test]
fn what_decides_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (rules, config) = (path("rules"), path("config.yml"));
    fs::write(&rules, "allow anyone to pull in **\nallow alice to push in team/**\n")
        .expect("written");
    let text = format!(
        "version: 0.1\nstorage: inmemory\nauth: {{htpasswd: {{path: /none}}, rules: '{rules}'}}\n"
    );
    fs::write(&config, text).expect("written");
    for source in [["--rules", &rules], ["--config", &config]] {
        let with = |arguments: &[&str]| explain(&[arguments, &source].concat());
        assert_eq!(
            with(&["alice", "team/app", "push"]),
            (true, format!("alice may push to team/app: {rules}:2 allows it, for team/**"))
        );
        assert!(with(&["-", "library/alpine", "pull"]).0);
        let (allowed, why) = with(&["bob", "team/app", "push"]);
        assert!(!allowed && why.starts_with("wharf: bob may not push to team/app: "), "{why}");
    }
    fs::write(&rules, "nonsense").expect("written");
    let (allowed, why) = explain(&["a", "b", "pull", "--rules", &rules]);
    assert!(!allowed && why.ends_with("rules:1: expected allow, deny or group"), "{why}");
    assert!(explain(&["a", "b", "fetch", "--rules", &rules]).1.contains("\"fetch\" is no action"));
    assert!(explain(&["a", "B", "pull", "--rules", &rules]).1.starts_with("wharf: "));
}
