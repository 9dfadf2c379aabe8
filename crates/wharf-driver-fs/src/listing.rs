//! The names of folders, kept while they are certain to be current.
//!
//! The modification time of a folder tells of changes, but it has the grain of a timer tick: of two
//! changes in one tick it shows only the first. Names that were read when their folder had rested for
//! some seconds are therefore *certain* for as long as the time stays the same, whoever writes.
//!
//! A change of our own moves the time by our own hand. It is made between two looks at the time, one
//! at a time in each folder, and what it did is remembered beside the names. If the first look finds
//! the time that is known, nothing came in between that the time can show. What it cannot show is a
//! change by others in the very ticks in which we change the folder ourselves. So such names count
//! only
//!
//! - while no other driver has written below the root since they were known ([`crate::writers`]), and
//! - for a few seconds, after which the folder is read anew. That bounds what a program can do that
//!   writes without a driver, and so without saying so.

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use moka::sync::Cache;
use wharf_driver::{EntryKind, ListRequest, Listing, StoragePath};

use crate::{
    disk::Disk,
    folder::OpenFolder,
    identity::{Identity, Seen},
    names::{Names, select},
};

mod known;

use self::known::{Change, Known, LEASE, State, Trust};

/// Remembers what folders hold, so that a page costs a page and not the folder.
#[derive(Debug)]
pub(crate) struct Listings {
    /// The folders that somebody keeps or works on: never two for the same one.
    folders: Arc<Folders>,
    kept: Cache<Identity, Kept>,
    room: u64,
    scans: AtomicU64,
}

type Folders = Mutex<HashMap<Identity, Weak<Folder>>>;

#[derive(Clone, Debug)]
struct Kept {
    folder: Arc<Folder>,
    weight: u32,
}

#[derive(Debug)]
struct Folder {
    identity: Identity,
    folders: Arc<Folders>,
    /// Held by who reads the folder; the others wait for what it finds.
    scanning: Mutex<()>,
    state: Mutex<State>,
}

/// How long a folder must have rested.
const REST: Duration = Duration::from_secs(2);
/// Of the time, no more than one part in so many goes into reading a folder again and again.
const SHARE: u32 = 20;
/// What a folder weighs itself, in names.
const OVERHEAD: usize = 16;

// === impl Listings ===

impl Listings {
    /// Remembers at most `names`, over all folders.
    pub(crate) fn new(names: u64) -> Self {
        Self {
            folders: Arc::default(),
            kept: Cache::builder()
                .max_capacity(names)
                .weigher(|_, kept: &Kept| kept.weight)
                .build(),
            room: names.saturating_sub(OVERHEAD as u64),
            scans: AtomicU64::new(0),
        }
    }

    /// How often a folder was read.
    pub(crate) fn scans(&self) -> u64 {
        self.scans.load(Ordering::Relaxed)
    }

    /// One page of a folder.
    pub(crate) fn page(
        &self,
        disk: &Disk,
        path: &StoragePath,
        request: ListRequest<'_>,
    ) -> io::Result<Listing> {
        let asked = Instant::now();
        let open = disk.folder(path)?;
        let folder = self.folder(open.identity()?);
        if let Some(page) = folder.page(disk, &open, asked, request)? {
            return Ok(page);
        }
        let _scanning = lock(&folder.scanning);
        if let Some(page) = folder.page(disk, &open, asked, request)? {
            return Ok(page);
        }
        self.scans.fetch_add(1, Ordering::Relaxed);
        let Some((page, count)) = folder.read(disk, path, &open, self.room, request)? else {
            return select(disk, path, &open, request);
        };
        let weight = count.saturating_add(OVERHEAD).try_into().unwrap_or(u32::MAX);
        self.kept.insert(folder.identity, Kept { folder: Arc::clone(&folder), weight });
        Ok(page)
    }

    /// One page of a folder that was just seen, if its names are certain and nothing has to be waited
    /// for.
    pub(crate) fn page_now(&self, seen: Seen, request: ListRequest<'_>) -> Option<Listing> {
        let kept = self.kept.get(&seen.identity)?;
        let state = kept.folder.state.try_lock().ok()?;
        let known = state.known.as_ref()?;
        let counts = matches!(known.trust, Trust::Certain) && known.since.modified == seen.modified;
        counts.then(|| known.names.page(&known.since.changes, request))
    }

