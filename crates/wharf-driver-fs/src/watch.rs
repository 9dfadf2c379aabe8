//! Folders of which the kernel tells when they change.
//!
//! Whether what was read is still there can be seen by opening and reading it again, each time. Where the
//! kernel tells of changes, as Linux does by inotify(7), one look into its queue does for any number of
//! files: it has an event in the queue before whoever made the change goes on. So what has not been told
//! has not happened yet.
//!
//! - A folder is watched for what happens in it, and every folder above it, the root included, for the ways
//!   by which a path comes to lead elsewhere: that one is moved, or removed, or that another one takes its
//!   place. The root itself is open, so that it is the same wherever it goes.
//! - Watches are set from above to below, and each of them twice: that the kernel gives the same number
//!   both times shows that the path led to this folder when all above it were watched already.
//! - If a folder is moved, what was known of it and of all below it counts no longer, and nothing else: who
//!   pushes removes a folder each time by moving it away. If events were lost, nothing counts any more.

mod kernel;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use wharf_driver::StoragePath;

use self::kernel::{Event, Queue, What};
use crate::disk::Disk;

/// The folders that are watched below a root.
#[derive(Debug)]
pub(crate) struct Watches {
    /// None where the kernel tells nothing.
    queue: Option<Queue>,
    folders: Mutex<Folders>,
    /// How many threads have taken events out of the queue and may not have acted on them.
    hearing: AtomicUsize,
    /// How often all that was known came to count no longer.
    epoch: AtomicU64,
    gone: Arc<Gone>,
}

/// Everything that was told until a moment has been heard.
pub(crate) struct Heard<'a>(&'a Watches);

/// A moment since which a folder is watched.
#[derive(Clone, Debug)]
pub(crate) struct Since {
    folder: Arc<Folder>,
    changes: u64,
    epoch: u64,
}

#[derive(Debug, Default)]
struct Folders {
    by_path: HashMap<StoragePath, Weak<Folder>>,
    /// By the kernel's number, with our own.
    by_watch: HashMap<i32, (u64, Weak<Folder>)>,
    last: u64,
}

/// A folder that is watched for as long as somebody has a [`Since`] of it or of one below it.
#[derive(Debug)]
struct Folder {
    watch: i32,
    id: u64,
    epoch: u64,
    path: StoragePath,
    /// Whether it is watched for what happens in it.
    inside: AtomicBool,
    changes: AtomicU64,
    /// Whether its path leads there no longer, nor those of what is below it.
    moved: AtomicBool,
    above: Option<Arc<Folder>>,
    gone: Arc<Gone>,
}

/// Folders that nobody needs watched any more.
#[derive(Debug, Default)]
struct Gone(Mutex<Vec<(i32, u64, StoragePath)>>);

// === impl Watches ===

impl Watches {
    /// Watches nothing yet; nothing ever if the kernel gives no queue.
    pub(crate) fn new() -> Self {
        Self { queue: Queue::new(), ..Self::never() }
    }

    /// Never watches anything.
    pub(crate) fn never() -> Self {
        Self {
            queue: None,
            folders: Mutex::default(),
            hearing: AtomicUsize::new(0),
            epoch: AtomicU64::new(0),
            gone: Arc::default(),
        }
    }

