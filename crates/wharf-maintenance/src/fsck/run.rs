//! What all parts of a check share.

use std::{
    fmt::{self, Display},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use wharf_digest::Digest;
use wharf_driver::{Driver, Error, ErrorKind, PutMode, Result, StoragePath};
use wharf_storage::tree::Repository;

use crate::{manifests::Reader, work::is_nothing};

use super::{Finding, Kind, Options, Outcome, Progress, Report, Stage, Watch};

/// One check.
pub(super) struct Run {
    pub(super) driver: Arc<dyn Driver>,
    pub(super) options: Options,
    pub(super) reader: Reader,
    watch: Arc<dyn Watch>,
    pub(super) repositories: AtomicU64,
    pub(super) blobs: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) manifests: AtomicU64,
    pub(super) tags: AtomicU64,
    pub(super) uploads: AtomicU64,
    findings: AtomicU64,
    repaired: AtomicU64,
}

/// Where something is wrong, and what.
pub(super) struct At<'a> {
    pub(super) kind: Kind,
    pub(super) repository: Option<&'a str>,
    pub(super) subject: String,
}

// === impl Run ===

impl Run {
    pub(super) fn new(driver: Arc<dyn Driver>, options: Options, watch: Arc<dyn Watch>) -> Self {
        Self {
            reader: Reader::new(&driver),
            driver,
            options,
            watch,
            repositories: AtomicU64::new(0),
            blobs: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            manifests: AtomicU64::new(0),
            tags: AtomicU64::new(0),
            uploads: AtomicU64::new(0),
            findings: AtomicU64::new(0),
            repaired: AtomicU64::new(0),
        }
    }

    pub(super) fn report(&self) -> Report {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Report {
            repositories: read(&self.repositories),
            blobs: read(&self.blobs),
            bytes: read(&self.bytes),
            manifests: read(&self.manifests),
            tags: read(&self.tags),
            uploads: read(&self.uploads),
            findings: read(&self.findings),
            repaired: read(&self.repaired),
        }
    }

    pub(super) fn progress(&self, stage: Stage) {
        self.watch.progress(Progress { stage, report: self.report() });
    }

    // === findings ===

    /// Tells what nothing can be done about.
    pub(super) fn found(&self, at: At<'_>, problem: String) {
        self.tell(at, problem, Outcome::Left);
    }

    /// Tells what can be repaired, and does so if that is wanted. Returns whether it is right now.
    pub(super) async fn mend(
        &self,
        at: At<'_>,
        problem: String,
        repair: impl Future<Output = Result<()>>,
    ) -> bool {
        let outcome = match self.options.repair {
            false => Outcome::Repairable,
            true => match repair.await {
                Ok(()) => Outcome::Repaired,
                Err(error) => Outcome::Failed { error: Chain(&error).to_string() },
            },
        };
        let is_right = outcome == Outcome::Repaired;
        self.tell(at, problem, outcome);
        is_right
    }

    /// Tells what the store fails to read; fails itself if the whole store is away.
    pub(super) fn unreadable(
        &self,
        repository: Option<&str>,
        subject: impl Display,
        error: Error,
    ) -> Result<()> {
        if error.kind() == ErrorKind::Unavailable {
            return Err(error);
        }
        let at = At { kind: Kind::Unreadable, repository, subject: subject.to_string() };
        self.found(at, Chain(&error).to_string());
        Ok(())
    }

    /// Tells of a folder that could not be listed to its end, and goes on behind it.
    pub(super) fn tolerate(&self, done: Result<()>) -> Result<()> {
        match done {
            Ok(()) => Ok(()),
            Err(error) => {
                let place = error.path().to_owned();
                self.unreadable(None, place, error)
            }
        }
    }

    fn tell(&self, at: At<'_>, problem: String, outcome: Outcome) {
        self.findings.fetch_add(1, Ordering::Relaxed);
        self.repaired.fetch_add(u64::from(outcome == Outcome::Repaired), Ordering::Relaxed);
        self.watch.finding(&Finding {
            kind: at.kind,
            repository: at.repository.map(str::to_owned),
            subject: at.subject,
            problem,
            outcome,
        });
    }

    // === the store ===

    /// The size of content, `None` if there is none.
    pub(super) async fn size(&self, path: &StoragePath) -> Result<Option<u64>> {
        match self.driver.stat(path).await {
            Ok(metadata) => Ok(Some(metadata.size)),
            Err(error) if is_nothing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a link, durably.
    pub(super) async fn link(&self, path: &StoragePath, target: &Digest) -> Result<()> {
        self.write(path, target.to_string().into()).await
    }

    pub(super) async fn write(&self, path: &StoragePath, content: Bytes) -> Result<()> {
        self.driver.put(path, content, PutMode::Overwrite).await.map(drop)
    }

    /// Removes a folder, durably.
    pub(super) async fn remove(&self, folder: &StoragePath) -> Result<()> {
        self.driver.delete_below(folder).await.map(drop)
    }
}

// === impl At ===

impl<'a> At<'a> {
    pub(super) fn store(kind: Kind, subject: impl Display) -> Self {
        Self { kind, repository: None, subject: subject.to_string() }
    }

    pub(super) fn of(repository: &'a Repository, kind: Kind, subject: impl Display) -> Self {
        Self { kind, repository: Some(repository.name()), subject: subject.to_string() }
    }
}

/// An error with what caused it.
struct Chain<'a>(&'a dyn std::error::Error);

impl Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
