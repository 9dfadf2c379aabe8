//! Which drivers write below a root.
//!
//! Before its first change a driver puts a marker into `.wharf/writers`, a file that it keeps locked
//! for as long as it lives. The lock is one of the kernel: it goes with the process. A marker is never
//! removed by its owner, only by another driver that has its own marker there, finds the lock gone, and
//! takes note. So from the moment at which a driver first writes there is a marker of somebody else
//! for everyone who has not yet taken note of it: who finds only its own marker twice, and took note
//! of nothing in between, was alone all the time.

use std::{
    fs::{File, TryLockError},
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use uuid::Uuid;
use wharf_driver::StoragePath;

use crate::{disk::Disk, place::HIDDEN};

/// The writers below a root, as one of them sees them.
#[derive(Debug, Default)]
pub(crate) struct Writers(Mutex<Seen>);

/// A time without other writers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Age(u64);

#[derive(Debug, Default)]
struct Seen {
    own: Option<Marker>,
    /// How often somebody else was seen.
    others: u64,
}

#[derive(Debug)]
struct Marker {
    name: String,
    /// Carries the lock; `None` where there are no locks.
    locked: Option<File>,
}

// === impl Writers ===

impl Writers {
    /// Says that we are about to write.
    pub(crate) fn announce(&self, disk: &Disk) -> io::Result<()> {
        let mut seen = self.lock();
        if seen.own.is_none() {
            seen.own = Some(Marker::place(disk)?);
        }
        Ok(())
    }

    /// The current age, if nobody else writes; the same one as long as nobody else has come.
    pub(crate) fn alone(&self, disk: &Disk) -> Option<Age> {
        let mut seen = self.lock();
        let own = seen.own.as_ref().filter(|own| own.locked.is_some())?.name.clone();
        let found = disk.names(&HIDDEN.writers()).unwrap_or_default();
        if found == [own.as_str()] {
            return Some(Age(seen.others));
        }
        // Before anything is removed: who comes after us may find nobody.
        seen.others += 1;
        if !found.contains(&own) {
            // Somebody cleaned up. Others have to see us again, or they miss whom we remove.
            seen.own = Marker::place(disk).ok();
            seen.own.as_ref()?;
        }
        for other in found.iter().filter(|found| **found != own) {
            if let Err(error) = remove_dead(disk, other) {
                tracing::debug!(marker = %other, %error, "the marker of a writer stays");
            }
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Marker ===

impl Marker {
    /// Locked before it can be found: who finds it without a lock may remove it.
    fn place(disk: &Disk) -> io::Result<Self> {
        let (tmp, writers) = (HIDDEN.tmp(), HIDDEN.writers());
        let (from, to) = (disk.make_folder(&tmp)?, disk.make_folder(&writers)?);
        let name = Uuid::new_v4().to_string();
        let at = |folder: &StoragePath| folder.join(&name).map_err(io::Error::other);
        let (hidden, seen) = (at(&tmp)?, at(&writers)?);
        let file = disk.create_untraced(from.spot(&hidden)?)?;
        let locked = file.try_lock().is_ok();
        disk.rename_untraced(from.spot(&hidden)?, to.spot(&seen)?)?;
        Ok(Self { name, locked: locked.then_some(file) })
    }
}

/// Removes a marker that nobody holds any more.
fn remove_dead(disk: &Disk, name: &str) -> io::Result<()> {
    let marker = HIDDEN.writers().join(name).map_err(io::Error::other)?;
    match disk.read(&marker)?.try_lock() {
        Ok(()) => disk.unlink_untraced(&marker),
        Err(TryLockError::WouldBlock) => Ok(()),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
