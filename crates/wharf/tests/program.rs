//! The program as its operator meets it: it starts, it says where it listens, it ends when it is told.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// How long anything may take before the test gives up; nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running `wharf serve`, with what it says on stderr. Killed when it is dropped.
struct Program {
    child: Child,
    lines: mpsc::Receiver<String>,
}

#[test]
fn it_serves_and_ends_when_it_is_told_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = write_config(&folder, "debug: {}");
    let mut program = Program::start(&["serve", config.to_str().expect("UTF-8")]);
    let (address, line) = program.address();
    assert!(line.contains("deletes off") && line.contains("no access control"), "{line}");

    let answer = get(address, "/v2/");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("docker-distribution-api-version") || answer.contains("Docker-D"));
    assert!(folder.path().join("data").is_dir());

    program.signal("TERM");
    assert!(program.wait().success());
    let mut stdout = String::new();
    program.child.stdout.take().expect("piped").read_to_string(&mut stdout).expect("text");
    assert!(stdout.starts_with("127.0.0.1 - - ["), "{stdout}");
    assert!(stdout.contains("\"GET /v2/ HTTP/1.1\" 200 "), "{stdout}");
}

#[test]
fn a_request_that_never_ends_delays_the_end_only_so_long() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = write_config(&folder, "draintimeout: 500ms");
    let mut program = Program::start(&["serve", config.to_str().expect("UTF-8")]);
    let (address, _) = program.address();
    let _push = begin_push(address);

    program.signal("TERM");
    assert!(program.wait().success());
}

#[test]
fn a_second_signal_ends_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = write_config(&folder, "draintimeout: 10m");
    let mut program = Program::start(&["serve", config.to_str().expect("UTF-8")]);
    let (address, _) = program.address();
    let _push = begin_push(address);

    program.signal("INT");
    program.line("SIGINT");
    program.signal("INT");
    assert_eq!(program.wait().code(), Some(130));
}

#[test]
fn without_a_file_it_serves_a_directory_on_loopback() {
    let folder = tempfile::tempdir().expect("a folder");
    for arguments in [&[][..], &["serve"]] {
        let mut command = wharf(arguments);
        // Only the port is not the default's, which may be taken.
        command.current_dir(folder.path()).env("REGISTRY_HTTP_ADDR", "127.0.0.1:0");
        let mut program = Program::spawn(command);
        let (address, line) = program.address();
        assert!(address.ip().is_loopback());
        for part in ["./wharf-data", "deletes on", "the embedded default"] {
            assert!(line.contains(part), "{line}");
        }
        program.signal("INT");
        assert!(program.wait().success());
        assert!(folder.path().join("wharf-data").is_dir());
    }
}

#[test]
fn a_directory_and_an_address_need_no_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("store");
    let serve = |arguments: &[&str]| {
        let mut command = wharf(&["serve", "--root", root.to_str().expect("UTF-8")]);
        command.args(arguments).env("REGISTRY_HTTP_ADDR", "not looked at");
        command
    };
    let refused = serve(&["--addr", "0.0.0.0:0"]).output().expect("it runs");
    let message = String::from_utf8(refused.stderr).expect("text");
    assert_eq!(refused.status.code(), Some(1), "{message}");
    assert!(message.contains("there is no access control") && message.contains("--insecure-open"));
    assert!(!root.exists());

    for arguments in [&["--addr", "127.0.0.1:0"][..], &["--addr", ":0", "--insecure-open"]] {
        let mut program = Program::spawn(serve(arguments));
        let (address, line) = program.address();
        assert!(get(([127, 0, 0, 1], address.port()).into(), "/v2/").contains(" 200 "), "{line}");
        program.signal("TERM");
        assert!(program.wait().success());
        assert!(root.is_dir());
    }
}

#[test]
fn logs_are_json_with_fields_if_so_configured() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.yml");
    let text = "version: 0.1
log: {level: error, formatter: json, fields: {site: 'a \"b\"'}, accesslog: {disabled: true}}
storage: inmemory
http: {addr: '127.0.0.1:0'}
policy: {repository: {classes: [image]}}
";
    fs::write(&path, text).expect("written");
    let mut command = wharf(&[]);
    command.env("REGISTRY_CONFIGURATION_PATH", &path);
    let mut program = Program::spawn(command);
    let (_, line) = program.address();
    for part in
        ["{\"level\":\"info\",", "\"msg\":\"listening on ", "\"site\":\"a \\\"b\\\"\"", "\"time\":"]
    {
        assert!(line.contains(part), "{line}");
    }
    program.signal("TERM");
    assert!(program.wait().success());
}

