//! Two replicas with a descriptor cache in a real redis, which goes away and comes back.
//!
//! Needs `redis-server` and `redis-cli` in the path; `cargo xtask ci` runs it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use wharf_digest::Digest;
use wharf_testkit::{
    image::{self, MANIFEST},
    process::Server,
    raw::{Client, Response},
};

const PATIENCE: Duration = Duration::from_secs(60);

/// A redis of its own, killed with the value.
struct Redis {
    child: Child,
    port: u16,
}

/// A replica, and its pages for operators.
struct Replica {
    server: Server,
    debug: SocketAddr,
}

#[test]
fn redis_is_used_and_may_go_and_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut redis = Redis::start(free_port(), folder.path());
    let [one, two] =
        ["one", "two"].map(|name| Replica::start(&folder.path().join(name), folder.path(), &redis));
    let (mut writer, mut reader) = (one.client(), two.client());

    // On a disk the store is asked, and redis told.
    let first = push(&mut writer, b"first");
    assert_eq!(pull(&mut reader, "first", &first).status, 200);
    assert_ne!(redis.command(&["dbsize"]), "0");
    let page = String::from_utf8(one.page("/metrics").body).unwrap();
    assert!(page.contains("registry_storage_cache_redis_seconds_count{operation="), "{page}");
    for replica in [&one, &two] {
        assert_eq!(replica.page("/debug/health").status, 200);
    }

    // What one has deleted is gone for the other one at once.
    let gone = format!("/v2/a/blobs/{first}");
    assert_eq!(ask(&mut writer, "DELETE", &gone).status, 202);
    for method in ["GET", "HEAD"] {
        assert_eq!(ask(&mut reader, method, &gone).status, 404, "{method}");
    }

    // Nothing fails without it.
    redis.kill();
    let second = push(&mut writer, b"second");
    assert_eq!(pull(&mut reader, "second", &second).status, 200);
    assert_eq!(ask(&mut writer, "DELETE", &format!("/v2/a/blobs/{second}")).status, 202);
    assert_eq!(ask(&mut reader, "GET", &format!("/v2/a/blobs/{second}")).status, 404);
    until("the check fails", || one.page("/debug/health").status == 503);

    // It comes back empty, and is used again.
    let redis = Redis::start(redis.port, folder.path());
    until("the check is well", || one.page("/debug/health").status == 200);
    let mut number = 0;
    until("redis is used again", || {
        number += 1;
        let name = format!("later {number}");
        let digest = push(&mut writer, name.as_bytes());
        assert_eq!(pull(&mut reader, &name.replace(' ', "-"), &digest).status, 200);
        redis.command(&["dbsize"]) != "0"
    });
}

/// Pushes a blob, and a manifest of it under a tag that is called as it is.
fn push(client: &mut Client, content: &[u8]) -> Digest {
    let digest = Digest::sha256(content);
    let begun = ask(client, "POST", "/v2/a/blobs/uploads/");
    let path = format!("{}&digest={digest}", begun.location().unwrap());
    assert_eq!(client.request("PUT", &path, &[], content).unwrap().status, 201);
    let tag = String::from_utf8_lossy(content).replace(' ', "-");
    let manifest = image::manifest(content, content);
    let path = format!("/v2/a/manifests/{tag}");
    let pushed = client.request("PUT", &path, &[("Content-Type", MANIFEST)], &manifest).unwrap();
    assert_eq!(pushed.status, 201, "{pushed:?}");
    digest
}

/// Pulls a manifest by its tag, and its blob, whose answer is returned.
fn pull(client: &mut Client, tag: &str, blob: &Digest) -> Response {
    assert_eq!(ask(client, "GET", &format!("/v2/a/manifests/{tag}")).status, 200);
    assert_eq!(ask(client, "HEAD", &format!("/v2/a/blobs/{blob}")).status, 200);
    ask(client, "GET", &format!("/v2/a/blobs/{blob}"))
}

fn ask(client: &mut Client, method: &str, path: &str) -> Response {
    client.request(method, path, &[], b"").unwrap()
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "{what}: not in time");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

// === impl Replica ===

impl Replica {
    fn start(own: &Path, shared: &Path, redis: &Redis) -> Self {
        fs::create_dir_all(own).unwrap();
        let debug = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let (store, port) = (shared.join("store"), redis.port);
        let text = format!(
            "version: 0.1
log: {{accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {}}}
  delete: {{enabled: true}}
  cache: {{blobdescriptor: redis}}
redis: {{addrs: ['127.0.0.1:{port}'], dialtimeout: 20s, readtimeout: 20s, writetimeout: 20s}}
http:
  addr: 127.0.0.1:0
  debug: {{addr: '{debug}', prometheus: {{enabled: true}}}}
health:
  serve: true
  tcp: [{{addr: '127.0.0.1:{port}', interval: 100ms, timeout: 20s}}]
",
            store.display()
        );
        let config = own.join("config.yml");
        fs::write(&config, text).unwrap();
        let server = Server::start(Path::new(env!("CARGO_BIN_EXE_wharf")), &config).unwrap();
        Self { server, debug }
    }

    fn client(&self) -> Client {
        Client::new(self.server.address())
    }

    fn page(&self, path: &str) -> Response {
        ask(&mut Client::new(self.debug), "GET", path)
    }
}

// === impl Redis ===

impl Redis {
    fn start(port: u16, folder: &Path) -> Self {
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .current_dir(folder)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        until("redis answers", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { child, port }
    }

    fn command(&self, words: &[&str]) -> String {
        let port = self.port.to_string();
        let output = Command::new("redis-cli").args(["-p", &port]).args(words).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn kill(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
