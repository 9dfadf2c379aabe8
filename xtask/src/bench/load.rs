//! Clients that take turns at once for a while, and what came of it.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::connection::Connection;
use super::job::{Job, explain};
use super::processes;
use super::wire::Target;
use crate::Outcome;

/// A client that has failed this often stops.
const FAILURES: u64 = 20;

/// How many clients, for how long.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) clients: usize,
    pub(crate) duration: Duration,
    /// How long the last turns may take after the time is over.
    pub(crate) grace: Duration,
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
    /// CPU-seconds of the threads of the clients.
    pub(crate) generator: f64,
}

/// Lets the clients take turns; a turn that has begun when the time is over still counts.
///
/// The clients share a thread for every second core: the others are left to the server.
pub(crate) fn run(target: &Target, job: &Arc<Job>, load: Load) -> Outcome<Tally> {
    let cores = thread::available_parallelism()?.get();
    let threads = (cores / 2).clamp(1, load.clients.max(1));
    let start = Instant::now();
    let share = |number: usize| Load {
        clients: load.clients / threads + usize::from(number < load.clients % threads),
        ..load
    };
    let parts: Vec<Outcome<Tally>> = thread::scope(|scope| {
        let spawn = |number| scope.spawn(move || clients(target, job, share(number), start));
        let threads: Vec<_> = (0..threads).map(spawn).collect();
        let broken = |_| Err("a thread of the load generator has panicked".into());
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(broken)).collect()
    });
    let mut tally = Tally::default();
    for part in parts {
        tally.add(part?);
    }
    tally.seconds = start.elapsed().as_secs_f64();
    tally.latencies.sort_by(f32::total_cmp);
    Ok(tally)
}

/// The clients of one thread.
fn clients(target: &Target, job: &Arc<Job>, load: Load, start: Instant) -> Outcome<Tally> {
    let before = processes::thread_cpu_seconds();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut tally = Tally::default();
    runtime.block_on(async {
        let mut clients = JoinSet::new();
        for _ in 0..load.clients {
            clients.spawn(client(target.clone(), Arc::clone(job), start + load.duration));
        }
        let all = async {
            while let Some(part) = clients.join_next().await {
                tally.add(part?);
            }
            Ok::<_, tokio::task::JoinError>(())
        };
        // Clients that still wait then are ended with the set, and are failures.
        match timeout(load.duration + load.grace, all).await {
            Ok(ended) => ended,
            Err(_) => {
                tally.fail(clients.len() as u64, "no answer in time".to_owned());
                Ok(())
            }
        }
    })?;
    tally.generator = processes::thread_cpu_seconds() - before;
    Ok(tally)
}

async fn client(target: Target, job: Arc<Job>, end: Instant) -> Tally {
    let mut connection = Connection::new(target, job.buffer());
    let mut tally = Tally::default();
    // One turn at least, however late the thread has come to it.
    loop {
        let start = Instant::now();
        match job.turn(&mut connection, end.into()).await {
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
        if Instant::now() >= end || tally.failures >= FAILURES {
            return tally;
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
    pub(crate) fn add(&mut self, part: Tally) {
        self.turns += part.turns;
        self.bytes += part.bytes;
        self.latencies.extend(part.latencies);
        self.generator += part.generator;
        if let Some(why) = part.why {
            self.fail(part.failures, why);
        }
    }

    /// One turn that was timed elsewhere.
    pub(crate) fn record(&mut self, took: Duration) {
        self.turns += 1;
        self.seconds += took.as_secs_f64();
        self.latencies.push(took.as_secs_f32());
        self.latencies.sort_by(f32::total_cmp);
    }

    pub(crate) fn fail(&mut self, count: u64, why: String) {
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
    use crate::bench::job::{Exchange, Length};

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
    #[test]
    fn a_client_that_comes_late_takes_its_turn() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let target = Target { address: silent.local_addr().unwrap(), tls: None };
        drop(silent);
        let load = Load { clients: 1, duration: Duration::ZERO, grace: Duration::from_secs(60) };
        let fetch = Exchange::get("/", Length::AtLeast(0));
        let tally = run(&target, &Arc::new(Job::Fetch(vec![fetch])), load).unwrap();
        assert_eq!((tally.turns, tally.failures), (0, 1));
    }
}