#[test]
fn fields_stand_in_lines_of_text_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.yml");
    let text = "version: 0.1
log: {fields: {site: 'a \"b\"'}}
storage: inmemory
http: {addr: '127.0.0.1:0'}
";
    fs::write(&path, text).expect("written");
    let program = Program::start(&["serve", path.to_str().expect("UTF-8")]);
    let (_, line) = program.address();
    assert!(line.ends_with(" site=\"a \\\"b\\\"\""), "{line}");
}

#[test]
fn every_line_of_a_request_names_it_and_so_does_its_failure() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.yml");
    let text = format!(
        "version: 0.1
log: {{level: error, formatter: logstash, accesslog: {{format: json}}}}
storage: {{filesystem: {{rootdirectory: {}}}}}
http: {{addr: '127.0.0.1:0'}}
",
        folder.path().display()
    );
    fs::write(&path, text).expect("written");
    let mut program = Program::start(&["serve", path.to_str().expect("UTF-8")]);
    let (address, _) = program.address();
    // A manifest whose bytes are not its own.
    let digest = wharf_digest::Digest::sha256(b"manifest");
    let hex = digest.encoded();
    let root = folder.path().join("docker/registry/v2");
    let link = root.join(format!("repositories/a/_manifests/revisions/sha256/{hex}/link"));
    let data = root.join(format!("blobs/sha256/{}/{hex}/data", &hex[..2]));
    for (file, content) in [(&link, digest.to_string()), (&data, "other".to_owned())] {
        fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        fs::write(file, content).expect("written");
    }
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let head = format!(
        "GET /v2/a/manifests/{digest} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
         traceparent: 00-{trace}-00f067aa0ba902b7-01\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    let id = body["errors"][0]["detail"]["request_id"].as_str().expect("a name").to_owned();

    // That it is damaged, which the storage found, and that the request failed.
    for text in ["is damaged", "request failed"] {
        let line: serde_json::Value = serde_json::from_str(&program.line(text)).expect("JSON");
        assert_eq!((&line["request_id"], &line["trace_id"]), (&id.clone().into(), &trace.into()));
        assert_eq!(line["@version"], "1");
    }
    program.signal("TERM");
    assert!(program.wait().success());
    let mut stdout = String::new();
    program.child.stdout.take().expect("piped").read_to_string(&mut stdout).expect("text");
    let line: serde_json::Value = serde_json::from_str(&stdout).expect("one line");
    assert_eq!((&line["request_id"], &line["status"]), (&id.into(), &500.into()));
    assert_eq!(line["uri"], format!("/v2/a/manifests/{digest}"));
}

#[test]
fn what_is_wrong_is_said_and_ends_with_1() {
    let folder = tempfile::tempdir().expect("a folder");
    let bad_value = folder.path().join("bad.yml");
    fs::write(&bad_value, "version: 0.1\nstorage: inmemory\nhttp:\n  addr: nowhere\n")
        .expect("written");
    let bad_pattern = folder.path().join("pattern.yml");
    let text =
        "version: 0.1\nstorage: inmemory\nvalidation:\n  manifests:\n    urls: {allow: ['(']}\n";
    fs::write(&bad_pattern, text).expect("written");
    let no_folder = folder.path().join("no-folder.yml");
    let text = format!(
        "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}/x}}}}\nhttp: {{addr: '127.0.0.1:0'}}\n",
        bad_value.display()
    );
    fs::write(&no_folder, text).expect("written");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken_address = taken.local_addr().expect("bound").to_string();
    let port = folder.path().join("port.yml");
    let text = format!("version: 0.1\nstorage: inmemory\nhttp: {{addr: '{taken_address}'}}\n");
    fs::write(&port, text).expect("written");

    let missing = folder.path().join("missing.yml");
    for (path, expected) in [
        (&bad_value, format!("wharf: {}:4: http.addr: expected an address", bad_value.display())),
        (
            &bad_pattern,
            format!("wharf: {}:5: validation.manifests.urls.allow", bad_pattern.display()),
        ),
        (&missing, format!("wharf: cannot read {}: ", missing.display())),
        (&no_folder, format!("wharf: cannot open the store {}/x: ", bad_value.display())),
        (&port, format!("wharf: cannot listen on {taken_address}: ")),
    ] {
        let output = run(&["serve", path.to_str().expect("UTF-8")]);
        let stderr = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.lines().any(|line| line.starts_with(&expected)), "{stderr}\n{expected}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
}

/// Large content too, which goes through the kernel as it does over TCP.
#[test]
fn a_socket_file_is_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let (config, socket) = (write_config(&folder, "debug: {}"), folder.path().join("socket"));
    let start = || {
        let mut serve = wharf(&["serve", config.to_str().expect("UTF-8")]);
        serve.env("REGISTRY_HTTP_NET", "unix").env("REGISTRY_HTTP_ADDR", &socket);
        Program::spawn(serve)
    };
    let program = start();
    program.line(&format!("listening on {}, ", socket.display()));

    let blob: Vec<u8> = (0..5_000_000_u32).map(|at| (at * 7 + at / 251) as u8).collect();
    let digest = wharf_digest::Digest::sha256(&blob);
    let push = format!("POST /v2/a/blobs/uploads/?digest={digest}");
    let octets = "application/octet-stream";
    let (status, _) = exchange(&socket, &push, octets, &blob);
    assert_eq!(status, "HTTP/1.1 201 Created");
    let (status, pulled) = exchange(&socket, &format!("GET /v2/a/blobs/{digest}"), octets, b"");
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert!(pulled == blob, "{} bytes", pulled.len());

    let mut health = wharf(&["health", config.to_str().expect("UTF-8")]);
    health.env("REGISTRY_HTTP_NET", "unix").env("REGISTRY_HTTP_ADDR", &socket);
    assert!(finish(Program::spawn(health)).status.success());

    // Who serves it keeps it; who died left it behind.
    let mut other = start();
    assert_eq!(other.wait().code(), Some(1));
    other.line("cannot listen on ");
    drop(program);
    assert!(socket.exists());
    start().line("listening on ");
}

