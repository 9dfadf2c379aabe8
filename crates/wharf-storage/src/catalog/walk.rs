//! Finds the folders of repositories in the byte order of their full names.
//!
//! A folder lists its children by their bare names, where `c` comes before `c-x`. Full names compare
//! `c/…` with `c-x`, and `-` and `.` come before `/`: what lies *below* `c` comes after `c-x` and
//! `c.x`. So a subtree waits until the names that come first are through. What waits at one moment
//! are prefixes of one name, hence few.
//!
//! The children of a folder are looked into some at a time, because each costs a round trip where
//! the store is far away, and the more of them the longer the walk stays there.

use std::collections::VecDeque;

use wharf_core::Result;
use wharf_driver::{Driver, EntryKind, ListRequest, Listing, StoragePath};
use wharf_reference::RepositoryName;

use crate::{error::StorageResult, layout};

use super::{MANIFESTS_OR_TAGS, Wanted};

/// A place between two names.
pub(super) struct Walk<'a> {
    driver: &'a dyn Driver,
    wanted: Wanted,
    /// The folders from the root to where the walk stands.
    frames: Vec<Frame>,
    /// How many children of the last folder that was walked to its end were looked into at once.
    ahead: usize,
}

/// One folder, partly walked.
struct Frame {
    /// Its name, `None` for the root.
    folder: Option<RepositoryName>,
    /// Names that are listed, but not yet looked into.
    names: VecDeque<String>,
    /// How many of them are looked into next.
    ahead: usize,
    /// Where the next listing begins.
    after: Option<String>,
    /// Whether there may be one.
    more: bool,
    /// Children that were looked into, but are not yet handed out.
    children: VecDeque<Child>,
    /// Subtrees whose turn has not come, the next one last.
    waiting: Vec<Subtree>,
}

/// A folder in a folder.
struct Child {
    name: String,
    full: RepositoryName,
    /// The first part of what is in it.
    listing: Listing,
    /// Whether it is a repository of those that are wanted.
    counts: bool,
}

struct Subtree {
    /// The name of the child whose children these are.
    child: String,
    start: Start,
}

/// Where the walk of a folder begins.
enum Start {
    /// After a name below it, or at its beginning.
    After(Option<String>),
    /// With what was listed already.
    With(Listing),
}

/// How many children are listed at once, and looked into at most.
const PAGE: usize = 32;

/// How many are looked into at first: the subtree of the first one may fill the page. The next folder
/// goes on as the one before it ended, which was much like it most of the time.
const LEAST: usize = 4;

// === impl Walk ===

impl<'a> Walk<'a> {
    /// The repositories whose full names come strictly after `after`, which may be any text.
    pub(super) fn after(driver: &'a dyn Driver, after: Option<&str>, wanted: Wanted) -> Self {
        let root = Frame::new(None, Start::After(after.map(bounded)), LEAST);
        Self { driver, wanted, frames: vec![root], ahead: LEAST }
    }

    /// The next one, `None` after the last. Looks into no more than `most` folders ahead, which is how
    /// many will be asked for.
    pub(super) async fn next(&mut self, most: usize) -> Result<Option<RepositoryName>> {
        while let Some(frame) = self.frames.last_mut() {
            frame.fill(self.driver, self.wanted, most).await?;
            if let Some(subtree) = frame.due() {
                if let Some(folder) = frame.full(&subtree.child) {
                    self.frames.push(Frame::new(Some(folder), subtree.start, self.ahead));
                }
            } else if let Some(child) = frame.children.pop_front() {
                if child.has_subtree() {
                    let start = Start::With(child.listing);
                    frame.waiting.push(Subtree { child: child.name, start });
                }
                if child.counts {
                    return Ok(Some(child.full));
                }
            } else {
                self.ahead = frame.ahead;
                self.frames.pop();
            }
        }
        Ok(None)
    }
}

// === impl Frame ===

impl Frame {
    fn new(folder: Option<RepositoryName>, start: Start, ahead: usize) -> Self {
        let mut frame = Self {
            folder,
            names: VecDeque::new(),
            ahead,
            after: None,
            more: true,
            children: VecDeque::new(),
            waiting: Vec::new(),
        };
        match start {
            Start::After(None) => {}
            Start::After(Some(after)) => frame.skip(&after),
            Start::With(listing) => frame.take(listing),
        }
        frame
    }

    /// Leaves out everything up to the name `after`, and remembers which subtrees come after it
    /// although their folders come before it.
    fn skip(&mut self, after: &str) {
        let (child, below) = match after.split_once('/') {
            Some((child, below)) => (child, Some(below)),
            None => (after, None),
        };
        let wait = |child: &str, after: Option<&str>| Subtree {
            child: child.to_owned(),
            start: Start::After(after.map(str::to_owned)),
        };
        let ends = child.match_indices(['-', '.']);
        self.waiting.extend(ends.map(|(end, _)| wait(&child[..end], None)));
        self.waiting.push(wait(child, below));
        // `child-x` and `child.x` come before everything below `child`.
        self.after = Some(below.map_or_else(|| child.to_owned(), |_| format!("{child}/")));
    }

