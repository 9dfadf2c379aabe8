//! How a session is found, locked and read.

use std::{
    fs::TryLockError,
    io::{self, Read},
};

use bytes::Bytes;
use wharf_driver::{Checkpoint, Error, ErrorKind, Result, StoragePath};

use crate::{
    checkpoint::{self, LARGEST},
    disk::Disk,
    fault::{At, is_taken},
    place::Tree,
    remove::present,
    writable::Writable,
};

use super::ATTEMPTS;

/// The names that a session has in its folder.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) folder: StoragePath,
    pub(super) data: StoragePath,
    pub(super) checkpoint: StoragePath,
    /// A checkpoint that a power cut may take away.
    pub(super) noted: StoragePath,
    /// A checkpoint that is being written.
    pub(super) fresh: StoragePath,
    /// A copy of the data that is being made.
    pub(super) copy: StoragePath,
    pub(super) published: StoragePath,
}

// === impl Names ===

impl Names {
    pub(super) fn of(folder: &StoragePath) -> Result<Self> {
        let name = |name| {
            folder.join(name).map_err(|e| Error::new(ErrorKind::InvalidPath, folder).because(e))
        };
        Ok(Self {
            folder: folder.clone(),
            data: name("data")?,
            checkpoint: name("checkpoint")?,
            noted: name("checkpoint.noted")?,
            fresh: name("checkpoint.new")?,
            copy: name("checkpoint.copy")?,
            published: name("checkpoint.published")?,
        })
    }
}

/// Room for a record as it usually is.
const USUAL: usize = 512;

/// The last checkpoint of a session, whoever holds it.
pub(crate) fn last_checkpoint(tree: &Tree, folder: &StoragePath) -> Result<Checkpoint> {
    Ok(read_checkpoint(&tree.disk, &Names::of(folder)?)?.unwrap_or_default())
}

/// The last checkpoint: the saved one, or one that was noted after it.
pub(super) fn read_checkpoint(disk: &Disk, names: &Names) -> Result<Option<Checkpoint>> {
    let saved = match read_record(disk, &names.checkpoint)?.map(|it| checkpoint::decode(&it)) {
        Some(None) => return Err(Error::new(ErrorKind::Corrupt, &names.checkpoint)),
        saved => saved.flatten(),
    };
    // A power cut may have left any part of it.
    let noted = read_record(disk, &names.noted)?.and_then(|record| checkpoint::decode(&record));
    Ok(match (saved, noted) {
        (Some(saved), Some(noted)) if saved.length > noted.length => Some(saved),
        (saved, noted) => noted.or(saved),
    })
}

fn read_record(disk: &Disk, path: &StoragePath) -> Result<Option<Bytes>> {
    let Some(file) = present(disk.read(path)).at(path)? else {
        return Ok(None);
    };
    let mut record = Vec::with_capacity(USUAL);
    file.take(LARGEST as u64 + 1).read_to_end(&mut record).at(path)?;
    Ok(Some(record.into()))
}

/// Data that we hold, empty if there was none; `None` if it vanished meanwhile.
pub(super) fn begin_data(disk: &Disk, names: &Names) -> Result<Option<Writable>> {
    let path = &names.data;
    let folder = disk.make_folder(&names.folder).at(&names.folder)?;
    match folder.spot(path).and_then(|new| disk.create_at(new)) {
        Ok(data) => lock(&data, path).map(|()| Some(data)),
        Err(error) if is_taken(&error) => hold(disk, path),
        Err(error) => Err(error).at(path),
    }
}

/// Opens and locks data; `None` if there is none.
pub(super) fn hold(disk: &Disk, path: &StoragePath) -> Result<Option<Writable>> {
    for _ in 0..ATTEMPTS {
        let Some(data) = present(disk.edit(path)).at(path)? else {
            return Ok(None);
        };
        lock(&data, path)?;
        // Whoever held it may have put a copy in its place, or discarded it.
        if is_at(disk, path, &data).at(path)? {
            return Ok(Some(data));
        }
    }
    Err(Error::new(ErrorKind::Busy, path))
}

fn lock(data: &Writable, path: &StoragePath) -> Result<()> {
    match data.file().try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(Error::new(ErrorKind::Busy, path)),
        Err(TryLockError::Error(error)) => Err(error).at(path),
    }
}

pub(super) fn is_published(disk: &Disk, names: &Names) -> Result<bool> {
    Ok(present(disk.identity_at(&names.published)).at(&names.published)?.is_some())
}

pub(super) fn is_at(disk: &Disk, path: &StoragePath, data: &Writable) -> io::Result<bool> {
    let ours = data.identity()?;
    Ok(present(disk.identity_at(path))? == Some(ours))
}
