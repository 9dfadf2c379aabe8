//! Numbers that each thread has a copy of.

use std::{
    cell::Cell,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};

/// Copies of the same numbers, of which each thread changes one, so that processors do not take them
/// from each other. Threads beyond [`MOST`] share.
#[derive(Debug)]
pub(crate) struct Striped<T>(Box<[Stripe<T>]>);

/// What can be added up.
pub(crate) trait Sum: Default {
    /// Adds what another one has.
    fn add(&self, other: &Self);
}

/// A copy on cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe<T>(T);

/// There are no more copies than this, however many processors there are.
const MOST: usize = 16;

// === impl Striped ===

impl<T: Sum> Striped<T> {
    /// The copy of this thread.
    pub(crate) fn mine(&self) -> &T {
        &self.0[place() % self.0.len()].0
    }

    /// All copies together.
    pub(crate) fn total(&self) -> T {
        let total = T::default();
        self.0.iter().for_each(|stripe| total.add(&stripe.0));
        total
    }
}

impl<T: Default> Default for Striped<T> {
    fn default() -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self((0..processors.min(MOST)).map(|_| Stripe::default()).collect())
    }
}

/// The number of this thread, in the order in which threads asked first.
fn place() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static PLACE: Cell<Option<usize>> = const { Cell::new(None) };
    }
    let known = PLACE.get();
    known.unwrap_or_else(|| {
        let place = THREADS.fetch_add(1, Relaxed);
        PLACE.set(Some(place));
        place
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Counter;

    #[test]
    fn what_all_threads_count_is_the_total() {
        let counters = Striped::<Counter>::default();
        thread::scope(|scope| {
            for _ in 0..40 {
                scope.spawn(|| (0..1000).for_each(|_| counters.mine().add(2)));
            }
        });
        assert_eq!(counters.total().get(), 80_000);
        assert!(std::ptr::eq(counters.mine(), counters.mine()));
    }
}
