//! Numbers that many threads change at once.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use crate::striped::Sum;

/// Counts up.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

/// Goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

/// Counts values by their size.
#[derive(Debug)]
pub struct Histogram {
    /// Up to which value each of the counts but the last one counts.
    bounds: &'static [f64],
    counts: Box<[AtomicU64]>,
    /// In so many parts of one: whole numbers can be added at once.
    sum: AtomicU64,
    parts: f64,
}

// === impl Counter ===

impl Counter {
    /// Counts so many more.
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Relaxed);
    }

    /// How many there were.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Sum for Counter {
    fn add(&self, other: &Self) {
        self.add(other.get());
    }
}

// === impl Gauge ===

impl Gauge {
    /// Goes up, or down.
    pub fn add(&self, amount: i64) {
        self.0.fetch_add(amount, Relaxed);
    }

    /// Where it stands.
    pub fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

// === impl Histogram ===

impl Histogram {
    /// Counts times, in seconds, by these bounds, in rising order. Their sum is kept in nanoseconds, of
    /// which there is room for centuries.
    pub fn of_seconds(bounds: &'static [f64]) -> Self {
        Self::new(bounds, 1e9)
    }

    /// Counts sizes, in whole bytes, by these bounds, in rising order.
    pub fn of_bytes(bounds: &'static [f64]) -> Self {
        Self::new(bounds, 1.0)
    }

    fn new(bounds: &'static [f64], parts: f64) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, sum: AtomicU64::new(0), parts }
    }

    /// Counts a value, which is not negative.
    pub fn observe(&self, value: f64) {
        let place = self.bounds.partition_point(|bound| *bound < value);
        self.counts[place].fetch_add(1, Relaxed);
        let parts = (value * self.parts) as u64;
        if parts > 0 {
            self.sum.fetch_add(parts, Relaxed);
        }
    }

    /// Counts what another one with the same bounds has counted.
    pub(crate) fn add(&self, other: &Self) {
        for (count, more) in self.counts.iter().zip(&other.counts) {
            count.fetch_add(more.load(Relaxed), Relaxed);
        }
        self.sum.fetch_add(other.sum.load(Relaxed), Relaxed);
    }

    /// How many values there were up to each bound, the last one being infinite.
    pub fn cumulated(&self) -> impl Iterator<Item = (f64, u64)> {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        let mut sum = 0;
        bounds.zip(&self.counts).map(move |(bound, count)| {
            sum += count.load(Relaxed);
            (bound, sum)
        })
    }

    /// How many values there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().map(|count| count.load(Relaxed)).sum()
    }

    /// What they come to.
    pub fn sum(&self) -> f64 {
        self.sum.load(Relaxed) as f64 / self.parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_count_in_every_bound_that_they_do_not_exceed() {
        let histogram = Histogram::of_seconds(&[1.0, 2.0]);
        for value in [0.0, 1.0, 1.5, 2.0, 9.5] {
            histogram.observe(value);
        }
        let counts: Vec<_> = histogram.cumulated().collect();
        assert_eq!(counts, [(1.0, 2), (2.0, 4), (f64::INFINITY, 5)]);
        assert_eq!((histogram.count(), histogram.sum()), (5, 14.0));
    }

    #[test]
    fn sizes_add_up_for_as_long_as_a_registry_runs() {
        let histogram = Histogram::of_bytes(&[1024.0]);
        let petabyte = 1e15;
        (0..1000).for_each(|_| histogram.observe(petabyte));
        assert_eq!((histogram.count(), histogram.sum()), (1000, 1000.0 * petabyte));
    }
}
