//! What the attackers do, each at a rate of its own, so that all of it together stays within half a core.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout_at};

use super::{Attacked, frames};
use crate::Outcome;
use crate::bench::connection::{Connection, path};
use crate::bench::processes::thread_cpu_seconds;
use crate::bench::wire::Target;

/// A row of the table.
pub(super) struct Attack {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    /// How often it is begun in a second, and how often at the same time at most.
    rate: f64,
    most: usize,
    act: fn(Aim) -> Acting,
}

/// What an attack came to.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Seen {
    /// How often it was begun.
    pub(super) begun: u64,
    /// How often the server cut the connection.
    pub(super) cut: u64,
    /// How often each status was answered.
    pub(super) answers: BTreeMap<u16, u64>,
}

/// Where an attack goes to, and where it is noted.
#[derive(Clone)]
struct Aim {
    target: Target,
    number: u64,
    seen: Arc<Mutex<Seen>>,
}

type Acting = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

/// All of them.
pub(super) static ATTACKS: &[Attack] = &[
    Attack {
        name: "slow-headers",
        title: "a header that comes byte by byte, 1000 connections",
        rate: 50.0,
        most: 1000,
        act: |aim| Box::pin(slow_header(aim)),
    },
    Attack {
        name: "slow-bodies",
        title: "a body of a byte in 5 s, 300 connections",
        rate: 20.0,
        most: 300,
        act: |aim| Box::pin(slow_body(aim)),
    },
    Attack {
        name: "idle",
        title: "connections that say nothing, 10,000 of them",
        rate: 500.0,
        most: 10_000,
        act: |aim| Box::pin(idle(aim)),
    },
    Attack {
        name: "rapid-reset",
        title: "streams of HTTP/2 that are opened and reset, 10,000 per second",
        rate: 4.0,
        most: 4,
        act: |aim| Box::pin(rapid_reset(aim)),
    },
    Attack {
        name: "passwords",
        title: "wrong passwords, 200 per second",
        rate: 10.0,
        most: 20,
        act: |aim| Box::pin(passwords(aim)),
    },
    Attack {
        name: "huge-n",
        title: "pages of 2^63 entries, 50 per second",
        rate: 5.0,
        most: 10,
        act: |aim| Box::pin(huge_n(aim)),
    },
    Attack {
        name: "endless-manifest",
        title: "a manifest in chunks that does not end",
        rate: 2.0,
        most: 8,
        act: |aim| Box::pin(endless(aim, "PUT", "/v2/mallory/a/manifests/x".to_owned())),
    },
    Attack {
        name: "endless-blob",
        title: "a blob in chunks that does not end",
        rate: 1.0,
        most: 4,
        act: |aim| Box::pin(endless_blob(aim)),
    },
    Attack {
        name: "sessions",
        title: "upload sessions that are begun and left, 340 per second: 100,000 in five minutes",
        rate: 10.0,
        most: 20,
        act: |aim| Box::pin(sessions(aim)),
    },
];

/// `mallory:another password`
const AUTHORIZATION: &str = "Authorization: Basic bWFsbG9yeTphbm90aGVyIHBhc3N3b3Jk\r\n";

