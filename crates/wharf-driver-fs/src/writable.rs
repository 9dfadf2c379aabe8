//! A file that is being written.

use std::{
    fs::File,
    io::{self, IoSlice, Read, Seek},
    sync::Arc,
};

use bytes::Bytes;
use rustix::io::{Errno, pwritev};
use wharf_content::FileRegion;

use crate::{
    crowd::Syncs,
    direct,
    identity::{Identity, Recognised},
    trace::{FileId, Step, Trace, take},
};

/// A file that is open for writing.
#[derive(Debug)]
pub(crate) struct Writable {
    pub(crate) file: File,
    pub(crate) id: FileId,
    pub(crate) trace: Option<Trace>,
    pub(crate) syncs: Arc<Syncs>,
    pub(crate) identity: Recognised,
}

// === impl Writable ===

impl Writable {
    /// The open file, for what changes nothing.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Which file it is.
    pub(crate) fn identity(&self) -> io::Result<Identity> {
        self.identity.as_of(&self.file)
    }

    /// Writes pieces, one after the other, from `offset` on.
    pub(crate) fn write(&self, offset: u64, pieces: &[Bytes]) -> io::Result<()> {
        if self.trace.is_none() {
            return match direct::suits(offset, pieces) {
                true => direct::write(&self.file, offset, pieces),
                false => write_all(&self.file, offset, pieces),
            };
        }
        let mut offset = offset;
        for piece in pieces {
            let write = || write_all(&self.file, offset, std::slice::from_ref(piece));
            let step = || Step::Write(self.id, offset, piece.clone());
            take(self.trace.as_ref(), write, step)?;
            offset += piece.len() as u64;
        }
        Ok(())
    }

    /// Cuts the file to a length.
    pub(crate) fn cut(&self, length: u64) -> io::Result<()> {
        take(self.trace.as_ref(), || self.file.set_len(length), || Step::Cut(self.id, length))
    }

    /// Makes the content durable, and all that is needed to read it.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.syncs.sync(&[self.identity()?], || self.sync_alone())
    }

    /// The same, whatever others wait for.
    pub(crate) fn sync_alone(&self) -> io::Result<()> {
        take(self.trace.as_ref(), || self.file.sync_data(), || Step::SyncFile(self.id))
    }

    /// Copies the first `length` bytes of another file, without them entering user space where the
    /// file system can do that.
    pub(crate) fn copy_from(&self, source: &File, length: u64) -> io::Result<()> {
        // Nothing else of ours moves or minds the cursor.
        let mut source = source;
        source.rewind()?;
        if io::copy(&mut source.take(length), &mut &self.file)? != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Some(trace) = &self.trace else {
            return Ok(());
        };
        let region = FileRegion::new(self.file.try_clone()?.into(), 0, length);
        let bytes = region.read_blocking()?;
        trace.take(|| Ok(()), || Step::Write(self.id, 0, bytes))
    }
}

pub(crate) fn write_all(file: &File, mut offset: u64, pieces: &[Bytes]) -> io::Result<()> {
    let mut slices: Vec<_> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    let mut rest = slices.as_mut_slice();
    // Drops empty pieces at the front, so that nothing written means that nothing can be.
    IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        match pwritev(file, rest, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                IoSlice::advance_slices(&mut rest, written);
                offset += written as u64;
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