    /// Makes one change to an open folder: gives `name` to what is `now` there, or takes it away.
    pub(crate) fn change<T>(
        &self,
        disk: &Disk,
        open: &OpenFolder,
        (name, now): (&str, Option<EntryKind>),
        act: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let folder = self.folder(open.identity()?);
        let mut state = lock(&folder.state);
        if !state.is_followed() {
            return act();
        }
        let age = if state.is_certain() { disk.alone() } else { None };
        let before = Seen::of(open)?.modified;
        let done = act();
        match (&done, Seen::of(open)) {
            (Ok(_), Ok(Seen { modified: after, .. })) => {
                state.record(&Change { name, now, before, after }, age);
            }
            (Err(error), _) if changes_nothing(error) => {}
            _ => state.forget(),
        }
        done
    }

    /// Says that something in an open folder has changed.
    pub(crate) fn forget(&self, open: &OpenFolder) -> io::Result<()> {
        lock(&self.folder(open.identity()?).state).forget();
        Ok(())
    }

    fn folder(&self, identity: Identity) -> Arc<Folder> {
        if let Some(kept) = self.kept.get(&identity) {
            return kept.folder;
        }
        let mut folders = lock(&self.folders);
        if let Some(folder) = folders.get(&identity).and_then(Weak::upgrade) {
            return folder;
        }
        let folder = Arc::new(Folder {
            identity,
            folders: Arc::clone(&self.folders),
            scanning: Mutex::default(),
            state: Mutex::default(),
        });
        folders.insert(identity, Arc::downgrade(&folder));
        folder
    }
}

// === impl Folder ===

impl Folder {
    /// A page of what is known, if it counts for who asked then.
    fn page(
        &self,
        disk: &Disk,
        open: &OpenFolder,
        asked: Instant,
        request: ListRequest<'_>,
    ) -> io::Result<Option<Listing>> {
        let state = lock(&self.state);
        let Some(known) = &state.known else {
            return Ok(None);
        };
        // What was read after somebody asked is an answer, whatever happened later.
        let counts = known.read > asked
            || known.since.modified == Seen::of(open)?.modified
                && match known.trust {
                    Trust::Certain => true,
                    Trust::Alone { age, until } => {
                        Instant::now() < until && disk.alone() == Some(age)
                    }
                    Trust::Never => false,
                };
        Ok(counts.then(|| known.names.page(&known.since.changes, request)))
    }

    /// Reads and remembers all names; gives a page, and how many there are. `None` if they are more
    /// than `room`.
    fn read(
        &self,
        disk: &Disk,
        path: &StoragePath,
        open: &OpenFolder,
        room: u64,
        request: ListRequest<'_>,
    ) -> io::Result<Option<(Listing, usize)>> {
        let age = disk.alone();
        let modified = lock(&self.state).begin(open)?;
        let read = Instant::now();
        let rested = modified.checked_add(REST).is_some_and(|rested| rested <= SystemTime::now());
        let names = Names::read(disk, path, open, room);
        let mut state = lock(&self.state);
        let since = state.meanwhile.take();
        let (Some(names), Some(since)) = (names?, since) else {
            return Ok(None);
        };
        let trust = match age {
            _ if !since.unbroken => Trust::Never,
            _ if rested && since.changes.is_empty() => Trust::Certain,
            Some(age) => Trust::Alone { age, until: read + LEASE.max(read.elapsed() * SHARE) },
            None => Trust::Never,
        };
        let (page, count) = (names.page(&since.changes, request), names.len());
        state.known = Some(Known { names, since, read, trust });
        Ok(Some((page, count)))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let mut folders = lock(&self.folders);
        // Somebody may have come for the same folder already.
        if folders.get(&self.identity).is_some_and(|folder| folder.strong_count() == 0) {
            folders.remove(&self.identity);
        }
    }
}

/// Whether a step that failed so has certainly left the folder as it was.
fn changes_nothing(error: &io::Error) -> bool {
    use io::ErrorKind::{AlreadyExists, IsADirectory, NotADirectory, NotFound, Unsupported};

    matches!(error.kind(), AlreadyExists | IsADirectory | NotADirectory | NotFound | Unsupported)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
