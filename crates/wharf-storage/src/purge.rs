//! Drops upload sessions that nobody came back for.

use std::time::{Duration, SystemTime};

use uuid::Uuid;
use wharf_core::{Result, UploadId};
use wharf_driver::{Driver, EntryKind, ErrorKind as Stored, StoragePath};

use crate::{
    children::Children,
    error::StorageResult,
    layout::{self, STARTED_AT, UPLOADS},
    uploads,
};

/// Which sessions are dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Those that began so long ago.
    pub age: Duration,
    /// None of them: they are counted only.
    pub dry_run: bool,
}

/// What a purge did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The sessions that were looked at.
    pub examined: u64,
    /// Those that were dropped, or would have been.
    pub purged: u64,
    /// Those that are old enough, but being written.
    pub busy: u64,
    /// Those that could not be dropped; the log says why.
    pub failed: u64,
    /// What the driver gave up besides, as old as these: it belongs to no session that is to be seen.
    pub given_up: u64,
}

/// What became of one session.
enum Outcome {
    Kept,
    Purged,
    Busy,
}

/// Drops old upload sessions in all repositories. A session without a start time (distribution
/// leaves some behind) is as old as the newest thing in it. One that fails does not stop the others.
pub async fn purge_uploads(driver: &dyn Driver, options: &Options) -> Result<Report> {
    let mut report = Report { given_up: give_up(driver, options).await?, ..Report::default() };
    // One page of each folder on the way down is all that is held.
    let mut open = vec![Children::of(driver, layout::repositories())];
    while let Some(children) = open.last_mut() {
        let Some(entry) = children.next().await? else {
            open.pop();
            continue;
        };
        let Ok(folder) = children.folder().join(&entry.name) else { continue };
        match entry.name.as_str() {
            _ if entry.kind != EntryKind::Folder => {}
            UPLOADS => purge_sessions(driver, folder, options, &mut report).await?,
            name if name.starts_with('_') => {}
            _ => open.push(Children::of(driver, folder)),
        }
    }
    Ok(report)
}

/// What others have left in the backend, or we have when we were killed.
async fn give_up(driver: &dyn Driver, options: &Options) -> Result<u64> {
    let Some(before) = SystemTime::now().checked_sub(options.age) else { return Ok(0) };
    driver.give_up(&layout::root(), before, options.dry_run).await.stored()
}

async fn purge_sessions(
    driver: &dyn Driver,
    uploads: StoragePath,
    options: &Options,
    report: &mut Report,
) -> Result<()> {
    let mut sessions = Children::of(driver, uploads);
    while let Some(entry) = sessions.next().await? {
        let Ok(session) = sessions.folder().join(&entry.name) else { continue };
        if entry.kind != EntryKind::Folder || UploadId::parse(&entry.name).is_none() {
            continue;
        }
        report.examined += 1;
        match purge_session(driver, &session, options).await {
            Ok(Outcome::Kept) => {}
            Ok(Outcome::Purged) => report.purged += 1,
            Ok(Outcome::Busy) => report.busy += 1,
            Err(error) => {
                tracing::warn!(%session, %error, "upload session could not be purged");
                report.failed += 1;
            }
        }
    }
    Ok(())
}

async fn purge_session(
    driver: &dyn Driver,
    session: &StoragePath,
    options: &Options,
) -> Result<Outcome> {
    let now = SystemTime::now();
    let old = |time: SystemTime| now.duration_since(time).is_ok_and(|age| age >= options.age);
    if began(driver, session).await?.is_some_and(|time| !old(time)) {
        return Ok(Outcome::Kept);
    }
    if options.dry_run {
        return Ok(Outcome::Purged);
    }
    if driver.capabilities().optimistic_sessions {
        uploads::drop_all(driver, session).await?;
        return Ok(Outcome::Purged);
    }
    // Held while it is dropped, so that no writer loses its session under its hands.
    let held = match driver.resume_upload(session).await {
        Ok(upload) => Some(upload),
        Err(error) => match error.kind() {
            Stored::Busy => return Ok(Outcome::Busy),
            Stored::NotFound | Stored::Corrupt => None,
            _ => return Err(error).stored(),
        },
    };
    match held {
        Some(upload) => uploads::discard(driver, session, upload).await?,
        None => drop(driver.delete_below(session).await.stored()?),
    }
    Ok(Outcome::Purged)
}

/// When a session began, or else when something in it was written last; `None` if nothing says.
async fn began(driver: &dyn Driver, session: &StoragePath) -> Result<Option<SystemTime>> {
    let file = session.join(STARTED_AT).expect("a path component");
    let started_at = uploads::read_started_at(driver, &file).await?;
    let began = match started_at {
        None => newest(driver, session).await?,
        known => known,
    };
    // A session that begins at this moment may have nothing in it yet.
    Ok(began.or_else(|| made(session.name()?)))
}

/// When the newest file below a folder was written.
async fn newest(driver: &dyn Driver, folder: &StoragePath) -> Result<Option<SystemTime>> {
    let mut newest = None;
    let mut open = vec![Children::of(driver, folder.clone())];
    while let Some(children) = open.last_mut() {
        let Some(entry) = children.next().await? else {
            open.pop();
            continue;
        };
        let Ok(path) = children.folder().join(&entry.name) else { continue };
        match entry.kind {
            EntryKind::Folder => open.push(Children::of(driver, path)),
            EntryKind::File => {
                let modified = driver.stat(&path).await.found()?;
                newest = newest.max(modified.map(|metadata| metadata.modified));
            }
        }
    }
    Ok(newest)
}

/// When an id of ours was made.
fn made(id: &str) -> Option<SystemTime> {
    let (seconds, nanoseconds) = Uuid::parse_str(id).ok()?.get_timestamp()?.to_unix();
    SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds))
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self { age: Duration::from_secs(7 * 24 * 60 * 60), dry_run: false }
    }
}
