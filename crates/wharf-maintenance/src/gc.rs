//! Collects the garbage of a store that nobody writes to.
//!
//! **Mark.** The manifests of every repository are read, and what they refer to is marked: the whole
//! store's marks are a few bytes for each blob (`marks`), everything else is held for one
//! repository at a time. **Sweep.** Blobs that are not marked go, and before them the links to them:
//! a link that outlived its blob would give the repository access to whatever is pushed under that
//! digest elsewhere. Links to blobs that stay are left alone: a blob that no manifest of the
//! repository needs may be about to be mounted from it, or to get its manifest.
//!
//! What is damaged is reported and is never the reason to remove more:
//!
//! - what a tag may have pointed to counts as tagged, if the tag cannot be read;
//! - every digest in the bytes of a manifest that is none of the known ones counts as referenced;
//! - where the bytes of a manifest are gone or are not those of its digest, what it needs is unknown:
//!   its repository keeps all that it links, and all of its untagged manifests.
//!
//! What cannot be *listed or read*, because the store fails, ends the run; until the first sweep that
//! is before anything was removed.
//!
//! What is younger than [`Options::min_age`] stays, with everything it needs: a push that has not yet
//! come to its manifest. The age of a blob is that of its bytes or of the youngest link to it.

mod options;
mod repository;
mod run;
mod sweep;

use std::sync::Arc;

use wharf_driver::{Driver, Result};

pub use options::{Finding, Options, Progress, Report, Stage, Watch};

use self::run::Run;

/// Removes what no manifest needs; or only says what that is, if `options` want a dry run.
///
/// Nobody else may write to the store meanwhile ([`crate::lease`] sees to that).
pub async fn collect(
    driver: Arc<dyn Driver>,
    options: Options,
    watch: Arc<dyn Watch>,
) -> Result<Report> {
    let run = Arc::new(Run::new(driver, options, watch));
    let untagged = run::mark(&run).await?;
    sweep::sweep(&run, untagged).await
}
