//! The rows of the table of works.

use wharf_digest::Digest;

use super::super::content::Content;
use super::super::data::{self, APP, Data, MAIN, REFERRERS, SIZES, TAGS};
use super::super::job::{Exchange, How, Job, Length};
use super::super::login::Login;
use super::{Entry, Group, Need, Stage, Task, Work};

const MIB: usize = 1024 * 1024;

/// Entries on a page of a list.
const PAGE: usize = 100;

/// Where on a list a page is.
#[derive(Clone, Copy)]
enum Position {
    Start,
    Middle,
    End,
}

/// Every row, in the order of the report.
pub(super) fn all() -> Vec<Work> {
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
}

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
        work("get-digest-basic", "the same with a user and a password, 64 connections")
            .login(Login::Password)
            .beside()
            .load(move |data| {
                let get = manifest(data, &by_digest(data), false);
                Job::Fetch(vec![get.with(&Login::Password.header())])
            }),
        work("get-digest-token", "the same with a token, 64 connections")
            .login(Login::Token)
            .beside()
            .load(move |data| {
                let get = manifest(data, &by_digest(data), false);
                Job::Fetch(vec![get.with(&Login::Token.header())])
            }),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_last_page_is_full() {
        assert_eq!(Position::End.after(1000) + PAGE, 1000);
        assert_eq!(short(10), "10");
        assert_eq!(short(100_000), "100k");
    }
}
