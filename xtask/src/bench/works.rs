//! The table of works: what is measured.

use std::sync::LazyLock;
use std::time::Duration;

use wharf_digest::Digest;

use super::content::Content;
use super::data::{self, APP, Data, MAIN, REFERRERS, SIZES, TAGS};
use super::job::{Exchange, How, Job, Length};

const MIB: usize = 1024 * 1024;

/// Entries on a page of a list.
pub(crate) const PAGE: usize = 100;

/// A row of the table.
pub(crate) struct Work {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) group: Group,
    pub(crate) need: Need,
    pub(crate) stage: Stage,
    pub(crate) unit: Unit,
    pub(crate) clients: usize,
    pub(crate) tls: bool,
    pub(crate) pace: Pace,
    pub(crate) task: Task,
}

/// Works that are shown together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Group {
    Blobs,
    Small,
    Push,
    Tags,
    Catalog,
    Fresh,
    Referrers,
    Start,
    Memory,
}

/// What a work asks of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Blobs, as files.
    Files,
    /// Manifests and pushes.
    Registry,
    /// Lists that were written as files.
    Lists,
    /// The list of referrers.
    Referrers,
    /// A store that another program writes to as well.
    Shared,
}

/// The store that a work runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// A new one for each round.
    Empty,
    /// With so many entries in each list.
    Lists(usize),
}

/// What a rate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Unit {
    Turns,
    Bytes,
}

/// How long a work is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    Full,
    /// A third of the time, in three rounds: there are many of them.
    Short,
    /// One turn in one round, however long it takes.
    Once,
}

/// What is done to the server.
pub(crate) enum Task {
    /// Clients take turns.
    Load(Box<dyn Fn(&Data) -> Job + Send + Sync>),
    /// It is started, and has answered.
    Start,
    /// It is started, and is asked for this path.
    First(String),
    /// Another process writes this to the store, and the path has to show it.
    Written(Entry, String),
}

/// What another process writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Tag,
    Repository,
}

/// Where on a list a page is.
#[derive(Clone, Copy)]
enum Position {
    Start,
    Middle,
    End,
}

/// Every work, in the order of the report.
pub(crate) static WORKS: LazyLock<Vec<Work>> = LazyLock::new(|| {
    let mut works = blobs();
    works.extend(small());
    works.extend(pushes());
    works.extend(lists(Group::Tags));
    works.extend(lists(Group::Catalog));
    works.extend(fresh());
    works.extend(referrers());
    works.extend(starts());
    works.extend(memory());
    works
});

/// The name of a work, or an error that lists them; a `*` at the end stands for any end.
pub(crate) fn known(name: &str) -> Result<String, String> {
    let names: Vec<&str> = WORKS.iter().map(|work| work.name.as_str()).collect();
    match WORKS.iter().any(|work| work.is_called(name)) {
        true => Ok(name.to_owned()),
        false => Err(format!("the works are {}", names.join(", "))),
    }
}

// === the rows ===

fn blobs() -> Vec<Work> {
    let get = |name, clients, title, stored: fn(&Data) -> (Digest, usize)| {
        Work::new(Group::Blobs, name, title)
            .clients(clients)
            .need(Need::Files)
            .load(move |data: &Data| Job::Fetch(vec![get_blob(stored(data))]))
    };
    vec![
        get("blob-256m", 4, "GET of a 256 MiB blob, 4 connections", |data| data.large).bytes(),
        get(
            "blob-256m-tls",
            4,
            "GET of a 256 MiB blob over TLS 1.3 with AES-128-GCM, 4 connections",
            |data| data.large,
        )
        .bytes()
        .tls(),
        get("blob-1m", 16, "GET of a 1 MiB blob, 16 connections", |data| data.middle).bytes(),
        get("blob-4k", 64, "GET of a 4 KiB blob, 64 connections", |data| data.small),
    ]
}

fn small() -> Vec<Work> {
    let work = |name, title| Work::new(Group::Small, name, title).clients(64);
    let by_digest = |data: &Data| data.manifest.0.to_string();
    vec![
        work("get-tag", "GET of a manifest by tag, 64 connections")
            .load(|data| Job::Fetch(vec![manifest(data, "latest", false)])),
        work("get-digest", "GET of a manifest by digest, 64 connections")
            .load(move |data| Job::Fetch(vec![manifest(data, &by_digest(data), false)])),
        work("head-tag", "HEAD of a manifest by tag, 64 connections")
            .load(|data| Job::Fetch(vec![manifest(data, "latest", true)])),
        work("head-digest", "HEAD of a manifest by digest, 64 connections")
            .load(move |data| Job::Fetch(vec![manifest(data, &by_digest(data), true)])),
        work("head-missing", "HEAD of blobs that are not there, 64 connections").load(missing),
        work("pull", "whole pull (manifest, config, 10 layers of 256 KiB), 32 clients")
            .clients(32)
            .load(pull),
    ]
}

