//! What the driver does to the disk, step by step, for tests of what a power cut may leave.
//!
//! A [`Trace`] that is handed over in [`Options::trace`](crate::Options::trace) records every change
//! and every sync in the order in which they happened: while one is attached, steps are taken one
//! at a time. A simulator replays them and drops what was not synced.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use wharf_driver::StoragePath;

/// A shared record of steps. Clones write to, and read, the same record.
#[derive(Clone, Debug, Default)]
pub struct Trace(Arc<Mutex<Vec<Step>>>);

/// One change or sync; paths are relative to the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A folder was made.
    MakeFolder(StoragePath),
    /// A new, empty file was made, and is called `FileId` from here on.
    Create(StoragePath, FileId),
    /// A file that was there was opened for writing.
    Open(StoragePath, FileId),
    /// Bytes were written at an offset.
    Write(FileId, u64, Bytes),
    /// A file was cut to a length.
    Cut(FileId, u64),
    /// The content of a file became durable.
    SyncFile(FileId),
    /// A file that was there was synced, whoever wrote it.
    SyncPath(StoragePath),
    /// A name, of a file or a folder, was moved, and replaced what was there.
    Rename(StoragePath, StoragePath),
    /// A file got a further name.
    Link(StoragePath, StoragePath),
    /// A name of a file was removed.
    Unlink(StoragePath),
    /// A folder, and all that was below it, was removed.
    RemoveTree(StoragePath),
    /// The entries of a folder became durable.
    SyncFolder(StoragePath),
    /// Everything became durable.
    SyncAll,
}

/// An open file in a [`Trace`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u64);

// === impl Trace ===

impl Trace {
    /// A record with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many steps were taken so far.
    pub fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether no step was taken yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The steps so far.
    pub fn steps(&self) -> Vec<Step> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes a step, and records it if it succeeded.
    pub(crate) fn take<T>(
        &self,
        act: impl FnOnce() -> io::Result<T>,
        step: impl FnOnce() -> Step,
    ) -> io::Result<T> {
        let mut steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let done = act()?;
        steps.push(step());
        Ok(done)
    }
}

/// Takes a step, with a record or without.
pub(crate) fn take<T>(
    trace: Option<&Trace>,
    act: impl FnOnce() -> io::Result<T>,
    step: impl FnOnce() -> Step,
) -> io::Result<T> {
    match trace {
        None => act(),
        Some(trace) => trace.take(act, step),
    }
}
