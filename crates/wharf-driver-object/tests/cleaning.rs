//! What others left, what the store really does, and what is held in memory.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod support;

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use object_store::path::Path;
use support::{Fault, How, TestStore};
use wharf_driver::{Driver, ErrorKind};
use wharf_driver_object::{Act, ObjectDriver, Options, Orphan, OrphanPage, Orphans, probe};
use wharf_testkit::driver_suite::{path, pattern};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Unfinished uploads, two to a page, of which one cannot be aborted.
#[derive(Debug, Default)]
struct Left(Mutex<Vec<Orphan>>);

#[async_trait]
impl Orphans for Left {
    async fn list(&self, _: &str, token: Option<String>) -> object_store::Result<OrphanPage> {
        // This store knows nothing of prefixes.
        let all = self.0.lock().unwrap();
        let from = token.map_or(0, |token| token.parse().unwrap());
        let orphans: Vec<_> = all.iter().skip(from).take(2).cloned().collect();
        let token = (from + 2 < all.len()).then(|| (from + 2).to_string());
        Ok(OrphanPage { orphans, token })
    }

    async fn abort(&self, orphan: &Orphan) -> object_store::Result<()> {
        if orphan.id == "stubborn" {
            return Err(object_store::Error::Generic { store: "test", source: "no".into() });
        }
        self.0.lock().unwrap().iter_mut().filter(|it| it.id == orphan.id).for_each(|it| {
            it.id = "aborted".into();
        });
        Ok(())
    }
}

#[tokio::test]
async fn only_old_uploads_below_the_prefix_are_given_up() {
    let now = SystemTime::now();
    let orphan = |at: &str, id: &str, age| Orphan {
        location: Path::parse(at).unwrap(),
        id: id.into(),
        begun: now - age,
    };
    let left = Arc::new(Left(Mutex::new(vec![
        orphan("ours/docker/a", "old", 2 * DAY),
        orphan("ours/docker/b", "young", DAY / 2),
        orphan("ours/dockerfile", "beside", 2 * DAY),
        orphan("ours2/docker/a", "of others", 2 * DAY),
        orphan("ours/docker/c", "stubborn", 2 * DAY),
        orphan("docker/a", "above", 2 * DAY),
        orphan("ours/docker/d/e", "deep", 3 * DAY),
    ])));
    let mut store = TestStore::new().store();
    store.orphans = Some(left.clone());
    let options = Options { prefix: "ours".into(), ..Options::default() };
    let driver = ObjectDriver::new("test", store, options).unwrap();
    let docker = path("docker");
    let give_up = |dry_run| driver.give_up(&docker, now - DAY, dry_run);
    assert_eq!(give_up(true).await.unwrap(), 3);
    assert_eq!(give_up(false).await.unwrap(), 2);
    let ids: Vec<_> = left.0.lock().unwrap().iter().map(|orphan| orphan.id.clone()).collect();
    let expected = ["aborted", "young", "beside", "of others", "stubborn", "above", "aborted"];
    assert_eq!(ids, expected);
}

#[tokio::test]
async fn the_probe_finds_out_whether_create_if_absent_holds() {
    for prefix in ["", "some/prefix"] {
        let prefix = Path::parse(prefix).unwrap();
        let store = TestStore::new();
        assert!(probe(&store, &prefix, false).await.unwrap());
        assert_eq!(store.keys().await, [""; 0], "nothing is left behind");
        let store = TestStore::new().overwriting();
        assert!(!probe(&store, &prefix, false).await.unwrap());
        assert_eq!(store.keys().await, [""; 0], "nothing is left behind");
    }
    let store = TestStore::new();
    store.fail(Some(Fault { nth: 1, lasting: true, how: How::Before }));
    let unusable = probe(&store, &Path::default(), false).await.unwrap_err();
    assert_eq!(unusable.act, Act::Write);
}

#[tokio::test]
async fn the_probe_says_what_is_not_allowed() {
    let store = TestStore::new();
    probe(&store, &Path::default(), false).await.unwrap();
    assert_eq!(store.calls(), ["put", "put", "get", "page", "begin", "abort", "delete"]);
    use Act::{Abort, Delete, List, Read, Write};
    for (nth, act) in (1..).zip([Write, Write, Read, List, Write, Abort, Delete]) {
        store.fail(Some(Fault { nth, lasting: false, how: How::Denied }));
        let unusable = probe(&store, &Path::default(), false).await.unwrap_err();
        assert!(unusable.act == act && unusable.is_denied(), "{nth}: {unusable:?}");
    }
}

