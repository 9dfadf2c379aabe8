//! Files that are read again when they change.

use std::{
    fs::{self, File},
    hash::{DefaultHasher, Hasher as _},
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime},
};

/// A file, and what was read from it last.
pub(crate) struct Watched<T> {
    path: PathBuf,
    read: Read<T>,
    current: RwLock<Current<T>>,
    /// Held by whoever reads the file.
    reading: Mutex<()>,
    opened: Instant,
    /// When the file was looked at last, in milliseconds since it was opened.
    looked: AtomicU64,
}

/// Makes something of the content of a file.
type Read<T> = fn(&Path, &[u8]) -> Result<T, String>;

struct Current<T> {
    value: Arc<T>,
    /// Grows with every change.
    generation: u64,
    stamp: Option<Stamp>,
    read_at: Instant,
    /// Tells whether the content has changed.
    content: u64,
    /// Why the file as it is now cannot be used.
    problem: Option<String>,
}

/// What changes when a file is replaced or written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    /// Whether the file had been at rest: a later write of the same size within one tick of the
    /// file system's clock would leave the same times.
    settled: bool,
}

/// What a file holds now.
pub(crate) struct Seen<T> {
    pub(crate) value: Arc<T>,
    #[cfg_attr(not(feature = "token"), allow(dead_code, reason = "rules are not remembered"))]
    pub(crate) generation: u64,
    /// Why the file as it is now cannot be used; the value is an older one then.
    #[cfg_attr(
        not(feature = "htpasswd"),
        allow(dead_code, reason = "older keys and rules are kept")
    )]
    pub(crate) problem: Option<String>,
}

/// No file that is read here is larger, in bytes.
const LARGEST: u64 = 16 << 20;

/// How long a file has to be left alone before its times tell every change.
const AT_REST: Duration = Duration::from_secs(2);

/// How often a file that is not at rest is read, at most.
const AGAIN: Duration = Duration::from_millis(20);

/// For how long a look at a file counts: many requests in a row take one.
const LOOK: Duration = Duration::from_millis(10);

// === impl Watched ===

impl<T> Watched<T> {
    /// Reads the file for the first time. The error names it.
    pub(crate) fn open(path: &Path, read: Read<T>) -> Result<Self, String> {
        let stamp = Stamp::of(path);
        let (value, content) = load(path, read)?;
        let current = Current {
            value: Arc::new(value),
            content,
            generation: 0,
            stamp,
            read_at: Instant::now(),
            problem: None,
        };
        Ok(Self {
            path: path.to_owned(),
            read,
            current: RwLock::new(current),
            reading: Mutex::new(()),
            opened: Instant::now(),
            looked: AtomicU64::new(0),
        })
    }

    /// What the file holds now: a look at its times, unless there was one a moment ago, and a read if
    /// they have changed. A file that cannot be used leaves the older value, and says why once in the log.
    pub(crate) fn now(&self) -> Seen<T> {
        self.look();
        self.seen()
    }

    /// Whether the file can be used now, and is of this generation.
    #[cfg_attr(
        not(feature = "htpasswd"),
        allow(dead_code, reason = "nothing that depends on one file is remembered")
    )]
    pub(crate) fn is_of(&self, generation: u64) -> bool {
        self.look();
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.generation == generation && current.problem.is_none()
    }

    fn look(&self) {
        let now = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        let before = self.looked.load(Relaxed);
        if before != 0 && now.saturating_sub(before) < LOOK.as_millis() as u64 {
            return;
        }
        self.look_closely();
        // Only what was seen counts as looked at: nobody goes by an older look meanwhile.
        self.looked.store(now, Relaxed);
    }

    fn look_closely(&self) {
        let stamp = Stamp::of(&self.path);
        if self.is_current(stamp) {
            return;
        }
        let _reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = Stamp::of(&self.path);
        if !self.is_current(stamp) {
            self.reload(stamp);
        }
    }

    fn is_current(&self, stamp: Option<Stamp>) -> bool {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let same = current.stamp == stamp;
        match current.stamp {
            Some(stamp) if !stamp.settled => same && current.read_at.elapsed() < AGAIN,
            _ => same,
        }
    }

    fn reload(&self, stamp: Option<Stamp>) {
        let loaded = load(&self.path, self.read);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        (current.stamp, current.read_at) = (stamp, Instant::now());
        match loaded {
            Ok((value, content)) => {
                if current.content != content {
                    current.value = Arc::new(value);
                    current.content = content;
                    current.generation += 1;
                }
                if current.problem.take().is_some() {
                    tracing::info!("{} can be used again", self.path.display());
                }
            }
            Err(problem) => {
                if current.problem.as_ref() != Some(&problem) {
                    tracing::error!("{problem}");
                }
                current.problem = Some(problem);
            }
        }
    }

    fn seen(&self) -> Seen<T> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Seen {
            value: Arc::clone(&current.value),
            generation: current.generation,
            problem: current.problem.clone(),
        }
    }
}

/// The value of a file, and a hash of its content.
fn load<T>(path: &Path, read: Read<T>) -> Result<(T, u64), String> {
    let content =
        contents(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let mut hasher = DefaultHasher::new();
    hasher.write(&content);
    Ok((read(path, &content)?, hasher.finish()))
}

fn contents(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut content)?;
    if content.len() as u64 > LARGEST {
        return Err(io::Error::other(format!("it is larger than {LARGEST} bytes")));
    }
    Ok(content)
}

// === impl Stamp ===

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        let age = metadata.modified().ok().and_then(|at| SystemTime::now().duration_since(at).ok());
        Some(Self {
            file: (metadata.dev(), metadata.ino()),
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            settled: age.is_some_and(|age| age > AT_REST),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &Path, content: &[u8]) -> Result<String, String> {
        let text = String::from_utf8(content.to_vec());
        text.map_err(|_| format!("{} is no text", path.display()))
    }

    #[track_caller]
    fn becomes(watched: &Watched<String>, expected: &str) -> Seen<String> {
        for _ in 0..500 {
            let seen = watched.now();
            if *seen.value == expected {
                return seen;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("it never becomes {expected}");
    }

    #[test]
    fn a_file_is_read_again_when_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert!(Watched::open(&path, text).err().unwrap().contains("file"));
        fs::write(&path, "one").unwrap();
        let watched = Watched::open(&path, text).unwrap();
        assert_eq!(*watched.now().value, "one");
        // The same size, and within one tick of a coarse clock.
        fs::write(&path, "two").unwrap();
        becomes(&watched, "two");
        fs::write(&path, [0xff]).unwrap();
        std::thread::sleep(LOOK * 2);
        let broken = watched.now();
        assert!(broken.problem.is_some());
        assert_eq!(*broken.value, "two");
        fs::remove_file(&path).unwrap();
        std::thread::sleep(LOOK * 2);
        assert!(watched.now().problem.unwrap().contains("cannot read"));
        fs::write(&path, "three").unwrap();
        let seen = becomes(&watched, "three");
        assert!(seen.problem.is_none() && seen.generation >= 2);
    }
}
