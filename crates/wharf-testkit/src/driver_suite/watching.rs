//! Content that is watched: [`wharf_driver::Driver::watch`].

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
};

use wharf_driver::{Driver, StoragePath, Unchanged};

use super::{Subject, path, put};

/// How often the content changes under its reader.
const CHANGES: u64 = 200;

/// Ways in which content becomes something else, or nothing.
const WAYS: [&str; 5] = ["put", "put-by-another", "deleted", "deleted-by-another", "deleted-above"];

/// By whomever, and in whichever way, and whichever of what is watched together.
pub async fn what_has_changed_does_not_hold(subject: Arc<Subject>) {
    let (driver, another) = (subject.driver(), subject.another());
    for way in WAYS {
        let [changed, other] = ["changed", "other"].map(|name| path(&format!("{way}/{name}/it")));
        for at in [&changed, &other] {
            put(&*driver, at.as_str(), "first").await;
        }
        let Some(watched) = watch(&*driver, &[other.clone(), changed.clone()]).await else {
            return;
        };
        assert_eq!(driver.get(&changed, 100).await.expect("it is there"), "first");
        let text = changed.as_str();
        match way {
            "put" => put(&*driver, text, "second").await,
            "put-by-another" => put(&*another, text, "second").await,
            "deleted" => driver.delete(&changed).await.expect("it is there"),
            "deleted-by-another" => another.delete(&changed).await.expect("it is there"),
            _ => assert!(driver.delete_below(&path(way)).await.expect("it goes")),
        }
        assert!(!watched.holds(), "{way}");
        put(&*driver, text, "first").await;
        assert!(!watched.holds(), "{way}: it was not always so");
    }
}

/// There is nothing that could be read of it.
pub async fn what_is_not_there_is_not_watched(subject: Arc<Subject>) {
    let driver = subject.driver();
    put(&*driver, "a/b", "it is there").await;
    assert!(watch(&*driver, &[path("a/b"), path("a/c")]).await.is_none());
    assert!(watch(&*driver, &[path("a")]).await.is_none(), "a folder is no content");
}

/// What was read under a watch that holds is nothing older than what was there before the question.
pub async fn nothing_old_holds(subject: Arc<Subject>) {
    let (driver, writer) = (subject.driver(), subject.another());
    put(&*driver, "a/number", "0").await;
    let (written, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let writing = tokio::spawn({
        let (written, done) = (Arc::clone(&written), Arc::clone(&done));
        async move {
            for number in 1..=CHANGES {
                put(&*writer, "a/number", number.to_string()).await;
                written.store(number, SeqCst);
                tokio::task::yield_now().await;
            }
            done.store(true, SeqCst);
        }
    });
    let at = path("a/number");
    while !done.load(SeqCst) {
        let Some(watched) = watch(&*driver, std::slice::from_ref(&at)).await else {
            tokio::task::yield_now().await;
            continue;
        };
        let number = number(&*driver, &at).await;
        for _ in 0..100 {
            let least = written.load(SeqCst);
            if !watched.holds() {
                break;
            }
            assert!(number >= least, "{number} was read, and {least} was there");
            tokio::task::yield_now().await;
        }
    }
    writing.await.expect("it writes");
}

async fn number(driver: &dyn Driver, at: &StoragePath) -> u64 {
    let text = driver.get(at, 100).await.expect("it is there");
    std::str::from_utf8(&text).expect("digits").parse().expect("a number")
}

/// Reads content so often that a driver that can watch it does.
async fn watch(driver: &dyn Driver, paths: &[StoragePath]) -> Option<Arc<dyn Unchanged>> {
    for at in paths.iter().chain(paths).chain(paths) {
        driver.get(at, 100).await.ok();
    }
    driver.watch(paths)
}
