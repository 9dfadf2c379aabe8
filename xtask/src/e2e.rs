//! `cargo xtask e2e`: real clients push and pull real images, and every byte is compared.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use wharf_testkit::process::Server;

use crate::Outcome;
use crate::server::{self, Binary, Driver, Mode, Settings};
use crate::workspace::Workspace;

mod clients;
mod fixtures;
mod install;
mod layout;
mod logins;
mod registry;

use clients::{Client, KINDS, Kind, Station};
use fixtures::Fixture;
use layout::{Layout, TAG};
use logins::Logins;
use registry::Repository;

/// Let real clients push and pull real images, and compare every byte.
///
/// The clients are skopeo, docker, ctr, podman, crane, oras and regctl; the images a Debian root file
/// system made with debootstrap, an index for several platforms, an artifact with a subject, a cache
/// of BuildKit and a chart of Helm. At the end the server is killed and started again, and has to have
/// all that was pushed. Images and programs are kept in target/e2e. At registries with access control
/// the clients log in, push, pull, and are refused where they have to be.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Install the clients that are not there (apt-get, go install)
    #[arg(long)]
    install: bool,
    /// Use these clients only
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    clients: Vec<String>,
    /// Fail if one of these clients is not there
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    require: Vec<String>,
    /// Push and pull these fixtures only
    #[arg(long, value_enum, value_delimiter = ',', value_name = "FIXTURES")]
    fixtures: Vec<Fixture>,
    /// Test the registry at this address (http://HOST:PORT), and start none
    #[arg(long)]
    url: Option<String>,
    #[command(flatten)]
    binary: Binary,
}

/// The registry under test.
enum Registry {
    Running(SocketAddr),
    Ours { binary: PathBuf, folder: tempfile::TempDir, server: Option<Server> },
}

/// In place of a client: what was pushed without any.
const SEED: &str = "seed";

/// A fixture that is ready.
type Ready = (Fixture, Layout);

/// What the clients came to.
#[derive(Default)]
struct Report {
    rows: Vec<Row>,
    failures: usize,
}

struct Row {
    client: &'static str,
    fixture: &'static str,
    push: Option<Duration>,
    pull: Option<Duration>,
    verdict: String,
}

/// Runs every client that is there with every fixture that it can carry.
pub(crate) fn run(args: &Args) -> Outcome {
    let workspace = Workspace::load()?;
    let bin = workspace.target("e2e/bin")?;
    let kinds = args.kinds(&bin)?;
    let fixtures = args.obtain_fixtures(&workspace.target("e2e/fixtures")?)?;
    let mut registry = args.registry(&workspace)?;
    let logins = registry.logins()?;
    let mut report = Report::default();
    report.seed(&registry, &fixtures);
    for kind in kinds {
        report.try_client(kind, &registry, &bin, &fixtures, logins.as_ref())?;
    }
    registry.restart()?;
    report.after_restart(&registry, &fixtures);
    report.conclude()
}

// === impl Args ===

