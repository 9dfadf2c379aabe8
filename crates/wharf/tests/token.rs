//! `wharf token`: made, taken by a server, listed and ended.

use std::{fs, path::Path, process::Command};

/// The hash of `secret`, at the least cost.
const SECRET: &str = "$2y$04$0123456789abcdefghijkug0jfygDNbCc4YKM81lye0HjT.L3552O";

fn token(config: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_wharf"))
        .arg("token")
        .args(arguments)
        .arg(config)
        .env_remove("REGISTRY_CONFIGURATION_PATH")
        .output()
        .expect("the program runs");
    let text = |bytes| String::from_utf8(bytes).expect("text").trim_end().to_owned();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

#[test]
fn a_token_is_made_listed_and_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    fs::write(file("users"), format!("alice:{SECRET}\n")).expect("written");
    let config = |auth: &str| {
        let text = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: '{}'}}}}\nauth: \
             {{htpasswd: {{path: '{}'}}{auth}}}\n",
            file("store").display(),
            file("users").display(),
        );
        fs::write(file("config.yml"), text).expect("written");
        file("config.yml")
    };
    let create = ["create", "--name", "ci", "--scope", "repository:team/*:pull,push"];
    let without = token(&config(""), &create).unwrap_err();
    assert!(without.contains("auth.issuer: tokens are taken only by"), "{without}");
    let config = config(", issuer: {service: r}");
    let made = token(&config, &[&create[..], &["--expires", "30d"]].concat()).expect("made");
    assert!(made.starts_with("wharf_") && made.len() == 66, "{made}");
    let list = token(&config, &["list"]).expect("listed");
    assert!(list.contains("  ci  for 30 d  repository:team/*:pull,push"), "{list}");
    assert!(!list.contains(&made[23..]), "{list}");
    let id = &list[..16];
    assert_eq!(token(&config, &["revoke", id]), Ok(format!("{id} has ended")));
    assert!(token(&config, &["revoke", id]).unwrap_err().contains("there is no token"));
    assert_eq!(token(&config, &["list"]), Ok(String::new()));

    // Whoever reads the key makes tokens.
    let key = fs::metadata(file("store").join("docker/registry/wharf/tokens/key")).expect("a key");
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&key.permissions()) & 0o777, 0o600);

    let scope = ["--scope", "repository:**:pull"];
    let with = |who: &[&str]| token(&config, &[&["create"], who, &scope[..]].concat());
    assert!(with(&["--user", "alice"]).is_ok());
    assert!(with(&["--user", "bob"]).unwrap_err().contains("there is no user \"bob\""));
    assert!(with(&["--name", "alice"]).unwrap_err().contains("say --user"));
    assert!(with(&["--name", "a b"]).unwrap_err().contains("no name"));
    assert!(with(&[]).unwrap_err().contains("--user"));
}