    fn take(&mut self, listing: Listing) {
        self.more = listing.more;
        self.after = listing.entries.last().map(|entry| entry.name.clone());
        let folders = listing.entries.into_iter().filter(|entry| entry.kind == EntryKind::Folder);
        self.names.extend(folders.map(|entry| entry.name));
    }

    /// Looks into more children, unless some are left.
    async fn fill(&mut self, driver: &dyn Driver, wanted: Wanted, most: usize) -> Result<()> {
        while self.children.is_empty() && (self.more || !self.names.is_empty()) {
            let path = match &self.folder {
                Some(name) => layout::repository(name),
                None => layout::repositories(),
            };
            if self.names.is_empty() {
                let request = ListRequest { after: self.after.as_deref(), limit: PAGE };
                self.take(driver.list(&path, request).await.stored()?);
            }
            let ahead = self.ahead.min(most).min(self.names.len());
            let names: Vec<_> = self.names.drain(..ahead).collect();
            self.ahead = PAGE.min(2 * self.ahead);
            let named = names.into_iter().filter_map(|name| Some((self.full(&name)?, name)));
            let mut children = look(driver, &path, named.collect()).await?;
            count(driver, &path, &mut children, wanted).await?;
            self.children = children.into();
        }
        Ok(())
    }

    /// The subtree whose names come before that of the next child.
    fn due(&mut self) -> Option<Subtree> {
        let first = format!("{}/", self.waiting.last()?.child);
        let is_due = self.children.front().is_none_or(|next| first < next.name);
        is_due.then(|| self.waiting.pop()).flatten()
    }

    /// The full name of a child, `None` if it cannot be that of a repository.
    fn full(&self, child: &str) -> Option<RepositoryName> {
        match &self.folder {
            Some(folder) => RepositoryName::parse(&format!("{folder}/{child}")).ok(),
            None => RepositoryName::parse(child).ok(),
        }
    }
}

// === impl Child ===

impl Child {
    /// Whether there may be folders in it that are repositories below this one.
    fn has_subtree(&self) -> bool {
        self.listing.more || self.listing.entries.iter().any(|entry| !is_own(&entry.name))
    }

    /// Whether a folder of its own may be in it.
    fn may_have(&self, folder: &str) -> bool {
        self.listing.more || self.listing.entries.iter().any(|entry| entry.name == folder)
    }
}

/// Lists the first part of folders in a folder.
async fn look(
    driver: &dyn Driver,
    folder: &StoragePath,
    named: Vec<(RepositoryName, String)>,
) -> Result<Vec<Child>> {
    let paths: Vec<_> = named.iter().map(|(_, name)| layout::component(name)).collect();
    let request = ListRequest { after: None, limit: PAGE };
    let listings = driver.list_each(folder, &paths, request).await;
    let children = named.into_iter().zip(listings).map(|((full, name), listing)| {
        Ok(Child { name, full, listing: listing.stored()?, counts: false })
    });
    children.collect()
}

/// Finds out which children are repositories of those that are wanted.
async fn count(
    driver: &dyn Driver,
    folder: &StoragePath,
    children: &mut [Child],
    wanted: Wanted,
) -> Result<()> {
    let (below, request) = match wanted {
        Wanted::Manifests => (Some(layout::MANIFESTS), MANIFESTS_OR_TAGS),
        // Its own folders lie together, and no name of another one lies between them.
        Wanted::Anything => (None, ListRequest { after: Some("_"), limit: 1 }),
    };
    let mut unsure = Vec::new();
    let mut paths = Vec::new();
    for child in children {
        match below {
            Some(below) if child.may_have(below) => paths.push(layout::below(&child.name, below)),
            None if child.listing.more => paths.push(layout::component(&child.name)),
            None => {
                child.counts = child.listing.entries.iter().any(|entry| is_own(&entry.name));
                continue;
            }
            Some(_) => continue,
        }
        unsure.push(child);
    }
    let listings = driver.list_each(folder, &paths, request).await;
    for (child, listing) in unsure.into_iter().zip(listings) {
        let first = listing.stored()?.entries.into_iter().next();
        child.counts = first.is_some_and(|first| below.is_some() || is_own(&first.name));
    }
    Ok(())
}

/// Whether a folder of this name belongs to the repository that it is in: no component of a
/// repository's name can be like that.
fn is_own(name: &str) -> bool {
    name.starts_with('_')
}

/// A short text before and after which the same names lie: no name is longer than the limit, and
/// none has a character beyond ASCII.
fn bounded(text: &str) -> String {
    let sort = |c: char| if c.is_ascii() { c } else { '\u{7f}' };
    text.chars().map(sort).take(RepositoryName::MAX_LEN + 1).collect()
}
