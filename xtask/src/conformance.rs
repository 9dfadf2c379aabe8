//! `cargo xtask conformance`: is the server a registry, by our own scenarios and by the official suite?

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::server::{self, Binary, Driver, Mode, Settings};
use crate::services::Service;
use crate::workspace::Workspace;

mod scenarios;
mod scorecard;
mod suite;

use suite::{Run, Suite};

/// Run our own scenarios and the official OCI conformance suite against the server.
///
/// Without --url the server is built and started on a free port of the loopback interface, with every
/// driver that needs no service; --driver s3, azure or gcs starts the service too. Our scenarios end with a table and a JUnit file. The official suite runs where Go is
/// installed, four times: specification 1.1 and dev, with and without sparse manifests. Reports go to
/// target/conformance.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Test one driver only
    #[arg(long, value_enum)]
    driver: Option<Driver>,
    /// Test the registry at this address (http://HOST:PORT), and start none
    #[arg(long, conflicts_with = "driver")]
    url: Option<String>,
    /// Fail if the official suite cannot run
    #[arg(long, overrides_with = "no_official")]
    official: bool,
    /// Leave the official suite out
    #[arg(long, overrides_with = "official")]
    no_official: bool,
    /// Leave our own scenarios out
    #[arg(long)]
    no_scenarios: bool,
    /// Program of the official suite (or WHARF_CONFORMANCE_SUITE); none is installed then
    #[arg(long, value_name = "PATH")]
    suite: Option<PathBuf>,
    #[command(flatten)]
    binary: Binary,
}

/// A registry that is put to the test.
enum Subject<'a> {
    /// Somebody else's; it stays as it is configured.
    Running(SocketAddr),
    /// Ours: a new one for each run.
    Ours { binary: &'a Path, driver: Driver, service: Option<Service> },
}

/// What has been found so far.
struct Findings {
    folder: PathBuf,
    failures: Vec<String>,
}

/// Runs everything that was asked for, and fails at the end if anything did.
pub(crate) fn run(args: &Args) -> Outcome {
    let workspace = Workspace::load()?;
    let suite = args.obtain_suite(&workspace)?;
    let mut findings = Findings { folder: workspace.target("conformance")?, failures: Vec::new() };
    match &args.url {
        Some(url) => {
            findings.examine(args, suite.as_ref(), &Subject::Running(server::address(url)?))?;
        }
        None => {
            let binary = args.binary.obtain(&workspace)?;
            for driver in args.driver.map_or(Driver::LOCAL.to_vec(), |driver| vec![driver]) {
                let service = driver.service().map(|kind| Service::start(&workspace, kind));
                let service = service.transpose()?;
                let subject = Subject::Ours { binary: &binary, driver, service };
                findings.examine(args, suite.as_ref(), &subject)?;
            }
        }
    }
    findings.conclude()
}

// === impl Args ===

impl Args {
    /// The suite; nothing, and a sentence that says why, if it cannot be had and need not.
    fn obtain_suite(&self, workspace: &Workspace) -> Outcome<Option<Suite>> {
        if self.no_official {
            return Ok(None);
        }
        match Suite::obtain(self.suite.as_deref(), workspace) {
            Ok(suite) => Ok(Some(suite)),
            Err(missing) if self.official || self.suite.is_some() => Err(missing),
            Err(missing) => {
                println!("the official suite does not run: {missing}");
                Ok(None)
            }
        }
    }
}

// === impl Subject ===

impl Subject<'_> {
    fn name(&self) -> &'static str {
        match self {
            Subject::Running(_) => "url",
            Subject::Ours { driver, .. } => driver.name(),
        }
    }

    /// Whether it is ours, and can send clients to a store.
    fn is_remote(&self) -> bool {
        matches!(self, Subject::Ours { service: Some(_), .. })
    }

    /// The modes that the scenarios run in: all, if that is ours to say.
    fn modes(&self) -> &'static [Mode] {
        match self {
            Subject::Running(_) => &[Mode::DEFAULT],
            Subject::Ours { .. } => &[Mode::DEFAULT, Mode::SPARSE, Mode::NO_DELETES],
        }
    }

    /// Calls `examine` with the address of a registry; ours is there as long as the call.
    fn with<T>(
        &self,
        mode: Mode,
        redirects: bool,
        examine: impl FnOnce(SocketAddr) -> Outcome<T>,
    ) -> Outcome<T> {
        match self {
            Subject::Running(address) => examine(*address),
            Subject::Ours { binary, driver, service } => {
                let folder = tempfile::tempdir()?;
                let storage = &driver.section(folder.path(), service.as_ref());
                let settings = Settings { storage, mode, redirects };
                let server = settings.start(binary, folder.path())?;
                examine(server.address())
            }
        }
    }
}

// === impl Findings ===

impl Findings {
    fn examine(&mut self, args: &Args, suite: Option<&Suite>, subject: &Subject<'_>) -> Outcome {
        for mode in subject.modes().iter().filter(|_| !args.no_scenarios) {
            self.scenarios(*mode, subject)?;
        }
        for run in Run::ALL.into_iter().filter(|_| suite.is_some()) {
            self.official(suite.expect("no runs without a suite"), run, subject)?;
        }
        Ok(())
    }

    fn scenarios(&mut self, mode: Mode, subject: &Subject<'_>) -> Outcome {
        let name = format!("{}: scenarios{}", subject.name(), mode.suffix());
        println!("{name}");
        let report = format!("scenarios{}.xml", mode.suffix());
        let report = self.folder.join(subject.name()).join(report);
        let failed = subject.with(mode, false, |address| scenarios::run(address, mode, &report))?;
        self.record(&name, failed);
        Ok(())
    }

    fn official(&mut self, suite: &Suite, run: Run, subject: &Subject<'_>) -> Outcome {
        let name = format!("{}: official {}", subject.name(), run.name());
        let folder = self.folder.join(subject.name()).join(run.name());
        // The suite for 1.1 follows where it is sent; that for the next version looks at each answer.
        let redirects = run.version == "1.1" && subject.is_remote();
        let examine = |address| suite.run(run, redirects, address, &folder);
        let card = subject.with(run.mode, redirects, examine)?;
        println!("{name}: {}", card.summary());
        if card.bad(run.mode.sparse) > 0 {
            print!("{}", card.explain(run.mode.sparse));
            println!("  report: {}", folder.join("report.html").display());
        }
        self.record(&name, card.bad(run.mode.sparse));
        Ok(())
    }

    fn record(&mut self, name: &str, failed: usize) {
        if failed > 0 {
            self.failures.push(format!("{name}: {failed} did not pass"));
        }
    }

    fn conclude(self) -> Outcome {
        match self.failures.is_empty() {
            true => Ok(()),
            false => Err(self.failures.join("\n").into()),
        }
    }
}
