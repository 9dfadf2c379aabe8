//! The table of works: what is measured.

use std::sync::atomic::AtomicUsize;

use wharf_digest::Digest;

use super::content::Content;
use super::job::{Exchange, How, Job, Length};
use super::peers::Need;
use super::store::{APP, Store, TAGS, repository, tag};

const MIB: usize = 1024 * 1024;

/// Entries on a page of a list.
const PAGE: usize = 100;

/// A row of the table.
pub(crate) struct Work {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) need: Need,
    pub(crate) stage: Stage,
    pub(crate) unit: Unit,
    pub(crate) clients: usize,
    /// What the clients do; nothing where the start itself is measured.
    pub(crate) job: Option<fn(&Store) -> Job>,
}

/// The store that a work runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// A new one for each run.
    Empty,
    /// With a thousand entries in each list.
    Small,
    /// With ten thousand.
    Large,
}

/// What a rate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) enum Unit {
    Turns,
    Bytes,
}

const fn row(
    name: &'static str,
    title: &'static str,
    (need, stage, unit): (Need, Stage, Unit),
    clients: usize,
    job: fn(&Store) -> Job,
) -> Work {
    Work { name, title, need, stage, unit, clients, job: Some(job) }
}

const fn start(name: &'static str, title: &'static str, stage: Stage) -> Work {
    Work { name, title, need: Need::Layout, stage, unit: Unit::Turns, clients: 1, job: None }
}

type Place = (Need, Stage, Unit);
const FILE: Place = (Need::Files, Stage::Small, Unit::Turns);
const BULK: Place = (Need::Files, Stage::Small, Unit::Bytes);
const READ: Place = (Need::Registry, Stage::Small, Unit::Turns);
const PUSH: Place = (Need::Registry, Stage::Empty, Unit::Bytes);
const PUSHES: Place = (Need::Registry, Stage::Empty, Unit::Turns);
const LIST: Place = (Need::Layout, Stage::Small, Unit::Turns);
const LARGE: Place = (Need::Layout, Stage::Large, Unit::Turns);
const REFERRERS: Place = (Need::Referrers, Stage::Small, Unit::Turns);

/// Every work, in the order of the report.
pub(crate) const WORKS: &[Work] = &[
    row("blob-256m", "GET of a 256 MiB blob, 4 connections", BULK, 4, |s| blob(s.blobs.large)),
    row("blob-1m", "GET of a 1 MiB blob, 16 connections", BULK, 16, |s| blob(s.blobs.middle)),
    row("blob-4k", "GET of a 4 KiB blob, 64 connections", FILE, 64, |s| blob(s.blobs.small)),
    row("get-tag", "GET of a manifest by tag, 64 connections", READ, 64, |s| by_tag(s, false)),
    row("get-digest", "GET of a manifest by digest, 64 connections", READ, 64, |s| {
        by_digest(s, false)
    }),
    row("head-tag", "HEAD of a manifest by tag, 64 connections", READ, 64, |s| by_tag(s, true)),
    row("head-digest", "HEAD of a manifest by digest, 64 connections", READ, 64, |s| {
        by_digest(s, true)
    }),
    row("head-missing", "HEAD of blobs that are not there, 64 connections", READ, 64, missing),
    row("pull", "whole pull (manifest, config, 10 layers), 32 clients", READ, 32, pull),
    row("push-patch", "push of 256 MiB by PATCH", PUSH, 1, |_| push(256 * MIB, How::Patch)),
    row("push-put", "push of 256 MiB by one PUT", PUSH, 1, |_| push(256 * MIB, How::Put)),
    row("push-chunks", "push of 256 MiB in chunks of 1 MiB", PUSH, 1, |_| {
        push(256 * MIB, How::Chunks)
    }),
    row("push-images", "push of 1 MiB and a manifest, 64 clients", PUSHES, 64, |_| {
        Job::PushImage(Content::new(MIB))
    }),
    row("tags-1k", "page of tags, in the middle of 1,000", LIST, 4, tags),
    row("tags-10k", "page of tags, in the middle of 10,000", LARGE, 4, tags),
    row("catalog-1k-start", "first page of a catalog of 1,000", LIST, 4, |_| catalog(0)),
    row("catalog-1k-middle", "page in the middle of a catalog of 1,000", LIST, 4, |s| {
        catalog(s.entries / 2)
    }),
    row("catalog-1k-end", "last page of a catalog of 1,000", LIST, 4, |s| {
        catalog(s.entries - PAGE)
    }),
    row("catalog-10k-start", "first page of a catalog of 10,000", LARGE, 4, |_| catalog(0)),
    row("catalog-10k-middle", "page in the middle of a catalog of 10,000", LARGE, 4, |s| {
        catalog(s.entries / 2)
    }),
    row("catalog-10k-end", "last page of a catalog of 10,000", LARGE, 4, |s| {
        catalog(s.entries - PAGE)
    }),
    row("referrers-10", "10 referrers", REFERRERS, 4, |_| referrers(10)),
    row("referrers-1k", "1,000 referrers", REFERRERS, 4, |_| referrers(1000)),
    start("start-empty", "start to the first answer, empty store", Stage::Empty),
    start("start-filled", "start to the first answer, 10,000 repositories", Stage::Large),
    row("slow", "1,000 slow clients of a 256 MiB blob (look at the memory)", FILE, 1000, |s| {
        Job::Drip(get_blob(s.blobs.large))
    }),
];