#[test]
fn a_socket_that_is_passed_is_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = write_config(&folder, "debug: {}");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let mut serve = wharf(&["serve", config.to_str().expect("UTF-8")]);
    // As systemd does it, but for the number, which is 3 there.
    serve.env("LISTEN_FDS", "1").env("LISTEN_FDS_FIRST_FD", "0");
    serve.stdin(OwnedFd::from(listener));
    let program = Program::spawn(serve);
    program.line(&format!("listening on {address}, "));
    assert!(get(address, "/v2/").starts_with("HTTP/1.1 200 "));
}

/// What can be changed is, what cannot is named, and what is wrong changes nothing.
#[test]
fn a_hangup_has_it_look_at_its_configuration_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = write_config(&folder, "debug: {}");
    let before = fs::read_to_string(&config).expect("it is there");
    let program = Program::start(&["serve", config.to_str().expect("UTF-8")]);
    let (address, _) = program.address();
    let push = |expected: &str| {
        let answer = send(address, "POST", "/v2/a/blobs/uploads/");
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected} ")), "{answer}");
    };
    push("202");

    let read_only = "  maintenance: {readonly: {enabled: true}}\nhttp:\n  host: https://other\n";
    let after = format!("{}log: {{level: debug}}\n", before.replace("http:\n", read_only));
    fs::write(&config, after).expect("written");
    program.signal("HUP");
    program.line("another level is logged");
    program.line("changes of the registry are refused from now on");
    assert!(program.line("takes a restart: ").ends_with(": http"));
    push("405");
    assert!(get(address, "/v2/").starts_with("HTTP/1.1 200 "));

    fs::write(&config, "version: 0.1\nstorage: {}\n").expect("written");
    program.signal("HUP");
    program.line("nothing is changed: ");
    push("405");

    fs::write(&config, before).expect("written");
    program.signal("HUP");
    program.line("changes of the registry are taken from now on");
    push("202");
}

#[test]
fn health_is_asked_for_and_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = write_config(&folder, "prefix: /some/where/");
    let config = config.to_str().expect("UTF-8");
    let mut program = Program::start(&["serve", config]);
    let address = program.address().0.to_string();
    let ask = |words: &[&str]| {
        let mut health = wharf(&[&["health"], words].concat());
        health.env("REGISTRY_HTTP_ADDR", &address);
        finish(Program::spawn(health))
    };
    let refused = |words: &[&str], why: &str| {
        let asked = ask(words);
        assert_eq!(asked.status.code(), Some(1));
        let said = String::from_utf8_lossy(&asked.stderr).into_owned();
        assert!(said.contains(why), "{said}");
    };
    let process = program.child.id().to_string();
    for words in [&[config][..], &["--pid", &process]] {
        let asked = ask(words);
        assert!(asked.status.success(), "{asked:?}");
        assert!(String::from_utf8_lossy(&asked.stdout).contains("200 OK"), "{asked:?}");
    }
    let other = std::process::id().to_string();
    refused(&["--pid", &other], &format!("process {other} serves no registry"));

    program.signal("TERM");
    assert!(program.wait().success());
    refused(&[config], &format!("no registry at {address}: "));
}

