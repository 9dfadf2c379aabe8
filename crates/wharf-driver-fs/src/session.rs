//! One upload session on disk, as a blocking thread sees it.
//!
//! The bytes are in `data`, which carries a lock of the kernel while somebody writes: it goes with
//! the process. `checkpoint` says how many of them count. Publishing links `data` to its target;
//! from then on the bytes are no longer ours to change, which `checkpoint.published` remembers even
//! after the target was deleted (a reader may still have it open), and who wants to go on gets a copy.

use std::{io, os::unix::fs::MetadataExt, sync::Arc};

use bytes::Bytes;
use wharf_content::FileRegion;
use wharf_driver::{Checkpoint, Error, ErrorKind, Published, Put, Result, StoragePath};

use crate::{
    checkpoint::{self, LARGEST},
    fault::{At, cannot_link, is_absent, is_taken},
    folder::Spot,
    order::Unnamed,
    place::{HIDDEN, Tree},
    remove::present,
    writable::Writable,
};

mod held;

pub(crate) use self::held::last_checkpoint;
use self::held::{Names, begin_data, hold, is_at, is_published, read_checkpoint};

/// A session that is held by us.
#[derive(Debug)]
pub(crate) struct Session {
    tree: Arc<Tree>,
    names: Names,
    data: Writable,
    size: u64,
    checkpoint: Checkpoint,
    /// Whether `data` is, or was, more than ours.
    published: bool,
    /// Whether `data` holds bytes, or is cut, since it was synced last.
    dirty: bool,
    /// Whether an append or a sync failed, so that nobody knows what `data` holds.
    failed: bool,
}

/// How often something is tried that a concurrent change can spoil.
const ATTEMPTS: usize = 16;

// === impl Session ===

