//! The table of works: what is measured.

use std::sync::LazyLock;
use std::time::Duration;

use super::data::{Data, MAIN};
use super::job::Job;
use super::login::Login;

mod rows;

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
    /// How clients say who they are, if they have to.
    pub(crate) login: Option<Login>,
    /// Whether it takes its rounds together with the row above it, to be held against that.
    pub(crate) beside: bool,
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

/// Every work, in the order of the report.
pub(crate) static WORKS: LazyLock<Vec<Work>> = LazyLock::new(rows::all);

/// What is measured on a store in a bucket, where each request to it counts.
const BUCKETS: &[&str] = &[
    "blob-256m",
    "get-tag",
    "get-digest",
    "pull",
    "push-patch",
    "push-put",
    "push-images",
    "tags-10k-*",
    "catalog-10k-*",
];

/// The name of a work, or an error that lists them; a `*` at the end stands for any end.
pub(crate) fn known(name: &str) -> Result<String, String> {
    let names: Vec<&str> = WORKS.iter().map(|work| work.name.as_str()).collect();
    match WORKS.iter().any(|work| work.is_called(name)) {
        true => Ok(name.to_owned()),
        false => Err(format!("the works are {}", names.join(", "))),
    }
}

/// Works that take their rounds together.
pub(crate) fn together<'a, 'w>(works: &'a [&'w Work]) -> impl Iterator<Item = &'a [&'w Work]> {
    works.chunk_by(|_, next| next.beside)
}

// === impl Stage ===

impl Stage {
    /// The store with the blobs, the image and the referrers.
    pub(crate) const MAIN: Stage = Stage::Lists(MAIN);
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
            login: None,
            beside: false,
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

    fn login(self, login: Login) -> Self {
        Self { login: Some(login), ..self }
    }

    fn beside(self) -> Self {
        Self { beside: true, ..self }
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

    /// Whether it tells something about a store in a bucket.
    pub(crate) fn is_for_buckets(&self) -> bool {
        BUCKETS.iter().any(|word| self.is_called(word))
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
    fn what_is_held_against_another_work_is_measured_together_with_it() {
        let works: Vec<&Work> =
            WORKS.iter().filter(|work| work.is_called("get-*") || work.name == "pull").collect();
        let names =
            |works: &[&Work]| works.iter().map(|work| work.name.clone()).collect::<Vec<_>>();
        let groups: Vec<Vec<String>> = together(&works).map(names).collect();
        let login = vec!["get-digest", "get-digest-basic", "get-digest-token"];
        assert_eq!(groups, [vec!["get-tag"], login, vec!["pull"]]);
        for group in together(&works) {
            assert!(group.iter().all(|work| work.pace == group[0].pace));
        }
    }
}
