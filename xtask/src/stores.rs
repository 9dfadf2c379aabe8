//! `cargo xtask stores`: the suite of all drivers, over real object stores.

use std::time::Duration;

use crate::services::{Kind, Service};
use crate::workspace::{Workspace, cargo};
use crate::{Outcome, process};

const LIMIT: Duration = Duration::from_secs(30 * 60);

/// Run the suite of all drivers, what a server says of a store that it cannot use, and fsck on a damaged
/// one, against real object stores.
///
/// Each service is started, tested and ended, one after the other. Without names these are MinIO (or
/// moto, where that is not installed) and azurite.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which stores; without any, S3 and Azure as far as they can be had
    #[arg(value_enum)]
    kinds: Vec<Kind>,
    /// Run only tests whose name has this in it
    #[arg(long)]
    only: Option<String>,
}

// === impl Args ===

impl Args {
    fn kinds(&self) -> Vec<Kind> {
        if !self.kinds.is_empty() {
            return self.kinds.clone();
        }
        let (there, missing): (Vec<_>, Vec<_>) =
            [Kind::S3, Kind::Azure].into_iter().partition(|kind| kind.missing().is_none());
        for kind in missing {
            let program = kind.missing().unwrap_or_default();
            println!("{} is not tested: {program} is not installed", kind.name());
        }
        there
    }
}

/// Runs the tests of each store.
pub(crate) fn run(args: &Args) -> Outcome {
    let workspace = Workspace::load()?;
    for kind in args.kinds() {
        let Some(suite) = kind.suite() else { continue };
        let service = Service::start(&workspace, kind)?;
        let (name, value) = service.variable();
        println!("{}: {}", kind.name(), kind.real().name());
        let only = args.only.as_deref().unwrap_or_default();
        let mut tests = cargo();
        tests.args(["test", "--quiet", "--package", "wharf-registry", "--test", "stores", "--"]);
        tests.args(["::", "_registry::"].map(|module| format!("{suite}{module}{only}")));
        process::show(tests.env(name, value), LIMIT)?;
    }
    Ok(())
}
