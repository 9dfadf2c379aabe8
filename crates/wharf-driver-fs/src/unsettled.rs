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

/// The names, with how many writers are giving each of them.
#[derive(Debug, Default)]
pub(crate) struct Unsettled {
    /// How many names there are, so that readers need no lock while there are none.
    count: AtomicUsize,
    names: Mutex<HashMap<StoragePath, usize>>,
    settled: Condvar,
}

/// A name that is being given, until this is dropped.
pub(crate) struct Giving<'a> {
    unsettled: &'a Unsettled,
    name: &'a StoragePath,
}

/// A sync that takes longer is of a disk that is broken; its writer will hear of that.
const PATIENCE: Duration = Duration::from_secs(30);

// === impl Unsettled ===

impl Unsettled {
    /// Says that a name is about to be seen.
    pub(crate) fn give<'a>(&'a self, name: &'a StoragePath) -> Giving<'a> {
        *self.lock().entry(name.clone()).or_default() += 1;
        self.count.fetch_add(1, Ordering::SeqCst);
        Giving { unsettled: self, name }
    }

    /// Waits, on this thread, until a name that was found is durable.
    pub(crate) fn wait(&self, name: &StoragePath) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        let given = |names: &mut HashMap<_, _>| names.contains_key(name);
        let waited = self.settled.wait_timeout_while(self.lock(), PATIENCE, given);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<StoragePath, usize>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Giving ===

impl Drop for Giving<'_> {
    fn drop(&mut self) {
        let mut names = self.unsettled.lock();
        if let Some(givers) = names.get_mut(self.name) {
            *givers -= 1;
            if *givers == 0 {
                names.remove(self.name);
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
        let giving = unsettled.give(&name);
        let again = unsettled.give(&name);
        unsettled.wait(&other);
        let (done, is_done) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                unsettled.wait(&name);
                done.send(()).expect("the test listens");
            });
            drop(giving);
            // The other writer is not done.
            is_done.recv_timeout(Duration::from_millis(50)).expect_err("the reader waits");
            drop(again);
            is_done.recv_timeout(Duration::from_secs(20)).expect("the reader goes on");
        });
        assert_eq!(unsettled.count.load(Ordering::SeqCst), 0);
    }
}
