//! Memory is bounded by configuration, not by load: the program's own peak, as the kernel counts it.
//!
//! `WHARF_PUSH_MIB` sets the size of the large push, 512 without it.

use std::{
    env, fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    time::Duration,
};

use wharf_digest::{Algorithm, Digester};
use wharf_testkit::{
    process::{Server, write_config},
    raw::{Client, Response},
};

const MIB: usize = 1 << 20;

#[test]
fn a_large_push_stays_below_64_mib() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let server = start(folder.path());
    let size = env::var("WHARF_PUSH_MIB").ok().and_then(|n| n.parse().ok()).unwrap_or(512);
    let mut client = Client::new(server.address());
    let location = begin(&mut client, "large/push");

    let mut stream = open(server.address());
    let head =
        format!("PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", size * MIB);
    stream.write_all(head.as_bytes()).expect("the head is taken");
    let mut digester = Digester::new(Algorithm::Sha256);
    let mut piece = vec![0_u8; MIB];
    for number in 0..size {
        piece[..8].copy_from_slice(&(number as u64).to_le_bytes());
        digester.update(&piece);
        stream.write_all(&piece).expect("the body is taken");
    }
    let answer = read_head(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    let status = client.request("GET", location.split('?').next().expect("a path"), &[], b"");
    let location = location_of(&status.expect("the session is there"));
    let close = format!("{location}&digest={}", digester.finish());
    let answer = client.request("PUT", &close, &[], b"").expect("PUT");
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_peak_below(&server, 64);
}

#[test]
fn five_hundred_clients_that_stop_in_the_middle_cost_little() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let server = start(folder.path());
    let mut client = Client::new(server.address());
    let blob = vec![7_u8; 16 * MIB];
    let digest = wharf_digest::Digest::sha256(&blob);
    let close = format!("{}&digest={digest}", begin(&mut client, "slow/clients"));
    assert_eq!(client.request("PUT", &close, &[], &blob).expect("PUT").status, 201);

    let pulls: Vec<_> = (0..250)
        .map(|_| {
            let mut stream = open(server.address());
            let request =
                format!("GET /v2/slow/clients/blobs/{digest} HTTP/1.1\r\nHost: x\r\n\r\n");
            stream.write_all(request.as_bytes()).expect("the request is taken");
            let answer = read_head(&mut stream);
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            stream
        })
        .collect();
    let pushes: Vec<_> = (0..250)
        .map(|_| {
            let location = begin(&mut client, "slow/clients");
            let mut stream = open(server.address());
            let head =
                format!("PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: {MIB}\r\n\r\n");
            stream.write_all(head.as_bytes()).expect("the head is taken");
            stream.write_all(&blob[..MIB / 2]).expect("half of the body is taken");
            stream
        })
        .collect();
    assert_eq!(client.request("GET", "/v2/", &[], b"").expect("it still answers").status, 200);
    assert_peak_below(&server, 256);
    drop((pulls, pushes));
}

/// The most resident memory that the process ever had.
fn assert_peak_below(server: &Server, mib: u64) {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("the kernel counts");
    let kib: u64 = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number");
    println!("peak of the resident memory: {} MiB", kib / 1024);
    assert!(kib / 1024 < mib, "{} MiB, not below {mib}", kib / 1024);
}

fn begin(client: &mut Client, repository: &str) -> String {
    let path = format!("/v2/{repository}/blobs/uploads/");
    location_of(&client.request("POST", &path, &[], b"").expect("POST"))
}

fn location_of(answer: &Response) -> String {
    answer.location().unwrap_or_else(|| panic!("no Location: {answer:?}")).to_owned()
}

fn open(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the server accepts");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a limit");
    stream.set_write_timeout(Some(Duration::from_secs(60))).expect("a limit");
    stream
}

/// The head of an answer; its body stays where it is.
fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && head.len() < 64 * 1024 {
        stream.read_exact(&mut byte).expect("an answer");
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

fn start(folder: &Path) -> Server {
    let config = write_config(folder).expect("write the configuration");
    Server::start(Path::new(env!("CARGO_BIN_EXE_wharf")), &config).expect("the server starts")
}
