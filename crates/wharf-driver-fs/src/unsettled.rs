//! Names that can be seen already and are not yet durable.
//!
//! A file gets its name in one step and its folder is synced in the next. Whoever finds the name in
//! between could build on it, and be acknowledged, before a power cut takes it away again. So a
//! reader of this process that has found such a name waits until its folder is synced.

use std::{
    collections::HashMap,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use wharf_driver::StoragePath;

/// The names that are being given.
#[derive(Debug, Default)]
pub(crate) struct Unsettled {
    /// How many there are, so that readers need no lock while there are none.
    count: AtomicUsize,
    names: Mutex<Names>,
    settled: Condvar,
}

/// Who is giving each name, by number: a reader waits for those that were there before it, and for
/// none that came later, however many they are.
#[derive(Debug, Default)]
struct Names {
    last: u64,
    givers: HashMap<StoragePath, Vec<u64>>,
}

/// A name that is being given, until this is dropped.
pub(crate) struct Giving<'a> {
    unsettled: &'a Unsettled,
    name: &'a StoragePath,
    number: u64,
}

/// A sync that takes longer is of a disk that is broken; its writer will hear of that.
const PATIENCE: Duration = Duration::from_secs(30);

// === impl Unsettled ===

impl Unsettled {
    /// Says that a name is about to be seen.
    pub(crate) fn give<'a>(&'a self, name: &'a StoragePath) -> Giving<'a> {
        let mut names = self.lock();
        names.last += 1;
        let number = names.last;
        names.givers.entry(name.clone()).or_default().push(number);
        self.count.fetch_add(1, Ordering::SeqCst);
        Giving { unsettled: self, name, number }
    }

    /// Whether every name that was found is durable.
    pub(crate) fn is_empty(&self) -> bool {
        self.count.load(Ordering::SeqCst) == 0
    }

    /// Whether a name that was found is durable.
    pub(crate) fn is_settled(&self, name: &StoragePath) -> bool {
        self.is_empty() || !self.lock().givers.contains_key(name)
    }

    /// Waits, on this thread, until a name that was found is durable.
    pub(crate) fn wait(&self, name: &StoragePath) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        let last = self.lock().last;
        self.wait_for(name, last);
    }

    /// Waits for those who give a name and have no higher number.
    fn wait_for(&self, name: &StoragePath, last: u64) {
        let given = |names: &mut Names| {
            names.givers.get(name).is_some_and(|givers| givers.iter().any(|it| *it <= last))
        };
        let waited = self.settled.wait_timeout_while(self.lock(), PATIENCE, given);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn lock(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Giving ===

impl Drop for Giving<'_> {
    fn drop(&mut self) {
        let mut names = self.unsettled.lock();
        if let Some(givers) = names.givers.get_mut(self.name) {
            givers.retain(|number| *number != self.number);
            if givers.is_empty() {
                names.givers.remove(self.name);
            }
        }
        drop(names);
        self.unsettled.count.fetch_sub(1, Ordering::SeqCst);
        self.unsettled.settled.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use super::*;

    #[test]
    fn a_reader_waits_for_the_name_that_it_found_and_for_no_other() {
        let unsettled = Unsettled::default();
        let [name, other] = ["a/b", "a/c"].map(|text| StoragePath::parse(text).expect("a path"));
        let givings = [unsettled.give(&name), unsettled.give(&name)];
        let last = unsettled.lock().last;
        // One that comes after the reader does not keep it.
        let later = unsettled.give(&name);
        unsettled.wait(&other);
        let (done, is_done) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                unsettled.wait_for(&name, last);
                done.send(()).expect("the test listens");
            });
            for giving in givings {
                is_done.recv_timeout(Duration::from_millis(20)).expect_err("the reader waits");
                drop(giving);
            }
            is_done.recv_timeout(PATIENCE / 2).expect("the reader goes on");
        });
        drop(later);
        assert_eq!(unsettled.count.load(Ordering::SeqCst), 0);
        assert!(unsettled.lock().givers.is_empty());
    }
}
