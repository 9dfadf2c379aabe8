//! What the load generator can do at most: it is let loose on a responder in this process that does
//! nothing but write.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde::Serialize;

use super::job::{Exchange, Job, Length};
use super::load::{self, Load};
use super::wire::Target;
use crate::Outcome;

const SMALL: usize = 4 * 1024;
const LARGE: usize = 64 * 1024 * 1024;
const DURATION: Duration = Duration::from_millis(700);
const GRACE: Duration = Duration::from_secs(10);

/// The CPU-seconds of the load generator: no rate can be higher than what they leave room for.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Bound {
    /// For a GET of 4 KiB.
    turn: f64,
    /// For a GB in large bodies.
    gigabyte: f64,
}

// === impl Bound ===

impl Bound {
    pub(crate) fn measure() -> Outcome<Self> {
        let small = run(SMALL, 16)?;
        let large = run(LARGE, 4)?;
        Ok(Self {
            turn: small.generator / small.turns.max(1) as f64,
            gigabyte: large.generator / large.bytes.max(1) as f64 * 1e9,
        })
    }

    pub(crate) fn describe(&self) -> String {
        format!(
            "The load generator itself takes {:.1} us for a GET of 4 KiB and {:.3} CPU-seconds for a GB, so \
             that one core of it allows at most {:.0} GET/s or {:.0} MB/s.",
            self.turn * 1e6,
            self.gigabyte,
            1.0 / self.turn.max(1e-9),
            1e3 / self.gigabyte.max(1e-9),
        )
    }
}

fn run(size: usize, clients: usize) -> Outcome<load::Tally> {
    let target = Target::plain(respond(size, clients)?);
    let job = Job::Fetch(vec![Exchange::get("/", Length::Exactly(size as u64))]);
    let load = Load { clients, duration: DURATION, grace: GRACE };
    let tally = load::run(&target, &Arc::new(job), load)?;
    match tally.why {
        Some(why) => Err(format!("the load generator on itself: {why}").into()),
        None => Ok(tally),
    }
}

/// Starts to answer so many connections; each thread ends with its connection.
fn respond(size: usize, connections: usize) -> Outcome<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n").into_bytes();
    answer.resize(answer.len() + size, 0);
    let answer: Arc<[u8]> = answer.into();
    thread::spawn(move || {
        for stream in listener.incoming().flatten().take(connections) {
            let answer = Arc::clone(&answer);
            thread::spawn(move || answer_all(stream, &answer));
        }
    });
    Ok(address)
}

/// Every request fits into one piece of what arrives, as the generator sends it.
fn answer_all(mut stream: TcpStream, answer: &[u8]) {
    let mut request = [0; 4096];
    while matches!(stream.read(&mut request), Ok(count) if count > 0) {
        if stream.write_all(answer).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_takes_time_for_itself() {
        let bound = Bound { turn: 10e-6, gigabyte: 0.1 };
        let words = bound.describe();
        assert!(words.contains("10.0 us") && words.contains("100000 GET/s"), "{words}");
        assert!(words.contains("10000 MB/s"), "{words}");
        let tally = run(SMALL, 2).unwrap();
        assert!(tally.turns > 0 && tally.failures == 0);
    }
}
