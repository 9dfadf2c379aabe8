//! `wharf config`: what it says, and how it exits.

use std::{fs, process::Command};

/// What a run came to: its exit code, stdout and stderr.
struct Run {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn wharf(words: &[&str], file: &str, variables: &[(&str, &str)]) -> Run {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("c.yml"), file).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharf"));
    command.current_dir(folder.path()).env_clear().args(words).envs(variables.iter().copied());
    let output = command.output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Run { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

const GOOD: &str = "version: 0.1\nstorage: {filesystem: {rootdirectory: /nowhere}}\n";
const STRANGE: &str = "version: 0.1\nstorage: inmemory\nhttp: {adr: ':80'}\n";

#[test]
fn check_says_what_is_good_strange_and_bad() {
    let strange = "warning: c.yml:3: http.adr: unknown key, did you mean http.addr?\n";
    for (words, file, code, stdout, stderr) in [
        (&["c.yml"][..], GOOD, 0, "c.yml: good\n", ""),
        (&["--strict", "c.yml"], GOOD, 0, "c.yml: good\n", ""),
        (&["c.yml"], STRANGE, 0, "c.yml: good, with 1 warning\n", strange),
        (&["c.yml", "--strict"], STRANGE, 1, "c.yml: 1 warning\n", strange),
        (&["c.yml"], "version: 0.2", 1, "", "wharf: c.yml:1: version: expected version 0.1"),
        (
            &["c.yml"],
            "version: 0.1\nstorage: inmemory\nvalidation: {manifests: {urls: {allow:\n  ['(']}}}",
            1,
            "",
            "wharf: c.yml:4: validation.manifests.urls.allow.0: ",
        ),
        (&["none.yml"], GOOD, 1, "", "wharf: cannot read none.yml: "),
        (&[], GOOD, 2, "", "error: "),
    ] {
        let run = wharf(&[&["config", "check"], words].concat(), file, &[]);
        assert_eq!((run.code, &*run.stdout), (Some(code), stdout), "{words:?} {}", run.stderr);
        assert!(run.stderr.starts_with(stderr), "{words:?}: {}", run.stderr);
    }
}

#[test]
fn variables_are_checked_too() {
    let run = wharf(&["config", "check", "c.yml"], GOOD, &[("REGISTRY_HTTP_NET", "udp")]);
    let expected = "wharf: REGISTRY_HTTP_NET: http.net: expected tcp or unix, found \"udp\"\n";
    assert_eq!((run.code, &*run.stderr), (Some(1), expected));
}

#[test]
fn print_shows_what_counts() {
    let secret = ("REGISTRY_HTTP_SECRET", "s3cr3t");
    let run = wharf(&["config", "print", "c.yml"], GOOD, &[secret]);
    let expected = "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: /nowhere\n\
                    http:\n  secret: \"***\"\n";
    assert_eq!((run.code, &*run.stdout, &*run.stderr), (Some(0), expected, ""));

    let run = wharf(&["config", "print", "--defaults"], "", &[]);
    assert!(run.stdout.contains("./wharf-data\n    maxthreads: 100\n"), "{}", run.stdout);
    let again = wharf(&["config", "print", "--defaults", "c.yml"], &run.stdout, &[]);
    assert_eq!((again.code, &*again.stderr), (Some(0), ""));
    assert_eq!(again.stdout, run.stdout);

    assert_eq!(wharf(&["config", "print", "c.yml"], "a", &[]).code, Some(1));
}

#[test]
fn check_says_all_that_is_wrong_with_a_file_and_with_what_it_names() {
    let file = "\
version: 0.1
log: {level: loud}
storage: {filesystem: {rootdirectory: c.yml/below}}
auth:
  htpasswd: {path: none/users}
  rules: none/rules
http:
  net: unix
  addr: none/socket
  tls:
    certificate: none/crt
    key: .
    clientcas: [c.yml, none/ca]
  draintimeout: soon
";
    let run = wharf(&["config", "check", "c.yml"], file, &[("REGISTRY_REDIS_DB", "x")]);
    let expected = [
        "wharf: c.yml:2: log.level: expected error, ",
        "wharf: c.yml:3: storage.filesystem.rootdirectory: c.yml/below: c.yml is no folder",
        "wharf: c.yml:5: auth.htpasswd.path: none/users: No such file",
        "wharf: c.yml:6: auth.rules: none/rules: No such file",
        "wharf: c.yml:9: http.addr: none/socket: none: No such file",
        "wharf: c.yml:11: http.tls.certificate: none/crt: No such file",
        "wharf: c.yml:12: http.tls.key: .: Is a directory",
        "wharf: c.yml:13: http.tls.clientcas.1: none/ca: No such file",
        "wharf: c.yml:14: http.draintimeout: expected a duration",
        "wharf: REGISTRY_REDIS_DB: redis.db: expected ",
    ];
    let lines: Vec<&str> = run.stderr.lines().collect();
    assert_eq!((run.code, lines.len()), (Some(1), expected.len()), "{}", run.stderr);
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(expected), "{line}: {expected}");
    }
    let elsewhere = wharf(&["config", "check", "--no-files", "c.yml"], file, &[]);
    assert_eq!((elsewhere.code, elsewhere.stderr.lines().count()), (Some(1), 2));
}

#[test]
fn check_reads_what_is_in_the_files_that_are_named() {
    let tls = "version: 0.1\nstorage: inmemory\nhttp:\n  tls: {certificate: c.yml, key: c.yml}\n";
    let rules =
        "version: 0.1\nstorage: inmemory\nauth:\n  htpasswd: {path: c.yml}\n  rules: c.yml\n";
    for (file, expected) in
        [(tls, "wharf: c.yml:4: http.tls: "), (rules, "wharf: c.yml:5: auth.rules: ")]
    {
        let run = wharf(&["config", "check", "c.yml"], file, &[]);
        assert_eq!(run.code, Some(1), "{}", run.stdout);
        assert!(run.stderr.starts_with(expected), "{}", run.stderr);
        let elsewhere = wharf(&["config", "check", "--no-files", "c.yml"], file, &[]);
        assert_eq!(elsewhere.code, Some(0), "{}", elsewhere.stderr);
    }
}
