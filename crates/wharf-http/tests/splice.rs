//! Blobs that come in over a socket and go out through a pipe: every byte is the blob's, whatever the client
//! asks, and an answer whose source breaks off does not look like a whole one.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]
#![cfg(target_os = "linux")]

mod support;

use std::{sync::Arc, time::Duration};

use support::{Server, options};
use tokio::time::{sleep, timeout};
use wharf_driver::MemoryDriver;
use wharf_http::App;
use wharf_storage::StorageNamespace;
use wharf_testkit::{driver_suite::pattern, faults::FaultyDriver};

/// Longer than pipes and sockets hold.
const LONG: usize = 24 << 20;

/// A registry whose content comes over sockets that break after so many bytes.
async fn registry(breaks: usize) -> Server {
    let driver = FaultyDriver::new(Arc::new(MemoryDriver::new())).over_sockets(breaks);
    let storage = wharf_storage::Options { delete: true, ..wharf_storage::Options::default() };
    let namespace = StorageNamespace::new(Arc::new(driver), storage);
    Server::serving(App::new(Arc::new(namespace), options())).await
}

async fn push(server: &Server, content: &[u8]) -> String {
    format!("/v2/app/blobs/{}", server.push_blob("app", content).await)
}

#[tokio::test]
async fn every_length_arrives_byte_for_byte() {
    let server = registry(usize::MAX).await;
    let mut client = server.client().await;
    let around = |size: usize| [size - 1, size, size + 1];
    let sizes = [around(256 << 10), around((256 << 10) + 1000), around(1 << 20), around(9 << 20)];
    for (seed, size) in sizes.into_iter().flatten().enumerate() {
        let content = pattern(seed as u64, size);
        let path = push(&server, &content).await;
        let answer = client.send("GET", &path, &[], b"").await;
        assert!(answer.status == 200 && answer.body == content, "{size}");
    }
}

#[tokio::test]
async fn ranges_and_requests_that_come_at_once_are_answered_in_order() {
    let server = registry(usize::MAX).await;
    let content = pattern(1, 5 << 20);
    let path = push(&server, &content).await;
    let mut client = server.client().await;
    let ranges = [(0, 300_000), (7, 4 << 20), (4 << 20, (5 << 20) - 1), (1, 2)];
    for (start, end) in ranges {
        client.raw("GET", &path, &[format!("Range: bytes={start}-{end}")], b"").await;
    }
    for (start, end) in ranges {
        let answer = client.answer("GET").await;
        assert!(answer.status == 206 && answer.body == content[start..=end], "{start}-{end}");
    }
    let parts = "Range: bytes=7-1000006,2000000-4000000";
    let answer = client.send("GET", &path, &[parts], b"").await;
    assert_eq!(answer.status, 206);
    for part in [&content[7..=1_000_006], &content[2_000_000..=4_000_000]] {
        let at = answer.body.windows(32).position(|window| window == &part[..32]).unwrap();
        assert!(answer.body[at..].starts_with(part));
    }
}

#[tokio::test]
async fn a_client_that_stops_and_goes_on_gets_everything() {
    let server = registry(usize::MAX).await;
    let content = pattern(2, LONG);
    let path = push(&server, &content).await;
    let mut client = server.narrow_client().await;
    client.raw("GET", &path, &[], b"").await;
    sleep(Duration::from_millis(300)).await;
    let answer = client.answer("GET").await;
    assert!(answer.status == 200 && answer.body == content);
}

#[tokio::test]
async fn what_breaks_off_is_no_whole_answer() {
    let server = registry(3 << 20).await;
    let content = pattern(3, LONG);
    let path = push(&server, &content).await;
    let mut client = server.client().await;
    client.raw("GET", &path, &[], b"").await;
    while !client.line().await.is_empty() {}
    let rest = timeout(Duration::from_secs(20), client.until_closed()).await.unwrap();
    assert!(rest.len() <= 1000 + (3 << 20) && content.starts_with(&rest), "{}", rest.len());
    // The next one is served all the same.
    let small = push(&server, b"small").await;
    assert_eq!(server.send("GET", &small, &[], b"").await.body, b"small");
}
