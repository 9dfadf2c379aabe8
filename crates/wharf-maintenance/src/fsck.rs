//! Checks a store, and repairs what follows from the rest of it.
//!
//! Every blob is read and hashed; every link, tag, manifest, referrer and upload session is read, and
//! held against what it leads to. [`TABLE`] says what can be wrong, and what a repair does about it.
//!
//! Three rules decide what is repaired:
//!
//! - What is written follows from what is there: the name of a link says what stands in it, the bytes
//!   of a manifest say how it is listed.
//! - The last trace of something that was lost stays. A link that a manifest needs, and a manifest whose
//!   bytes are gone, are what a push or a backup heals; only leftovers of what was deleted are removed.
//! - Nobody gains access. A blob that no link makes one of the repository may have been deleted there on
//!   purpose, so it is linked again only if [`Options::relink`] says so.
//!
//! Bytes that are wrong are moved aside, never deleted.
//!
//! What cannot be read is a finding, and the rest is checked; only a store that is away ends the run.

mod blobs;
mod kind;
mod layers;
mod manifests;
mod options;
mod quarantine;
mod read;
mod referrers;
mod repository;
mod run;
mod tags;
mod uploads;

use std::{
    pin::pin,
    sync::{Arc, atomic::Ordering},
};

use futures_util::{StreamExt, stream};
use wharf_driver::{Driver, Error, ErrorKind, Result};
use wharf_storage::tree::{self, Repository};

use crate::{folders::Folders, folders::Repositories, work::spawned};

pub use kind::{Kind, Row, TABLE};
pub use options::{Finding, Options, Outcome, Progress, Report, Stage, Watch};

use self::run::Run;

/// Checks a store, or one repository of it.
///
/// Nobody else may write to it while something is repaired ([`crate::lease`] sees to that). A check alone
/// may run beside servers; what changes meanwhile can look wrong.
pub async fn check(
    driver: Arc<dyn Driver>,
    options: Options,
    watch: Arc<dyn Watch>,
) -> Result<Report> {
    let run = Arc::new(Run::new(driver, options, watch));
    match &run.options.repository {
        Some(name) => {
            let repository = named(&run, name).await?;
            blobs::check_linked(&run, &repository).await?;
            check_one(&run, repository).await?;
        }
        None => {
            blobs::check_all(&run).await?;
            check_repositories(&run).await?;
        }
    }
    Ok(run.report())
}

async fn named(run: &Run, name: &str) -> Result<Repository> {
    let unknown = || Error::new(ErrorKind::NotFound, format!("repository {name}"));
    let folder = tree::repositories().join(name).map_err(|_| unknown())?;
    let inside = Folders::of(&run.driver, folder.clone()).all().await?;
    let is_one = inside.iter().any(|name| tree::OWN.contains(&name.as_str()));
    is_one.then(|| Repository::at(folder)).ok_or_else(unknown)
}

async fn check_repositories(run: &Arc<Run>) -> Result<()> {
    let repositories = stream::try_unfold(Repositories::of(&run.driver), async |mut walk| {
        Ok::<_, Error>(walk.next().await?.map(|repository| (repository, walk)))
    });
    let checked = repositories.map(|repository| async {
        let (run, repository) = (Arc::clone(run), repository?);
        spawned(async move { check_one(&run, repository).await }).await
    });
    let mut checked = pin!(checked.buffer_unordered(run.options.concurrency));
    while let Some(done) = checked.next().await {
        run.tolerate(done)?;
    }
    Ok(())
}

/// What cannot be read of one repository is no reason not to look at the others.
async fn check_one(run: &Arc<Run>, repository: Repository) -> Result<()> {
    if let Err(error) = repository::check(run, &repository).await {
        let place = error.path().to_owned();
        run.unreadable(Some(repository.name()), &place, error)?;
    }
    run.repositories.fetch_add(1, Ordering::Relaxed);
    run.progress(Stage::Repositories);
    Ok(())
}
