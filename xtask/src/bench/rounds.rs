//! The rounds: every server does every work that it can do, in alternating order.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use super::bucket::{self, Bucket};
use super::data::MAIN;
use super::figures::Figures;
use super::job::Job;
use super::load::{self, Load, Tally};
use super::peers::{self, Instance, Peer};
use super::report::{Row, Section};
use super::stores::Stores;
use super::tls::Tls;
use super::works::{Need, Pace, Stage, Task, Unit, Work};
use super::writer::Writer;
use super::{machine, processes};
use crate::{Outcome, process};

/// How long the last turns may take after the time is over, and those of a work of one turn.
const GRACE: Duration = Duration::from_secs(60);
const GRACE_ONCE: Duration = Duration::from_secs(10 * 60);

/// How long a server that was only started is left alone before its memory is looked at.
const REST: Duration = Duration::from_millis(300);

/// How long a store rests after it was written.
const SETTLED: Duration = Duration::from_secs(3);

/// How often in a round a server is started, or its store written to, for one request.
const REPEATS: usize = 3;

/// A server that takes longer for a round of a list has shown how long it takes.
const PATIENCE: Duration = Duration::from_secs(8);

/// What the disk has to have room for before a work of one turn.
const ROOM: u64 = 12 << 30;

/// What may be left on it before that by other works.
const LEFT: u64 = 4 << 30;

/// What all rounds share.
pub(crate) struct Bench<'a> {
    length: Length,
    runtime: Runtime,
    folder: &'a Path,
    stores: Stores,
    tls: Tls,
    /// Where the stores are, if they are not folders.
    bucket: Option<Bucket>,
    /// How many empty stores there were: each has a name of its own.
    empty: Cell<usize>,
    /// What writes to stores behind the back of the server that is measured.
    writer: Option<&'a Peer>,
}

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Length {
    pub(crate) rounds: usize,
    pub(crate) duration: Duration,
}

/// What one round of one server came to.
pub(crate) struct Round {
    pub(crate) tally: Tally,
    pub(crate) cpu: f64,
    pub(crate) peak: u64,
    pub(crate) settled: u64,
}

/// A work, and what is known of each server at it; nothing of one that cannot do it.
struct Course<'a> {
    work: &'a Work,
    job: Option<Arc<Job>>,
    section: Section,
    records: Vec<Option<Record>>,
}

/// What is known of a server at a work.
#[derive(Default)]
struct Record {
    rounds: Vec<Round>,
    failures: u64,
    /// The first thing that went wrong.
    why: Option<String>,
    /// Nothing more is tried: it fails, or has taken far more time than it was given.
    over: bool,
}

// === impl Bench ===

impl<'a> Bench<'a> {
    /// Writes the stores that the works need.
    pub(crate) fn prepare(
        folder: &'a Path,
        length: Length,
        works: &[&Work],
        peers: &'a [Peer],
        bucket: Option<Bucket>,
    ) -> Outcome<Self> {
        let writer = peers.iter().find(|peer| peer.is_distribution());
        let bench = Self {
            length,
            runtime: Builder::new_current_thread().enable_all().build()?,
            folder,
            stores: Stores::write(folder, works, peers)?,
            tls: Tls::make(folder)?,
            bucket,
            empty: Cell::new(0),
            writer: writer.or_else(|| peers.iter().find(|peer| peer.is_ours())),
        };
        bench.seed(works, peers)?;
        // A server cannot know of a folder that it is as it was, while its time is that of the last seconds.
        sleep(SETTLED);
        Ok(bench)
    }

    /// Brings content to servers that have none, and lets the others read what they read only once.
    fn seed(&self, works: &[&Work], peers: &[Peer]) -> Outcome {
        if self.bucket.is_some() {
            return self.fill_bucket(works, peers);
        }
        for peer in peers.iter().filter(|peer| peer.family().is_none()) {
            let instance = self.start(peer, Stage::Empty)?;
            let pushed = self.runtime.block_on(self.stores.push(instance.target));
            pushed.map_err(|error| format!("{}: {error}", peer.name))?;
        }
        let lists = |peer: &&Peer| peer.unable(Need::Referrers, false, false).is_none();
        let jobs = works.iter().filter(|work| work.need == Need::Referrers);
        let jobs: Vec<Arc<Job>> = jobs.filter_map(|work| self.job(work)).collect();
        for peer in peers.iter().filter(lists).filter(|_| !jobs.is_empty()) {
            // What goes wrong here goes wrong again when it is measured, and is reported there.
            let Ok(instance) = self.start(peer, Stage::MAIN) else { continue };
            for job in &jobs {
                let load = Load { clients: 1, duration: REST, grace: GRACE_ONCE };
                load::run(&instance.target, job, load)?;
            }
        }
        Ok(())
    }