#[tokio::test]
async fn uploads_share_a_bounded_memory() {
    // Room for eight pieces; twenty uploads come at once, each with more than two.
    let store = TestStore::new();
    let driver = store.driver(Options { memory: 64 << 20, ..Options::default() });
    let bytes = pattern(1, 20 << 20);
    let mut running = tokio::task::JoinSet::new();
    for number in 0..20 {
        let (driver, bytes) = (driver.clone(), bytes.clone());
        running.spawn(async move {
            let target = path(&format!("blobs/{number}"));
            let mut upload = match number % 2 {
                0 => driver.begin_upload(&path(&format!("uploads/{number}")), None).await.unwrap(),
                _ => driver.begin_direct(&target, None).await.unwrap().unwrap(),
            };
            for at in (0..bytes.len()).step_by(1 << 20) {
                upload.append(vec![bytes.slice(at..at + (1 << 20))]).await.unwrap();
                tokio::task::yield_now().await;
            }
            upload.publish(&target).await.unwrap();
            assert!(driver.get(&target, u64::MAX).await.unwrap() == bytes);
        });
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn who_finds_no_memory_in_time_is_told_so() {
    let store = TestStore::new();
    let driver = store.driver(Options { memory: 64 << 20, ..Options::default() });
    let bytes = pattern(1, 4 << 20);
    let mut slow = Vec::new();
    // Each of them holds less than a piece, and sends no more.
    for number in 0..16 {
        let session = path(&format!("uploads/{number}"));
        let mut upload = driver.begin_upload(&session, None).await.unwrap();
        upload.append(vec![bytes.clone()]).await.unwrap();
        slow.push(upload);
    }
    let mut late = driver.begin_upload(&path("uploads/late"), None).await.unwrap();
    let refused = late.append(vec![bytes.clone()]).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    drop(slow);
    let mut late = driver.begin_upload(&path("uploads/late"), None).await.unwrap();
    late.append(vec![bytes.clone()]).await.unwrap();
    late.publish(&path("blob")).await.unwrap();
}

/// Requests are money.
#[tokio::test]
async fn pushes_make_the_requests_that_they_need() {
    let store = TestStore::new();
    let driver = store.driver(Options::default());
    let (small, large) = (pattern(1, 1000), pattern(1, 20 << 20));
    let (session, blob) = (path("uploads/one"), path("blob"));
    let asked = |store: &TestStore| {
        let mut calls = store.calls();
        calls.sort_unstable();
        calls.join(" ")
    };

    // A blob whose digest is known: one request.
    let mut upload = driver.begin_direct(&blob, Some(1000)).await.unwrap().unwrap();
    upload.append(vec![small.clone()]).await.unwrap();
    upload.publish(&blob).await.unwrap();
    upload.discard().await.unwrap();
    assert_eq!(asked(&store), "put");
    driver.forget(&blob).await.unwrap();
    assert_eq!(asked(&store), "delete");
    let mut upload = driver.begin_direct(&blob, Some(20 << 20)).await.unwrap().unwrap();
    upload.append(vec![large.clone()]).await.unwrap();
    upload.publish(&blob).await.unwrap();
    assert_eq!(asked(&store), "begin complete head part part part");
    driver.forget(&blob).await.unwrap();
    store.calls();

    // In a session: one request, another one, the end.
    for (bytes, first, last) in [
        (&small, "get put put", "copy delete get get head"),
        (
            &large,
            "get put put put put",
            "begin complete delete get get get get get head part part part",
        ),
    ] {
        let mut upload = driver.begin_upload(&session, None).await.unwrap();
        upload.append(vec![bytes.clone()]).await.unwrap();
        upload.save("state".into()).await.unwrap();
        drop(upload);
        assert_eq!(asked(&store), first);
        let mut upload = driver.begin_upload(&session, None).await.unwrap();
        upload.publish(&blob).await.unwrap();
        upload.discard().await.unwrap();
        // Where the store assembles, a copy stands for each piece that is read and written here.
        assert_eq!(asked(&store), last);
        driver.forget(&blob).await.unwrap();
        store.calls();
    }
}
