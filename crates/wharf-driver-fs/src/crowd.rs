//! Syncs of files and folders, which go together while there are many.
//!
//! A push syncs a dozen files and folders, and each of these syncs is a trip to the disk or several. A
//! few at a time go by themselves. While there are more, syncfs(2) makes durable, for everyone who
//! waits, all that was written before it began.

use std::{
    io,
    os::fd::OwnedFd,
    sync::atomic::{
        AtomicUsize,
        Ordering::{Relaxed, SeqCst},
    },
    time::{Duration, Instant},
};

use crate::{
    identity::Identity,
    shared::Queue,
    trace::{Step, Trace},
};

/// The syncs of one file system.
#[derive(Debug)]
pub(crate) struct Syncs {
    root: OwnedFd,
    identity: Identity,
    /// So many go by themselves at a time.
    few: usize,
    alone: AtomicUsize,
    together: Queue,
    /// So many go by themselves before the next ones go together.
    rest: AtomicUsize,
    /// How long the rest is after the next one that takes long.
    next_rest: AtomicUsize,
    /// One that takes longer is followed by a rest.
    long: Duration,
    trace: Option<Trace>,
}

/// One that goes by itself, until this is dropped.
struct Alone<'a>(&'a AtomicUsize);

/// More of them at a time only wait for each other.
const FEW: usize = 4;

/// More than that is for what others left on the file system.
const LONG: Duration = Duration::from_millis(100);

/// How many go by themselves after that: few, for it may be over, and twice as many each time that it
/// is not.
const REST: usize = 16;
const LONGEST_REST: usize = 1024;

// === impl Syncs ===

impl Syncs {
    /// The syncs below an open root. `few` is for tests: so many go by themselves at a time, whatever
    /// file system this is.
    pub(crate) fn new(
        root: &OwnedFd,
        few: Option<usize>,
        trace: Option<Trace>,
    ) -> io::Result<Self> {
        let usual = || if system::tells_of_errors(root) { FEW } else { usize::MAX };
        Ok(Self {
            identity: Identity::of(root)?,
            root: root.try_clone()?,
            few: few.unwrap_or_else(usual),
            alone: AtomicUsize::new(0),
            together: Queue::default(),
            rest: AtomicUsize::new(0),
            next_rest: AtomicUsize::new(REST),
            long: if few.is_some() { Duration::MAX } else { LONG },
            trace,
        })
    }

    /// Makes files or folders durable: by `act`, or together with all that others wait for.
    pub(crate) fn sync(
        &self,
        what: &[Identity],
        act: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        if what.iter().all(|it| it.is_beside(&self.identity)) && self.is_crowded() {
            match self.sync_all() {
                Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
                done => return done,
            }
        }
        self.alone.fetch_add(1, Relaxed);
        let _alone = Alone(&self.alone);
        act()
    }

    fn is_crowded(&self) -> bool {
        if self.few == usize::MAX || self.is_resting() {
            return false;
        }
        self.alone.load(Relaxed) >= self.few || self.together.is_running()
    }

    fn is_resting(&self) -> bool {
        let fewer = |rest: usize| match rest {
            usize::MAX => Some(rest),
            rest => rest.checked_sub(1),
        };
        self.rest.fetch_update(SeqCst, SeqCst, fewer).is_ok()
    }

    /// Makes all durable that was written to the file system before this call. `Unsupported` if that
    /// cannot be done, or not any more.
    fn sync_all(&self) -> io::Result<()> {
        self.together.sync(|| {
            // One that failed told the only time that what we wait for was lost.
            if self.rest.load(SeqCst) == usize::MAX {
                return Err(io::ErrorKind::Unsupported.into());
            }
            let began = Instant::now();
            let done = self.sync_root();
            match &done {
                Err(error) => {
                    self.rest.store(usize::MAX, SeqCst);
                    tracing::warn!(%error, "the file system is not synced as a whole any more");
                }
                Ok(()) => self.rest_after(began.elapsed()),
            }
            done
        })
    }

    /// One at a time is under way, and no other changes the next rest.
    fn rest_after(&self, taken: Duration) {
        if taken <= self.long {
            return self.next_rest.store(REST, SeqCst);
        }
        let rest = self.next_rest.load(SeqCst);
        self.next_rest.store(LONGEST_REST.min(2 * rest), SeqCst);
        self.rest.store(rest, SeqCst);
    }

    /// One that is recorded is not made: what survives is up to whoever reads the record.
    fn sync_root(&self) -> io::Result<()> {
        match &self.trace {
            Some(trace) => trace.take(|| Ok(()), || Step::SyncAll),
            None => system::sync(&self.root),
        }
    }
}

