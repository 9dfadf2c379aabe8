//! Many small reads below one folder, at the price of one way to it.

use std::{fs::File, sync::Arc};

use bytes::Bytes;
use tokio::task::{JoinHandle, spawn_blocking, yield_now};
use wharf_driver::{Error, ErrorKind, Result, StoragePath};

use crate::{
    driver::small,
    place::{HIDDEN, Tree},
    ready::Miss,
};

/// What was read, in the order in which it was asked for; `None` if it takes longer.
type Read = Vec<Option<Result<Bytes>>>;

/// How many reads are done at once before others have their turn.
const TURN: usize = 64;
/// How many threads read what takes longer.
const READERS: usize = 8;

/// Reads small content at every one of `paths` below `folder`.
pub(crate) async fn read(
    tree: &Arc<Tree>,
    folder: &StoragePath,
    paths: &[StoragePath],
    limit: u64,
) -> Vec<Result<Bytes>> {
    let mut read = Read::with_capacity(paths.len());
    for paths in paths.chunks(TURN) {
        if !read.is_empty() {
            yield_now().await;
        }
        read.extend(tree.each_now(folder, paths, limit));
    }
    let full =
        |(path, read): (&StoragePath, &Option<_>)| read.is_none().then(|| folder.append(path));
    let later: Vec<StoragePath> = paths.iter().zip(&read).filter_map(full).collect();
    let mut later = slowly(tree, &later, limit).await.into_iter();
    let lost = || Err(Error::new(ErrorKind::Other, folder).because("a read was lost"));
    read.into_iter().map(|read| read.or_else(|| later.next()).unwrap_or_else(lost)).collect()
}

/// Reads what may have to be waited for, on a few threads.
async fn slowly(tree: &Arc<Tree>, paths: &[StoragePath], limit: u64) -> Vec<Result<Bytes>> {
    let begin = |paths: &[StoragePath]| -> (Vec<StoragePath>, JoinHandle<Vec<_>>) {
        let (tree, own) = (Arc::clone(tree), paths.to_vec());
        let read = move || own.iter().map(|path| visible(&tree, path, limit)).collect();
        (paths.to_vec(), spawn_blocking(read))
    };
    let group = paths.len().div_ceil(READERS).max(1);
    let groups: Vec<_> = paths.chunks(group).map(begin).collect();
    let mut read = Vec::with_capacity(paths.len());
    for (paths, done) in groups {
        let failed = |path| Err(Error::new(ErrorKind::Other, path).because("the read was ended"));
        read.extend(done.await.unwrap_or_else(|_| paths.iter().map(failed).collect()));
    }
    read
}

fn visible(tree: &Tree, path: &StoragePath, limit: u64) -> Result<Bytes> {
    match HIDDEN.hides(path) {
        true => Err(Error::new(ErrorKind::InvalidPath, path)),
        false => small(tree, path, limit),
    }
}

// === impl Tree ===

impl Tree {
    /// What can be read without waiting.
    fn each_now(&self, folder: &StoragePath, paths: &[StoragePath], limit: u64) -> Read {
        // What is hidden lies below the root, where no links are.
        if folder.is_root() || HIDDEN.hides(folder) {
            return paths.iter().map(|_| None).collect();
        }
        match self.disk.folder_now(folder) {
            Ok(open) => paths.iter().map(|path| self.one_now(&open, folder, path, limit)).collect(),
            Err(Miss::Absent) => paths.iter().map(|path| Some(absent(folder, path))).collect(),
            Err(Miss::Later) => paths.iter().map(|_| None).collect(),
        }
    }

    fn one_now(
        &self,
        open: &File,
        folder: &StoragePath,
        path: &StoragePath,
        limit: u64,
    ) -> Option<Result<Bytes>> {
        let is_settled =
            || self.unsettled.is_empty() || self.unsettled.is_settled(&folder.append(path));
        match self.small_now(open, path, limit) {
            // Whoever gives the name is waited for, and not on this thread.
            Ok(content) => is_settled().then_some(Ok(content)),
            Err(Miss::Absent) => Some(absent(folder, path)),
            Err(Miss::Later) => None,
        }
    }
}

fn absent<T>(folder: &StoragePath, path: &StoragePath) -> Result<T> {
    Err(Error::new(ErrorKind::NotFound, folder.append(path)))
}