#[test]
fn the_command_line_explains_itself() {
    for (arguments, code, expected) in [
        (&["version"][..], 0, concat!("wharf ", env!("CARGO_PKG_VERSION"), "\n")),
        (&["--version"], 0, concat!("wharf ", env!("CARGO_PKG_VERSION"), "\n")),
        (&["--help"], 0, "Examples:"),
        (&["serve", "--help"], 0, "REGISTRY_HTTP_ADDR"),
        (&["sevre"], 2, ""),
        (&["serve", "a", "b"], 2, ""),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        let stdout = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(stdout.contains(expected), "{stdout}");
    }
}

// === impl Program ===

impl Program {
    fn start(arguments: &[&str]) -> Self {
        Self::spawn(wharf(arguments))
    }

    fn spawn(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program is built");
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                // The test may have ended.
                let _ = sender.send(line);
            }
        });
        Self { child, lines }
    }

    /// The next line that contains this.
    fn line(&self, part: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).expect("the line comes");
            if line.contains(part) {
                return line;
            }
        }
    }

    /// Where it listens, and the line that says so.
    fn address(&self) -> (SocketAddr, String) {
        let line = self.line("listening on ");
        let after = line.split("listening on ").nth(1).expect("it is in the line");
        let address = after.split(',').next().expect("there is a first part");
        (address.parse().expect("an address"), line)
    }

    fn signal(&self, name: &str) {
        let command = format!("kill -{name} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &command]).status().expect("a shell");
        assert!(status.success());
    }

    fn wait(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            match self.child.try_wait().expect("it is our child") {
                Some(status) => return status,
                None => assert!(begun.elapsed() < PATIENCE, "it does not end"),
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wharf(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharf"));
    command.args(arguments).stdin(Stdio::null());
    let ours = std::env::vars_os().map(|(name, _)| name);
    for name in ours.filter(|name| name.to_string_lossy().starts_with("REGISTRY_")) {
        command.env_remove(name);
    }
    command
}

/// Runs the program to its end, which has to come by itself.
fn run(arguments: &[&str]) -> Output {
    finish(Program::spawn(wharf(arguments)))
}

fn finish(mut program: Program) -> Output {
    let status = program.wait();
    let mut stdout = Vec::new();
    program.child.stdout.take().expect("piped").read_to_end(&mut stdout).expect("text");
    let lines: Vec<String> = program.lines.iter().collect();
    Output { status, stdout, stderr: lines.join("\n").into_bytes() }
}

/// A file over a fresh directory on a free port, with one more line about HTTP.
fn write_config(folder: &TempDir, http: &str) -> PathBuf {
    let path: &Path = folder.path();
    let config = path.join("config.yml");
    let text = format!(
        "version: 0.1
storage:
  filesystem:
    rootdirectory: {}/data
http:
  addr: 127.0.0.1:0
  {http}
",
        path.display()
    );
    fs::write(&config, text).expect("written");
    config
}

/// A push that never ends, and that the server is waiting for.
fn begin_push(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let head = "PUT /v2/a/manifests/t HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n\
        content-type: application/vnd.oci.image.manifest.v1+json\r\ncontent-length: 1000\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("sent");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).expect("it asks for the body");
    assert_eq!(&answer, b"HTTP/1.1 100");
    stream
}

/// A request over a socket file: the first line of the answer, and its body.
fn exchange(socket: &Path, request: &str, content_type: &str, body: &[u8]) -> (String, Vec<u8>) {
    let mut stream = UnixStream::connect(socket).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    stream.set_write_timeout(Some(PATIENCE)).expect("a time-out");
    let length = body.len();
    let head = format!(
        "{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
         content-type: {content_type}\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("sent");
    stream.write_all(body).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("answered");
    let end = answer.windows(4).position(|at| at == b"\r\n\r\n").expect("a head") + 4;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    (head.lines().next().expect("a line").to_owned(), answer.split_off(end))
}

fn get(address: SocketAddr, path: &str) -> String {
    send(address, "GET", path)
}

fn send(address: SocketAddr, method: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-length: 0\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    answer
}