fn pushes() -> Vec<Work> {
    let push = |name, title, how| {
        let work = Work::new(Group::Push, name, title).stage(Stage::Empty).bytes();
        work.load(move |_| Job::Push(Content::new(256 * MIB), how))
    };
    vec![
        push("push-patch", "push of 256 MiB by PATCH, 1 client", How::Patch),
        push("push-put", "push of 256 MiB by one PUT, 1 client", How::Put),
        push("push-chunks", "push of 256 MiB in chunks of 1 MiB, 1 client", How::Chunks),
        Work::new(Group::Push, "push-images", "push of 1 MiB and a manifest, 64 clients")
            .stage(Stage::Empty)
            .clients(64)
            .load(|_| Job::PushImage(Content::new(MIB))),
    ]
}

fn lists(group: Group) -> Vec<Work> {
    let places = SIZES.iter().flat_map(|&size| Position::ALL.map(|position| (size, position)));
    let row = |(size, position): (usize, Position)| {
        let (list, path, least) = match group {
            Group::Tags => ("tags", tags(position.after(size)), data::tag(0).len()),
            _ => ("catalog", catalog(position.after(size)), APP.len()),
        };
        let name = format!("{list}-{}-{}", short(size), position.name());
        let title = format!("{list}: {} page of {size}", position.title());
        let work = Work::new(group, &name, &title).clients(4).stage(Stage::Lists(size)).short();
        work.need(Need::Lists).load(move |_| list_of(&path, least))
    };
    places.map(row).collect()
}

fn fresh() -> Vec<Work> {
    let largest = SIZES[SIZES.len() - 1];
    let sizes = [MAIN, largest];
    let row = |(list, entry, path, size): (&str, Entry, String, usize)| {
        let work = |kind: &str, title: String| {
            let name = format!("{list}-{}-{kind}", short(size));
            Work::new(Group::Fresh, &name, &title).stage(Stage::Lists(size)).short()
        };
        let first = format!("{list}: first page of {size}, right after start");
        let written = format!("{list}: first page of {size}, after a write by another process");
        [
            work("first", first).need(Need::Lists).task(Task::First(path.clone())),
            work("written", written).need(Need::Shared).task(Task::Written(entry, path)),
        ]
    };
    let lists = sizes.iter().flat_map(|&size| {
        [("tags", Entry::Tag, tags(0), size), ("catalog", Entry::Repository, catalog(0), size)]
    });
    lists.flat_map(row).collect()
}

fn referrers() -> Vec<Work> {
    let row = |count: usize| {
        let (name, title) =
            (format!("referrers-{}", short(count)), format!("{count} referrers, all pages"));
        let path = format!("/v2/{}/referrers/{}", data::referrers(count), data::subject(count).0);
        let work = Work::new(Group::Referrers, &name, &title).clients(4).short();
        work.need(Need::Referrers).load(move |_| Job::Walk(path.clone(), count as u64 * 200))
    };
    REFERRERS.map(row).into()
}

fn starts() -> Vec<Work> {
    let largest = SIZES[SIZES.len() - 1];
    let filled = format!("start to the first answer, {largest} repositories and as many tags");
    let row = |name, title, stage| {
        Work::new(Group::Start, name, title).need(Need::Lists).stage(stage).task(Task::Start)
    };
    vec![
        row("start-empty", "start to the first answer, empty store", Stage::Empty),
        row("start-filled", &filled, Stage::Lists(largest)),
    ]
}

fn memory() -> Vec<Work> {
    let slow = Work::new(Group::Memory, "slow", "1,000 slow clients of a 256 MiB blob");
    let large = Work::new(Group::Memory, "push-10g", "push of 10 GiB by PATCH, 1 client");
    vec![
        slow.clients(1000).need(Need::Files).load(|data| Job::Drip(get_blob(data.large))),
        large
            .stage(Stage::Empty)
            .bytes()
            .once()
            .load(|_| Job::Push(Content::repeated(64 * MIB, 160), How::Patch)),
    ]
}

// === what they are made of ===

fn get_blob((digest, size): (Digest, usize)) -> Exchange {
    Exchange::get(&format!("/v2/{APP}/blobs/{digest}"), Length::Exactly(size as u64))
}

fn manifest(data: &Data, reference: &str, head: bool) -> Exchange {
    let path = format!("/v2/{APP}/manifests/{reference}");
    let length = Length::Exactly(data.manifest.1 as u64);
    match head {
        true => Exchange::head(&path, 200, length),
        false => Exchange::get(&path, length),
    }
}

fn missing(_: &Data) -> Job {
    let digests = (0..64_u32).map(|number| Digest::sha256(&number.to_le_bytes()));
    let paths = digests.map(|digest| format!("/v2/{APP}/blobs/{digest}"));
    let exchanges = paths.map(|path| Exchange::head(&path, 404, Length::AtLeast(0)));
    Job::rotate(exchanges.collect())
}

fn pull(data: &Data) -> Job {
    let blobs = data.content.iter().map(|blob| get_blob(*blob));
    Job::Fetch(std::iter::once(manifest(data, "latest", false)).chain(blobs).collect())
}

