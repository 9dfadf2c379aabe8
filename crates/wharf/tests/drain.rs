//! SIGTERM with 500 requests in flight: none is cut before the drain time-out, and after it all are.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use socket2::{Domain, Socket, Type};
use tempfile::TempDir;
use wharf_digest::Digest;

#[path = "drain/http2.rs"]
mod http2;

/// How long anything may take before the test gives up; nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(120);

/// How much of an answer may wait in the kernel for a client that does not read.
const RECEIVE_BUFFER: usize = 16 << 10;

/// The bytes of a download: more than the kernel holds for a connection.
const LARGE: usize = 6 << 20;

/// A running `wharf serve`. Killed when it is dropped.
struct Server {
    child: Child,
    lines: mpsc::Receiver<String>,
    address: SocketAddr,
    _folder: TempDir,
}

/// A request in flight.
enum Flight {
    Upload(Client),
    Download(Client),
}

struct Client(BufReader<TcpStream>);

#[test]
fn no_request_is_cut_before_the_time_is_over() {
    const EACH: usize = 250;
    let mut server = Server::start("5m");
    let digest = server.push(&content());
    let mut flights = server.flights(EACH, &digest);

    server.terminate();
    server.line("SIGTERM");
    Server::refuses_others(server.address);
    assert!(server.child.try_wait().expect("asked").is_none(), "it does not wait");
    // The last ones first: their turn comes although others have not ended.
    flights.reverse();
    for flight in flights {
        flight.finish(&digest);
    }
    assert!(server.wait().success());
}

#[test]
fn what_is_under_way_when_the_time_is_over_expect_cut() {
    const EACH: usize = 50;
    let mut server = Server::start("1s");
    let digest = server.push(&content());
    let flights = server.flights(EACH, &digest);
    server.terminate();
    server.line("the drain time is over");
    assert!(server.wait().success());
    for flight in flights {
        flight.expect_cut();
    }
}

fn content() -> Vec<u8> {
    (0..LARGE).map(|number| (number / 251) as u8).collect()
}

// === impl Server ===

impl Server {
    fn start(drain: &str) -> Self {
        Self::start_with(drain, "")
    }

    /// With more in the section `http`.
    fn start_with(drain: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("config.yml");
        let text = format!(
            "version: 0.1\nlog: {{accesslog: {{disabled: true}}}}\n\
             storage: {{filesystem: {{rootdirectory: {}/data}}}}\n\
             http: {{addr: '127.0.0.1:0', draintimeout: {drain}{more}}}\n",
            folder.path().display()
        );
        fs::write(&config, text).expect("written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_wharf"));
        command.arg("serve").arg(&config).stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = command.stderr(Stdio::piped()).spawn().expect("started");
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        let (heard, lines) = mpsc::channel();
        std::thread::spawn(move || {
            stderr.lines().map_while(Result::ok).for_each(|line| drop(heard.send(line)));
        });
        let address = "127.0.0.1:0".parse().expect("an address");
        let mut server = Self { child, lines, address, _folder: folder };
        let line = server.line("listening on ");
        let (_, rest) = line.split_once("listening on ").expect("it says where");
        let end = rest.find([',', ' ']).expect("it says more");
        let address = rest[..end].trim_start_matches("https://");
        server.address = address.parse().expect("an address");
        server
    }

    /// Waits for a line that contains a text.
    fn line(&self, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left);
            let line = line.unwrap_or_else(|_| panic!("it never said {text:?}"));
            if line.contains(text) {
                return line;
            }
        }
    }

    fn push(&self, content: &[u8]) -> Digest {
        let location = self.begin();
        let digest = Digest::sha256(content);
        let mark = if location.contains('?') { '&' } else { '?' };
        let mut client = Client::to(self.address);
        client.head("PUT", &format!("{location}{mark}digest={digest}"), content.len(), "");
        client.write(content);
        assert_eq!(client.answer().0, 201);
        digest
    }

    /// Begins an upload; returns where it goes on.
    fn begin(&self) -> String {
        let mut client = Client::to(self.address);
        client.head("POST", "/v2/a/blobs/uploads/", 0, "connection: close\r\n");
        let (status, head) = client.answer();
        assert_eq!(status, 202, "{head}");
        let location = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("location").then(|| value.to_owned())
        });
        let location = location.expect("a location");
        let path = location.find("/v2/").expect("a path");
        location[path..].to_owned()
    }

    /// Uploads and downloads of which the server has read the head, and that it waits for.
    fn flights(&self, each: usize, digest: &Digest) -> Vec<Flight> {
        let mut flights = Vec::new();
        for _ in 0..each {
            let mut client = Client::to(self.address);
            client.head("PATCH", &self.begin(), 2, "expect: 100-continue\r\n");
            assert_eq!(client.answer().0, 100);
            client.write(b"a");
            flights.push(Flight::Upload(client));
            let mut client = Client::to(self.address);
            client.head("GET", &format!("/v2/a/blobs/{digest}"), 0, "");
            assert_eq!(client.answer().0, 200);
            flights.push(Flight::Download(client));
        }
        flights
    }

    fn terminate(&self) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("told");
    }

    /// Waits until nobody new is served.
    fn refuses_others(address: SocketAddr) {
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_ok() {
            assert!(Instant::now() < end, "it still listens");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("asked") {
                return status;
            }
            assert!(Instant::now() < end, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

// === impl Flight ===

impl Flight {
    fn finish(self, digest: &Digest) {
        match self {
            Self::Upload(mut client) => {
                client.write(b"b");
                let (status, head) = client.answer();
                assert_eq!(status, 202, "{head}");
                assert!(head.to_lowercase().contains("range: 0-1\r\n"), "{head}");
            }
            Self::Download(mut client) => {
                let mut body = vec![0; LARGE];
                client.0.read_exact(&mut body).expect("all of it");
                assert!(digest.matches(&body));
                // The connection ends with it.
                assert_eq!(client.0.read(&mut [0]).expect("the end"), 0);
            }
        }
    }

    fn expect_cut(self) {
        let (Self::Upload(mut client) | Self::Download(mut client)) = self;
        let mut rest = 0;
        let mut piece = vec![0; 64 << 10];
        let cut = loop {
            match client.0.read(&mut piece) {
                Ok(0) => break true,
                Ok(read) => rest += read,
                Err(error) => break error.kind() == io::ErrorKind::ConnectionReset,
            }
        };
        assert!(cut && rest < LARGE, "{rest} bytes");
    }
}

// === impl Client ===

impl Client {
    fn to(address: SocketAddr) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_recv_buffer_size(RECEIVE_BUFFER).expect("a small buffer");
        socket.connect(&address.into()).expect("it listens");
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        stream.set_write_timeout(Some(PATIENCE)).expect("a time-out");
        Self(BufReader::new(stream))
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).expect("sent");
    }

    fn head(&mut self, method: &str, path: &str, length: usize, more: &str) {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\
             content-type: application/octet-stream\r\n{more}\r\n"
        );
        self.write(head.as_bytes());
    }

    /// The status and the head of an answer.
    fn answer(&mut self) -> (u16, String) {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = self.0.read_line(&mut head).expect("answered");
            assert!(read > 0, "cut in the head: {head:?}");
        }
        let status = head.get(9..12).and_then(|status| status.parse().ok());
        (status.unwrap_or_else(|| panic!("{head}")), head)
    }
}
