//! Work on a store that no server may do meanwhile.

use std::{error::Error, path::Path, process::ExitCode, sync::Arc};

use wharf_registry::{
    driver::{self, Driver},
    maintenance::lease::{Kind, Lease, Timing},
    open_store,
};

use crate::{load, log, signals};

/// What work on a store comes to.
pub(crate) type Outcome = Result<ExitCode, Box<dyn Error>>;

/// Whom work on a store minds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Minds {
    /// Nobody: it changes nothing.
    Nobody,
    /// It lets others know, and goes on whoever is there.
    Itself,
    /// It lets others know, and does nothing if somebody is there.
    Others,
}

/// The exit code of a command that somebody else is in the way of.
const REFUSED: u8 = 3;

/// Does work on the store of a configuration, until it is done or a signal ends it.
pub(crate) fn work(
    config: Option<&Path>,
    minds: Minds,
    work: impl AsyncFnOnce(Arc<dyn Driver>) -> Outcome,
) -> Outcome {
    let load::Found { loaded, .. } = load::load(config)?;
    log::to_stderr()?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let driver = open_store(&loaded.configuration).await?;
        let interrupted = signals::first()?;
        let lease = match minds {
            Minds::Nobody => None,
            Minds::Itself | Minds::Others => {
                let driver = Arc::clone(&driver);
                Some(Lease::begin(driver, Kind::Collecting, Timing::default()).await?)
            }
        };
        let done = async {
            match lease.as_ref().filter(|_| minds == Minds::Others) {
                Some(lease) if !on_the_store(lease).await? => Ok(ExitCode::from(REFUSED)),
                _ => work(driver).await,
            }
        };
        let done = tokio::select! {
            done = done => done,
            code = interrupted => Ok(ExitCode::from(code)),
        };
        if let Some(lease) = lease {
            lease.end().await;
        }
        done
    })
}

/// Whether only the holder of a lease is at work; says who else is.
async fn on_the_store(lease: &Lease) -> driver::Result<bool> {
    let others = [
        (Kind::Serving, "a server writes to the store"),
        (Kind::Collecting, "another program removes from the store"),
    ];
    for (kind, what) in others {
        if let Some(holder) = lease.find_other(kind).await? {
            tracing::error!("{what}: {holder}; stop it, or see --help about --force");
            return Ok(false);
        }
    }
    Ok(true)
}
