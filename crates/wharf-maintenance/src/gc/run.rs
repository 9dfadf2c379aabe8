//! What all parts of a collection share, and its first half.

use std::{
    fmt::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use futures_util::{StreamExt, stream};
use wharf_digest::Digest;
use wharf_driver::{Driver, Error, Result, StoragePath};
use wharf_storage::tree::Repository;

use crate::{
    folders::Repositories,
    manifests::Reader,
    marks::Marks,
    work::{is_nothing, spawned},
};

use super::{Finding, Options, Progress, Stage, Watch, repository};

/// One collection.
pub(super) struct Run {
    pub(super) driver: Arc<dyn Driver>,
    pub(super) options: Options,
    pub(super) reader: Reader,
    /// What manifests need.
    pub(super) marks: Marks,
    /// What is too young to go.
    pub(super) spared: Marks,
    watch: Arc<dyn Watch>,
    findings: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) repositories: AtomicU64,
}

/// A manifest to which nothing leads.
#[derive(Debug)]
pub(super) struct Untagged {
    pub(super) digest: Digest,
    /// What it is about.
    pub(super) subject: Option<Digest>,
}

/// The manifests of a repository that are to go.
#[derive(Debug)]
pub(super) struct Condemned {
    pub(super) repository: Repository,
    pub(super) manifests: Vec<Untagged>,
}

/// Lines on their way out, so that those of one repository stay together as long as there are not
/// too many.
pub(super) struct Lines<'a> {
    run: &'a Run,
    text: String,
}

/// How much text waits.
const FULL: usize = 256 << 10;

// === impl Run ===

impl Run {
    pub(super) fn new(driver: Arc<dyn Driver>, options: Options, watch: Arc<dyn Watch>) -> Self {
        Self {
            reader: Reader::new(&driver),
            driver,
            options,
            marks: Marks::default(),
            spared: Marks::default(),
            watch,
            findings: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            repositories: AtomicU64::new(0),
        }
    }

    /// Whether content is too young to go; what is not there is not.
    pub(super) async fn is_young(&self, path: &StoragePath) -> Result<bool> {
        if self.options.min_age.is_zero() {
            return Ok(false);
        }
        match self.driver.stat(path).await {
            Ok(metadata) => Ok(self.is_recent(metadata.modified)),
            Err(error) if is_nothing(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether that was less than the least age ago. What will only be written in future counts too:
    /// some clock is wrong.
    pub(super) fn is_recent(&self, time: SystemTime) -> bool {
        let least = self.options.min_age;
        let age = SystemTime::now().duration_since(time);
        !least.is_zero() && age.map_or(true, |age| age < least)
    }

    pub(super) fn report(&self, place: impl fmt::Display, problem: impl fmt::Display) {
        self.findings.fetch_add(1, Ordering::Relaxed);
        let finding = Finding { place: place.to_string(), problem: problem.to_string() };
        self.watch.finding(&finding);
    }

    /// Reports what could not be removed.
    pub(super) fn fail(&self, place: impl fmt::Display, error: &Error) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        let problem = format!("could not be removed: {error}");
        self.watch.finding(&Finding { place: place.to_string(), problem });
    }

    pub(super) fn progress(&self, stage: Stage, done: u64, found: u64) {
        self.watch.progress(Progress { stage, done, found });
    }

    pub(super) fn lines(&self) -> Lines<'_> {
        Lines { run: self, text: String::new() }
    }

    pub(super) fn findings(&self) -> u64 {
        self.findings.load(Ordering::Relaxed)
    }
}

/// Marks what all repositories need. Returns which of their manifests are to go.
pub(super) async fn mark(run: &Arc<Run>) -> Result<Vec<Condemned>> {
    let mut condemned = Vec::new();
    let repositories = stream::try_unfold(Repositories::of(&run.driver), async |mut walk| {
        Ok::<_, Error>(walk.next().await?.map(|repository| (repository, walk)))
    });
    let marked = repositories.map(|repository| async {
        let (run, repository) = (Arc::clone(run), repository?);
        spawned(async move { repository::mark(&run, repository).await }).await
    });
    let mut marked = std::pin::pin!(marked.buffer_unordered(run.options.concurrency));
    while let Some(repository) = marked.next().await {
        let repository = repository?;
        if !repository.manifests.is_empty() {
            condemned.push(repository);
        }
        let done = run.repositories.fetch_add(1, Ordering::Relaxed) + 1;
        run.progress(Stage::Marking, done, run.marks.len());
    }
    Ok(condemned)
}

// === impl Lines ===

impl Lines<'_> {
    pub(super) fn line(&mut self, line: fmt::Arguments<'_>) {
        if !self.run.watch.is_verbose() {
            return;
        }
        writeln!(self.text, "{line}").expect("a string takes everything");
        if self.text.len() > FULL {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if !self.text.is_empty() {
            self.run.watch.lines(&self.text);
            self.text.clear();
        }
    }
}

impl Drop for Lines<'_> {
    fn drop(&mut self) {
        self.flush();
    }
}