// === impl Alone ===

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::{io, os::fd::OwnedFd};

    use rustix::{
        fs::{fstatfs, fsync, syncfs},
        system::uname,
    };

    /// ext4, XFS and btrfs, by the numbers in linux/magic.h.
    const KNOWN: [u64; 3] = [0xEF53, 0x5846_5342, 0x9123_683E];

    /// Before this Linux, syncfs(2) succeeded when bytes were lost.
    const SINCE: (u32, u32) = (5, 8);

    /// Whether a sync of the whole file system can be relied on.
    pub(super) fn tells_of_errors(root: &OwnedFd) -> bool {
        let kind = fstatfs(root).map(|it| it.f_type as u64);
        kind.is_ok_and(|kind| KNOWN.contains(&kind))
            && version(&uname().release().to_string_lossy()) >= Some(SINCE)
    }

    pub(super) fn sync(root: &OwnedFd) -> io::Result<()> {
        syncfs(root)?;
        // ext4 without a journal writes its own blocks after it told the disk to keep what it has.
        Ok(fsync(root)?)
    }

    pub(super) fn version(release: &str) -> Option<(u32, u32)> {
        let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::{io, os::fd::OwnedFd};

    pub(super) fn tells_of_errors(_: &OwnedFd) -> bool {
        false
    }

    pub(super) fn sync(_: &OwnedFd) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{cell::Cell, fs::File};

    use super::*;

    fn root() -> OwnedFd {
        File::open(".").expect("it is there").into()
    }

    fn syncs(few: usize, trace: Option<&Trace>) -> Syncs {
        Syncs::new(&root(), Some(few), trace.cloned()).expect("it is known")
    }

    /// How many of so many syncs went by themselves.
    fn alone(syncs: &Syncs, what: Identity, count: usize) -> usize {
        let alone = Cell::new(0);
        for _ in 0..count {
            let act = || {
                alone.set(alone.get() + 1);
                Ok(())
            };
            syncs.sync(&[what], act).expect("it is synced");
        }
        alone.get()
    }

    #[test]
    fn a_few_go_by_themselves_and_more_go_together() {
        let trace = Trace::new();
        let syncs = syncs(2, Some(&trace));
        let what = syncs.identity;
        let nested = || {
            syncs.sync(&[what], || {
                assert_eq!(alone(&syncs, what, 3), 0, "two are under way");
                Ok(())
            })
        };
        syncs.sync(&[what], nested).expect("it is synced");
        assert_eq!(trace.steps(), [Step::SyncAll, Step::SyncAll, Step::SyncAll]);
        assert_eq!(alone(&syncs, what, 3), 3, "the others have ended");
    }

    #[test]
    fn what_lies_elsewhere_goes_by_itself() {
        let trace = Trace::new();
        let elsewhere = Identity::of(File::open("/proc").expect("it is there")).expect("known");
        assert_eq!(alone(&syncs(0, Some(&trace)), elsewhere, 3), 3);
        assert!(trace.is_empty());
    }

    #[test]
    fn nothing_goes_together_after_a_failure() {
        let mut syncs = syncs(0, None);
        let what = syncs.identity;
        // A pipe is on no file system.
        let (pipe, _) = std::io::pipe().expect("there are pipes");
        let works = std::mem::replace(&mut syncs.root, pipe.into());
        let error = syncs.sync(&[what], || Ok(())).expect_err("it cannot be synced");
        assert_ne!(error.kind(), io::ErrorKind::Unsupported);
        syncs.root = works;
        assert_eq!(alone(&syncs, what, 2 * LONGEST_REST), 2 * LONGEST_REST);
    }

    #[test]
    fn those_who_waited_beside_a_failure_go_by_themselves() {
        let syncs = syncs(0, None);
        // As one finds it whose round begins after the one that failed.
        syncs.rest.store(usize::MAX, SeqCst);
        let error = syncs.sync_all().expect_err("it is not done");
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
    }

    #[test]
    fn after_a_long_one_some_go_by_themselves_and_more_after_each_further_one() {
        let mut syncs = syncs(0, Some(&Trace::new()));
        let what = syncs.identity;
        syncs.long = Duration::ZERO;
        let rests = [REST, 2 * REST, 4 * REST];
        let all = rests.len() + rests.iter().sum::<usize>();
        assert_eq!(alone(&syncs, what, all), all - rests.len());
        syncs.long = Duration::MAX;
        assert_eq!(alone(&syncs, what, 2), 0, "it is over");
        syncs.long = Duration::ZERO;
        assert_eq!(alone(&syncs, what, 1 + 2 * REST), 2 * REST - 1, "and begins anew");
    }

    #[test]
    fn a_rest_has_an_end() {
        let mut syncs = syncs(0, Some(&Trace::new()));
        syncs.long = Duration::ZERO;
        for _ in 0..20 {
            syncs.rest.store(0, SeqCst);
            assert_eq!(alone(&syncs, syncs.identity, 1), 0);
        }
        assert_eq!(syncs.rest.load(SeqCst), LONGEST_REST);
    }

    #[test]
    fn versions_are_read() {
        assert_eq!(system::version("6.18.44-fc-v669"), Some((6, 18)));
        assert_eq!(system::version("5.8"), Some((5, 8)));
        assert!(system::version("5.10.0-33-amd64") >= Some((5, 8)));
        assert!(system::version("5.4.0") < Some((5, 8)) && system::version("odd").is_none());
    }
}
