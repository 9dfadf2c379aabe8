//! `cargo xtask services`: object stores and redis for tests that want the real thing.

use std::ffi::OsString;
use std::process::Command;
use std::time::Duration;

use clap::Subcommand;

use crate::workspace::Workspace;
use crate::{Outcome, process};

mod kind;
mod program;
mod running;

pub(crate) use kind::Kind;
pub(crate) use running::Service;

/// How long a command that needs services may run.
const RUN_LIMIT: Duration = Duration::from_secs(60 * 60);

/// Start and stop the services that some tests need: object stores and redis.
///
/// Each listens on a free port of the loopback interface and keeps what it has in a folder of its own,
/// which goes with it. What tests have to know of one stands in a variable: WHARF_TEST_S3 (also for
/// moto and minio), WHARF_TEST_AZURE and WHARF_TEST_GCS hold a storage section for a configuration
/// file, WHARF_TEST_REDIS an address. Programs are taken from the path; moto and azurite, which few
/// have, are installed into the target folder.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Start services that go on running, and print what tests have to be told of them
    Start {
        #[arg(required = true, value_enum)]
        kinds: Vec<Kind>,
    },
    /// End services that were started: these, or all
    Stop {
        #[arg(value_enum)]
        kinds: Vec<Kind>,
    },
    /// Be the double of Google's, at an address, until it is ended
    #[command(hide = true)]
    Gcs { address: std::net::SocketAddr },
    /// Run a command while services are there: `run s3 azure -- cargo test …`
    Run {
        #[arg(required = true, value_enum)]
        kinds: Vec<Kind>,
        #[arg(required = true, last = true)]
        command: Vec<OsString>,
    },
}

/// Does what was asked for.
pub(crate) fn run(args: &Args) -> Outcome {
    let workspace = Workspace::load()?;
    match &args.action {
        Action::Start { kinds } => start(&workspace, kinds),
        Action::Stop { kinds } => stop(&workspace, kinds),
        Action::Gcs { address } => {
            let _double = wharf_testkit::gcs::Gcs::listen(*address)?;
            loop {
                std::thread::park();
            }
        }
        Action::Run { kinds, command } => {
            let services = Service::start_each(&workspace, kinds)?;
            let mut child = Command::new(&command[0]);
            child.args(&command[1..]).envs(services.iter().map(Service::variable));
            process::show(&mut child, RUN_LIMIT)
        }
    }
}

fn start(workspace: &Workspace, kinds: &[Kind]) -> Outcome {
    let services = Service::start_each(workspace, kinds)?;
    for service in services {
        let (name, value) = service.variable();
        service.leave_running(workspace)?;
        println!("export {name}='{value}'");
    }
    Ok(())
}

fn stop(workspace: &Workspace, kinds: &[Kind]) -> Outcome {
    let kinds = if kinds.is_empty() { Kind::REAL } else { kinds };
    for kind in kinds {
        for real in kind.members() {
            if let Some(service) = Service::left_running(workspace, *real)? {
                println!("{}: ended", real.name());
                drop(service);
            }
        }
    }
    Ok(())
}
