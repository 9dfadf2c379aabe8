//! Finds the folders of repositories in the byte order of their full names.
//!
//! A folder lists its children by their bare names, where `c` comes before `c-x`. Full names compare
//! `c/…` with `c-x`, and `-` and `.` come before `/`: what lies *below* `c` comes after `c-x` and
//! `c.x`. So a subtree waits until the names that come first are through. What waits at one moment
//! are prefixes of one name, hence few.
//!
//! The children of a folder are looked into some at a time, because each costs a round trip where
//! the store is far away.

use std::collections::VecDeque;

use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use wharf_core::Result;
use wharf_driver::{Driver, EntryKind, ListRequest, Listing};
use wharf_reference::RepositoryName;

use crate::{digests::CONCURRENCY, error::StorageResult, layout};

/// A folder that could be a repository by its name.
pub(super) struct Candidate {
    pub(super) name: RepositoryName,
    /// The folders in it that no repository below it can be; `None` if they were not all listed.
    pub(super) own: Option<Vec<String>>,
}

/// A place between two names.
struct Walk<'a> {
    driver: &'a dyn Driver,
    /// The folders from the root to where the walk stands.
    frames: Vec<Frame>,
}

/// One folder, partly walked.
struct Frame {
    /// Its name, `None` for the root.
    folder: Option<RepositoryName>,
    /// Names that are listed, but not yet looked into.
    names: Vec<String>,
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

/// How many children are listed at once.
const PAGE: usize = 32;

/// The folders whose full names come strictly after `after`, which may be any text.
pub(super) fn after<'a>(
    driver: &'a dyn Driver,
    after: Option<&str>,
) -> impl Stream<Item = Result<Candidate>> + use<'a> {
    let root = Frame::new(None, Start::After(after.map(bounded)));
    let walk = Walk { driver, frames: vec![root] };
    stream::unfold(walk, |mut walk| async move {
        let next = walk.next().await.transpose()?;
        Some((next, walk))
    })
}

// === impl Walk ===

impl Walk<'_> {
    async fn next(&mut self) -> Result<Option<Candidate>> {
        while let Some(frame) = self.frames.last_mut() {
            frame.fill(self.driver).await?;
            if let Some(subtree) = frame.due() {
                if let Some(folder) = frame.full(&subtree.child) {
                    self.frames.push(Frame::new(Some(folder), subtree.start));
                }
            } else if let Some(child) = frame.children.pop_front() {
                let own = child.own();
                frame
                    .waiting
                    .push(Subtree { child: child.name, start: Start::With(child.listing) });
                return Ok(Some(Candidate { name: child.full, own }));
            } else {
                self.frames.pop();
            }
        }
        Ok(None)
    }
}

// === impl Frame ===

impl Frame {
    fn new(folder: Option<RepositoryName>, start: Start) -> Self {
        let mut frame = Self {
            folder,
            names: Vec::new(),
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
    async fn fill(&mut self, driver: &dyn Driver) -> Result<()> {
        while self.children.is_empty() && (self.more || !self.names.is_empty()) {
            if self.names.is_empty() {
                let path = match &self.folder {
                    Some(name) => layout::repository(name),
                    None => layout::repositories(),
                };
                let request = ListRequest { after: self.after.as_deref(), limit: PAGE };
                self.take(driver.list(&path, request).await.stored()?);
            }
            let names = std::mem::take(&mut self.names);
            let named = names.into_iter().filter_map(|name| Some((self.full(&name)?, name)));
            let looks = stream::iter(named.collect::<Vec<_>>())
                .map(|(full, name)| Child::look(driver, full, name));
            self.children = looks.buffered(CONCURRENCY).try_collect().await?;
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
    async fn look(driver: &dyn Driver, full: RepositoryName, name: String) -> Result<Self> {
        let request = ListRequest { after: None, limit: PAGE };
        let listing = driver.list(&layout::repository(&full), request).await.stored()?;
        Ok(Self { name, full, listing })
    }

    /// The folders in it whose names no component of a repository's name can be.
    fn own(&self) -> Option<Vec<String>> {
        let names = self.listing.entries.iter().map(|entry| &entry.name);
        let own = names.filter(|name| name.starts_with('_')).cloned().collect();
        (!self.listing.more).then_some(own)
    }
}

/// A short text before and after which the same names lie: no name is longer than the limit, and
/// none has a character beyond ASCII.
fn bounded(text: &str) -> String {
    let sort = |c: char| if c.is_ascii() { c } else { '\u{7f}' };
    text.chars().map(sort).take(RepositoryName::MAX_LEN + 1).collect()
}
