//! Clients that take turns at once for a while, and what came of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::connection::Connection;
use super::job::{Job, explain};
use crate::Outcome;

/// How long the last turns may take after the time is over.
const GRACE: Duration = Duration::from_secs(60);

/// A client that has failed this often stops.
const FAILURES: u64 = 20;

/// How many clients, for how long.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) clients: usize,
    pub(crate) duration: Duration,
}

/// What came of a load.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) turns: u64,
    pub(crate) bytes: u64,
    pub(crate) failures: u64,
    /// The first failure, in words.
    pub(crate) why: Option<String>,
    /// Seconds of each turn, sorted.
    pub(crate) latencies: Vec<f32>,
    /// From the first request to the last answer.
    pub(crate) seconds: f64,
}

/// Lets the clients take turns; a turn that has begun when the time is over still counts.
pub(crate) async fn run(address: SocketAddr, job: &Arc<Job>, load: Load) -> Outcome<Tally> {
    let start = Instant::now();
    let end = start + load.duration;
    let mut clients = JoinSet::new();
    for _ in 0..load.clients {
        clients.spawn(client(address, Arc::clone(job), end));
    }
    let mut tally = Tally::default();
    let all = async {
        while let Some(part) = clients.join_next().await {
            tally.add(part?);
        }
        Ok::<_, tokio::task::JoinError>(())
    };
    // Clients that still wait then are ended with the set, and are failures.
    let finished = timeout(load.duration + GRACE, all).await;
    if finished.is_err() {
        tally.fail(clients.len() as u64, "no answer in time".to_owned());
    } else {
        finished??;
    }
    tally.seconds = start.elapsed().as_secs_f64();
    tally.latencies.sort_by(f32::total_cmp);
    Ok(tally)
}

async fn client(address: SocketAddr, job: Arc<Job>, end: Instant) -> Tally {
    let mut connection = Connection::new(address, job.buffer());
    let mut tally = Tally::default();
    loop {
        let start = Instant::now();
        if start >= end || tally.failures >= FAILURES {
            return tally;
        }
        match job.turn(&mut connection, end).await {
            Ok(bytes) => {
                tally.turns += 1;
                tally.bytes += bytes;
                tally.latencies.push(start.elapsed().as_secs_f32());
            }
            Err(error) => {
                tally.fail(1, explain(error.as_ref()));
                connection.close();
            }
        }
    }
}

// === impl Job ===

impl Job {
    /// How much a client of it takes from its connection at once.
    fn buffer(&self) -> usize {
        match self {
            Job::Fetch(_) | Job::Rotate(..) => 128 * 1024,
            _ => 16 * 1024,
        }
    }
}

// === impl Tally ===

impl Tally {
    fn add(&mut self, part: Tally) {
        self.turns += part.turns;
        self.bytes += part.bytes;
        self.latencies.extend(part.latencies);
        if let Some(why) = part.why {
            self.fail(part.failures, why);
        }
    }

    fn fail(&mut self, count: u64, why: String) {
        self.failures += count;
        self.why.get_or_insert(why);
    }

    /// The latency that `share` of the turns keep, in seconds.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let rank = (share * last as f64).round() as usize;
        self.latencies.get(rank).copied().unwrap_or(0.0).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_taken_from_the_sorted_turns() {
        let latencies = (0..=100_u8).map(f32::from).collect();
        let tally = Tally { latencies, ..Tally::default() };
        assert_eq!((tally.quantile(0.5), tally.quantile(0.99)), (50.0, 99.0));
        assert_eq!(Tally::default().quantile(0.5), 0.0);
    }

    #[test]
    fn failures_are_counted_and_the_first_is_told() {
        let mut tally = Tally::default();
        tally.add(Tally { failures: 2, why: Some("first".into()), ..Tally::default() });
        tally.add(Tally { failures: 1, why: Some("second".into()), ..Tally::default() });
        assert_eq!((tally.failures, tally.why.as_deref()), (3, Some("first")));
    }
}