/// Lets these loose until the end. Their CPU-seconds, and what each has seen.
pub(super) fn run(
    attacks: &[&'static Attack],
    target: &Target,
    end: Instant,
) -> Outcome<(f64, Vec<Attacked>)> {
    let before = thread_cpu_seconds();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let seen = runtime.block_on(async {
        let seen: Vec<Arc<Mutex<Seen>>> = attacks.iter().map(|_| Arc::default()).collect();
        let mut running = JoinSet::new();
        for (&attack, seen) in attacks.iter().zip(&seen) {
            let aim = Aim { target: target.clone(), number: 0, seen: Arc::clone(seen) };
            running.spawn(again(attack, aim));
        }
        // They never end by themselves.
        let _ = timeout_at(end.into(), running.join_next()).await;
        running.shutdown().await;
        let came = attacks.iter().zip(&seen).map(|(attack, seen)| Attacked {
            name: attack.name,
            title: attack.title,
            seen: lock(seen).clone(),
        });
        came.collect()
    });
    Ok((thread_cpu_seconds() - before, seen))
}

/// Begins an attack again and again.
async fn again(attack: &'static Attack, aim: Aim) {
    let places = Arc::new(Semaphore::new(attack.most));
    let mut ticks = interval(Duration::from_secs_f64(1.0 / attack.rate));
    // Who is late does not catch up: no rate is higher than it is said to be.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut acting = JoinSet::new();
    for number in 0.. {
        ticks.tick().await;
        while acting.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let aim = Aim { number, ..aim.clone() };
        lock(&aim.seen).begun += 1;
        acting.spawn(async move {
            let _place = place;
            let seen = Arc::clone(&aim.seen);
            if (attack.act)(aim).await.is_err() {
                lock(&seen).cut += 1;
            }
        });
    }
}

fn lock(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

// === impl Aim ===

impl Aim {
    async fn connect(&self) -> io::Result<TcpStream> {
        TcpStream::connect(self.target.address).await
    }

    fn connection(&self) -> Connection {
        Connection::new(self.target.clone(), 0)
    }

    /// Asks, and notes the answer; the path to go on with.
    async fn ask(
        &self,
        connection: &mut Connection,
        line: &str,
        fields: &str,
    ) -> io::Result<String> {
        let head = format!("{line} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let answer = connection.exchange(head.as_bytes(), &[]).await?;
        self.note(answer.status);
        Ok(answer.location.map(|location| path(&location).to_owned()).unwrap_or_default())
    }

    fn note(&self, status: u16) {
        *lock(&self.seen).answers.entry(status).or_default() += 1;
    }
}

async fn slow_header(aim: Aim) -> io::Result<()> {
    let mut stream = aim.connect().await?;
    stream.write_all(b"GET /v2/ HTTP/1.1\r\nHost: a\r\nX-Slow: ").await?;
    drip(stream).await
}

async fn slow_body(aim: Aim) -> io::Result<()> {
    let location = begin(&aim).await?;
    let mut stream = aim.connect().await?;
    let head = format!(
        "PATCH {location} HTTP/1.1\r\nHost: a\r\n{AUTHORIZATION}Content-Length: 1000000000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    drip(stream).await
}

/// A byte now and then, until the server has enough of it.
async fn drip(mut stream: TcpStream) -> io::Result<()> {
    let (mut read, mut write) = stream.split();
    let writing = async {
        loop {
            write.write_all(b"a").await?;
            sleep(Duration::from_secs(5)).await;
        }
    };
    tokio::select! {
        written = writing => written,
        ended = until_end(&mut read) => ended,
    }
}

async fn until_end(read: &mut (impl AsyncReadExt + Unpin)) -> io::Result<()> {
    let mut buffer = [0; 4096];
    while read.read(&mut buffer).await? > 0 {}
    Err(io::ErrorKind::UnexpectedEof.into())
}

async fn idle(aim: Aim) -> io::Result<()> {
    until_end(&mut aim.connect().await?).await
}

async fn rapid_reset(aim: Aim) -> io::Result<()> {
    let mut stream = aim.connect().await?;
    let (mut read, mut write) = stream.split();
    let writing = async {
        write.write_all(frames::HELLO).await?;
        for from in (0..).step_by(25) {
            write.write_all(&frames::resets(from, 25)).await?;
            sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    };
    tokio::select! {
        written = writing => written,
        ended = until_end(&mut read) => ended,
    }
}

async fn passwords(aim: Aim) -> io::Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut connection = aim.connection();
    for _ in 0..20 {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // `good:` and nine digits that differ each time.
        let guess = three_by_three(number);
        let fields = format!("Authorization: Basic Z29vZDph{guess}\r\n");
        aim.ask(&mut connection, "GET /v2/", &fields).await?;
    }
    Ok(())
}

/// The last nine digits of a number, in base64.
fn three_by_three(number: u64) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = format!("{:09}", number % 1_000_000_000);
    let four = |three: &[u8]| {
        let bits = three.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        [18, 12, 6, 0].map(|shift| char::from(LETTERS[bits >> shift & 63]))
    };
    digits.as_bytes().chunks(3).flat_map(four).collect()
}

async fn huge_n(aim: Aim) -> io::Result<()> {
    let mut connection = aim.connection();
    for _ in 0..5 {
        for list in ["/v2/_catalog", "/v2/mallory/a/tags/list"] {
            let line = format!("GET {list}?n=9223372036854775807");
            aim.ask(&mut connection, &line, AUTHORIZATION).await?;
        }
    }
    Ok(())
}

async fn endless_blob(aim: Aim) -> io::Result<()> {
    let location = begin(&aim).await?;
    endless(aim, "PATCH", location).await
}

/// A body in chunks, half a MB in a second.
async fn endless(aim: Aim, method: &str, path: String) -> io::Result<()> {
    const CHUNK: usize = 0x8000;
    let mut stream = aim.connect().await?;
    let (mut read, mut write) = stream.split();
    let kind = match method {
        "PUT" => crate::bench::content::IMAGE,
        _ => "application/octet-stream",
    };
    let writing = async {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: a\r\n{AUTHORIZATION}Content-Type: {kind}\r\n\
             Transfer-Encoding: chunked\r\n\r\n"
        );
        write.write_all(head.as_bytes()).await?;
        let chunk = format!("{CHUNK:x}\r\n{}\r\n", " ".repeat(CHUNK));
        loop {
            write.write_all(chunk.as_bytes()).await?;
            sleep(Duration::from_millis(60)).await;
        }
    };
    tokio::select! {
        written = writing => written,
        ended = until_end(&mut read) => ended,
    }
}

async fn sessions(aim: Aim) -> io::Result<()> {
    let mut connection = aim.connection();
    for number in 0..34 {
        let line = format!("POST /v2/mallory/r{}/blobs/uploads/", (aim.number + number) % 12);
        let fields = format!("{AUTHORIZATION}Content-Length: 0\r\n");
        aim.ask(&mut connection, &line, &fields).await?;
    }
    Ok(())
}

/// Begins an upload.
async fn begin(aim: &Aim) -> io::Result<String> {
    let fields = format!("{AUTHORIZATION}Content-Length: 0\r\n");
    aim.ask(&mut aim.connection(), "POST /v2/mallory/a/blobs/uploads/", &fields).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses_are_in_base64() {
        assert_eq!(three_by_three(0), "MDAwMDAwMDAw");
        assert_eq!(three_by_three(123_456_789), "MTIzNDU2Nzg5");
    }
}
