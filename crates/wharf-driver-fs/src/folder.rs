//! Open folders, and names in them.
//!
//! Several steps at one place ([`Spot`]) go through one open folder: none has to find the way again, and
//! all of them mean the same folder, even if it is moved meanwhile. Whoever has to know that it is still
//! there looks for it by its path, and compares who they are.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use wharf_driver::StoragePath;

use crate::identity::{Identity, Recognised};

/// An open folder, which finds out once which one it is.
#[derive(Debug)]
pub(crate) struct OpenFolder {
    open: OwnedFd,
    identity: Recognised,
}

/// A name in an open folder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot<'a> {
    pub(crate) folder: &'a OpenFolder,
    /// Where it is, the name included.
    pub(crate) path: &'a StoragePath,
    pub(crate) name: &'a str,
}

// === impl OpenFolder ===

impl OpenFolder {
    pub(crate) fn new(open: OwnedFd) -> Self {
        Self { open, identity: Recognised::default() }
    }

    /// Which folder it is.
    pub(crate) fn identity(&self) -> io::Result<Identity> {
        self.identity.as_of(&self.open)
    }

    /// The name that a path has in this folder, which is its open parent; an error for the root, which
    /// has none.
    pub(crate) fn spot<'a>(&'a self, path: &'a StoragePath) -> io::Result<Spot<'a>> {
        let name = path.name().ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Spot { folder: self, path, name })
    }
}

impl AsFd for OpenFolder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.open.as_fd()
    }
}

impl From<OpenFolder> for OwnedFd {
    fn from(folder: OpenFolder) -> Self {
        folder.open
    }
}