    /// Hears what the kernel has told; `None` if it tells nothing.
    pub(crate) fn hear(&self) -> Option<Heard<'_>> {
        let queue = self.queue.as_ref()?;
        // Whoever empties the queue says so before and until it has acted: in this order, nothing is missed.
        if !queue.is_empty() || self.hearing.load(Ordering::SeqCst) != 0 {
            let mut folders = lock(&self.folders);
            self.hearing.fetch_add(1, Ordering::SeqCst);
            let whole = queue.take(|event| self.act(&mut folders, event));
            if !whole {
                self.start_anew(&mut folders);
            }
            self.hearing.fetch_sub(1, Ordering::SeqCst);
        }
        Some(Heard(self))
    }

    /// Watches a folder from here on. `None` if it cannot be watched, or is not there, or lies behind a
    /// symlink, or if the kernel would have to wait for a disk.
    pub(crate) fn since(&self, disk: &Disk, folder: &StoragePath) -> Option<Since> {
        let queue = self.queue.as_ref().filter(|queue| queue.is_willing())?;
        let mut folders = lock(&self.folders);
        self.give_back(queue, &mut folders);
        let epoch = self.epoch.load(Ordering::SeqCst);
        let folder = self.watch(queue, &mut folders, disk, folder, true)?;
        Some(Since { changes: folder.changes.load(Ordering::SeqCst), folder, epoch })
    }

    /// How many folders are watched, for tests.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        let mut folders = lock(&self.folders);
        if let Some(queue) = &self.queue {
            self.give_back(queue, &mut folders);
        }
        folders.by_watch.len()
    }

    fn watch(
        &self,
        queue: &Queue,
        folders: &mut Folders,
        disk: &Disk,
        path: &StoragePath,
        inside: bool,
    ) -> Option<Arc<Folder>> {
        if let Some(known) = folders.by_path.get(path).and_then(Weak::upgrade)
            && known.is_there()
            && (known.inside.load(Ordering::Relaxed) || !inside)
        {
            return Some(known);
        }
        let above = match path.parent() {
            Some(parent) => Some(self.watch(queue, folders, disk, &parent, false)?),
            None => None,
        };
        let watch = self.number(queue, folders, disk, path, inside)?;
        let epoch = self.epoch.load(Ordering::SeqCst);
        let known = folders.by_watch.get(&watch).and_then(|(_, known)| known.upgrade());
        let folder = match known.filter(|known| known.epoch == epoch && known.is_there()) {
            Some(known) if known.path == *path => known,
            // It was moved here, which has not been heard yet.
            Some(_) => {
                self.start_anew(folders);
                return None;
            }
            None => {
                folders.last += 1;
                let (id, path, gone) = (folders.last, path.clone(), Arc::clone(&self.gone));
                let (inside, changes) = (AtomicBool::new(inside), AtomicU64::new(0));
                let moved = AtomicBool::new(false);
                Arc::new(Folder { watch, id, epoch, path, inside, changes, moved, above, gone })
            }
        };
        folder.inside.fetch_or(inside, Ordering::Relaxed);
        let weak = Arc::downgrade(&folder);
        folders.by_path.insert(path.clone(), weak.clone());
        folders.by_watch.insert(watch, (folder.id, weak));
        Some(folder)
    }

    /// The kernel's number of the folder that a path leads to, while all above it are watched.
    fn number(
        &self,
        queue: &Queue,
        folders: &Folders,
        disk: &Disk,
        path: &StoragePath,
        inside: bool,
    ) -> Option<i32> {
        let watch = || queue.watch(&disk.folder_itself_now(path).ok()?, inside);
        let (first, second) = (watch(), watch());
        if first != second {
            let unknown = |number: &i32| !folders.by_watch.contains_key(number);
            first
                .into_iter()
                .chain(second)
                .filter(unknown)
                .for_each(|number| queue.unwatch(number));
            return None;
        }
        first
    }

    fn act(&self, folders: &mut Folders, event: Event<'_>) {
        let Some(folder) = folders.by_watch.get(&event.watch).and_then(|(_, it)| it.upgrade())
        else {
            return;
        };
        match event.what {
            What::Moved => folder.moved.store(true, Ordering::SeqCst),
            What::Changed => {
                folder.changes.fetch_add(1, Ordering::SeqCst);
                // A folder that was removed, or whose place another one has taken.
                if let Some(path) = event.folder.and_then(|name| folder.path.join(name).ok())
                    && let Some(below) = folders.by_path.remove(&path).and_then(|it| it.upgrade())
                {
                    below.changes.fetch_add(1, Ordering::SeqCst);
                }
            }
        }
    }

    fn start_anew(&self, folders: &mut Folders) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        folders.by_path.clear();
    }

    /// Ends the watches that nobody needs, unless somebody else has come to need them.
    fn give_back(&self, queue: &Queue, folders: &mut Folders) {
        let gone = std::mem::take(&mut *lock(&self.gone.0));
        for (watch, id, path) in gone {
            if folders.by_watch.get(&watch).is_some_and(|(known, _)| *known == id) {
                folders.by_watch.remove(&watch);
                queue.unwatch(watch);
            }
            if folders.by_path.get(&path).is_some_and(|known| known.strong_count() == 0) {
                folders.by_path.remove(&path);
            }
        }
    }
}

// === impl Heard ===

impl Heard<'_> {
    /// Whether nothing has changed in a folder, nor on the way to it.
    pub(crate) fn is_same(&self, since: &Since) -> bool {
        since.epoch == self.0.epoch.load(Ordering::SeqCst)
            && since.changes == since.folder.changes.load(Ordering::SeqCst)
            && since.folder.is_there()
    }
}

// === impl Folder ===