    /// Pushes what is on disk to stores in a bucket, by our own server, for all that read them.
    fn fill_bucket(&self, works: &[&Work], peers: &[Peer]) -> Outcome {
        let ours = peers.iter().find(|peer| peer.is_ours()).ok_or("nobody fills the bucket")?;
        let stages = works.iter().filter_map(|work| match work.stage {
            Stage::Lists(size) => Some(size),
            Stage::Empty => None,
        });
        for size in stages.collect::<BTreeSet<_>>() {
            let start = Instant::now();
            let instance = self.start(ours, Stage::Lists(size))?;
            match size {
                MAIN => self.runtime.block_on(self.stores.push(instance.target))?,
                _ => self.runtime.block_on(bucket::push_lists(instance.target, size))?,
            }
            println!("store of {size} in the bucket: {:.1} s", start.elapsed().as_secs_f64());
        }
        Ok(())
    }

    fn job(&self, work: &Work) -> Option<Arc<Job>> {
        match &work.task {
            Task::Load(job) => Some(Arc::new(job(&self.stores.data))),
            _ => None,
        }
    }

    /// Lets every server that can do some works do them, all in the same rounds: what happens to the
    /// machine meanwhile happens to each of them.
    pub(crate) fn measure(&self, works: &[&Work], peers: &[Peer]) -> Vec<Section> {
        let mut courses: Vec<Course<'_>> =
            works.iter().map(|work| Course::new(work, self.job(work), peers)).collect();
        for round in 0..self.length.rounds {
            for turn in 0..peers.len() {
                let number = (turn + round) % peers.len();
                for step in 0..courses.len() {
                    let course = &mut courses[(step + round) % works.len()];
                    if round < course.work.rounds(self.length.rounds) {
                        course.advance(self, number, &peers[number]);
                    }
                }
            }
        }
        courses.into_iter().map(|course| course.section(peers)).collect()
    }

    fn round(&self, work: &Work, peer: &Peer, job: Option<&Arc<Job>>) -> Outcome<Round> {
        self.clear()?;
        self.settle()?;
        if work.pace == Pace::Once {
            self.check_room()?;
        }
        if let Task::First(path) = &work.task {
            return self.first(work, peer, path);
        }
        let mut server = self.start_for(peer, work)?;
        let (before, tally) = match (&work.task, job) {
            (Task::Written(entry, path), _) => {
                let writer = self.writer.ok_or("no other server can write to the store")?;
                let root = self.root(peer, work.stage);
                let writer = writer.start(
                    (&root, self.bucket.as_ref()),
                    &self.folder.join("writer"),
                    (None, None),
                )?;
                let mut writer = Writer::new(&self.runtime, writer);
                (server.cpu(), writer.time(&server.target, *entry, path, REPEATS)?)
            }
            (_, Some(job)) => {
                if work.stage != Stage::Empty {
                    // What is read again and again is warm; the first times are not counted.
                    self.load(
                        &server,
                        job,
                        work.clients.min(64),
                        self.length.duration / 10,
                        GRACE,
                    )?;
                }
                let grace = if work.pace == Pace::Once { GRACE_ONCE } else { GRACE };
                let duration = work.duration(self.length.duration);
                (server.cpu(), self.load(&server, job, work.clients, duration, grace)?)
            }
            _ => {
                let mut tally = Tally::default();
                tally.record(server.started);
                (0.0, tally)
            }
        };
        let cpu = server.cpu() - before;
        server.check()?;
        sleep(if job.is_some() { self.length.duration / 5 } else { REST });
        let memory = server.pid.map(processes::memory).unwrap_or_default();
        drop(server);
        if work.unit == Unit::Turns && self.may_leave()? {
            self.leave();
        } else {
            self.clear()?;
        }
        Ok(Round { tally, cpu, peak: memory.peak, settled: memory.now })
    }

