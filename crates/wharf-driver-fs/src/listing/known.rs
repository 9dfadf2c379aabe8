//! What is known of a folder, and how far it is to be trusted.

use std::{
    io,
    time::{Duration, Instant, SystemTime},
};

use wharf_driver::EntryKind;

use crate::{
    folder::OpenFolder,
    identity::Seen,
    names::{Changes, Names},
    writers::Age,
};

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) known: Option<Known>,
    /// What we do while the folder is being read.
    pub(super) meanwhile: Option<Since>,
}

#[derive(Debug)]
pub(super) struct Known {
    pub(super) names: Names,
    pub(super) since: Since,
    /// When the reading began.
    pub(super) read: Instant,
    pub(super) trust: Trust,
}

/// Our own changes since a look at a folder.
#[derive(Debug)]
pub(super) struct Since {
    pub(super) changes: Changes,
    /// The folder's time after the last of them.
    pub(super) modified: SystemTime,
    /// Whether nothing else happened that the time can show.
    pub(super) unbroken: bool,
}

/// One change of ours, and the folder's time before and after it.
pub(super) struct Change<'a> {
    pub(super) name: &'a str,
    pub(super) now: Option<EntryKind>,
    pub(super) before: SystemTime,
    pub(super) after: SystemTime,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Trust {
    /// While the time stays the same.
    Certain,
    /// While the time stays the same, no other driver writes, and it is not later than that.
    Alone { age: Age, until: Instant },
    /// Only for who asked before the folder was read.
    Never,
}

/// How long names count that a change of our own was added to.
pub(super) const LEASE: Duration = Duration::from_secs(3);

// === impl State ===

impl State {
    /// From here on, what we do is remembered for who reads the folder.
    pub(super) fn begin(&mut self, open: &OpenFolder) -> io::Result<SystemTime> {
        let modified = Seen::of(open)?.modified;
        self.known = None;
        self.meanwhile = Some(Since { changes: Changes::new(), modified, unbroken: true });
        Ok(modified)
    }

    /// Whether it matters to anybody what happens to the folder.
    pub(super) fn is_followed(&self) -> bool {
        self.known.is_some() || self.meanwhile.is_some()
    }

    pub(super) fn is_certain(&self) -> bool {
        self.known.as_ref().is_some_and(|known| matches!(known.trust, Trust::Certain))
    }

    /// Remembers a change of ours, before which the age was `age` if that is needed.
    pub(super) fn record(&mut self, change: &Change<'_>, age: Option<Age>) {
        if let Some(since) = &mut self.meanwhile {
            since.record(change);
        }
        let now = Instant::now();
        self.known = self.known.take().and_then(|mut known| {
            known.since.record(change);
            known.trust = match (known.trust, age) {
                (Trust::Certain, Some(age)) => Trust::Alone { age, until: now + LEASE },
                (Trust::Alone { age, until }, _) if now < until => Trust::Alone { age, until },
                _ => return None,
            };
            known.since.unbroken.then_some(known)
        });
    }

    pub(super) fn forget(&mut self) {
        self.known = None;
        if let Some(since) = &mut self.meanwhile {
            since.unbroken = false;
        }
    }
}

// === impl Since ===

impl Since {
    pub(super) fn record(&mut self, change: &Change<'_>) {
        self.unbroken &= change.before == self.modified;
        self.modified = change.after;
        self.changes.insert(change.name.to_owned(), change.now);
    }
}
