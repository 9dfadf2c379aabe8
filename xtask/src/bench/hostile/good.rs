//! The good client: pulls and pushes at a fixed rate, and notes how long it waits.
//!
//! A request is due at its time, whether or not the one before is done: who waits for a slow answer is late
//! with the next one, and that counts.

use std::time::Duration;

use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use wharf_digest::Digest;

use crate::Outcome;
use crate::bench::connection::Connection;
use crate::bench::content::{self, noise};
use crate::bench::job::explain;
use crate::bench::load::Tally;
use crate::bench::wire::Target;

/// A client with a password, and with content of its own.
pub(super) struct Good {
    target: Target,
    /// What it asks for, one after the other, and with what status that is answered.
    requests: Vec<(Vec<u8>, Vec<u8>, u16)>,
}

/// How many connections it has.
const CONNECTIONS: u32 = 4;

/// Who waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// `good:a good password`
const AUTHORIZATION: &str = "Basic Z29vZDphIGdvb2QgcGFzc3dvcmQ=";

// === impl Good ===

impl Good {
    /// Pushes what it will pull.
    pub(super) fn prepare(target: &Target) -> Outcome<Self> {
        let blob = noise(1, 64 << 10);
        let digest = Digest::sha256(&blob);
        let manifest = content::manifest((digest, blob.len()), &[(digest, blob.len())]).to_string();
        let upload = format!("/v2/good/app/blobs/uploads/?digest={digest}");
        let push = (request("POST", &upload, blob.len()), blob, 201);
        let tag = "/v2/good/app/manifests/latest";
        let put = (request("PUT", tag, manifest.len()), manifest.into_bytes(), 201);
        let get = |path: &str| (request("GET", path, 0), Vec::new(), 200);
        let head = (request("HEAD", tag, 0), Vec::new(), 200);
        let by_digest = get(&format!("/v2/good/app/blobs/{digest}"));
        let requests = vec![head, get(tag), by_digest, get("/v2/good/app/tags/list"), push.clone()];
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut connection = Connection::new(target.clone(), 0);
            for (head, body, status) in [push, put] {
                let answer = connection.exchange(&head, &[&body]).await?;
                if answer.status != status {
                    return Err(format!("the good client is answered {}", answer.status).into());
                }
            }
            Outcome::Ok(())
        })?;
        Ok(Self { target: target.clone(), requests })
    }

    /// Asks so often in a second, for so long.
    pub(super) fn run(&self, rate: f64, length: Duration) -> Outcome<Tally> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let mut tally = Tally::default();
        runtime.block_on(async {
            let mut clients = JoinSet::new();
            let begun = Instant::now();
            for number in 0..CONNECTIONS {
                let step = Duration::from_secs_f64(f64::from(CONNECTIONS) / rate);
                let first = begun + step * number / CONNECTIONS;
                let client =
                    client(self.target.clone(), self.requests.clone(), first, step, begun + length);
                clients.spawn(client);
            }
            while let Some(part) = clients.join_next().await {
                tally.add(part?);
            }
            Outcome::Ok(())
        })?;
        tally.latencies.sort_by(f32::total_cmp);
        tally.seconds = length.as_secs_f64();
        Ok(tally)
    }
}

async fn client(
    target: Target,
    requests: Vec<(Vec<u8>, Vec<u8>, u16)>,
    first: Instant,
    step: Duration,
    end: Instant,
) -> Tally {
    let mut connection = Connection::new(target, 64 << 10);
    let mut tally = Tally::default();
    let mut due = first;
    for (head, body, status) in requests.iter().cycle() {
        if due >= end {
            break;
        }
        sleep_until(due).await;
        let answer = timeout(PATIENCE, connection.exchange(head, &[body])).await;
        match answer.unwrap_or_else(|late| Err(late.into())) {
            Ok(answer) if answer.status == *status => {
                tally.turns += 1;
                tally.latencies.push(due.elapsed().as_secs_f32());
            }
            Ok(answer) => tally.fail(1, format!("answered {}", answer.status)),
            Err(error) => {
                tally.fail(1, explain(&error));
                connection.close();
            }
        }
        due += step;
    }
    tally
}

/// The head of a request of the good client.
fn request(method: &str, path: &str, length: usize) -> Vec<u8> {
    let kind =
        if path.contains("/manifests/") { content::IMAGE } else { "application/octet-stream" };
    let body = match length {
        0 => String::new(),
        length => format!("Content-Type: {kind}\r\nContent-Length: {length}\r\n"),
    };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: {kind}\r\n\
         Authorization: {AUTHORIZATION}\r\n{body}\r\n"
    );
    head.into_bytes()
}