impl Args {
    /// The clients that run; those that cannot are named.
    fn kinds(&self, bin: &Path) -> Outcome<Vec<&'static Kind>> {
        let known = |name: &&String| !KINDS.iter().any(|kind| kind.name == **name);
        if let Some(name) = self.clients.iter().chain(&self.require).find(known) {
            return Err(format!("{name}: no such client").into());
        }
        let asked =
            |kind: &&Kind| self.clients.is_empty() || self.clients.iter().any(|it| it == kind.name);
        let mut kinds: Vec<&Kind> = KINDS.iter().filter(asked).collect();
        if self.install {
            install::install(&kinds, bin)?;
        }
        for kind in &kinds {
            if let Some(program) = install::missing(kind, bin) {
                self.skip(kind, program)?;
            }
        }
        kinds.retain(|kind| install::missing(kind, bin).is_none());
        Ok(kinds)
    }

    fn skip(&self, kind: &Kind, program: &str) -> Outcome {
        let sentence = format!("{} is skipped: {program} is not installed", kind.name);
        if self.require.iter().any(|name| name == kind.name) {
            return Err(format!("{sentence} ({:?}; --install does it)", kind.source).into());
        }
        println!("{sentence}");
        Ok(())
    }

    fn obtain_fixtures(&self, folder: &Path) -> Outcome<Vec<Ready>> {
        let asked = |fixture: &Fixture| self.fixtures.is_empty() || self.fixtures.contains(fixture);
        let fixtures = Fixture::ALL.into_iter().filter(asked);
        fixtures.map(|fixture| Ok((fixture, fixture.obtain(folder)?))).collect()
    }

    fn registry(&self, workspace: &Workspace) -> Outcome<Registry> {
        if let Some(url) = &self.url {
            return Ok(Registry::Running(server::address(url)?));
        }
        let binary = self.binary.obtain(workspace)?;
        let mut registry = Registry::Ours { binary, folder: tempfile::tempdir()?, server: None };
        registry.restart()?;
        Ok(registry)
    }
}

// === impl Registry ===

impl Registry {
    /// Ends our server as a power cut does, and starts it on what is there.
    fn restart(&mut self) -> Outcome {
        if let Registry::Ours { binary, folder, server } = self {
            server.take().map(Server::kill).transpose()?;
            let storage = &Driver::Fs.section(folder.path(), None);
            let settings = Settings { storage, mode: Mode::DEFAULT, redirects: true };
            *server = Some(settings.start(binary, folder.path())?);
        }
        Ok(())
    }

    /// Registries that want to know who asks, beside one of ours.
    fn logins(&self) -> Outcome<Option<Logins>> {
        match self {
            Registry::Running(_) => Ok(None),
            Registry::Ours { binary, .. } => Logins::start(binary).map(Some),
        }
    }

    fn address(&self) -> SocketAddr {
        match self {
            Registry::Running(address) => *address,
            Registry::Ours { server, .. } => {
                server.as_ref().expect("started with the value").address()
            }
        }
    }

    fn repository(&self, client: &str, fixture: Fixture) -> Repository {
        Repository::new(self.address(), &name(client, fixture))
    }

    fn image(&self, client: &str, fixture: Fixture) -> String {
        format!("{}/{}:{TAG}", self.address(), name(client, fixture))
    }
}

fn name(client: &str, fixture: Fixture) -> String {
    format!("e2e/{client}/{}", fixture.name())
}

// === impl Report ===

impl Report {
    /// Pushes everything without any client.
    fn seed(&mut self, registry: &Registry, fixtures: &[Ready]) {
        for (fixture, layout) in fixtures {
            let mut row = Row::new(SEED, fixture.name());
            let seeded = timed(|| registry.repository(SEED, *fixture).seed(layout));
            let seeded = seeded.map(|(duration, ())| row.push = Some(duration));
            self.add(row.ended(seeded));
        }
    }

    fn try_client(
        &mut self,
        kind: &Kind,
        registry: &Registry,
        bin: &Path,
        fixtures: &[Ready],
        logins: Option<&Logins>,
    ) -> Outcome {
        // A short path: sockets stand in it.
        let home = tempfile::Builder::new().prefix("e2e-").tempdir()?;
        let host = registry.address().to_string();
        let station = Station { home: home.path().into(), bin: bin.into(), host };
        station.forget_logins()?;
        let client = match (kind.start)(&station) {
            Ok(client) => client,
            Err(error) => {
                self.add(Row::failed(kind.name, "", &error));
                return Ok(());
            }
        };
        for (fixture, layout) in fixtures {
            let pushes = kind.pushes.contains(fixture);
            if pushes || kind.pulls.contains(fixture) {
                let mut row = Row::new(kind.name, fixture.name());
                let carried = row.carry(kind, &*client, registry, (*fixture, layout), pushes);
                self.add(row.ended(carried));
            }
        }
        if let Some(logins) = logins {
            let start = Instant::now();
            for (door, outcome) in logins.try_client(kind, &*client, &station) {
                self.add(Row::new(kind.name, door).ended(outcome));
            }
            println!("{:<8} logins in {:.1} s", kind.name, start.elapsed().as_secs_f64());
        }
        Ok(())
    }

