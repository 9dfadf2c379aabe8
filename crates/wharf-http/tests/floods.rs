//! HTTP/2 connections that send frames to no purpose, written by hand.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod support;

use std::time::Duration;

use support::{Server, options};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinHandle,
    time::timeout,
};

/// A client that speaks HTTP/2 as badly as it likes.
struct Hostile {
    write: OwnedWriteHalf,
    /// What the server says until it ends the connection.
    read: JoinHandle<Vec<u8>>,
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A flood that nobody has stopped by then goes on for ever.
const PATIENCE: Duration = Duration::from_secs(60);

fn frame(kind: u8, flags: u8, stream: u32, content: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = u32::try_from(content.len()).unwrap().to_be_bytes();
    let mut frame = vec![a, b, c, kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(content);
    frame
}

/// A GET of `/v2/` as HPACK: from the static table, but for the path.
fn get() -> Vec<u8> {
    let mut block = vec![0x82, 0x86, 0x04, 4];
    block.extend(b"/v2/");
    block.extend([0x01, 1, b'a']);
    block
}

impl Hostile {
    async fn connect(server: &Server) -> Self {
        let (mut read, mut write) = TcpStream::connect(server.address).await.unwrap().into_split();
        write.write_all(PREFACE).await.unwrap();
        write.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
        Self { write, read: tokio::spawn(async move { read_all(&mut read).await }) }
    }

    /// Sends these frames until the server has enough of them, and returns what it said.
    async fn flood(mut self, mut frames: impl FnMut(u32) -> Vec<u8>) -> Vec<u8> {
        let flood = async {
            let mut next = 0;
            while !self.read.is_finished() {
                let batch: Vec<u8> = (next..next + 100).flat_map(&mut frames).collect();
                next += 100;
                if self.write.write_all(&batch).await.is_err() {
                    break;
                }
            }
        };
        timeout(PATIENCE, flood).await.expect("the flood goes on");
        timeout(PATIENCE, self.read).await.unwrap().unwrap()
    }

    /// Sends this, and waits for the end.
    async fn sends(mut self, bytes: &[u8]) -> Vec<u8> {
        let _ = self.write.write_all(bytes).await;
        let _open = self.write;
        timeout(PATIENCE, self.read).await.unwrap().unwrap()
    }
}

async fn read_all(read: &mut OwnedReadHalf) -> Vec<u8> {
    let mut all = Vec::new();
    let _ = read.read_to_end(&mut all).await;
    all
}

/// Floods a server, which has to serve others afterwards.
async fn flooded(frames: impl FnMut(u32) -> Vec<u8>) {
    let server = Server::start(options()).await;
    Hostile::connect(&server).await.flood(frames).await;
    assert_eq!(server.get("/v2/").await.status, 200);
}

#[tokio::test]
async fn cve_2023_44487_streams_that_are_opened_and_reset() {
    flooded(|n| {
        let stream = 2 * n + 1;
        let open = frame(HEADERS, END_STREAM | END_HEADERS, stream, &get());
        [open, frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
    })
    .await;
}

#[tokio::test]
async fn cve_2025_8671_streams_that_the_server_is_made_to_reset() {
    flooded(|n| {
        let stream = 2 * n + 1;
        let open = frame(HEADERS, END_HEADERS, stream, &get());
        // An increment of zero is an error of the stream.
        [open, frame(WINDOW_UPDATE, 0, stream, &0_u32.to_be_bytes())].concat()
    })
    .await;
}

#[tokio::test]
async fn cve_2019_9512_pings() {
    flooded(|n| frame(PING, 0, 0, &u64::from(n).to_be_bytes())).await;
}

#[tokio::test]
async fn cve_2019_9515_settings() {
    flooded(|_| frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100])).await;
}

#[tokio::test]
async fn cve_2019_9513_priorities() {
    flooded(|n| frame(PRIORITY, 0, 2 * n + 1, &[0, 0, 0, 0, 16])).await;
}

#[tokio::test]
async fn cve_2019_9518_empty_pieces_of_a_body() {
    let server = Server::start(options()).await;
    let mut client = Hostile::connect(&server).await;
    let mut block = vec![0x83, 0x86, 0x04, 25];
    block.extend(b"/v2/app/blobs/uploads/?a=");
    block.extend([0x01, 1, b'a']);
    client.write.write_all(&frame(HEADERS, END_HEADERS, 1, &block)).await.unwrap();
    client.flood(|_| frame(DATA, 0, 1, &[])).await;
    assert_eq!(server.get("/v2/").await.status, 200);
}

#[tokio::test]
async fn cve_2024_27316_a_header_that_goes_on_and_on() {
    let first = frame(HEADERS, END_STREAM, 1, &get());
    let mut first = Some(first);
    flooded(move |_| {
        let mut next = first.take().unwrap_or_default();
        // A literal that is not indexed: "a: aaaa…".
        let mut block = vec![0x00, 1, b'a', 100];
        block.extend([b'a'; 100]);
        next.extend(frame(CONTINUATION, 0, 1, &block));
        next
    })
    .await;
}

#[tokio::test]
async fn a_header_that_is_larger_than_the_limit_is_refused() {
    let server = Server::start(options()).await;
    let client = Hostile::connect(&server).await;
    // One entry for the table, of 4000 bytes, which 60 bytes then name 60 times.
    let mut block = get();
    block.extend([0x40, 1, b'b', 127, 0xa1, 30]);
    block.extend([b'b'; 4000]);
    block.extend([0xbe; 60]);
    let mut bytes = frame(HEADERS, END_STREAM | END_HEADERS, 1, &block);
    bytes.extend(frame(GOAWAY, 0, 0, &[0; 8]));
    let answer = client.sends(&bytes).await;
    // The status is no entry of the static table: it is written out, or as a Huffman code.
    let said = |status: &[u8; 3]| answer.windows(3).any(|window| window == status);
    assert!(said(b"431") || said(&[0x69, 0x90, 0xff]), "{answer:x?}");
    assert_eq!(server.get("/v2/").await.status, 200);
}
