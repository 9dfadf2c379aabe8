//! Errors of the operating system as conditions of the contract.

use std::{fmt::Display, io};

use rustix::io::Errno;
use wharf_driver::{Error, ErrorKind, Result};

/// Says where an error arose.
pub(crate) trait At<T> {
    fn at(self, path: impl Display) -> Result<T>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, path: impl Display) -> Result<T> {
        self.map_err(|error| fault(path, error))
    }
}

/// Whether simply nothing is there.
pub(crate) fn is_absent(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

/// Whether a name is taken.
pub(crate) fn is_taken(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AlreadyExists
}

/// Whether the file system has no hard links, or denies us this one.
pub(crate) fn cannot_link(error: &io::Error) -> bool {
    let error = Errno::from_io_error(error);
    matches!(error, Some(Errno::OPNOTSUPP | Errno::PERM | Errno::NOSYS | Errno::MLINK))
}

fn fault(path: impl Display, error: io::Error) -> Error {
    match Errno::from_io_error(&error) {
        // What the kernel says of a symlink that leads out of the root, or of too many of them.
        Some(Errno::XDEV | Errno::LOOP) => Error::new(ErrorKind::InvalidPath, path).because(error),
        _ => Error::io(path, error),
    }
}
