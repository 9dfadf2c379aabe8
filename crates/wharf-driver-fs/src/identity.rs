//! Which folder something is, and when it was last changed.

use std::{
    fs::{File, Metadata},
    io,
    os::{fd::AsFd, unix::fs::MetadataExt},
    sync::OnceLock,
    time::SystemTime,
};

/// Tells a folder from one that was made later under the same name. Inode numbers are used again
/// soon, birth times are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
    born: Option<SystemTime>,
}

/// Which file or folder an open one is, found out once.
#[derive(Debug, Default)]
pub(crate) struct Recognised(OnceLock<Identity>);

/// A folder at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) identity: Identity,
    pub(crate) modified: SystemTime,
}

// === impl Identity ===

impl Identity {
    pub(crate) fn of(folder: impl AsFd) -> io::Result<Self> {
        Ok(Seen::of(folder)?.identity)
    }

    /// Whether both are on the same file system.
    pub(crate) fn is_beside(&self, other: &Self) -> bool {
        self.device == other.device
    }
}

// === impl Recognised ===

impl Recognised {
    /// Has to be asked about the same one each time.
    pub(crate) fn as_of(&self, open: impl AsFd) -> io::Result<Identity> {
        if let Some(known) = self.0.get() {
            return Ok(*known);
        }
        let identity = Identity::of(open)?;
        Ok(*self.0.get_or_init(|| identity))
    }
}

// === impl Seen ===

impl Seen {
    /// What is open.
    pub(crate) fn of(folder: impl AsFd) -> io::Result<Self> {
        let folder = folder.as_fd();
        match system::of(folder) {
            Some(seen) => Ok(seen),
            None => Self::from_metadata(&File::from(folder.try_clone_to_owned()?).metadata()?),
        }
    }

    /// What lies below a folder, if it is a folder itself and no symlink. Its inode may have to be
    /// read from the disk.
    pub(crate) fn below(folder: &File, name: &str) -> rustix::io::Result<Self> {
        system::below(folder, name)
    }

    fn from_metadata(metadata: &Metadata) -> io::Result<Self> {
        let identity = Identity {
            device: metadata.dev(),
            inode: metadata.ino(),
            born: metadata.created().ok(),
        };
        Ok(Self { identity, modified: metadata.modified()? })
    }
}

/// All of it in one system call.
#[cfg(target_os = "linux")]
mod system {
    use std::{
        fs::File,
        os::fd::BorrowedFd,
        time::{Duration, SystemTime},
    };

    use rustix::{
        fs::{AtFlags, FileType, Statx, StatxFlags, StatxTimestamp, makedev, statx},
        io::{Errno, Result},
    };

    use super::{Identity, Seen};

    const WANTED: StatxFlags =
        StatxFlags::TYPE.union(StatxFlags::INO).union(StatxFlags::MTIME).union(StatxFlags::BTIME);

    /// `None` where there is no statx(2), or it says too little.
    pub(super) fn of(folder: BorrowedFd<'_>) -> Option<Seen> {
        seen(&statx(folder, c"", AtFlags::EMPTY_PATH, WANTED).ok()?)
    }

    pub(super) fn below(folder: &File, name: &str) -> Result<Seen> {
        let flags = AtFlags::SYMLINK_NOFOLLOW.union(AtFlags::NO_AUTOMOUNT);
        let found = statx(folder, name, flags, WANTED)?;
        match FileType::from_raw_mode(found.stx_mode.into()) {
            FileType::Directory => seen(&found).ok_or(Errno::NOSYS),
            _ => Err(Errno::NOTDIR),
        }
    }

    fn seen(found: &Statx) -> Option<Seen> {
        let known = StatxFlags::from_bits_retain(found.stx_mask);
        let born = known.contains(StatxFlags::BTIME).then(|| time(&found.stx_btime));
        let identity = Identity {
            device: makedev(found.stx_dev_major, found.stx_dev_minor),
            inode: found.stx_ino,
            born: born.flatten(),
        };
        known.contains(StatxFlags::MTIME).then_some(())?;
        Some(Seen { identity, modified: time(&found.stx_mtime)? })
    }

    /// `None` before the year 1970.
    fn time(time: &StatxTimestamp) -> Option<SystemTime> {
        let seconds = u64::try_from(time.tv_sec).ok()?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, time.tv_nsec))
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::{fs::File, os::fd::BorrowedFd};

    use rustix::io::{Errno, Result};

    use super::Seen;

    pub(super) fn of(_: BorrowedFd<'_>) -> Option<Seen> {
        None
    }

    pub(super) fn below(_: &File, _: &str) -> Result<Seen> {
        Err(Errno::NOSYS)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn all_ways_to_see_a_folder_agree() {
        let root = tempfile::tempdir().expect("a folder");
        let path = root.path().join("a/b");
        fs::create_dir_all(&path).expect("there is room");
        let slow =
            Seen::from_metadata(&path.metadata().expect("it is there")).expect("it has times");
        let open = File::open(&path).expect("it is there");
        assert_eq!(Seen::of(&open).expect("it is there"), slow);
        let above = File::open(root.path()).expect("it is there");
        if cfg!(target_os = "linux") {
            assert_eq!(Seen::below(&above, "a/b").expect("it is there"), slow);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn only_folders_are_seen_below() {
        use rustix::io::Errno;

        let root = tempfile::tempdir().expect("a folder");
        fs::write(root.path().join("file"), "").expect("there is room");
        std::os::unix::fs::symlink("/", root.path().join("link")).expect("there is room");
        let above = File::open(root.path()).expect("it is there");
        for (name, error) in
            [("file", Errno::NOTDIR), ("link", Errno::NOTDIR), ("absent", Errno::NOENT)]
        {
            assert_eq!(Seen::below(&above, name), Err(error), "{name}");
        }
    }
}