    /// The first request after each of some starts.
    fn first(&self, work: &Work, peer: &Peer, path: &str) -> Outcome<Round> {
        let mut round = Round { tally: Tally::default(), cpu: 0.0, peak: 0, settled: 0 };
        for _ in 0..REPEATS {
            let server = self.start_for(peer, work)?;
            let before = server.cpu();
            let start = Instant::now();
            let answer = peers::ask(&server.target, path)?;
            round.tally.record(start.elapsed());
            peers::ok(path, &answer)?;
            round.cpu += server.cpu() - before;
            let memory = server.pid.map(processes::memory).unwrap_or_default();
            (round.peak, round.settled) = (memory.peak.max(round.peak), memory.now);
        }
        Ok(round)
    }

    /// A server as a work needs it.
    fn start_for(&self, peer: &Peer, work: &Work) -> Outcome<Instance> {
        let (tls, root) = (work.tls.then_some(&self.tls), self.root(peer, work.stage));
        let folder = self.folder.join("run").join(&peer.name);
        peer.start((&root, self.bucket.as_ref()), &folder, (tls, work.login))
    }

    /// A server that anybody may use, without TLS.
    fn start(&self, peer: &Peer, stage: Stage) -> Outcome<Instance> {
        let folder = self.folder.join("run").join(&peer.name);
        peer.start((&self.root(peer, stage), self.bucket.as_ref()), &folder, (None, None))
    }

    /// Where a server finds what a work needs.
    fn root(&self, peer: &Peer, stage: Stage) -> PathBuf {
        match (stage, peer.family()) {
            (Stage::Lists(size), Some(family)) => self.stores.root(family, size),
            _ => self.folder.join(format!("empty-{}", self.empty.get())),
        }
    }

    /// Leaves what was pushed to a new store until the run ends. File systems are slow to make files for
    /// minutes after many were removed, and the next server would pay for that.
    fn leave(&self) {
        self.empty.set(self.empty.get() + 1);
    }

    /// Whether it is files that would be left, and the disk has room for them.
    fn may_leave(&self) -> Outcome<bool> {
        Ok(self.bucket.is_none() && machine::room(self.folder)? >= ROOM + LEFT)
    }

    /// Removes what was pushed to a new store.
    fn clear(&self) -> Outcome {
        let root = self.folder.join(format!("empty-{}", self.empty.get()));
        let root = self.bucket.as_ref().map_or(root.clone(), |bucket| bucket.folder(&root));
        self.leave();
        match root.exists() {
            true => Ok(std::fs::remove_dir_all(root)?),
            false => Ok(()),
        }
    }

    /// What another server left to be written is not the work of this one.
    fn settle(&self) -> Outcome {
        process::output(Command::new("sync").arg("-f").arg(self.folder), GRACE_ONCE).map(drop)
    }

    fn check_room(&self) -> Outcome {
        let room = machine::room(self.folder)?;
        match room >= ROOM {
            true => Ok(()),
            false => {
                Err(format!("the disk has no room: {} MB of {}", room >> 20, ROOM >> 20).into())
            }
        }
    }

    fn load(
        &self,
        server: &Instance,
        job: &Arc<Job>,
        clients: usize,
        duration: Duration,
        grace: Duration,
    ) -> Outcome<Tally> {
        load::run(&server.target, job, Load { clients, duration, grace })
    }
}

// === impl Course ===

impl<'a> Course<'a> {
    fn new(work: &'a Work, job: Option<Arc<Job>>, peers: &[Peer]) -> Self {
        let mut section = Section::new(work);
        let records = peers.iter().map(|peer| {
            match peer.unable(work.need, work.tls, work.login.is_some()) {
                Some(why) => section.unable.push((peer.name.clone(), why.to_owned())),
                None => return Some(Record::default()),
            }
            None
        });
        let records = records.collect();
        Self { work, job, section, records }
    }

