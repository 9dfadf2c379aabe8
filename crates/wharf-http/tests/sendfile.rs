//! Blobs that are sent as regions of files: every byte is the blob's, whatever the client asks, and
//! whatever happens to the file's name. Nobody writes into the file of a blob; a program that does it
//! all the same spoils what is on its way, but never sends the client anything but that file.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod support;

use std::{
    fs::{self, File, OpenOptions},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use support::{Client, Server, options};
use tokio::time::{sleep, timeout};
use wharf_driver_fs::FsDriver;
use wharf_http::{App, Options, Timeouts};
use wharf_storage::StorageNamespace;
use wharf_testkit::driver_suite::pattern;

/// Longer than what a connection holds, so that a client that stops reading stops the server.
const LONG: usize = 10 << 20;

/// A registry over a directory.
struct Registry {
    server: Server,
    folder: tempfile::TempDir,
}

// === impl Registry ===

impl Registry {
    async fn start(options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let driver = FsDriver::new(folder.path(), wharf_driver_fs::Options::default()).unwrap();
        let storage = wharf_storage::Options { delete: true, ..wharf_storage::Options::default() };
        let namespace = StorageNamespace::new(Arc::new(driver), storage);
        Self { server: Server::serving(App::new(Arc::new(namespace), options)).await, folder }
    }

    /// Pushes a blob and returns its path in the API.
    async fn push(&self, content: &[u8]) -> String {
        format!("/v2/app/blobs/{}", self.server.push_blob("app", content).await)
    }

    /// The file of a blob.
    fn file(&self, path: &str) -> PathBuf {
        let hex = path.rsplit(':').next().unwrap();
        let blobs = self.folder.path().join("docker/registry/v2/blobs/sha256");
        blobs.join(&hex[..2]).join(hex).join("data")
    }

    /// A client that has sent a request, got the first bytes of the answer, and reads no more.
    async fn halfway(&self, path: &str) -> Client {
        let mut client = self.server.narrow_client().await;
        client.raw("GET", path, &[], b"").await;
        while !client.line().await.is_empty() {}
        client
    }
}

#[tokio::test]
async fn every_length_arrives_byte_for_byte() {
    let registry = Registry::start(options()).await;
    let mut client = registry.server.client().await;
    let around = |size: usize| [size - 1, size, size + 1];
    let sizes = [around(64 << 10), around(128 << 10), around(1 << 20), around(3 << 20)];
    for (seed, size) in sizes.into_iter().flatten().enumerate() {
        let content = pattern(seed as u64, size);
        let path = registry.push(&content).await;
        let head = client.send("HEAD", &path, &[], b"").await;
        assert_eq!((head.status, head.header("content-length")), (200, Some(&*size.to_string())));
        let answer = client.send("GET", &path, &[], b"").await;
        assert!(answer.status == 200 && answer.body == content, "{size}");
    }
}

#[tokio::test]
async fn ranges_arrive_byte_for_byte() {
    let registry = Registry::start(options()).await;
    let content = pattern(1, 5 << 20);
    let path = registry.push(&content).await;
    let mut client = registry.server.client().await;
    let ends = [0, 1, 4095, 4096, 65_535, (1 << 20) - 1, 1 << 20, (2 << 20) + 17, (5 << 20) - 1];
    for (index, start) in ends.into_iter().enumerate() {
        for end in &ends[index..] {
            let range = format!("Range: bytes={start}-{end}");
            let answer = client.send("GET", &path, &[&range], b"").await;
            assert!(answer.status == 206 && answer.body == content[start..=*end], "{range}");
        }
    }
    let answer = client.send("GET", &path, &["Range: bytes=7-1000006,2000000-4000000"], b"").await;
    assert_eq!(answer.status, 206);
    for part in [&content[7..=1_000_006], &content[2_000_000..=4_000_000]] {
        assert!(answer.body.windows(32).any(|window| window == &part[..32]));
        let at = answer.body.windows(32).position(|window| window == &part[..32]).unwrap();
        assert!(answer.body[at..].starts_with(part));
    }
}

#[tokio::test]
async fn requests_that_come_at_once_are_answered_in_order() {
    let registry = Registry::start(options()).await;
    let (large, larger, small) = (pattern(1, 2 << 20), pattern(2, 3 << 20), pattern(3, 100));
    let paths = [&large, &larger, &small];
    let paths = [
        registry.push(paths[0]).await,
        registry.push(paths[1]).await,
        registry.push(paths[2]).await,
    ];
    let mut client = registry.server.client().await;
    let asked = [("GET", 0), ("HEAD", 1), ("GET", 2), ("GET", 1), ("HEAD", 0), ("GET", 0)];
    for (method, which) in asked {
        client.raw(method, &paths[which], &[], b"").await;
    }
    client.raw("GET", "/v2/app/blobs/sha256:none", &[], b"").await;
    client.raw("GET", &paths[1], &[], b"").await;
    for (method, which) in asked {
        let answer = client.answer(method).await;
        let content = [&large, &larger, &small][which];
        let expected: &[u8] = if method == "GET" { content } else { b"" };
        assert!(answer.status == 200 && answer.body == expected, "{method} {which}");
    }
    assert_eq!(client.answer("GET").await.status, 400);
    assert!(client.answer("GET").await.body == larger);
}

#[tokio::test]
async fn a_slow_client_gets_the_blob_that_was_deleted() {
    let registry = Registry::start(options()).await;
    let content = pattern(4, LONG);
    let path = registry.push(&content).await;
    let mut client = registry.halfway(&path).await;
    fs::remove_file(registry.file(&path)).unwrap();
    assert!(client.bytes(LONG).await == content);
    assert_eq!(registry.server.get(&path).await.status, 404);
}

#[tokio::test]
async fn a_slow_client_gets_the_blob_that_was_replaced() {
    let registry = Registry::start(options()).await;
    let content = pattern(5, LONG);
    let path = registry.push(&content).await;
    let mut client = registry.halfway(&path).await;
    let other = registry.folder.path().join("other");
    fs::write(&other, pattern(6, LONG)).unwrap();
    fs::rename(&other, registry.file(&path)).unwrap();
    assert!(client.bytes(LONG).await == content);
}

#[tokio::test]
async fn a_blob_that_is_cut_ends_the_connection_after_true_bytes() {
    let registry = Registry::start(options()).await;
    let content = pattern(7, LONG);
    let path = registry.push(&content).await;
    for left in [0, 1, 5000, 6 << 20, LONG - 1] {
        fs::write(registry.file(&path), &content).unwrap();
        let mut client = registry.halfway(&path).await;
        let file = OpenOptions::new().write(true).open(registry.file(&path)).unwrap();
        file.set_len(left as u64).unwrap();
        let received = client.until_closed().await;
        assert!(received.len() < LONG, "the client sees that something is missing");
        // What is on its way is still the file's memory. The system clears the rest of the page
        // that holds the new end, and a page may be a large one.
        let wrong = received.iter().zip(&content).enumerate().filter(|(_, (a, b))| a != b);
        let mut wrong = wrong.map(|(at, (byte, _))| (at, *byte));
        assert!(wrong.all(|(at, byte)| at >= left && byte == 0), "cut to {left}");
    }
    assert_eq!(registry.server.get("/v2/").await.status, 200);
}

#[tokio::test]
async fn a_blob_that_grows_and_shrinks_never_shows_anything_else() {
    let registry = Registry::start(options()).await;
    let content = pattern(8, LONG);
    let path = registry.push(&content).await;
    let file: File = OpenOptions::new().write(true).open(registry.file(&path)).unwrap();
    let mut client = registry.halfway(&path).await;
    file.set_len(2 * LONG as u64).unwrap();
    let (head, tail) = content.split_at(LONG / 2);
    assert!(client.bytes(head.len()).await == head);
    file.set_len(LONG as u64).unwrap();
    assert!(client.bytes(tail.len()).await == tail);
    // The connection stands exactly behind the answer.
    assert_eq!(client.send("GET", "/v2/", &[], b"").await.status, 200);
}

#[tokio::test]
async fn clients_that_leave_take_nothing_with_them() {
    let registry = Registry::start(options()).await;
    let content = pattern(9, LONG);
    let path = registry.push(&content).await;
    for _ in 0..20 {
        drop(registry.halfway(&path).await);
    }
    assert!(registry.server.get(&path).await.body == content);
    registry.server.stop().await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut() {
    let write_stall = Duration::from_millis(300);
    let timeouts = Timeouts { write_stall, ..Options::default().timeouts };
    let registry = Registry::start(Options { timeouts, ..options() }).await;
    let path = registry.push(&pattern(10, LONG)).await;
    let mut client = registry.halfway(&path).await;
    sleep(3 * write_stall).await;
    assert!(client.until_closed().await.len() < LONG);
}

#[tokio::test]
async fn many_clients_at_different_speeds_get_their_own_blobs() {
    let registry = Arc::new(Registry::start(options()).await);
    let mut paths = Vec::new();
    for seed in 20..24 {
        paths.push((seed, registry.push(&pattern(seed, 4 << 20)).await));
    }
    let mut tasks = Vec::new();
    for turn in 0..24_usize {
        let (seed, path) = paths[turn % paths.len()].clone();
        let registry = Arc::clone(&registry);
        tasks.push(tokio::spawn(async move {
            let content = pattern(seed, 4 << 20);
            let mut client = registry.server.narrow_client().await;
            for _ in 0..2 {
                client.raw("GET", &path, &[], b"").await;
                while !client.line().await.is_empty() {}
                for piece in content.chunks(100_000 * (turn + 1)) {
                    assert!(client.bytes(piece.len()).await == piece);
                    tokio::task::yield_now().await;
                }
            }
        }));
    }
    for task in tasks {
        timeout(Duration::from_secs(60), task).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn http_1_0_and_a_last_request_end_the_connection_behind_the_blob() {
    let registry = Registry::start(options()).await;
    let content = pattern(11, 2 << 20);
    let path = registry.push(&content).await;
    for request in [
        format!("GET {path} HTTP/1.0\r\n\r\n"),
        format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
    ] {
        let mut client = registry.server.client().await;
        client.write(request.as_bytes()).await;
        while !client.line().await.is_empty() {}
        assert!(client.until_closed().await == content);
    }
}
