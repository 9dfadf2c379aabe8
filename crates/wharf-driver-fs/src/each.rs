//! Many small things below one folder, at the price of one way to it.

use std::{fs::File, sync::Arc};

use bytes::Bytes;
use tokio::task::{JoinHandle, spawn_blocking, yield_now};
use wharf_driver::{Error, ErrorKind, ListRequest, Listing, Result, StoragePath};

use crate::{
    driver::{list, small},
    place::{HIDDEN, Tree},
    ready::Miss,
    watch::Heard,
};

/// What is looked for at each of several paths.
trait Look: Clone + Send + 'static {
    type Found: Send + 'static;

    /// What is there, if that takes no waiting; `is_near` is whether the one before took none.
    fn now(
        &self,
        tree: &Tree,
        folder: (&StoragePath, &File),
        path: &StoragePath,
        is_near: bool,
    ) -> Result<Self::Found, Miss>;

    /// What is known to be there, of a path from the root.
    fn known(&self, tree: &Tree, heard: &Heard<'_>, path: &StoragePath) -> Option<Self::Found>;

    /// What is there, on a thread that may wait.
    fn slowly(&self, tree: &Tree, path: &StoragePath) -> Result<Self::Found>;

    /// What is found where nothing is.
    fn absent(&self, path: StoragePath) -> Result<Self::Found>;
}

/// Content of up to so many bytes.
#[derive(Clone)]
struct Small(u64);

/// A page of a folder.
#[derive(Clone)]
struct Pages {
    after: Option<String>,
    limit: usize,
}

/// How many are looked at before others have their turn.
const TURN: usize = 64;
/// How many threads look at what takes longer.
const READERS: usize = 8;

/// Reads small content at every one of `paths` below `folder`.
pub(crate) async fn read(
    tree: &Arc<Tree>,
    folder: &StoragePath,
    paths: &[StoragePath],
    limit: u64,
) -> Vec<Result<Bytes>> {
    each(tree, folder, paths, Small(limit)).await
}

/// Lists a page of every one of `paths` below `folder`.
pub(crate) async fn lists(
    tree: &Arc<Tree>,
    folder: &StoragePath,
    paths: &[StoragePath],
    request: ListRequest<'_>,
) -> Vec<Result<Listing>> {
    let pages = Pages { after: request.after.map(str::to_owned), limit: request.limit };
    each(tree, folder, paths, pages).await
}

async fn each<L: Look>(
    tree: &Arc<Tree>,
    folder: &StoragePath,
    paths: &[StoragePath],
    look: L,
) -> Vec<Result<L::Found>> {
    let mut found = Vec::with_capacity(paths.len());
    for paths in paths.chunks(TURN) {
        if !found.is_empty() {
            yield_now().await;
        }
        found.extend(tree.each_now(folder, paths, &look));
    }
    let missing = paths.iter().zip(&found).filter(|(_, found)| found.is_none());
    let missing: Vec<StoragePath> = missing.map(|(path, _)| folder.append(path)).collect();
    let mut later = slowly(tree, &missing, &look).await.into_iter();
    let lost = || Err(Error::new(ErrorKind::Other, folder).because("a look was lost"));
    found.into_iter().map(|found| found.or_else(|| later.next()).unwrap_or_else(lost)).collect()
}

/// Looks at what may have to be waited for, on a few threads.
async fn slowly<L: Look>(
    tree: &Arc<Tree>,
    paths: &[StoragePath],
    look: &L,
) -> Vec<Result<L::Found>> {
    let begin = |paths: &[StoragePath]| -> (Vec<StoragePath>, JoinHandle<Vec<_>>) {
        let (tree, own, look) = (Arc::clone(tree), paths.to_vec(), look.clone());
        let visible = move |path: &StoragePath| match HIDDEN.hides(path) {
            true => Err(Error::new(ErrorKind::InvalidPath, path)),
            false => look.slowly(&tree, path),
        };
        (paths.to_vec(), spawn_blocking(move || own.iter().map(visible).collect()))
    };
    let group = paths.len().div_ceil(READERS).max(1);
    let groups: Vec<_> = paths.chunks(group).map(begin).collect();
    let mut found = Vec::with_capacity(paths.len());
    for (paths, done) in groups {
        let failed = |path| Err(Error::new(ErrorKind::Other, path).because("the look was ended"));
        found.extend(done.await.unwrap_or_else(|_| paths.iter().map(failed).collect()));
    }
    found
}

