//! The cache over real servers: one, with a password and over TLS, behind sentinels, and a cluster.
//!
//! Needs `redis-server` 7 or later in the path.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use wharf_cache_redis::{Options, RedisDescriptorCache, Tls};
use wharf_core::{BlobDescriptorCache, BlobDescriptorService as _, Error};
use wharf_digest::Digest;
use wharf_manifest::{Descriptor, MediaType};

/// A cache over servers of its own, which end with it.
struct Owned {
    cache: RedisDescriptorCache,
    servers: Vec<Server>,
}

struct Server {
    child: Child,
    port: u16,
    folder: TempDir,
}

const PATIENCE: Duration = Duration::from_secs(60);

wharf_testkit::cache_suite!(one, new: async { Shared(one()) });
wharf_testkit::cache_suite!(over_tls, new: async { Shared(over_tls()) });
wharf_testkit::cache_suite!(behind_sentinels, new: async { Shared(behind_sentinels()) });
wharf_testkit::cache_suite!(in_a_cluster, new: async { Shared(in_a_cluster()) });

/// A suite wants a cache, which here brings its servers along.
struct Shared(Owned);

#[async_trait::async_trait]
impl wharf_core::BlobDescriptorService for Shared {
    async fn get_or_load(
        &self,
        digest: &Digest,
        load: futures_util::future::BoxFuture<'_, wharf_core::Result<Descriptor>>,
    ) -> wharf_core::Result<Descriptor> {
        self.0.cache.get_or_load(digest, load).await
    }

    async fn get(&self, digest: &Digest) -> Option<Descriptor> {
        self.0.cache.get(digest).await
    }

    async fn set(&self, digest: &Digest, descriptor: Descriptor) {
        self.0.cache.set(digest, descriptor).await;
    }

    async fn clear(&self, digest: &Digest) {
        self.0.cache.clear(digest).await;
    }
}

impl BlobDescriptorCache for Shared {
    fn repository_scoped(
        &self,
        name: &wharf_reference::RepositoryName,
    ) -> Arc<dyn wharf_core::BlobDescriptorService> {
        self.0.cache.repository_scoped(name)
    }
}

fn options(addresses: Vec<String>) -> Options {
    let patience = Duration::from_secs(20);
    Options { addresses, connect_timeout: patience, timeout: patience, ..Options::default() }
}

fn cache(options: &Options) -> RedisDescriptorCache {
    RedisDescriptorCache::new(options).unwrap()
}

fn one() -> Owned {
    let server = Server::start(&["--requirepass", "hush"], "");
    let password = Some("hush".to_owned());
    let options = Options { password, db: 3, ..options(vec![server.address()]) };
    Owned { cache: cache(&options), servers: vec![server] }
}

fn over_tls() -> Owned {
    let folder = tempfile::tempdir().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let file = |path: &Path| path.to_str().unwrap().to_owned();
    let (c, k) = (file(&certificate), file(&key));
    let port = free_port();
    let tls_port = port.to_string();
    let server = Server::start_at(
        port,
        &[
            "--port",
            "0",
            "--tls-port",
            &tls_port,
            "--tls-cert-file",
            &c,
            "--tls-key-file",
            &k,
            "--tls-ca-cert-file",
            &c,
        ],
        "",
    );
    let tls = Tls { identity: Some((certificate.clone(), key)), authorities: vec![certificate] };
    let options = Options { tls: Some(tls), ..options(vec![server.address()]) };
    let cache = cache(&options);
    Owned { cache, servers: vec![server, Server::keep(folder)] }
}

fn behind_sentinels() -> Owned {
    let server = Server::start(&[], "");
    let monitor = format!("sentinel monitor main 127.0.0.1 {} 1\n", server.port);
    let sentinel = Server::start(&["--sentinel"], &monitor);
    let master_name = Some("main".to_owned());
    let options = Options { master_name, ..options(vec![sentinel.address()]) };
    Owned { cache: cache(&options), servers: vec![server, sentinel] }
}

fn in_a_cluster() -> Owned {
    let server =
        Server::start(&["--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1"], "");
    server.command(&["cluster", "addslotsrange", "0", "16383"]);
    server.wait_for(&["cluster", "info"], "cluster_state:ok");
    // Two addresses say that it is one; both are seeds.
    let options = options(vec![server.address(), server.address()]);
    Owned { cache: cache(&options), servers: vec![server] }
}

fn descriptor(content: &str) -> Descriptor {
    let digest = Digest::sha256(content.as_bytes());
    Descriptor::new(MediaType::octet_stream(), digest, content.len() as u64)
}

