//! A harmless neighbour that uses CPU time and nothing else.

use std::hint::spin_loop;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use crate::bench::processes::thread_cpu_seconds;

/// One thread uses no more than this share of a core, so that it sleeps now and then as others do.
const SHARE: f64 = 0.9;

const PERIOD: Duration = Duration::from_millis(5);

/// Uses so many CPU-seconds per second until the end. How many it has used.
pub(super) fn burn(share: f64, end: Instant) -> f64 {
    let threads = (share / SHARE).ceil().max(1.0);
    thread::scope(|scope| {
        let each = share / threads;
        let burners: Vec<_> =
            (0..threads as usize).map(|_| scope.spawn(move || one(each, end))).collect();
        burners.into_iter().filter_map(|burner| burner.join().ok()).sum()
    })
}

fn one(share: f64, end: Instant) -> f64 {
    let (begun, before) = (Instant::now(), thread_cpu_seconds());
    while Instant::now() < end {
        let due = share * begun.elapsed().as_secs_f64();
        while thread_cpu_seconds() - before < due && Instant::now() < end {
            (0..10_000).for_each(|_| spin_loop());
        }
        sleep(PERIOD);
    }
    thread_cpu_seconds() - before
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_nothing_is_nothing() {
        assert!(burn(0.0, Instant::now() + PERIOD) < 1.0);
    }
}