// === impl Tree ===

impl Tree {
    /// What can be found without waiting, in the order in which it was asked for.
    fn each_now<L: Look>(
        &self,
        folder: &StoragePath,
        paths: &[StoragePath],
        look: &L,
    ) -> Vec<Option<Result<L::Found>>> {
        // What is hidden lies below the root, where nothing of ours is.
        if folder.is_root() || HIDDEN.hides(folder) {
            return paths.iter().map(|_| None).collect();
        }
        let open = self.disk.folder_now(folder);
        let heard = self.kept.hear();
        let mut is_near = false;
        let found = paths.iter().map(|path| {
            let known =
                heard.as_ref().and_then(|heard| look.known(self, heard, &folder.append(path)));
            if let Some(known) = known {
                return Some(Ok(known));
            }
            let now = match &open {
                Ok(open) => look.now(self, (folder, open), path, is_near),
                Err(Miss::Absent) => Err(Miss::Absent),
                Err(Miss::Later) => Err(Miss::Later),
            };
            is_near = now.is_ok();
            match now {
                Ok(found) => Some(Ok(found)),
                Err(Miss::Absent) => Some(look.absent(folder.append(path))),
                Err(Miss::Later) => None,
            }
        });
        found.collect()
    }
}

// === impl Small ===

impl Look for Small {
    type Found = Bytes;

    fn now(
        &self,
        tree: &Tree,
        (folder, open): (&StoragePath, &File),
        path: &StoragePath,
        _: bool,
    ) -> Result<Bytes, Miss> {
        let content = tree.small_now(open, path, self.0)?;
        // Whoever gives the name is waited for, and not on this thread.
        let is_settled =
            tree.unsettled.is_empty() || tree.unsettled.is_settled(&folder.append(path));
        is_settled.then_some(content).ok_or(Miss::Later)
    }

    fn known(&self, tree: &Tree, heard: &Heard<'_>, path: &StoragePath) -> Option<Bytes> {
        tree.known_small(heard, path, self.0)
    }

    fn slowly(&self, tree: &Tree, path: &StoragePath) -> Result<Bytes> {
        small(tree, path, self.0)
    }

    fn absent(&self, path: StoragePath) -> Result<Bytes> {
        Err(Error::new(ErrorKind::NotFound, path))
    }
}

// === impl Pages ===

impl Pages {
    fn request(&self) -> ListRequest<'_> {
        ListRequest { after: self.after.as_deref(), limit: self.limit }
    }
}

impl Look for Pages {
    type Found = Listing;

    fn now(
        &self,
        tree: &Tree,
        (folder, open): (&StoragePath, &File),
        path: &StoragePath,
        is_near: bool,
    ) -> Result<Listing, Miss> {
        let page = tree.disk.list_below_now(open, path, self.request(), is_near)?;
        tree.keep_folder(&folder.append(path));
        Ok(page)
    }

    fn known(&self, tree: &Tree, heard: &Heard<'_>, path: &StoragePath) -> Option<Listing> {
        tree.known_page(heard, path, self.request())
    }

    fn slowly(&self, tree: &Tree, path: &StoragePath) -> Result<Listing> {
        list(tree, path, self.request())
    }

    fn absent(&self, _: StoragePath) -> Result<Listing> {
        Ok(Listing::default())
    }
}