impl Session {
    /// Takes up a session at its checkpoint, and begins it if there is none. What others began, or
    /// wrote, between our look and our step stays.
    pub(crate) fn begin(tree: &Arc<Tree>, folder: &StoragePath) -> Result<Self> {
        let names = Names::of(folder)?;
        for _ in 0..ATTEMPTS {
            match begin_data(&tree.disk, &names) {
                Ok(Some(data)) => {
                    let checkpoint = read_checkpoint(&tree.disk, &names)?;
                    return Self::held(tree, names, data, checkpoint.unwrap_or_default());
                }
                Ok(None) => {}
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::new(ErrorKind::Busy, folder))
    }

    /// Takes up a session at its checkpoint.
    pub(crate) fn resume(tree: &Arc<Tree>, folder: &StoragePath) -> Result<Self> {
        let names = Names::of(folder)?;
        let data = hold(&tree.disk, &names.data)?;
        let checkpoint = read_checkpoint(&tree.disk, &names)?;
        match (data, checkpoint) {
            (Some(data), Some(checkpoint)) => Self::held(tree, names, data, checkpoint),
            (Some(data), None) if data.file().metadata().at(&names.data)?.len() > 0 => {
                Self::held(tree, names, data, Checkpoint::default())
            }
            (None, Some(_)) => Err(Error::new(ErrorKind::Corrupt, folder)),
            (_, None) => Err(Error::new(ErrorKind::NotFound, folder)),
        }
    }

    /// The session whose data we hold, cut back to its checkpoint.
    fn held(
        tree: &Arc<Tree>,
        names: Names,
        data: Writable,
        checkpoint: Checkpoint,
    ) -> Result<Self> {
        let metadata = data.file().metadata().at(&names.data)?;
        let (stored, links) = (metadata.len(), metadata.nlink());
        if stored < checkpoint.length {
            return Err(Error::new(ErrorKind::Corrupt, &names.data));
        }
        let mut session = Self::new(tree, names, data, checkpoint);
        session.published = links > 1 || is_published(&tree.disk, &session.names)?;
        match session.published {
            true => session.part()?,
            false if stored > session.size => {
                session.data.cut(session.size).at(&session.names.data)?;
            }
            // What a checkpoint counts is durable.
            false => session.dirty = session.size == 0,
        }
        Ok(session)
    }

    fn new(tree: &Arc<Tree>, names: Names, data: Writable, checkpoint: Checkpoint) -> Self {
        let (tree, size) = (Arc::clone(tree), checkpoint.length);
        let (published, dirty, failed) = (false, true, false);
        Self { tree, names, data, size, checkpoint, published, dirty, failed }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Writes pieces at the end.
    pub(crate) fn append(&mut self, pieces: &[Bytes]) -> Result<()> {
        self.check()?;
        if self.published {
            self.part()?;
        }
        self.dirty = true;
        let written = self.data.write(self.size, pieces);
        self.failed = written.is_err();
        written.at(&self.names.data)?;
        self.size += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        Ok(())
    }

    /// Makes the bytes durable, and then says so.
    pub(crate) fn save(&mut self, state: Bytes) -> Result<()> {
        self.mark(state, Self::replace_checkpoint)
    }

    /// Makes the bytes durable, and says so to everyone but a power cut.
    pub(crate) fn note(&mut self, state: Bytes) -> Result<()> {
        self.mark(state, Self::write_note)
    }

    fn mark(
        &mut self,
        state: Bytes,
        write: impl FnOnce(&Self, Bytes) -> io::Result<()>,
    ) -> Result<()> {
        self.check()?;
        let checkpoint = Checkpoint { length: self.size, state };
        let record = checkpoint::encode(&checkpoint);
        if record.len() > LARGEST {
            let limit = LARGEST as u64;
            return Err(Error::new(ErrorKind::TooLarge { limit }, &self.names.checkpoint));
        }
        // No bytes are durable as they are.
        if self.size > 0 {
            self.sync_with(&[]).at(&self.names.data)?;
        }
        write(self, record).at(&self.names.checkpoint)?;
        self.checkpoint = checkpoint;
        Ok(())
    }

    /// The bytes so far, by a handle of its own: ours carries the lock.
    pub(crate) fn read_back(&self) -> Result<FileRegion> {
        self.check()?;
        let file = self.tree.disk.read(&self.names.data).at(&self.names.data)?;
        Ok(FileRegion::new(Arc::new(file), 0, self.size))
    }

    /// Makes the bytes the content of `target`, and then puts more.
    pub(crate) fn publish_with(&mut self, target: &StoragePath, puts: &[Put]) -> Result<Published> {
        let tree = Arc::clone(&self.tree);
        let folder = tree.temporaries().at(HIDDEN.tmp())?;
        let written = tree.write_all(&folder, puts)?;
        let published = self.publish(target, &written)?;
        tree.name_all(&written).map(|()| published)
    }

    /// Makes the bytes the content of `target`, and syncs with them what is named next.
    pub(crate) fn publish(
        &mut self,
        target: &StoragePath,
        next: &[Unnamed<'_>],
    ) -> Result<Published> {
        self.check()?;
        if self.data.file().metadata().at(&self.names.data)?.len() != self.size {
            return Err(Error::new(ErrorKind::Corrupt, &self.names.data));
        }
        for _ in 0..ATTEMPTS {
            match self.publish_once(target, next) {
                Ok(published) => return Ok(published),
                // Somebody else published, or deleted, between our look and our step.
                Err(error) if is_taken(&error) || is_absent(&error) => self.check()?,
                Err(error) => return Err(error).at(target),
            }
        }
        Err(Error::new(ErrorKind::Unavailable, target).because("the target keeps changing"))
    }

    /// Removes what is ours in the session's folder.
    pub(crate) fn discard(&mut self) -> Result<()> {
        if !self.is_ours().at(&self.names.data)? {
            return Ok(());
        }
        let names = &self.names;
        // The checkpoint goes before the bytes that it counts.
        for name in [
            &names.checkpoint,
            &names.noted,
            &names.fresh,
            &names.copy,
            &names.data,
            &names.published,
        ] {
            present(self.tree.disk.unlink(name)).at(name)?;
        }
        Ok(())
    }

    fn publish_once(
        &mut self,
        target: &StoragePath,
        next: &[Unnamed<'_>],
    ) -> io::Result<Published> {
        let tree = Arc::clone(&self.tree);
        let there = match present(tree.disk.describe(target))? {
            Some(there) if !there.is_file() => return Err(io::ErrorKind::IsADirectory.into()),
            there => there,
        };
        match there {
            Some(there) if there.len() == self.size => {
                tree.disk.sync_path(target)?;
                tree.disk.sync_files(next.iter().map(Unnamed::file))?;
                let parent = target.parent().ok_or(io::ErrorKind::IsADirectory)?;
                tree.sync_folder(&parent).map(|()| Published::Existed)
            }
            Some(_) => {
                self.give_away(next)?;
                tree.place(target, |folder| {
                    tree.with_temporary(|temporary| {
                        self.lend(temporary)?;
                        tree.disk.rename_at(temporary, folder.spot(target)?)
                    })
                })
                .map(|()| Published::Repaired)
            }
            None => {
                self.give_away(next)?;
                tree.place(target, |folder| match self.is_ours()? {
                    true => self.link_new(folder.spot(target)?),
                    false => Err(io::ErrorKind::AlreadyExists.into()),
                })
                .map(|()| Published::New)
            }
        }
    }

    /// Links the bytes to a target that is free.
    fn link_new(&self, target: Spot<'_>) -> io::Result<()> {
        match self.tree.disk.link(&self.names.data, target) {
            Err(error) if cannot_link(&error) => self.tree.with_temporary(|temporary| {
                self.lend(temporary)?;
                self.tree.disk.rename_new_at(temporary, target)
            }),
            done => done,
        }
    }

    /// Lets the bytes have a further name, or a copy where there are no hard links.
    fn lend(&self, temporary: Spot<'_>) -> io::Result<()> {
        match self.tree.disk.link(&self.names.data, temporary) {
            Err(error) if cannot_link(&error) => {
                let copy = self.tree.disk.create_at(temporary)?;
                copy.copy_from(self.data.file(), self.size)?;
                copy.sync()
            }
            done => done,
        }
    }

    /// Syncs the bytes, and what is named next, and remembers, before they get a second name, that they are
    /// not only ours from now on. That needs no sync: no reader outlives a power cut. One more name of theirs says
    /// so at the least expense.
    fn give_away(&mut self, next: &[Unnamed<'_>]) -> io::Result<()> {
        self.sync_with(next)?;
        self.published = true;
        let (disk, names) = (&self.tree.disk, &self.names);
        let folder = disk.folder(&names.folder)?;
        let (data, mark) = (folder.spot(&names.data)?, folder.spot(&names.published)?);
        let marked = match disk.link_at(data, mark) {
            Err(error) if cannot_link(&error) => disk.create_at(mark).map(drop),
            marked => marked,
        };
        match marked {
            Err(error) if is_taken(&error) => Ok(()),
            marked => marked,
        }
    }

    /// Goes on with a copy of the bytes up to `size`, for what was published is not to change.
    fn part(&mut self) -> Result<()> {
        self.copy_data().at(&self.names.data)?;
        self.published = false;
        Ok(())
    }

    fn copy_data(&mut self) -> io::Result<()> {
        let (disk, names) = (&self.tree.disk, &self.names);
        present(disk.unlink(&names.copy))?;
        let copy = disk.create(&names.copy)?;
        // Nobody else knows it yet, so it is ours before it is `data`.
        copy.file().try_lock()?;
        copy.copy_from(self.data.file(), self.size)?;
        copy.sync()?;
        disk.rename(&names.copy, &names.data)?;
        self.data = copy;
        self.dirty = false;
        present(disk.unlink(&names.published)).map(drop)
    }

    /// Syncs what is named next, and the bytes if they need it.
    fn sync_with(&mut self, next: &[Unnamed<'_>]) -> io::Result<()> {
        let data = self.dirty.then_some(&self.data);
        let files = data.into_iter().chain(next.iter().map(Unnamed::file));
        let synced = self.tree.disk.sync_files(files);
        // What a failed sync left behind is unknown, and a second one would not tell.
        self.failed = self.dirty && synced.is_err();
        synced?;
        self.dirty = false;
        Ok(())
    }

    fn replace_checkpoint(&self, record: Bytes) -> io::Result<()> {
        let (disk, names) = (&self.tree.disk, &self.names);
        present(disk.unlink(&names.fresh))?;
        let fresh = disk.create(&names.fresh)?;
        fresh.write(0, &[record])?;
        fresh.sync()?;
        disk.rename(&names.fresh, &names.checkpoint)?;
        self.tree.sync_folder(&names.folder)
    }

    /// In place: a new file for each note, and an old one to remove, is what it would cost otherwise.
    /// Nothing is acknowledged on half a record, which its checksum tells from a whole one.
    fn write_note(&self, record: Bytes) -> io::Result<()> {
        let (disk, noted) = (&self.tree.disk, &self.names.noted);
        let file = match disk.create(noted) {
            Err(error) if is_taken(&error) => disk.edit(noted)?,
            created => created?,
        };
        let length = record.len() as u64;
        file.write(0, &[record])?;
        match file.file().metadata()?.len() > length {
            true => file.cut(length),
            false => Ok(()),
        }
    }

    fn check(&self) -> Result<()> {
        if self.failed {
            let error = Error::new(ErrorKind::Other, &self.names.folder);
            return Err(error.because("the session failed, and has to be taken up again"));
        }
        match self.is_ours().at(&self.names.data)? {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::NotFound, &self.names.folder)),
        }
    }

    /// Whether the session is still there, and still the one that we hold.
    fn is_ours(&self) -> io::Result<bool> {
        is_at(&self.tree.disk, &self.names.data, &self.data)
    }
}
