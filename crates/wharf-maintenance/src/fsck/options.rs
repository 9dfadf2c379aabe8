//! What is asked for, and what is told.

use std::{fmt, thread::available_parallelism};

use serde::{Serialize, Serializer};
use wharf_driver::Driver;

use super::Kind;

/// What a check does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What follows from the rest of the store is repaired.
    pub repair: bool,
    /// Blobs that a manifest needs are linked again, too.
    pub relink: bool,
    /// Blobs are read and hashed; otherwise only their presence is looked at.
    pub hash: bool,
    /// The only repository to look at, with the blobs that it links.
    pub repository: Option<String>,
    /// How many blobs are hashed at once.
    pub hashes: usize,
    /// How many repositories, or small files of one, are looked at at once.
    pub concurrency: usize,
}

/// What a check found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The repositories that were looked at.
    pub repositories: u64,
    /// The blobs that were looked at.
    pub blobs: u64,
    /// The bytes that were hashed.
    pub bytes: u64,
    /// The manifests that were read.
    pub manifests: u64,
    /// The tags that were read.
    pub tags: u64,
    /// The upload sessions that were looked at.
    pub uploads: u64,
    /// What was found wrong.
    pub findings: u64,
    /// What of it is right now.
    pub repaired: u64,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What is wrong.
    #[serde(serialize_with = "name_of")]
    pub kind: Kind,
    /// The repository, if it is one's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// Which blob, tag, manifest or path.
    pub subject: String,
    /// What is wrong with it, for people.
    pub problem: String,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What became of a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum Outcome {
    /// It is told; nothing can be done here.
    Left,
    /// A repair would be possible.
    Repairable,
    /// It is right now.
    Repaired,
    /// It could not be repaired.
    Failed {
        /// Why.
        error: String,
    },
}

/// What a check is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It reads blobs.
    Blobs,
    /// It looks at repositories.
    Repositories,
}

/// How far a check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What it is about.
    pub stage: Stage,
    /// What it has looked at so far.
    pub report: Report,
}

/// Who wants to know how a check goes.
pub trait Watch: Send + Sync + 'static {
    /// Something is wrong.
    fn finding(&self, finding: &Finding);

    /// It goes on.
    fn progress(&self, progress: Progress);
}

// === impl Options ===

impl Options {
    /// As many things at once as the store and the machine are good for.
    #[must_use]
    pub fn for_store(self, driver: &dyn Driver) -> Self {
        let is_remote = driver.capabilities().remote;
        let cores = available_parallelism().map_or(1, usize::from);
        // Another machine takes its time, and its answers are hashed as they come.
        let hashes = if is_remote { (4 * cores).max(16) } else { cores };
        Self { hashes, concurrency: if is_remote { 16 } else { 8 }, ..self }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            repair: false,
            relink: false,
            hash: true,
            repository: None,
            hashes: 1,
            concurrency: 8,
        }
    }
}

// === impl Report ===

impl Report {
    /// What is still wrong.
    pub fn left(&self) -> u64 {
        self.findings - self.repaired
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { repositories, blobs, bytes, manifests, tags, uploads, findings, repaired } =
            self;
        write!(
            f,
            "{blobs} blobs ({bytes} bytes hashed), {repositories} repositories, {manifests} \
             manifests, {tags} tags, {uploads} uploads; {findings} findings, {repaired} repaired"
        )
    }
}

// === impl Finding ===

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.kind.name())?;
        if let Some(repository) = &self.repository {
            write!(f, "{repository}: ")?;
        }
        write!(f, "{}: {}", self.subject, self.problem)?;
        match &self.outcome {
            Outcome::Left => Ok(()),
            Outcome::Repairable => f.write_str(" (can be repaired)"),
            Outcome::Repaired => f.write_str(" (repaired)"),
            Outcome::Failed { error } => write!(f, " (could not be repaired: {error})"),
        }
    }
}

fn name_of<S: Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.name())
}