fn tags(after: usize) -> String {
    match after {
        0 => format!("/v2/{TAGS}/tags/list?n={PAGE}"),
        after => format!("/v2/{TAGS}/tags/list?n={PAGE}&last={}", data::tag(after - 1)),
    }
}

fn catalog(after: usize) -> String {
    match after {
        0 => format!("/v2/_catalog?n={PAGE}"),
        after => {
            let last = data::repository(after - 1).replace('/', "%2F");
            format!("/v2/_catalog?n={PAGE}&last={last}")
        }
    }
}

/// A full page; an entry has at least so many bytes.
fn list_of(path: &str, entry: usize) -> Job {
    Job::Fetch(vec![Exchange::get(path, Length::AtLeast((PAGE * entry) as u64))])
}

/// 1000 as `1k`.
fn short(count: usize) -> String {
    if count.is_multiple_of(1000) { format!("{}k", count / 1000) } else { count.to_string() }
}

// === impl Stage ===

impl Stage {
    /// The store with the blobs, the image and the referrers.
    pub(crate) const MAIN: Stage = Stage::Lists(MAIN);
}

// === impl Position ===

impl Position {
    const ALL: [Position; 3] = [Position::Start, Position::Middle, Position::End];

    /// How many entries come before the page.
    fn after(self, size: usize) -> usize {
        match self {
            Position::Start => 0,
            Position::Middle => size / 2,
            Position::End => size - PAGE,
        }
    }

    fn name(self) -> &'static str {
        ["start", "middle", "end"][self as usize]
    }

    fn title(self) -> &'static str {
        ["first", "middle", "last"][self as usize]
    }
}

// === impl Work ===

impl Work {
    fn new(group: Group, name: &str, title: &str) -> Self {
        Self {
            name: name.to_owned(),
            title: title.to_owned(),
            group,
            need: Need::Registry,
            stage: Stage::Lists(MAIN),
            unit: Unit::Turns,
            clients: 1,
            tls: false,
            pace: Pace::Full,
            task: Task::Start,
        }
    }

    fn need(self, need: Need) -> Self {
        Self { need, ..self }
    }

    fn stage(self, stage: Stage) -> Self {
        Self { stage, ..self }
    }

    fn clients(self, clients: usize) -> Self {
        Self { clients, ..self }
    }

    fn bytes(self) -> Self {
        Self { unit: Unit::Bytes, ..self }
    }

    fn tls(self) -> Self {
        Self { tls: true, ..self }
    }

    fn short(self) -> Self {
        Self { pace: Pace::Short, ..self }
    }

    fn once(self) -> Self {
        Self { pace: Pace::Once, ..self }
    }

    fn task(self, task: Task) -> Self {
        Self { task, ..self }
    }

    fn load(self, job: impl Fn(&Data) -> Job + Send + Sync + 'static) -> Self {
        self.task(Task::Load(Box::new(job)))
    }

    /// Whether a word of the command line means it.
    pub(crate) fn is_called(&self, word: &str) -> bool {
        match word.strip_suffix('*') {
            Some(start) => self.name.starts_with(start),
            None => self.name == word,
        }
    }

    /// Whether it takes too long for a quick look.
    pub(crate) fn is_long(&self) -> bool {
        self.pace == Pace::Once || matches!(self.stage, Stage::Lists(size) if size > MAIN)
    }

    /// In how many rounds it is measured, of so many.
    pub(crate) fn rounds(&self, full: usize) -> usize {
        match self.pace {
            Pace::Full => full,
            Pace::Short => full.min(3),
            Pace::Once => 1,
        }
    }

    /// How long one round is, if a full one is so long.
    pub(crate) fn duration(&self, full: Duration) -> Duration {
        match self.pace {
            Pace::Full => full,
            Pace::Short => full / 3,
            Pace::Once => Duration::from_millis(1),
        }
    }
}

// === impl Group ===

impl Group {
    pub(crate) const ALL: [Group; 9] = [
        Group::Blobs,
        Group::Small,
        Group::Push,
        Group::Tags,
        Group::Catalog,
        Group::Fresh,
        Group::Referrers,
        Group::Start,
        Group::Memory,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Group::Blobs => "Blobs",
            Group::Small => "Small requests and whole pulls",
            Group::Push => "Pushes",
            Group::Tags => "Pages of tags",
            Group::Catalog => "Pages of the catalog",
            Group::Fresh => "First pages: after start, and after a write by another process",
            Group::Referrers => "Referrers",
            Group::Start => "Start",
            Group::Memory => "Memory",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_work_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<&str> =
            WORKS.iter().map(|work| work.name.as_str()).collect();
        assert_eq!(names.len(), WORKS.len());
        assert!(known("pull").is_ok() && known("pul").is_err());
        assert!(known("catalog-*").is_ok() && known("catalogue-*").is_err());
    }

    #[test]
    fn a_last_page_is_full() {
        assert_eq!(Position::End.after(1000) + PAGE, 1000);
        assert_eq!(short(10), "10");
        assert_eq!(short(100_000), "100k");
    }
}
