//! Upload sessions that nobody came back for.

use std::time::{Duration, SystemTime};

use wharf_driver::{Driver, ListRequest, StoragePath};
use wharf_storage::{
    Options,
    purge::{self, Report, purge_uploads},
};

use crate::support::*;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn names(driver: &dyn Driver, folder: &StoragePath) -> Vec<String> {
    let all = ListRequest { after: None, limit: 1_000 };
    let listing = driver.list(folder, all).await.unwrap();
    listing.entries.into_iter().map(|entry| entry.name).collect()
}

async fn purge(driver: &dyn Driver, age: Duration, dry_run: bool) -> Report {
    purge_uploads(driver, &purge::Options { age, dry_run }).await.unwrap()
}

#[tokio::test]
async fn old_sessions_go_and_young_or_busy_ones_stay() {
    for place in places() {
        let driver = &*place.driver;
        let mut ids = Vec::new();
        for repository in ["a", "a/b", "a-b/c", "library/x/y/z"] {
            let uploads = uploads_of(repository);
            let repository = repository_named(&place.driver, Options::default(), repository);
            push(&*repository, b"hello").await;
            for old in [true, false] {
                let mut writer = begin(&*repository).await.unwrap();
                writer.write("hello".into()).await.unwrap();
                writer.suspend().await.unwrap();
                if old {
                    let session = uploads.join(writer.id().as_str()).unwrap();
                    let file = session.join("startedat").unwrap();
                    store(driver, &file, "2024-02-03T04:05:06Z").await;
                } else {
                    ids.push((uploads.clone(), writer.id().to_string()));
                }
            }
        }
        let repository = repository_named(&place.driver, Options::default(), "busy");
        let mut busy = begin(&*repository).await.unwrap();
        busy.write("hello".into()).await.unwrap();
        let session = uploads_of("busy").join(busy.id().as_str()).unwrap();
        store(driver, &session.join("startedat").unwrap(), "2024-02-03T04:05:06Z").await;

        let counted = Report { examined: 9, purged: 5, ..Report::default() };
        assert_eq!(purge(driver, DAY, true).await, counted);
        let busy_ones = u64::from(!driver.capabilities().optimistic_sessions);
        let done = Report { purged: 5 - busy_ones, busy: busy_ones, ..counted };
        assert_eq!(purge(driver, DAY, false).await, done);
        for (uploads, id) in ids {
            assert_eq!(names(driver, &uploads).await, [id]);
        }
        busy.commit(&wharf_digest::Digest::sha256(b"hello")).await.unwrap();
        let nothing = Report { examined: 4, ..Report::default() };
        assert_eq!(purge(driver, DAY, false).await, nothing);
    }
}

#[tokio::test]
async fn a_session_without_a_start_time_is_as_old_as_what_is_in_it() {
    let place = on_disk();
    let root = place.folder.as_ref().unwrap().path();
    let age = |relative: &str, days: u32| {
        let file = std::fs::File::options().write(true).open(root.join(relative)).unwrap();
        file.set_modified(SystemTime::now() - days * DAY).unwrap();
    };
    let uploads = uploads_of("a");
    let rest = format!("{uploads}/rest-of-a-cancelled-one/hashstates/sha256/0");
    let fresh = format!("{uploads}/fresh/hashstates/sha256/0");
    let damaged = format!("{uploads}/damaged/startedat");
    for file in [&rest, &fresh, &damaged] {
        store(&*place.driver, &path(file), "x").await;
    }
    age(&rest, 8);
    age(&damaged, 8);
    std::fs::create_dir_all(root.join(format!("{uploads}/empty"))).unwrap();

    let report = purge(&*place.driver, 7 * DAY, false).await;
    assert_eq!(report, Report { examined: 4, purged: 3, ..Report::default() });
    assert_eq!(names(&*place.driver, &uploads).await, ["fresh"]);
    assert!(!root.join(format!("{uploads}/rest-of-a-cancelled-one")).exists());
}

#[tokio::test]
async fn a_session_that_begins_at_this_moment_is_left_alone() {
    let place = on_disk();
    let root = place.folder.as_ref().unwrap().path();
    let repository = repository_named(&place.driver, Options::default(), "a");
    let id = begin(&*repository).await.unwrap().id().clone();
    let session = root.join(uploads_of("a").as_str()).join(id.as_str());
    std::fs::remove_dir_all(&session).unwrap();
    std::fs::create_dir(&session).unwrap();
    purge(&*place.driver, DAY, false).await;
    assert!(session.exists());
}

#[tokio::test]
async fn many_sessions_are_walked_by_page() {
    let place = in_memory();
    for number in 0..2_345 {
        let file = format!("{}/s{number:05}/startedat", uploads_of("a"));
        store(&*place.driver, &path(&file), "2024-02-03T04:05:06Z").await;
    }
    let report = purge(&*place.driver, DAY, false).await;
    assert_eq!((report.examined, report.purged), (2_345, 2_345));
    assert_eq!(names(&*place.driver, &uploads_of("a")).await, [""; 0]);
}