#[tokio::test]
async fn replicas_share_what_they_know_and_what_they_forget() {
    let server = Server::start(&[], "");
    let options = options(vec![server.address()]);
    // No memory of their own helps them.
    let [a, b] = [cache(&options), cache(&options)];
    let one = descriptor("one");
    let load = async { Ok(one.clone()) };
    a.get_or_load(&one.digest, Box::pin(load)).await.unwrap();
    let never = async { panic!("the other one knows it") };
    assert_eq!(b.get_or_load(&one.digest, Box::pin(never)).await.unwrap(), one);
    a.clear(&one.digest).await;
    let fresh = cache(&options);
    assert_eq!(fresh.get(&one.digest).await, None);
    // A load of one replica that began before another one's clear leaves nothing behind.
    let load = async {
        b.clear(&one.digest).await;
        Ok(one.clone())
    };
    let slow = cache(&options);
    slow.get_or_load(&one.digest, Box::pin(load)).await.unwrap();
    assert_eq!(cache(&options).get(&one.digest).await, None);
    let time: i64 =
        server.command(&["ttl", &format!("wharf:blob::{}", one.digest)]).parse().unwrap();
    assert!((1..=24 * 60 * 60).contains(&time), "{time}");
}

#[tokio::test]
async fn redis_may_go_and_come_back() {
    let mut server = Server::start(&[], "");
    let (port, options) = (server.port, options(vec![server.address()]));
    let one = descriptor("one");
    let replica = cache(&options);
    replica.set(&one.digest, one.clone()).await;
    server.kill();
    for content in ["two", "three", "one"] {
        let wanted = descriptor(content);
        let load = async { Ok(wanted.clone()) };
        assert_eq!(replica.get_or_load(&wanted.digest, Box::pin(load)).await.unwrap(), wanted);
    }
    let unknown = descriptor("four").digest;
    let load = async { Err(Error::blob_unknown(&unknown)) };
    assert!(replica.get_or_load(&unknown, Box::pin(load)).await.unwrap_err().is_unknown());
    let again = Server::start_at(port, &["--port", &port.to_string()], "");
    let begun = Instant::now();
    let mut number = 0;
    while again.command(&["dbsize"]).trim() == "0" {
        assert!(begun.elapsed() < PATIENCE, "it is not used again");
        number += 1;
        let wanted = descriptor(&format!("later {number}"));
        replica.set(&wanted.digest, wanted.clone()).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_full_server_is_still_read() {
    let server = Server::start(&[], "");
    let options = options(vec![server.address()]);
    let one = descriptor("one");
    cache(&options).set(&one.digest, one.clone()).await;
    server.command(&["config", "set", "maxmemory", "1"]);
    let replica = cache(&options);
    replica.set(&descriptor("two").digest, descriptor("two")).await;
    assert_eq!(replica.get(&one.digest).await, Some(one));
}

#[tokio::test]
async fn what_others_wrote_is_not_taken_for_a_descriptor() {
    let server = Server::start(&[], "");
    let replica = cache(&options(vec![server.address()]));
    let one = descriptor("one");
    let key = format!("wharf:blob::{}", one.digest);
    let other = serde_json::to_string(&descriptor("another one")).unwrap();
    for text in ["", "{}", "nonsense", &other] {
        server.command(&["set", &key, text]);
        assert_eq!(replica.get(&one.digest).await, None, "{text}");
    }
    server.command(&["del", &key]);
    server.command(&["lpush", &key, "x"]);
    let load = async { Ok(one.clone()) };
    assert_eq!(replica.get_or_load(&one.digest, Box::pin(load)).await.unwrap(), one);
}

// === impl Server ===

impl Server {
    fn start(arguments: &[&str], file: &str) -> Self {
        let port = free_port();
        Self::start_at(port, &[&["--port", &port.to_string()], arguments].concat(), file)
    }

    fn start_at(port: u16, arguments: &[&str], file: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("redis.conf");
        fs::write(&config, file).unwrap();
        let child = Command::new("redis-server")
            .arg(&config)
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(arguments)
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        let server = Self { child, port, folder };
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < PATIENCE, "redis-server does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
        server
    }

    /// A folder that lives as long as the servers do.
    fn keep(folder: TempDir) -> Self {
        let child = Command::new("true").spawn().unwrap();
        Self { child, port: 0, folder }
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn command(&self, words: &[&str]) -> String {
        let port = self.port.to_string();
        let output = Command::new("redis-cli").args(["-p", &port]).args(words).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn wait_for(&self, words: &[&str], expected: &str) {
        let begun = Instant::now();
        while !self.command(words).contains(expected) {
            assert!(begun.elapsed() < PATIENCE, "{expected}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn kill(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        debug_assert!(self.folder.path().exists());
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.servers.iter_mut().for_each(Server::kill);
    }
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
