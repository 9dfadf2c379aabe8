//! What is asked for, and what is told.

use std::{fmt, time::Duration};

use wharf_driver::Driver;

/// What a collection does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Nothing is removed, everything else is as it would be.
    pub dry_run: bool,
    /// Manifests go to which no tag leads: by itself, through an index, or through what they are
    /// about.
    pub untagged: bool,
    /// What is younger stays.
    pub min_age: Duration,
    /// How many repositories, folders or removals are under way at once.
    pub concurrency: usize,
}

/// What a collection did, or would have done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The repositories that were read.
    pub repositories: u64,
    /// The blobs that are needed, manifests included.
    pub marked: u64,
    /// The blobs that were removed.
    pub blobs: u64,
    /// How many bytes they had.
    pub bytes: u64,
    /// The manifests that were removed because nothing leads to them.
    pub manifests: u64,
    /// The links that were removed because they lead to nothing.
    pub links: u64,
    /// The blobs that nothing needs, but that are too young to go.
    pub young: u64,
    /// What was found damaged.
    pub findings: u64,
    /// What should have been removed and could not be.
    pub failed: u64,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The repository, or else the path.
    pub place: String,
    /// What is wrong, and what follows from it.
    pub problem: String,
}

/// What a collection is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It reads manifests.
    Marking,
    /// It looks at the links of repositories.
    Linking,
    /// It looks at blobs.
    Sweeping,
}

/// How far a collection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What it is about.
    pub stage: Stage,
    /// The repositories, or the folders of blobs, that are done.
    pub done: u64,
    /// What was marked, or is to go, so far.
    pub found: u64,
}

/// Who wants to know how a collection goes.
pub trait Watch: Send + Sync + 'static {
    /// Whether [`Watch::lines`] is of use.
    fn is_verbose(&self) -> bool;

    /// Whole lines, in the form of docker/distribution.
    fn lines(&self, lines: &str);

    /// Something is damaged, or could not be removed.
    fn finding(&self, finding: &Finding);

    /// It goes on.
    fn progress(&self, progress: Progress);
}

// === impl Options ===

impl Options {
    /// As many things at once as the store is good for.
    #[must_use]
    pub fn for_store(self, driver: &dyn Driver) -> Self {
        let is_remote = driver.capabilities().remote;
        Self { concurrency: if is_remote { 16 } else { 8 }, ..self }
    }
}

impl Default for Options {
    fn default() -> Self {
        let min_age = Duration::from_secs(60 * 60);
        Self { dry_run: false, untagged: false, min_age, concurrency: 8 }
    }
}

// === impl Report ===

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { repositories, marked, blobs, bytes, manifests, links, young, .. } = self;
        write!(
            f,
            "{repositories} repositories, {marked} blobs in use; removed {blobs} blobs with {bytes} \
             bytes, {manifests} manifests, {links} links; {young} blobs too young to go, {} entries \
             damaged",
            self.findings
        )?;
        match self.failed {
            0 => Ok(()),
            failed => write!(f, ", {failed} could not be removed"),
        }
    }
}

// === impl Finding ===

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}
