//! The rounds: every server does every work that it can do, in alternating order.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::connection::Connection;
use super::job::{How, Job, Pusher};
use super::load::{self, Load, Tally};
use super::peers::{Instance, Need, Peer};
use super::report::{Row, Section, Spread};
use super::store::{self, Store};
use super::works::{self, Stage, Unit, Work};
use super::{content, processes};
use crate::Outcome;

/// What is written to a server before the run may take at most this long.
const SEED_LIMIT: Duration = Duration::from_secs(10 * 60);

/// What all rounds share.
pub(crate) struct Bench<'a> {
    pub(crate) length: Length,
    runtime: Runtime,
    folder: &'a Path,
    small: Store,
    large: Option<Store>,
}

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Length {
    pub(crate) rounds: usize,
    pub(crate) duration: Duration,
}

/// What one round of one server came to.
struct Round {
    tally: Tally,
    cpu: f64,
    /// Of the load generator.
    generator: f64,
    peak: u64,
    settled: u64,
}

// === impl Bench ===

impl<'a> Bench<'a> {
    /// Writes the stores that the works need.
    pub(crate) fn prepare(folder: &'a Path, length: Length, works: &[&Work]) -> Outcome<Self> {
        let large = works.iter().any(|work| work.stage == Stage::Large);
        Ok(Self {
            length,
            runtime: Builder::new_current_thread().enable_all().build()?,
            folder,
            small: Store::write(&folder.join("small"), 1000)?,
            large: large.then(|| Store::write(&folder.join("large"), 10_000)).transpose()?,
        })
    }

    /// Brings what cannot be written as files: referrers, and all content to servers with a layout of
    /// their own.
    pub(crate) fn seed(&self, peers: &[Peer]) -> Outcome {
        for peer in peers.iter().filter(|peer| peer.wants_push() || peer.can(Need::Referrers)) {
            let instance = peer.start(&self.root(peer, Stage::Small), &self.folder.join("run"))?;
            let seeding = async {
                let mut connection = Connection::new(instance.address, 0);
                let connection = &mut connection;
                let mut to = Pusher { connection, repository: store::APP };
                match peer.wants_push() {
                    true => self.push_image(&mut to).await,
                    false => self.push_referrers(&mut to).await,
                }
            };
            let bounded = async { tokio::time::timeout(SEED_LIMIT, seeding).await };
            self.runtime.block_on(bounded)?.map_err(|error| format!("{}: {error}", peer.name))?;
        }
        Ok(())
    }

    async fn push_image(&self, to: &mut Pusher<'_>) -> Outcome {
        let Store { root, image, blobs, .. } = &self.small;
        let read = |digest| std::fs::read(root.join(store::blob_file(digest)));
        for (digest, _) in image.content.iter().chain([&blobs.small, &blobs.middle, &blobs.large]) {
            to.blob(*digest, &[&read(digest)?], How::Put).await?;
        }
        to.manifest("latest", &read(&image.manifest.0)?).await
    }

    async fn push_referrers(&self, to: &mut Pusher<'_>) -> Outcome {
        for count in [10, 1000] {
            for number in 0..count {
                let config = self.small.image.content[0];
                let bytes = content::referrer(number, config, works::subject(count)).to_string();
                let digest = wharf_digest::Digest::sha256(bytes.as_bytes());
                to.manifest(&digest.to_string(), bytes.as_bytes()).await?;
            }
        }
        Ok(())
    }

    /// Where a server finds what a work needs.
    fn root(&self, peer: &Peer, stage: Stage) -> PathBuf {
        match (stage, &self.large) {
            (Stage::Empty, _) => self.folder.join("empty"),
            _ if peer.wants_push() => self.folder.join(&peer.name),
            (Stage::Large, Some(large)) => large.root.clone(),
            _ => self.small.root.clone(),
        }
    }

