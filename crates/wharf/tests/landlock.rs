//! `security.landlock`: a server that can reach nothing but its store and what its configuration names.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::fs::symlink,
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

/// How long anything may take before the test gives up; nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(60);

/// The hash of `secret`, at the least cost.
const HASH: &str = "$2y$04$0123456789abcdefghijkug0jfygDNbCc4YKM81lye0HjT.L3552O";

/// `alice:secret`, `mallory:secret`
const ALICE: &str = "YWxpY2U6c2VjcmV0";
const MALLORY: &str = "bWFsbG9yeTpzZWNyZXQ=";

/// A running `wharf serve`, with what it says on stderr. Killed when it is dropped.
struct Program {
    child: Child,
    lines: mpsc::Receiver<String>,
}

/// Where a server has its files: a configuration and users in one folder, a stranger's users in another.
struct Place(tempfile::TempDir);

// === impl Place ===

impl Place {
    fn new(landlock: bool) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let place = Self(folder);
        for name in ["own", "others"] {
            fs::create_dir(place.at(name)).expect("made");
        }
        fs::write(place.at("own/users"), format!("alice:{HASH}\n")).expect("written");
        fs::write(place.at("others/users"), format!("mallory:{HASH}\n")).expect("written");
        place.configure(landlock, "info");
        place
    }

    fn at(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn configure(&self, landlock: bool, level: &str) {
        let text = format!(
            "version: 0.1\nlog: {{level: {level}}}\nsecurity: {{landlock: {landlock}}}\n\
             storage: {{filesystem: {{rootdirectory: '{}'}}}}\nhttp: {{addr: '127.0.0.1:0'}}\n\
             auth: {{htpasswd: {{realm: r, path: '{}'}}}}\n",
            self.at("store").display(),
            self.at("own/users").display()
        );
        fs::write(self.at("own/config.yml"), text).expect("written");
    }
}

// === impl Program ===

impl Program {
    fn start(config: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_wharf"))
            .arg("serve")
            .arg(config)
            // What is temporary is elsewhere than what this test is about.
            .env("TMPDIR", config.parent().expect("a folder"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        let (send, lines) = mpsc::channel();
        std::thread::spawn(move || {
            stderr.lines().map_while(Result::ok).try_for_each(|line| send.send(line))
        });
        Self { child, lines }
    }

    /// The first line with this text, and those before it.
    fn until(&self, text: &str) -> Vec<String> {
        let mut seen = Vec::new();
        while !seen.last().is_some_and(|line: &String| line.contains(text)) {
            seen.push(
                self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{text}: {seen:?}")),
            );
        }
        seen
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The status of the answer to a request of somebody.
fn status(address: &str, request: &str, user: &str) -> u16 {
    let mut stream = TcpStream::connect(address).expect("connected");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    let head = format!(
        "{request} HTTP/1.1\r\nhost: x\r\nauthorization: Basic {user}\r\nconnection: close\r\n\
         content-length: 5\r\n\r\nhello"
    );
    stream.write_all(head.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}

/// What a server says of mallory when its file of users has become a link to another one, having served and
/// reloaded. `None` if this kernel has no landlock.
fn mallory(landlock: bool) -> Option<u16> {
    let place = Place::new(landlock);
    let program = Program::start(&place.at("own/config.yml"));
    let seen = program.until("listening on ");
    if seen.iter().any(|line| line.contains("security.landlock has no effect")) {
        return None;
    }
    assert_eq!(landlock, seen.iter().any(|line| line.contains("landlock: only the store")));
    let line = seen.last().expect("a line");
    let address = line.split("listening on ").nth(1).and_then(|rest| rest.split(',').next());
    let address = address.expect("an address");
    let digest = wharf_digest::Digest::sha256(b"hello");
    let push = format!("POST /v2/app/blobs/uploads/?digest={digest}");
    assert_eq!(status(address, &push, ALICE), 201);
    assert_eq!(status(address, &format!("GET /v2/app/blobs/{digest}"), ALICE), 200);

    place.configure(landlock, "debug");
    let hangup = Command::new("kill").args(["-HUP", &program.child.id().to_string()]).status();
    assert!(hangup.expect("it runs").success());
    program.until("another level is logged");

    fs::remove_file(place.at("own/users")).expect("removed");
    symlink(place.at("others/users"), place.at("own/users")).expect("linked");
    let begun = Instant::now();
    // The file is looked at again within a moment.
    while status(address, "GET /v2/", ALICE) == 200 {
        assert!(begun.elapsed() < PATIENCE, "the users stay as they were");
    }
    Some(status(address, "GET /v2/", MALLORY))
}

#[test]
fn a_server_reaches_only_what_it_needs() {
    assert_eq!(mallory(false), Some(200));
    match mallory(true) {
        // The file cannot be read, so that nobody can log in.
        Some(status) => assert_eq!(status, 503),
        None => eprintln!("skipped: this kernel has no landlock"),
    }
}
