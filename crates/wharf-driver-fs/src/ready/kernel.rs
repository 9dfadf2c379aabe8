//! What the kernel does without waiting for a disk, where it can.

#[cfg(target_os = "linux")]
pub(crate) use linux::{is_able, open, open_itself, read};
#[cfg(not(target_os = "linux"))]
pub(crate) use other::{is_able, open, open_itself, read};

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        fs::File,
        io::IoSliceMut,
        os::fd::{AsFd, OwnedFd},
    };

    use rustix::{
        fs::{FsWord, Mode, OFlags, ResolveFlags, fstatfs, openat2},
        io::{Errno, ReadWriteFlags, Result, preadv2},
    };

    /// No name that has to be read from the disk, and none on another file system, of which we do
    /// not know whether it is like the root's.
    const CACHED: ResolveFlags = ResolveFlags::BENEATH
        .union(ResolveFlags::NO_MAGICLINKS)
        .union(ResolveFlags::NO_XDEV)
        .union(ResolveFlags::CACHED);

    /// File systems on which opening a file that was looked up, and describing it, is a matter of
    /// memory. Others may ask a server or another process: that nothing waits is a promise about the
    /// lookup only.
    const LOCAL: &[FsWord] = &[
        0xef53,      // ext2, ext3, ext4
        0x5846_5342, // xfs
        0x9123_683e, // btrfs
        0xf2f5_2010, // f2fs
        0xca45_1a4e, // bcachefs
        0x0102_1994, // tmpfs
    ];

    /// Whether a root lies on such a file system, and the kernel knows the question.
    pub(crate) fn is_able(root: &OwnedFd) -> bool {
        let local = fstatfs(root).is_ok_and(|found| LOCAL.contains(&found.f_type));
        let known =
            matches!(open(root, ".", OFlags::PATH | OFlags::CLOEXEC), Ok(_) | Err(Errno::AGAIN));
        local && known
    }

    /// Opens what is beneath a root.
    pub(crate) fn open(root: impl AsFd, name: &str, flags: OFlags) -> Result<OwnedFd> {
        openat2(root, name, flags, Mode::empty(), CACHED)
    }

    /// The same if no symlink leads there.
    pub(crate) fn open_itself(root: impl AsFd, name: &str, flags: OFlags) -> Result<OwnedFd> {
        openat2(root, name, flags, Mode::empty(), CACHED.union(ResolveFlags::NO_SYMLINKS))
    }

    /// Reads what is in memory, perhaps less than there is room for.
    pub(crate) fn read(file: &File, buffer: &mut [u8], offset: u64) -> Result<usize> {
        preadv2(file, &mut [IoSliceMut::new(buffer)], offset, ReadWriteFlags::NOWAIT)
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use std::{
        fs::File,
        os::fd::{AsFd, OwnedFd},
    };

    use rustix::{
        fs::OFlags,
        io::{Errno, Result},
    };

    pub(crate) fn is_able(_: &OwnedFd) -> bool {
        false
    }

    pub(crate) fn open(_: impl AsFd, _: &str, _: OFlags) -> Result<OwnedFd> {
        Err(Errno::NOSYS)
    }

    pub(crate) fn open_itself(_: impl AsFd, _: &str, _: OFlags) -> Result<OwnedFd> {
        Err(Errno::NOSYS)
    }

    pub(crate) fn read(_: &File, _: &mut [u8], _: u64) -> Result<usize> {
        Err(Errno::NOSYS)
    }
}