    /// What was there before the restart has to be there after it.
    fn after_restart(&mut self, registry: &Registry, fixtures: &[Ready]) {
        for (client, (fixture, layout)) in self.pushed(fixtures) {
            let mut repository = registry.repository(client, *fixture);
            let found = match KINDS.iter().any(|kind| kind.name == client && !kind.keeps_bytes) {
                true => repository.unpacks_to(layout),
                false => repository.holds(layout),
            };
            if let Err(error) = found {
                let error = format!("after the restart: {error}");
                self.add(Row::failed(client, fixture.name(), &error));
            }
        }
    }

    /// Whose repositories hold which fixtures.
    fn pushed<'a>(&self, fixtures: &'a [Ready]) -> Vec<(&'static str, &'a Ready)> {
        let rows = self.rows.iter().filter(|row| row.push.is_some());
        let named = |name| fixtures.iter().find(|(fixture, _)| fixture.name() == name);
        rows.filter_map(|row| Some((row.client, named(row.fixture)?))).collect()
    }

    fn add(&mut self, row: Row) {
        println!("{row}");
        self.failures += usize::from(row.verdict != "ok");
        self.rows.push(row);
    }

    fn conclude(self) -> Outcome {
        println!("{} transfers, {} failed", self.rows.len(), self.failures);
        match self.failures {
            0 => Ok(()),
            count => Err(format!("{count} of {} transfers failed", self.rows.len()).into()),
        }
    }
}

// === impl Row ===

impl Row {
    fn new(client: &'static str, fixture: &'static str) -> Self {
        Row { client, fixture, push: None, pull: None, verdict: "ok".into() }
    }

    fn failed(client: &'static str, fixture: &'static str, error: &dyn std::fmt::Display) -> Self {
        Row { verdict: format!("FAILED: {error}"), ..Row::new(client, fixture) }
    }

    fn ended(self, outcome: Outcome) -> Self {
        match outcome {
            Ok(()) => self,
            Err(error) => Row { verdict: format!("FAILED: {error}"), ..self },
        }
    }

    /// Pushes, looks at what arrived, pulls, and looks at what came back.
    fn carry(
        &mut self,
        kind: &Kind,
        client: &dyn Client,
        registry: &Registry,
        (fixture, layout): (Fixture, &Layout),
        pushes: bool,
    ) -> Outcome {
        let owner = if pushes { kind.name } else { SEED };
        let image = registry.image(owner, fixture);
        if pushes {
            self.push = Some(timed(|| client.push(fixture, layout, &image))?.0);
            let mut repository = registry.repository(owner, fixture);
            match kind.keeps_bytes {
                true => repository.holds(layout)?,
                false => repository.unpacks_to(layout)?,
            }
        }
        let folder = tempfile::tempdir()?;
        let (duration, pulled) = timed(|| client.pull(fixture, &image, folder.path()))?;
        self.pull = Some(duration);
        pulled.is(layout)
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = |duration: Option<Duration>| {
            duration.map_or("-".into(), |duration| format!("{:.1} s", duration.as_secs_f64()))
        };
        let (push, pull) = (seconds(self.push), seconds(self.pull));
        write!(
            f,
            "{:<8} {:<10} push {push:>7}  pull {pull:>7}  {}",
            self.client, self.fixture, self.verdict
        )
    }
}

fn timed<T>(work: impl FnOnce() -> Outcome<T>) -> Outcome<(Duration, T)> {
    let start = Instant::now();
    let value = work()?;
    Ok((start.elapsed(), value))
}