    /// One more round of a server that can go on.
    fn advance(&mut self, bench: &Bench<'_>, number: usize, peer: &Peer) {
        let Some(record) = self.records[number].as_mut().filter(|record| !record.over) else {
            return;
        };
        let begin = Instant::now();
        record.add(bench.round(self.work, peer, self.job.as_ref()));
        record.over |= self.work.pace == Pace::Short && begin.elapsed() > PATIENCE;
    }

    fn section(mut self, peers: &[Peer]) -> Section {
        let known = peers.iter().zip(self.records);
        let rows = known.filter_map(|(peer, record)| Some(record?.row(peer, self.work.unit)));
        self.section.rows = rows.collect();
        self.section
    }
}

// === impl Instance ===

impl Instance {
    fn cpu(&self) -> f64 {
        self.pid.map_or(0.0, processes::cpu_seconds)
    }
}

// === impl Record ===

impl Record {
    /// A round in which something was answered wrongly does not count; without a server there are no
    /// more rounds.
    fn add(&mut self, round: Outcome<Round>) {
        match round {
            Ok(round) if round.tally.failures == 0 => self.rounds.push(round),
            Ok(round) => {
                self.failures += round.tally.failures;
                let why = round.tally.why.unwrap_or_default();
                let turns = round.tally.turns;
                self.why.get_or_insert(format!(
                    "{} of {} turns failed: {why}",
                    round.tally.failures,
                    turns + round.tally.failures
                ));
                // A server that does nothing right does not get better.
                self.over |= turns == 0;
            }
            Err(error) => {
                self.failures += 1;
                self.why.get_or_insert(error.to_string());
                self.over = true;
            }
        }
    }

    fn row(self, peer: &Peer, unit: Unit) -> Row {
        let figures = (!self.rounds.is_empty()).then(|| Figures::of(unit, &self.rounds));
        Row {
            server: peer.name.clone(),
            ours: peer.is_ours(),
            figures,
            failures: self.failures,
            why: self.why,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::super::job::{Exchange, Length};
    use super::super::wire::Target;
    use super::*;

    fn round(failures: u64, turns: u64) -> Outcome<Round> {
        let why = (failures > 0).then(|| "GET /: 500".to_owned());
        let tally = Tally { failures, turns, seconds: 1.0, why, ..Tally::default() };
        Ok(Round { tally, cpu: 0.0, peak: 0, settled: 0 })
    }

    #[test]
    fn a_round_with_a_wrong_answer_does_not_count() {
        let mut record = Record::default();
        for one in [round(0, 5), round(2, 3), round(0, 5)] {
            record.add(one);
        }
        assert_eq!((record.rounds.len(), record.failures, record.over), (2, 2, false));
        assert_eq!(record.why.as_deref(), Some("2 of 5 turns failed: GET /: 500"));
    }

    #[test]
    fn a_server_that_answers_wrongly_has_an_empty_row_with_its_answer() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        // It ends with the first client that goes away.
        let fake = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            while matches!(stream.read(&mut request), Ok(count) if count > 0) {
                stream.write_all(b"HTTP/1.1 500 Oh No\r\nContent-Length: 2\r\n\r\nno").ok();
            }
        });
        let job = Arc::new(Job::Fetch(vec![Exchange::get("/v2/x", Length::Exactly(2))]));
        let load = Load { clients: 1, duration: REST, grace: GRACE };
        let tally = load::run(&Target::plain(address), &job, load).unwrap();
        fake.join().unwrap();
        let mut record = Record::default();
        record.add(Ok(Round { tally, cpu: 0.0, peak: 0, settled: 0 }));
        assert!(record.over);
        let peer = Peer::parse(&format!("fake={address}")).unwrap();
        let row = record.row(&peer, Unit::Turns);
        assert!(row.figures.is_none() && row.failures > 0 && row.server == "fake");
        let why = row.why.unwrap();
        assert!(why.contains("turns failed: ") && why.contains("500"), "{why}");
    }

    #[test]
    fn a_server_that_is_gone_is_not_tried_again() {
        let mut record = Record::default();
        record.add(Err("ended by itself".into()));
        assert!(record.over && record.rounds.is_empty());
        let mut record = Record::default();
        record.add(round(20, 0));
        assert!(record.over);
    }
}