/// The manifest that `count` others refer to; it need not be there.
pub(crate) fn subject(count: usize) -> (Digest, usize) {
    (Digest::sha256(format!("subject of {count}").as_bytes()), 2)
}

/// The name of a work, or an error that lists them.
pub(crate) fn known(name: &str) -> Result<String, String> {
    let names: Vec<&str> = WORKS.iter().map(|work| work.name).collect();
    match names.contains(&name) {
        true => Ok(name.to_owned()),
        false => Err(format!("the works are {}", names.join(", "))),
    }
}

fn blob(blob: (Digest, usize)) -> Job {
    Job::Fetch(vec![get_blob(blob)])
}

fn get_blob((digest, size): (Digest, usize)) -> Exchange {
    Exchange::get(&format!("/v2/{APP}/blobs/{digest}"), Length::Exactly(size as u64))
}

fn by_tag(store: &Store, head: bool) -> Job {
    Job::Fetch(vec![manifest(store, "latest", head)])
}

fn by_digest(store: &Store, head: bool) -> Job {
    Job::Fetch(vec![manifest(store, &store.image.manifest.0.to_string(), head)])
}

fn manifest(store: &Store, reference: &str, head: bool) -> Exchange {
    let path = format!("/v2/{APP}/manifests/{reference}");
    let length = Length::Exactly(store.image.manifest.1 as u64);
    match head {
        true => Exchange::head(&path, 200, length),
        false => Exchange::get(&path, length),
    }
}

fn missing(_: &Store) -> Job {
    let digests = (0..64_u32).map(|number| Digest::sha256(&number.to_le_bytes()));
    let paths = digests.map(|digest| format!("/v2/{APP}/blobs/{digest}"));
    let exchanges = paths.map(|path| Exchange::head(&path, 404, Length::AtLeast(0)));
    Job::Rotate(AtomicUsize::new(0), exchanges.collect())
}

fn pull(store: &Store) -> Job {
    let blobs = store.image.content.iter().map(|blob| get_blob(*blob));
    Job::Fetch(std::iter::once(manifest(store, "latest", false)).chain(blobs).collect())
}

fn push(size: usize, how: How) -> Job {
    Job::Push(Content::new(size), how)
}

fn tags(store: &Store) -> Job {
    let last = tag(store.entries / 2);
    list(&format!("/v2/{TAGS}/tags/list?n={PAGE}&last={last}"), last.len())
}

fn catalog(after: usize) -> Job {
    match after {
        0 => list(&format!("/v2/_catalog?n={PAGE}"), APP.len()),
        after => {
            let last = repository(after - 1).replace('/', "%2F");
            list(&format!("/v2/_catalog?n={PAGE}&last={last}"), repository(after).len())
        }
    }
}

fn list(path: &str, entry: usize) -> Job {
    Job::Fetch(vec![Exchange::get(path, Length::AtLeast((PAGE * entry) as u64))])
}

fn referrers(count: usize) -> Job {
    let path = format!("/v2/{APP}/referrers/{}", subject(count).0);
    Job::Fetch(vec![Exchange::get(&path, Length::AtLeast(count as u64 * 200))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_work_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<&str> = WORKS.iter().map(|work| work.name).collect();
        assert_eq!(names.len(), WORKS.len());
        assert!(known("pull").is_ok() && known("pul").is_err());
    }
}