    /// Lets every server that can do a work do it.
    pub(crate) fn measure(&self, work: &Work, peers: &[Peer]) -> Outcome<Section> {
        let able: Vec<&Peer> = peers.iter().filter(|peer| peer.can(work.need)).collect();
        let store = self.large.as_ref().filter(|_| work.stage == Stage::Large);
        let job = work.job.map(|job| Arc::new(job(store.unwrap_or(&self.small))));
        let mut rounds: Vec<Vec<Round>> = able.iter().map(|_| Vec::new()).collect();
        for round in 0..self.length.rounds {
            for turn in 0..able.len() {
                let number = (turn + round) % able.len();
                rounds[number].push(self.round(work, able[number], job.as_ref())?);
            }
        }
        let mut section = Section::new(work);
        let rows = able.iter().zip(&rounds);
        section.rows.extend(rows.map(|(peer, rounds)| Row::new(peer, work.unit, rounds)));
        Ok(section)
    }

    fn round(&self, work: &Work, peer: &Peer, job: Option<&Arc<Job>>) -> Outcome<Round> {
        let root = self.root(peer, work.stage);
        let server = peer.start(&root, &self.folder.join("run"))?;
        let idle = (0.0, processes::own_cpu_seconds());
        let cpu = || (server.cpu(), processes::own_cpu_seconds());
        let (before, tally) = match job {
            None => (idle, Tally::start(server.started)),
            Some(job) if work.stage == Stage::Empty => {
                (cpu(), self.load(server.address, job, work.clients, self.length.duration)?)
            }
            Some(job) => {
                // What is read again and again is warm; the first times are not counted.
                self.load(server.address, job, work.clients.min(64), self.length.duration / 10)?;
                (cpu(), self.load(server.address, job, work.clients, self.length.duration)?)
            }
        };
        let after = cpu();
        let (cpu, generator) = (after.0 - before.0, after.1 - before.1);
        std::thread::sleep(self.length.duration / 4);
        let memory = server.pid.map(processes::memory).unwrap_or_default();
        drop(server);
        if work.stage == Stage::Empty && root.exists() {
            std::fs::remove_dir_all(&root)?;
        }
        Ok(Round { tally, cpu, generator, peak: memory.peak, settled: memory.now })
    }

    fn load(
        &self,
        address: SocketAddr,
        job: &Arc<Job>,
        clients: usize,
        duration: Duration,
    ) -> Outcome<Tally> {
        self.runtime.block_on(load::run(address, job, Load { clients, duration }))
    }
}

// === impl Instance ===

impl Instance {
    fn cpu(&self) -> f64 {
        self.pid.map_or(0.0, processes::cpu_seconds)
    }
}

// === impl Tally ===

impl Tally {
    /// A start, counted as a turn.
    fn start(took: Duration) -> Self {
        let latencies = vec![took.as_secs_f32()];
        Self { turns: 1, latencies, seconds: took.as_secs_f64(), ..Self::default() }
    }
}

// === impl Row ===

impl Row {
    fn new(peer: &Peer, unit: Unit, rounds: &[Round]) -> Self {
        let spread = |figure: &dyn Fn(&Round) -> f64| Spread::of(rounds.iter().map(figure));
        let count = |tally: &Tally| match unit {
            Unit::Bytes => tally.bytes as f64,
            Unit::Turns => tally.turns as f64,
        };
        // CPU time is told for a GB or for a turn.
        let share = if unit == Unit::Bytes { 1e9 } else { 1.0 };
        Self {
            server: peer.name.clone(),
            ours: peer.is_ours(),
            rate: spread(&|round| count(&round.tally) / round.tally.seconds),
            p50: spread(&|round| round.tally.quantile(0.5)),
            p99: spread(&|round| round.tally.quantile(0.99)),
            cpu: spread(&|round| round.cpu / count(&round.tally).max(1.0) * share),
            generator: spread(&|round| round.generator / round.tally.seconds),
            peak: spread(&|round| round.peak as f64),
            settled: spread(&|round| round.settled as f64),
            failures: rounds.iter().map(|round| round.tally.failures).sum(),
            why: rounds.iter().find_map(|round| round.tally.why.clone()),
        }
    }
}
