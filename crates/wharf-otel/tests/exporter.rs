//! What a collector gets, and what becomes of spans when it does not answer well.

#![expect(clippy::unwrap_used, reason = "a test panics where it fails")]

mod support;

use std::{net::SocketAddr, time::Duration};

use support::{PATIENCE, span};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};
use wharf_otel::{Exporter, Settings};

/// A collector that answers with these statuses, and then with 200. Hands on the bodies.
async fn collector(statuses: &'static [u16]) -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (taken, bodies) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut statuses = statuses.iter().copied().chain(std::iter::repeat(200));
        while let Ok((stream, _)) = listener.accept().await {
            let body = exchange(stream, statuses.next().unwrap()).await;
            taken.send(body).ok();
        }
    });
    (address, bodies)
}

async fn exchange(mut stream: TcpStream, status: u16) -> String {
    let mut text = String::new();
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                line.to_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok()
            });
            if body.len() >= length.unwrap() {
                break;
            }
        }
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).await.unwrap();
        text.push_str(std::str::from_utf8(&piece[..read]).unwrap());
    }
    let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(answer.as_bytes()).await.unwrap();
    text.split_once("\r\n\r\n").unwrap().1.to_owned()
}

fn settings(address: SocketAddr, queue: &str) -> Settings {
    let endpoint = format!("http://{address}");
    support::settings(&endpoint, "http/json", &[("BSP_MAX_QUEUE_SIZE", queue)])
}

#[tokio::test]
async fn a_batch_is_one_object_and_is_tried_again() {
    let (address, mut bodies) = collector(&[503]).await;
    let (exporter, work) = Exporter::new(settings(address, "100")).unwrap();
    tokio::spawn(work.run());
    exporter.take(span(1));
    exporter.take(span(2));
    exporter.flush(PATIENCE).await;
    let (refused, taken) = (bodies.recv().await.unwrap(), bodies.recv().await.unwrap());
    assert_eq!(refused, taken);
    let batch: serde_json::Value = serde_json::from_str(&taken).unwrap();
    let spans = &batch["resourceSpans"][0]["scopeSpans"][0]["spans"];
    assert_eq!(spans.as_array().unwrap().len(), 2);
    let expected = serde_json::json!({
        "traceId": "01010101010101010101010101010101",
        "spanId": "0101010101010101",
        "name": "GET /",
        "kind": 2,
        "startTimeUnixNano": "0",
        "endTimeUnixNano": "17",
        "attributes": [
            { "key": "a", "value": { "stringValue": "b" } },
            { "key": "n", "value": { "intValue": "5" } },
        ],
        "status": { "code": 2 },
    });
    assert_eq!(spans[0], expected);
}

#[tokio::test]
async fn what_is_refused_for_good_is_not_tried_again() {
    let (address, mut bodies) = collector(&[400]).await;
    let (exporter, work) = Exporter::new(settings(address, "100")).unwrap();
    tokio::spawn(work.run());
    exporter.take(span(1));
    exporter.flush(PATIENCE).await;
    exporter.take(span(2));
    exporter.flush(PATIENCE).await;
    assert!(bodies.recv().await.unwrap().contains("\"0101010101010101\""));
    assert!(bodies.recv().await.unwrap().contains("\"0202020202020202\""));
}

#[tokio::test]
async fn what_nobody_sends_is_dropped_and_nobody_waits() {
    let (address, _bodies) = collector(&[]).await;
    let (exporter, work) = Exporter::new(settings(address, "10")).unwrap();
    for number in 0..100 {
        exporter.take(span(number));
    }
    // Nothing is at work, and the queue is full.
    timeout(PATIENCE, exporter.flush(Duration::from_millis(10))).await.unwrap();
    drop(work);
    timeout(PATIENCE, exporter.flush(PATIENCE)).await.unwrap();
}
