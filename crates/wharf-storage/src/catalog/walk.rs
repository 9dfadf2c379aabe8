//! Finds the folders of repositories in the byte order of their full names.
//!
//! A folder lists its children by their bare names, where `c` comes before `c-x`. Full names compare
//! `c/…` with `c-x`, and `-` and `.` come before `/`: what lies *below* `c` comes after `c-x` and
//! `c.x`. So a subtree waits until the names that come first are through. What waits at one moment
//! are prefixes of one name, hence few.

use std::collections::VecDeque;

use wharf_core::Result;
use wharf_driver::{Driver, EntryKind, ListRequest};
use wharf_reference::RepositoryName;

use crate::{error::StorageResult, layout};

/// Hands out the names of folders, one by one.
pub(super) struct Walk<'a> {
    driver: &'a dyn Driver,
    /// The folders from the root to where the walk stands.
    frames: Vec<Frame>,
}

/// One folder, partly walked.
struct Frame {
    /// Its name, `None` for the root.
    folder: Option<RepositoryName>,
    /// Children that are listed but not yet handed out.
    listed: VecDeque<String>,
    /// Where the next listing begins.
    after: Option<String>,
    /// Whether there may be one.
    more: bool,
    /// Subtrees whose turn has not come, the next one last.
    waiting: Vec<Subtree>,
}

struct Subtree {
    child: String,
    /// Only names strictly after this one, below the child.
    after: Option<String>,
}

/// How many children are listed at once.
const PAGE: usize = 128;

// === impl Walk ===

impl<'a> Walk<'a> {
    /// Begins with the first name strictly after `after`, which may be any text.
    pub(super) fn after(driver: &'a dyn Driver, after: Option<&str>) -> Self {
        let after = after.map(bounded);
        Self { driver, frames: vec![Frame::new(None, after.as_deref())] }
    }

    /// The next folder that could be a repository by its name.
    pub(super) async fn next(&mut self) -> Result<Option<RepositoryName>> {
        while let Some(frame) = self.frames.last_mut() {
            frame.fill(self.driver).await?;
            if let Some(subtree) = frame.due() {
                if let Some(folder) = frame.child(&subtree.child) {
                    self.frames.push(Frame::new(Some(folder), subtree.after.as_deref()));
                }
            } else if let Some(child) = frame.listed.pop_front() {
                if let Some(name) = frame.child(&child) {
                    frame.waiting.push(Subtree { child, after: None });
                    return Ok(Some(name));
                }
            } else {
                self.frames.pop();
            }
        }
        Ok(None)
    }
}

// === impl Frame ===

impl Frame {
    fn new(folder: Option<RepositoryName>, after: Option<&str>) -> Self {
        let mut frame =
            Self { folder, listed: VecDeque::new(), after: None, more: true, waiting: Vec::new() };
        if let Some(after) = after {
            frame.skip(after);
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
        let ends = child.match_indices(['-', '.']).map(|(end, _)| &child[..end]);
        self.waiting.extend(ends.map(|child| Subtree { child: child.into(), after: None }));
        self.waiting.push(Subtree { child: child.into(), after: below.map(str::to_owned) });
        // `child-x` and `child.x` come before everything below `child`.
        self.after = Some(below.map_or_else(|| child.to_owned(), |_| format!("{child}/")));
    }

    /// Lists more children, unless some are left.
    async fn fill(&mut self, driver: &dyn Driver) -> Result<()> {
        let path = match &self.folder {
            Some(name) => layout::repository(name),
            None => layout::repositories(),
        };
        while self.listed.is_empty() && self.more {
            let request = ListRequest { after: self.after.as_deref(), limit: PAGE };
            let listing = driver.list(&path, request).await.stored()?;
            self.more = listing.more;
            self.after = listing.entries.last().map(|entry| entry.name.clone());
            let folders =
                listing.entries.into_iter().filter(|entry| entry.kind == EntryKind::Folder);
            self.listed.extend(folders.map(|entry| entry.name));
        }
        Ok(())
    }

    /// The subtree whose names come before that of the next child.
    fn due(&mut self) -> Option<Subtree> {
        let waiting = self.waiting.last()?;
        let first = format!("{}/", waiting.child);
        let is_due = self.listed.front().is_none_or(|next| first < *next);
        is_due.then(|| self.waiting.pop()).flatten()
    }

    /// The full name of a child, `None` if it cannot be that of a repository.
    fn child(&self, child: &str) -> Option<RepositoryName> {
        match &self.folder {
            Some(folder) => RepositoryName::parse(&format!("{folder}/{child}")).ok(),
            None => RepositoryName::parse(child).ok(),
        }
    }
}

/// A short text before and after which the same names lie: no name is longer than the limit, and
/// none has a character beyond ASCII.
fn bounded(text: &str) -> String {
    let sort = |c: char| if c.is_ascii() { c } else { '\u{7f}' };
    text.chars().map(sort).take(RepositoryName::MAX_LEN + 1).collect()
}