impl Folder {
    /// Whether neither it nor any folder above it was moved.
    fn is_there(&self) -> bool {
        !self.moved.load(Ordering::SeqCst) && self.above.as_deref().is_none_or(Self::is_there)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Whoever lets go of it may hold the lock of the folders.
        lock(&self.gone.0).push((self.watch, self.id, self.path.clone()));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::Options;

    fn path(text: &str) -> StoragePath {
        StoragePath::parse(text).expect("a path")
    }

    /// A root with some folders, and what watches it, unless the kernel does not tell.
    fn watched(folders: &[&str]) -> Option<(tempfile::TempDir, Disk, Watches)> {
        let root = tempfile::tempdir().expect("there is room");
        for folder in folders {
            fs::create_dir_all(root.path().join(folder)).expect("there is room");
        }
        let disk = Disk::open(root.path(), &Options::default()).expect("it can be opened");
        if !disk.kernel.is_able() {
            eprintln!("skipped: the kernel cannot be asked not to wait here");
            return None;
        }
        Some((root, disk, Watches::new()))
    }

    fn is_same(watches: &Watches, since: &Since) -> bool {
        watches.hear().expect("it tells").is_same(since)
    }

    #[test]
    fn what_nobody_needs_is_not_watched() {
        let Some((_root, disk, watches)) = watched(&["a/b/c", "a/d"]) else { return };
        let deep = watches.since(&disk, &path("a/b/c")).expect("it can be watched");
        assert_eq!(watches.count(), 4);
        let wide = watches.since(&disk, &path("a/d")).expect("it can be watched");
        assert_eq!(watches.count(), 5);
        drop(deep);
        assert_eq!(watches.count(), 3);
        drop(wide);
        assert_eq!(watches.count(), 0);
    }

    #[test]
    fn a_folder_stays_watched_for_those_below_it() {
        let Some((root, disk, watches)) = watched(&["a/b"]) else { return };
        let below = watches.since(&disk, &path("a/b")).expect("it can be watched");
        let above = watches.since(&disk, &path("a")).expect("it can be watched");
        drop(above);
        assert_eq!(watches.count(), 3);
        assert!(is_same(&watches, &below));
        fs::rename(root.path().join("a"), root.path().join("c")).expect("it is moved");
        assert!(!is_same(&watches, &below));
    }

    #[test]
    fn what_happens_in_one_folder_does_not_concern_another() {
        let Some((root, disk, watches)) = watched(&["a/b", "a/c"]) else { return };
        let [b, c] = ["a/b", "a/c"].map(|it| watches.since(&disk, &path(it)).expect("watched"));
        fs::write(root.path().join("a/b/file"), "x").expect("there is room");
        assert!(!is_same(&watches, &b));
        assert!(is_same(&watches, &c));
        fs::write(root.path().join("a/file"), "x").expect("there is room");
        fs::remove_file(root.path().join("a/file")).expect("it is there");
        assert!(is_same(&watches, &c));
        fs::remove_dir(root.path().join("a/c")).expect("it is empty");
        assert!(!is_same(&watches, &c));
    }

    /// Whoever has it open keeps the kernel from telling that it is gone.
    #[test]
    fn a_folder_that_was_made_anew_is_not_taken_for_the_one_that_was_removed() {
        let Some((root, disk, watches)) = watched(&["a/b"]) else { return };
        let path_of = |name: &str| root.path().join(name);
        let old = watches.since(&disk, &path("a/b")).expect("it can be watched");
        let _open = fs::File::open(path_of("a")).expect("it is there");
        fs::remove_dir_all(path_of("a")).expect("it is there");
        fs::create_dir_all(path_of("a/b")).expect("there is room");
        assert!(!is_same(&watches, &old));
        let new = watches.since(&disk, &path("a/b")).expect("it can be watched");
        assert!(is_same(&watches, &new));
        fs::rename(path_of("a"), path_of("c")).expect("it is moved");
        assert!(!is_same(&watches, &new));
    }

    #[test]
    fn a_folder_that_is_moved_takes_along_what_is_below_it_and_nothing_else() {
        let Some((root, disk, watches)) = watched(&["a/b/c", "a/d", "e/f"]) else { return };
        let since = |at: &str| watches.since(&disk, &path(at)).expect("it can be watched");
        let path_of = |name: &str| root.path().join(name);
        let [deep, near, far, whole] = ["a/b/c", "a/d", "e/f", "a"].map(since);
        fs::rename(path_of("a/b"), path_of("g")).expect("it is moved");
        assert!(!is_same(&watches, &deep));
        assert!(is_same(&watches, &near) && is_same(&watches, &far));
        assert!(!is_same(&watches, &whole), "it holds less now");
        fs::rename(path_of("g"), path_of("a/b")).expect("it is moved back");
        assert!(!is_same(&watches, &deep), "it may have changed meanwhile");
        let again = since("a/b/c");
        assert!(is_same(&watches, &again));
        drop((deep, near));
        fs::rename(path_of("a"), path_of("g")).expect("it is moved");
        assert!(!is_same(&watches, &again) && is_same(&watches, &far));
        drop((again, whole));
        assert_eq!(watches.count(), 3);
    }

    /// The kernel has one number for it.
    #[test]
    fn a_folder_that_was_moved_is_not_taken_for_the_one_at_its_old_path() {
        let Some((root, disk, watches)) = watched(&["a", "b"]) else { return };
        let old = watches.since(&disk, &path("a")).expect("it can be watched");
        fs::rename(root.path().join("a"), root.path().join("c")).expect("it is moved");
        fs::rename(root.path().join("b"), root.path().join("a")).expect("it is moved");
        let new: Vec<_> = ["c", "a"].iter().map(|it| watches.since(&disk, &path(it))).collect();
        assert!(!is_same(&watches, &old));
        assert!(new.iter().flatten().all(|since| !is_same(&watches, since)), "too early to tell");
        let [a, c] = ["a", "c"].map(|it| watches.since(&disk, &path(it)).expect("watched"));
        drop((old, new));
        assert_eq!(watches.count(), 3);
        fs::write(root.path().join("a/file"), "x").expect("there is room");
        assert!(!is_same(&watches, &a));
        assert!(is_same(&watches, &c));
    }
}
