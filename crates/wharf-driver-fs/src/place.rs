//! How content gets its name: whole, durable, and even while folders come and go.

use std::{io, path::Path};

use bytes::Bytes;
use uuid::Uuid;
use wharf_driver::{Error, ErrorKind, PutMode, PutOutcome, Result, StoragePath};

use crate::{
    disk::Disk,
    driver::Options,
    durable::DurableFolders,
    fault::{cannot_link, is_absent, is_taken},
    folder::{OpenFolder, Spot},
    kept::Kept,
    private::Private,
    running::Running,
    unsettled::Unsettled,
    watch::Watches,
    writable::Writable,
};

/// A root with what is remembered of it.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) disk: Disk,
    pub(crate) durable: DurableFolders,
    pub(crate) running: Running,
    pub(crate) unsettled: Unsettled,
    pub(crate) kept: Kept,
    pub(crate) private: Private,
}

/// The folder below the root that is ours, and that nobody else sees.
pub(crate) const HIDDEN: Hidden = Hidden(".wharf");

pub(crate) struct Hidden(&'static str);

/// How often a name is placed anew because its folder vanished meanwhile.
const ATTEMPTS: usize = 16;

// === impl Hidden ===

impl Hidden {
    pub(crate) fn hides(&self, path: &StoragePath) -> bool {
        path.components().next() == Some(self.0)
    }

    /// An error if a path is ours, and not there for others.
    pub(crate) fn check(&self, path: &StoragePath) -> Result<()> {
        match self.hides(path) {
            true => Err(Error::new(ErrorKind::InvalidPath, path)),
            false => Ok(()),
        }
    }

    /// Where temporary files are; on the same file system as all the rest.
    pub(crate) fn tmp(&self) -> StoragePath {
        self.folder("tmp")
    }

    /// A new name there.
    pub(crate) fn temporary(&self) -> io::Result<StoragePath> {
        self.tmp().join(&Uuid::new_v4().to_string()).map_err(io::Error::other)
    }

    /// Where folders go that are to be removed.
    pub(crate) fn trash(&self) -> StoragePath {
        self.folder("trash")
    }

    /// Where drivers say that they write.
    pub(crate) fn writers(&self) -> StoragePath {
        self.folder("writers")
    }

    /// Whether a name below the root is ours.
    pub(crate) fn is(&self, name: &str) -> bool {
        name == self.0
    }

    fn folder(&self, name: &str) -> StoragePath {
        StoragePath::root()
            .join(self.0)
            .and_then(|hidden| hidden.join(name))
            .expect("the names are well formed")
    }
}

// === impl Tree ===

impl Tree {
    /// Opens a root, which is made if it is not there.
    pub(crate) fn open(root: &Path, options: &Options) -> io::Result<Self> {
        let disk = Disk::open(root, options)?;
        let watches = if disk.kernel.is_able() { Watches::new() } else { Watches::never() };
        Ok(Self {
            disk,
            durable: DurableFolders::new(options.durable_folders),
            running: Running::default(),
            unsettled: Unsettled::default(),
            private: Private::new(options.private.clone()),
            kept: Kept::new(watches, options.lease),
        })
    }

    /// Writes small content.
    pub(crate) fn put(
        &self,
        path: &StoragePath,
        content: &Bytes,
        mode: PutMode,
    ) -> io::Result<PutOutcome> {
        if mode == PutMode::Create && self.is_taken(path)? {
            return self.keep(path);
        }
        let give = |folder: &OpenFolder| {
            self.with_temporary(|temporary| {
                let file = self.create_temporary(temporary, path)?;
                file.write(0, std::slice::from_ref(content))?;
                if mode != PutMode::Draft {
                    file.sync()?;
                }
                let target = folder.spot(path)?;
                match mode {
                    PutMode::Create => self.claim(temporary, target),
                    _ => self.disk.rename_at(temporary, target),
                }
            })
        };
        let placed = match mode {
            PutMode::Draft => self.place_draft(path, give),
            _ => self.place(path, give),
        };
        match placed {
            Ok(()) => Ok(PutOutcome::Written),
            Err(error) if is_taken(&error) && mode == PutMode::Create => {
                self.is_taken(path)?;
                self.keep(path)
            }
            Err(error) => Err(error),
        }
    }

    /// Gives something the name `path` by `act`, and leaves it to the disk when that is durable.
    fn place_draft(
        &self,
        path: &StoragePath,
        act: impl Fn(&OpenFolder) -> io::Result<()>,
    ) -> io::Result<()> {
        let parent = path.parent().ok_or(io::ErrorKind::IsADirectory)?;
        for _ in 0..ATTEMPTS {
            match self.disk.make_folder(&parent).and_then(|folder| act(&folder)) {
                Err(error) if is_absent(&error) => {}
                done => return done,
            }
        }
        Err(vanishing())
    }

    /// Gives a temporary file its name; fails if that is taken.
    fn claim(&self, temporary: Spot<'_>, target: Spot<'_>) -> io::Result<()> {
        match self.disk.link_at(temporary, target) {
            Err(error) if cannot_link(&error) => self.disk.rename_new_at(temporary, target),
            Ok(()) => {
                self.remove_temporary(temporary);
                Ok(())
            }
            failed => failed,
        }
    }

    /// Gives something the name `path` by `act`, which gets the open parent and may be called
    /// several times, and makes it durable.
    pub(crate) fn place(
        &self,
        path: &StoragePath,
        act: impl Fn(&OpenFolder) -> io::Result<()>,
    ) -> io::Result<()> {
        let parent = path.parent().ok_or(io::ErrorKind::IsADirectory)?;
        let _giving = self.unsettled.give(path);
        for _ in 0..ATTEMPTS {
            match self.place_once(&parent, &act) {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) if is_absent(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Err(vanishing())
    }

    /// `false` if the folder was moved away meanwhile, and what was placed with it.
    fn place_once(
        &self,
        parent: &StoragePath,
        act: &impl Fn(&OpenFolder) -> io::Result<()>,
    ) -> io::Result<bool> {
        let Some(folder) = self.give(parent, act)? else { return Ok(false) };
        self.durable.sync(&self.disk, parent, folder).map(|()| true)
    }

    /// Gives something a name in a folder by `act`, and returns that folder, which has to be synced; `None`
    /// if it was moved away meanwhile, and what got its name with it.
    pub(crate) fn give(
        &self,
        parent: &StoragePath,
        act: &impl Fn(&OpenFolder) -> io::Result<()>,
    ) -> io::Result<Option<OpenFolder>> {
        let folder = self.disk.make_folder(parent)?;
        act(&folder)?;
        let now = self.disk.folder(parent)?;
        Ok((now.identity()? == folder.identity()?).then_some(now))
    }

    /// Makes the entries of a folder durable, and the way to it.
    pub(crate) fn sync_folder(&self, path: &StoragePath) -> io::Result<()> {
        self.durable.sync(&self.disk, path, self.disk.folder(path)?)
    }

    /// The folder of temporary files.
    pub(crate) fn temporaries(&self) -> io::Result<OpenFolder> {
        self.disk.make_folder(&HIDDEN.tmp())
    }

    /// A new temporary file, of what will be at `path`.
    pub(crate) fn create_temporary(
        &self,
        new: Spot<'_>,
        path: &StoragePath,
    ) -> io::Result<Writable> {
        match self.private.covers(path) {
            true => self.disk.create_private_at(new),
            false => self.disk.create_at(new),
        }
    }

    /// Lends a name for a temporary file, which has another one afterwards, or is removed.
    pub(crate) fn with_temporary<T>(
        &self,
        act: impl FnOnce(Spot<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        let folder = self.temporaries()?;
        let path = HIDDEN.temporary()?;
        let temporary = folder.spot(&path)?;
        act(temporary).inspect_err(|_| self.remove_temporary(temporary))
    }

    pub(crate) fn remove_temporary(&self, temporary: Spot<'_>) {
        match self.disk.unlink_at(temporary) {
            Err(error) if !is_absent(&error) => {
                tracing::warn!(path = %temporary.path, %error, "a temporary file stays");
            }
            _ => {}
        }
    }

    /// Whether content has the name; an error if a folder has it.
    fn is_taken(&self, path: &StoragePath) -> io::Result<bool> {
        match self.disk.describe(path) {
            Ok(metadata) if metadata.is_file() => Ok(true),
            Ok(_) => Err(io::ErrorKind::IsADirectory.into()),
            Err(error) if is_absent(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Content that stays is durable before anyone builds on it: its writer may not have come so
    /// far.
    fn keep(&self, path: &StoragePath) -> io::Result<PutOutcome> {
        let parent = path.parent().ok_or(io::ErrorKind::IsADirectory)?;
        match self.sync_folder(&parent) {
            // Deleted meanwhile, by someone who saw it too.
            Err(error) if !is_absent(&error) => Err(error),
            _ => Ok(PutOutcome::Exists),
        }
    }
}

fn vanishing() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the folder keeps vanishing")
}
