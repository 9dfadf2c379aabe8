//! How names, folders and leftovers go.

use std::{
    ffi::CStr,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::{Duration, SystemTime},
};

use rustix::{
    fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, unlinkat},
    io::Errno,
};
use uuid::Uuid;
use wharf_driver::{ListRequest, StoragePath};

use crate::{
    fault::is_absent,
    place::{HIDDEN, Tree},
};

/// No tree of ours is anywhere near as deep.
const DEEPEST: usize = 512;

// === impl Tree ===

impl Tree {
    /// Removes content; `false` if there is none.
    pub(crate) fn delete(&self, path: &StoragePath) -> io::Result<bool> {
        let Some(parent) = path.parent() else {
            return Ok(false);
        };
        match self.disk.unlink(path) {
            Ok(()) => present(self.sync_folder(&parent)).map(|_| true),
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => Ok(false),
            Err(error) if is_absent(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes a folder with all below it; `false` if there is none.
    pub(crate) fn delete_below(&self, folder: &StoragePath) -> io::Result<bool> {
        let Some(parent) = folder.parent() else {
            return self.delete_everything();
        };
        self.remove_below(folder, || present(self.sync_folder(&parent)).map(drop))
    }

    /// Removes a folder with all below it for everyone who looks, but not for good.
    pub(crate) fn forget_below(&self, folder: &StoragePath) -> io::Result<bool> {
        match folder.is_root() {
            true => self.delete_everything(),
            false => self.remove_below(folder, || Ok(())),
        }
    }

    fn remove_below(
        &self,
        folder: &StoragePath,
        sync: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<bool> {
        match present(self.disk.describe(folder))? {
            Some(metadata) if metadata.is_dir() => {}
            _ => return Ok(false),
        }
        let trash = HIDDEN.trash();
        let hidden = self.disk.make_folder(&trash)?;
        let doomed = trash.join(&Uuid::new_v4().to_string()).map_err(io::Error::other)?;
        let doomed = hidden.spot(&doomed)?;
        // One step for every reader, and gone for good with one sync, however much is below.
        if present(self.disk.hide(folder, doomed))?.is_none() {
            return Ok(false);
        }
        sync()?;
        if let Err(error) = self.disk.remove_tree_at(doomed) {
            tracing::warn!(path = %doomed.path, %error, "a removed folder still takes space");
        }
        Ok(true)
    }

    fn delete_everything(&self) -> io::Result<bool> {
        let root = StoragePath::root();
        let all = ListRequest { after: None, limit: usize::MAX };
        let mut any = false;
        for entry in self.disk.list(&root, all)?.entries {
            let child = root.join(&entry.name).map_err(io::Error::other)?;
            any |= self.delete(&child)? || self.delete_below(&child)?;
        }
        Ok(any)
    }

    /// Removes what processes that died left behind, if it is older than `age`.
    pub(crate) fn clean(&self, age: Duration) {
        for folder in [HIDDEN.tmp(), HIDDEN.trash()] {
            match self.clean_folder(&folder, age) {
                Err(error) if !is_absent(&error) => {
                    tracing::warn!(path = %folder, %error, "leftovers stay");
                }
                _ => {}
            }
        }
    }

    /// Whether a folder is one itself, and all above it are: what a symlink leads to is not ours.
    fn is_real(&self, folder: &StoragePath) -> io::Result<bool> {
        let above = folder.parent().filter(|parent| !parent.is_root());
        let real = above.map_or(Ok(true), |parent| self.is_real(&parent))?;
        Ok(real && self.disk.describe_name(folder)?.is_dir())
    }

    fn clean_folder(&self, folder: &StoragePath, age: Duration) -> io::Result<()> {
        let oldest = SystemTime::now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
        if !self.is_real(folder)? {
            return Ok(());
        }
        for found in Dir::new(OwnedFd::from(self.disk.folder(folder)?))? {
            let found = found?;
            let Some(path) =
                found.file_name().to_str().ok().and_then(|name| folder.join(name).ok())
            else {
                continue;
            };
            let removed = self.disk.describe_name(&path).and_then(|metadata| {
                match metadata.modified()? < oldest {
                    true if metadata.is_dir() => self.disk.remove_tree(&path),
                    true => self.disk.unlink(&path),
                    false => Ok(()),
                }
            });
            if let Err(error) = removed {
                tracing::warn!(%path, %error, "a leftover stays");
            }
        }
        Ok(())
    }
}

/// Removes what has a name in a folder, with everything below it. Follows no symlink, and does not
/// mind if somebody else removes it at the same time.
pub(crate) fn remove_tree(folder: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    remove_nested(folder, name, DEEPEST)
}

fn remove_nested(folder: BorrowedFd<'_>, name: &CStr, depth: usize) -> io::Result<()> {
    let depth = depth.checked_sub(1).ok_or_else(|| io::Error::other("folders nest too deep"))?;
    let Some(inner) = gone(open_folder(folder, name))? else {
        return Ok(());
    };
    for found in Dir::read_from(&inner)? {
        let found = found?;
        let child = found.file_name();
        if matches!(child.to_bytes(), b"." | b"..") {
            continue;
        }
        if found.file_type() == FileType::Directory {
            remove_nested(inner.as_fd(), child, depth)?;
            continue;
        }
        match unlinkat(&inner, child, AtFlags::empty()) {
            Err(Errno::ISDIR) => remove_nested(inner.as_fd(), child, depth)?,
            done => drop(gone(done)?),
        }
    }
    gone(unlinkat(folder, name, AtFlags::REMOVEDIR)).map(drop)
}

fn open_folder(folder: BorrowedFd<'_>, name: &CStr) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(folder, name, flags, Mode::empty())
}

fn gone<T>(done: rustix::io::Result<T>) -> io::Result<Option<T>> {
    present(done.map_err(io::Error::from))
}

/// `None` if what it was about is not there.
pub(crate) fn present<T>(done: io::Result<T>) -> io::Result<Option<T>> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}
