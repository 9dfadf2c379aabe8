//! Content that is put in an order, or after the bytes of an upload: at the price of one sync for the bytes
//! of all of it, and of one more for the names of each step.

use std::{cell::Cell, io};

use wharf_driver::{Put, PutMode, Result, StoragePath};

use crate::{
    fault::{At, is_absent},
    folder::OpenFolder,
    place::{HIDDEN, Tree},
    writable::Writable,
};

/// Content that is written and has not got its name yet. It is removed unless it gets that.
pub(crate) struct Unnamed<'a> {
    tree: &'a Tree,
    put: &'a Put,
    /// The folder of temporary files, and the name there.
    folder: &'a OpenFolder,
    temporary: StoragePath,
    file: Writable,
    is_named: Cell<bool>,
}

// === impl Tree ===

impl Tree {
    /// Stores what is to be stored step by step: all of a step is durable before the next one begins.
    pub(crate) fn put_in_order(&self, steps: &[Vec<Put>]) -> Result<()> {
        let folder = self.temporaries().at(HIDDEN.tmp())?;
        let written = steps.iter().map(|step| self.write_all(&folder, step));
        let written = written.collect::<Result<Vec<_>>>()?;
        let files = written.iter().flatten().map(Unnamed::file);
        self.disk.sync_files(files).at(Put::place(steps))?;
        written.iter().try_for_each(|step| self.name_all(step))
    }

    /// Writes what is to have its name later, and leaves it to the caller to sync it before.
    pub(crate) fn write_all<'a>(
        &'a self,
        folder: &'a OpenFolder,
        puts: &'a [Put],
    ) -> Result<Vec<Unnamed<'a>>> {
        puts.iter().map(|put| Unnamed::write(self, folder, put).at(&put.path)).collect()
    }

    /// Gives all of a step its names, durably.
    pub(crate) fn name_all(&self, step: &[Unnamed<'_>]) -> Result<()> {
        let _givings: Vec<_> = step.iter().map(|it| self.unsettled.give(&it.put.path)).collect();
        let (mut folders, mut again) = (Vec::new(), Vec::new());
        for it in step {
            match it.name().at(&it.put.path)? {
                Some(folder) => folders.push(folder),
                None => again.push(it.put),
            }
        }
        if let Some((first, _)) = folders.first() {
            let first = first.clone();
            self.durable.sync_each(&self.disk, folders).at(first)?;
        }
        for Put { path, content } in again {
            self.put(path, content, PutMode::Overwrite).at(path)?;
        }
        Ok(())
    }
}

// === impl Unnamed ===

impl<'a> Unnamed<'a> {
    fn write(tree: &'a Tree, folder: &'a OpenFolder, put: &'a Put) -> io::Result<Self> {
        let temporary = HIDDEN.temporary()?;
        let file = tree.create_temporary(folder.spot(&temporary)?, &put.path)?;
        let unnamed = Self { tree, put, folder, temporary, file, is_named: Cell::new(false) };
        unnamed.file.write(0, std::slice::from_ref(&put.content))?;
        Ok(unnamed)
    }

    pub(crate) fn file(&self) -> &Writable {
        &self.file
    }

    /// Gives it its name, and returns the folder that has to be synced; `None` if the folder vanished
    /// meanwhile, and the name with it.
    fn name(&self) -> io::Result<Option<(StoragePath, OpenFolder)>> {
        let path = &self.put.path;
        let parent = path.parent().ok_or(io::ErrorKind::IsADirectory)?;
        let given = self.tree.give(&parent, &|folder| {
            let temporary = self.folder.spot(&self.temporary)?;
            self.tree.disk.rename_at(temporary, folder.spot(path)?)?;
            self.is_named.set(true);
            Ok(())
        });
        match given {
            Err(error) if is_absent(&error) => Ok(None),
            given => Ok(given?.map(|folder| (parent, folder))),
        }
    }
}

impl Drop for Unnamed<'_> {
    fn drop(&mut self) {
        if !self.is_named.get()
            && let Ok(spot) = self.folder.spot(&self.temporary)
        {
            self.tree.remove_temporary(spot);
        }
    }
}
