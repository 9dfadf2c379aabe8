//! Lists: in order, and at the price of their page.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod support;

use support::TestStore;
use wharf_driver::{Driver, ErrorKind, ListRequest, PutMode, StoragePath};
use wharf_driver_object::{ObjectDriver, Options};

fn first(limit: usize) -> ListRequest<'static> {
    ListRequest { after: None, limit }
}

fn path(text: &str) -> StoragePath {
    StoragePath::parse(text).unwrap()
}

async fn names(
    driver: &dyn Driver,
    folder: &str,
    after: Option<&str>,
    limit: usize,
) -> Vec<String> {
    let listing = driver.list(&path(folder), ListRequest { after, limit }).await.unwrap();
    listing.entries.into_iter().map(|entry| entry.name).collect()
}

#[tokio::test]
async fn a_page_costs_a_page() {
    let store = TestStore::new();
    let driver = store.driver(Options::default());
    for number in 0..3000 {
        let at = path(&format!("tags/v{number:04}/current/link"));
        driver.put(&at, "x".into(), PutMode::Overwrite).await.unwrap();
        let at = path(&format!("tags/v{number:04}/index/sha256/a/link"));
        driver.put(&at, "x".into(), PutMode::Overwrite).await.unwrap();
    }
    for (after, limit, first, requests) in [
        (None, 100, "v0000", 1),
        (Some("v1499"), 100, "v1500", 1),
        (Some("v0999"), 990, "v1000", 1),
    ] {
        store.calls();
        let page = names(&driver, "tags", after, limit).await;
        assert_eq!((page.len(), page[0].as_str()), (limit, first));
        assert_eq!(store.calls(), vec!["page"; requests]);
    }
    // More than a page of the store.
    store.calls();
    assert_eq!(names(&driver, "tags", None, 2500).await.len(), 2500);
    assert_eq!(store.calls(), ["page"; 3]);
}

#[tokio::test]
async fn versions_cost_a_few_small_requests_more() {
    let store = TestStore::new();
    let driver = store.driver(Options { prefix: "some/root".into(), ..Options::default() });
    let mut expected = Vec::new();
    for major in 0..10 {
        expected.push(format!("{major}"));
        for minor in 0..10 {
            expected.push(format!("{major}.{minor}"));
            for patch in 0..10 {
                expected.push(format!("{major}.{minor}.{patch}"));
                expected.push(format!("{major}.{minor}.{patch}-alpine"));
            }
        }
    }
    expected.sort();
    for name in &expected {
        let at = path(&format!("tags/{name}/current/link"));
        driver.put(&at, "x".into(), PutMode::Overwrite).await.unwrap();
    }
    let mut seen = Vec::new();
    while seen.len() < expected.len() {
        store.calls();
        seen.extend(names(&driver, "tags", seen.last().cloned().as_deref(), 37).await);
        let requests = store.calls().len();
        assert!(requests <= 4, "{requests} requests for a page of 37 names");
    }
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_store_that_starts_anywhere_gives_the_same_names() {
    for store in [TestStore::new(), TestStore::new().without_start()] {
        let driver = store.driver(Options::default());
        let mut all = Vec::new();
        for number in 0..1500 {
            all.push(format!("n{}", number * 7 % 1500).replace('3', "-").replace('4', "."));
        }
        all.sort();
        all.dedup();
        for name in &all {
            let at = path(&format!("folder/{name}/x"));
            driver.put(&at, "x".into(), PutMode::Overwrite).await.unwrap();
        }
        for after in (0..all.len()).step_by(97) {
            let page = names(&driver, "folder", Some(&all[after]), 50).await;
            assert_eq!(page, all[after + 1..].iter().take(50).cloned().collect::<Vec<_>>());
        }
    }
}

#[tokio::test]
async fn content_and_a_folder_of_one_name_are_listed_once() {
    let store = TestStore::new();
    let driver = store.driver(Options::default());
    for at in ["x/a", "x/a/below", "x/a-b", "x/b"] {
        driver.put(&path(at), "x".into(), PutMode::Overwrite).await.unwrap();
    }
    for limit in 1..4 {
        let mut seen: Vec<String> = Vec::new();
        loop {
            let page = names(&driver, "x", seen.last().cloned().as_deref(), limit).await;
            if page.is_empty() {
                break;
            }
            seen.extend(page);
        }
        assert_eq!(seen, ["a", "a-b", "b"], "by {limit}");
    }
}

#[tokio::test]
async fn content_at_any_depth_costs_a_list() {
    for store in [TestStore::new(), TestStore::new().without_start()] {
        let driver = store.driver(Options { prefix: "some/root".into(), ..Options::default() });
        for number in 0..1200 {
            let at = path(&format!("tags/v{number:04}/current/link"));
            driver.put(&at, "x".into(), PutMode::Overwrite).await.unwrap();
        }
        store.calls();
        let page = driver.list_below(&path("tags"), first(100)).await.unwrap();
        assert_eq!((page.files.len(), page.more, store.calls().len()), (100, true, 1));
        // All that the store gives at once.
        let page = driver.list_below(&path("tags"), first(5000)).await.unwrap();
        assert_eq!(page.files[0].path, "v0000/current/link");
        assert!(page.files.len() >= 999 && page.more && store.calls().len() == 1);
        for (after, first, files) in
            [("v1149", "v1149/current/link", 51), ("v1149/current/link", "v1150/current/link", 50)]
        {
            let request = ListRequest { after: Some(after), limit: 5000 };
            let page = driver.list_below(&path("tags"), request).await.unwrap();
            let given = (page.files[0].path.as_str(), page.files.len(), page.more);
            assert_eq!(given, (first, files, false), "after {after}");
        }
    }
}

#[tokio::test]
async fn a_store_of_another_order_is_not_asked_for_everything() {
    let store = TestStore::new();
    let other = store.driver(Options { byte_order: false, ..Options::default() });
    for driver in [other, ObjectDriver::in_memory()] {
        assert!(!driver.capabilities().flat_lists);
        let refused = driver.list_below(&path("tags"), first(1)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unsupported);
    }
    assert!(store.calls().is_empty());
}
