//! One sync of a folder for everyone who waits for it.
//!
//! Many pushes at a time put names into the same few folders. A sync covers every name that was there
//! when it began: so whoever comes while one is under way waits for the next one, which one of them
//! does for all. How it ends is what all of them hear, and nobody else.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use crate::identity::Identity;

/// The folders that are being synced.
#[derive(Debug, Default)]
pub(crate) struct SharedSyncs(Mutex<HashMap<Identity, Arc<Queue>>>);

/// Those who wait for the syncs of one folder, or file system.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    rounds: Mutex<Rounds>,
    ended: Condvar,
}

/// The syncs of one folder, counted for as long as somebody waits for one.
#[derive(Debug, Default)]
struct Rounds {
    begun: u64,
    ended: u64,
    failed: Vec<(u64, Failure)>,
}

/// An error that many can hear of.
#[derive(Clone, Copy, Debug)]
struct Failure {
    kind: io::ErrorKind,
    code: Option<i32>,
}

// === impl SharedSyncs ===

impl SharedSyncs {
    /// Syncs a folder by `act`, or waits for somebody's sync of it that begins after this call did.
    pub(crate) fn sync(
        &self,
        folder: Identity,
        act: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        let queue = Arc::clone(lock(&self.0).entry(folder).or_default());
        let done = queue.sync(act);
        let mut queues = lock(&self.0);
        // Ours, and that of the map: nobody else can get at it now.
        if Arc::strong_count(&queue) == 2 {
            queues.remove(&folder);
        }
        done
    }
}

// === impl Queue ===

impl Queue {
    /// Syncs by `act`, or waits for somebody's sync that begins after this call did.
    pub(crate) fn sync(&self, act: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let mut rounds = lock(&self.rounds);
        let ours = rounds.begun + 1;
        while rounds.is_running() && rounds.ended < ours {
            rounds = self.ended.wait(rounds).unwrap_or_else(PoisonError::into_inner);
        }
        if rounds.ended >= ours {
            return rounds.outcome(ours);
        }
        rounds.begun += 1;
        drop(rounds);
        let done = act();
        let mut rounds = lock(&self.rounds);
        rounds.ended = rounds.begun;
        if let Err(error) = &done {
            rounds.failed.push((ours, Failure::of(error)));
        }
        drop(rounds);
        self.ended.notify_all();
        done
    }

    /// Whether one is under way.
    pub(crate) fn is_running(&self) -> bool {
        lock(&self.rounds).is_running()
    }
}

// === impl Rounds ===

impl Rounds {
    fn is_running(&self) -> bool {
        self.ended < self.begun
    }

    /// A later sync that succeeds says nothing about one that failed: an error is told once.
    fn outcome(&self, round: u64) -> io::Result<()> {
        match self.failed.iter().find(|(failed, _)| *failed == round) {
            Some((_, failure)) => Err((*failure).into()),
            None => Ok(()),
        }
    }
}

// === impl Failure ===

impl Failure {
    fn of(error: &io::Error) -> Self {
        Self { kind: error.kind(), code: error.raw_os_error() }
    }
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        match failure.code {
            Some(code) => io::Error::from_raw_os_error(code),
            None => failure.kind.into(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{
        sync::mpsc::{Receiver, Sender, channel},
        thread,
        time::Duration,
    };

    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    /// A sync that ends when it is told how.
    fn slow(begun: Sender<()>, end: Receiver<io::Result<()>>) -> impl FnOnce() -> io::Result<()> {
        move || {
            begun.send(()).expect("the test listens");
            end.recv_timeout(LIMIT).expect("the test says how it ends")
        }
    }

    fn any_folder() -> Identity {
        Identity::of(std::fs::File::open(".").expect("it is there")).expect("it is known")
    }

    /// Waits until so many calls are in the queue of the folder.
    fn gather(syncs: &SharedSyncs, calls: usize) {
        let deadline = std::time::Instant::now() + LIMIT;
        // One more is the map's.
        while lock(&syncs.0).values().map(Arc::strong_count).sum::<usize>() != calls + 1 {
            assert!(std::time::Instant::now() < deadline, "they do not come");
            thread::sleep(Duration::from_millis(1));
        }
        // They hold the queue; a moment later they wait in it.
        thread::sleep(Duration::from_millis(50));
    }

    /// One sync under way, four calls that wait for the next one; `ends` is how the two end.
    fn two_rounds(ends: [Option<io::ErrorKind>; 2]) -> (io::Result<()>, Vec<io::Result<()>>) {
        let (syncs, folder) = (SharedSyncs::default(), any_folder());
        let end = |kind: Option<io::ErrorKind>| kind.map_or(Ok(()), |kind| Err(kind.into()));
        let ((begun, has_begun), (tell, told)) = (channel(), channel());
        let outcomes = thread::scope(|scope| {
            let first = scope.spawn(|| syncs.sync(folder, slow(begun, told)));
            has_begun.recv_timeout(LIMIT).expect("the first begins");
            let others = [(); 4].map(|()| scope.spawn(|| syncs.sync(folder, || end(ends[1]))));
            gather(&syncs, 5);
            tell.send(end(ends[0])).expect("the first listens");
            let others = others.map(|other| other.join().expect("it ends")).into();
            (first.join().expect("it ends"), others)
        });
        assert!(lock(&syncs.0).is_empty(), "nothing is kept");
        outcomes
    }

    #[test]
    fn who_comes_during_a_sync_gets_the_next_one() {
        let (first, others) = two_rounds([None, None]);
        first.expect("it is synced");
        others.into_iter().for_each(|other| other.expect("it is synced"));
    }

    #[test]
    fn an_error_reaches_those_whose_names_were_in_doubt_and_nobody_else() {
        let failure = Some(io::ErrorKind::StorageFull);
        let (first, others) = two_rounds([failure, None]);
        assert_eq!(first.map_err(|error| error.kind()), Err(io::ErrorKind::StorageFull));
        others.into_iter().for_each(|other| other.expect("it is synced"));
        let (first, others) = two_rounds([None, failure]);
        first.expect("it is synced");
        for other in others {
            assert_eq!(other.map_err(|error| error.kind()), Err(io::ErrorKind::StorageFull));
        }
    }

    #[test]
    fn those_who_wait_share_one_sync() {
        let (syncs, folder, done) = (SharedSyncs::default(), any_folder(), Mutex::new(0));
        let ((begun, has_begun), (tell, told)) = (channel(), channel());
        thread::scope(|scope| {
            scope.spawn(|| syncs.sync(folder, slow(begun, told)));
            has_begun.recv_timeout(LIMIT).expect("the first begins");
            for _ in 0..8 {
                scope.spawn(|| {
                    syncs.sync(folder, || {
                        *lock(&done) += 1;
                        Ok(())
                    })
                });
            }
            gather(&syncs, 9);
            tell.send(Ok(())).expect("the first listens");
        });
        assert_eq!(*lock(&done), 1);
    }
}
