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
pub(crate) struct Draft<'a> {
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
        let folder = self.drafts()?;
        let drafts = steps.iter().map(|step| self.draft(&folder, step));
        let drafts = drafts.collect::<Result<Vec<_>>>()?;
        let files: Vec<_> = drafts.iter().flatten().map(Draft::file).collect();
        self.disk.sync_files(&files).at(Put::place(steps))?;
        drafts.iter().try_for_each(|step| self.name_all(step))
    }

    /// Where drafts are.
    pub(crate) fn drafts(&self) -> Result<OpenFolder> {
        let tmp = HIDDEN.tmp();
        self.disk.make_folder(&tmp).at(&tmp)
    }

    /// Writes what is to have its name later, and leaves it to the caller to sync it before.
    pub(crate) fn draft<'a>(
        &'a self,
        folder: &'a OpenFolder,
        puts: &'a [Put],
    ) -> Result<Vec<Draft<'a>>> {
        puts.iter().map(|put| Draft::write(self, folder, put).at(&put.path)).collect()
    }

    /// Gives every draft of a step its name, durably.
    pub(crate) fn name_all(&self, step: &[Draft<'_>]) -> Result<()> {
        let _givings: Vec<_> =
            step.iter().map(|draft| self.unsettled.give(&draft.put.path)).collect();
        let (mut folders, mut again) = (Vec::new(), Vec::new());
        for draft in step {
            match draft.name().at(&draft.put.path)? {
                Some(folder) => folders.push(folder),
                None => again.push(draft.put),
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

// === impl Draft ===

impl<'a> Draft<'a> {
    fn write(tree: &'a Tree, folder: &'a OpenFolder, put: &'a Put) -> io::Result<Self> {
        let temporary = HIDDEN.temporary()?;
        let file = tree.create_temporary(folder.spot(&temporary)?, &put.path)?;
        let draft = Self { tree, put, folder, temporary, file, is_named: Cell::new(false) };
        draft.file.write(0, std::slice::from_ref(&put.content))?;
        Ok(draft)
    }

    pub(crate) fn file(&self) -> &Writable {
        &self.file
    }

    /// Gives it its name, and returns the folder that has to be synced; `None` if the folder vanished
    /// meanwhile, and the name with it.
    fn name(&self) -> io::Result<Option<(StoragePath, OpenFolder)>> {
        match self.try_name() {
            Err(error) if is_absent(&error) => Ok(None),
            named => named,
        }
    }

    fn try_name(&self) -> io::Result<Option<(StoragePath, OpenFolder)>> {
        let path = &self.put.path;
        let parent = path.parent().ok_or(io::ErrorKind::IsADirectory)?;
        let disk = &self.tree.disk;
        let folder = disk.make_folder(&parent)?;
        disk.rename_at(self.folder.spot(&self.temporary)?, folder.spot(path)?)?;
        self.is_named.set(true);
        let now = disk.folder(&parent)?;
        Ok((now.identity()? == folder.identity()?).then_some((parent, now)))
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.is_named.get()
            && let Ok(spot) = self.folder.spot(&self.temporary)
        {
            self.tree.remove_temporary(spot);
        }
    }
}
