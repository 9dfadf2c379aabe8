use std::collections::BTreeSet;

use bytes::Bytes;
use proptest::prelude::*;
use wharf_driver::{MemoryDriver, PutMode, StoragePath};
use wharf_testkit::faults::FaultyDriver;

use super::*;
use crate::Options;

fn name(text: &str) -> RepositoryName {
    RepositoryName::parse(text).unwrap()
}

async fn touch(driver: &MemoryDriver, path: &str) {
    let path = format!("docker/registry/v2/repositories/{path}");
    let path = StoragePath::parse(&path).unwrap();
    driver.put(&path, Bytes::from_static(b"x"), PutMode::Overwrite).await.unwrap();
}

fn catalog(driver: MemoryDriver) -> Catalog {
    let options = Options { delete: true, ..Options::default() };
    Catalog::new(Arc::new(Store::new(Arc::new(driver), options)))
}

async fn with_repositories(names: impl IntoIterator<Item = &str>) -> Catalog {
    let driver = MemoryDriver::new();
    for name in names {
        touch(&driver, &format!("{name}/_manifests/tags/latest/current/link")).await;
    }
    catalog(driver)
}

/// The same catalog where the store is another machine, which lists so many files at once.
fn far(catalog: &Catalog, files: usize) -> Catalog {
    let driver = FaultyDriver::new(Arc::clone(&catalog.store.driver)).giving(files);
    Catalog::new(Arc::new(Store::new(Arc::new(driver), Options::default())))
}

async fn page(catalog: &Catalog, after: Option<&str>, limit: usize) -> (Vec<String>, bool) {
    let request = PageRequest { after: after.map(str::to_owned), limit };
    let page = catalog.with_manifests(request).await.unwrap();
    if let Some(next) = &page.next {
        assert_eq!(Some(next), page.items.last().map(ToString::to_string).as_ref());
    }
    (page.items.iter().map(ToString::to_string).collect(), page.next.is_some())
}

/// Every page from every place has to be what sorting the names gives.
async fn check_order(names: &BTreeSet<String>, starts: &[String]) {
    let near = with_repositories(names.iter().map(String::as_str)).await;
    // Each look at many names takes a while, and few of them show as much.
    for files in [1, 2, 3, 1_000].into_iter().filter(|_| names.len() < 20) {
        check_pages(&far(&near, files), names, starts).await;
    }
    check_pages(&near, names, starts).await;
}

async fn check_pages(catalog: &Catalog, names: &BTreeSet<String>, starts: &[String]) {
    assert_eq!(page(catalog, None, 1_000).await.0, Vec::from_iter(names.clone()));
    for after in names.iter().chain(starts) {
        for limit in [1, 2, 1_000] {
            let mut rest = names.iter().filter(|name| *name > after).cloned();
            let expected: Vec<_> = rest.by_ref().take(limit).collect();
            let found = page(catalog, Some(after), limit).await;
            assert_eq!(found, (expected, rest.next().is_some()), "after {after:?}, {limit}");
        }
    }
}

#[tokio::test]
async fn byte_order_of_full_names() {
    let vectors: &[&[&str]] = &[
        &["a", "a-b", "a.b", "a/x"],
        &["1", "1.0", "1.0-alpine", "1.0.1"],
        &["x", "x/1/a", "x/1/b"],
        &[
            "c", "c-x", "c-x-y/q", "c-x/z", "c.x", "c/a", "c/a-b", "c/a/b", "c0", "ca", "c_d",
            "c__d",
        ],
        &["a-b/c", "a/b/c/d/e"],
    ];
    let starts = [
        "", "/", "a/", "a-", "a.", "a/b", "a//", "~", "_", "A", "a-b-c-d", "a-b/", "c-x-y/zz",
        "c/a-b/", "x/1", "x/1/", "x/2", "x0", "ü", "aü", "a/ü", "..", "a/../b",
    ]
    .map(str::to_owned);
    for names in vectors {
        check_order(&names.iter().map(ToString::to_string).collect(), &starts).await;
    }
}

#[test]
fn byte_order_of_any_names() {
    let component = prop::sample::select(vec![
        "a", "b", "a-a", "a.a", "a-b", "a-a.b", "a_b", "a0", "0", "a--b", "b.b",
    ]);
    let one = prop::collection::vec(component, 1..4).prop_map(|parts| parts.join("/"));
    let names = prop::collection::btree_set(one.clone(), 0..12);
    let starts = prop::collection::vec(one, 0..6);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(32));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let outcome = runner.run(&(names, starts), |(names, starts)| {
        runtime.block_on(check_order(&names, &starts));
        Ok(())
    });
    outcome.unwrap();
}

/// distribution panics there (defect 1): `GET _catalog?n=1&last=x/1/a`.
#[tokio::test]
async fn paging_climbs_out_of_the_folder_of_the_last_name() {
    let catalog = with_repositories(["x", "x/1/a", "x/1/b"]).await;
    assert_eq!(page(&catalog, Some("x/1/a"), 1).await, (vec!["x/1/b".into()], false));
    assert_eq!(page(&catalog, Some("x/1/b"), 1).await, (vec![], false));
}

#[tokio::test]
async fn hostile_starts_are_bounded() {
    let catalog = with_repositories(["a", "b"]).await;
    for after in ["a-".repeat(100_000), "a/".repeat(100_000), "a".repeat(1_000_000)] {
        for catalog in [&catalog, &far(&catalog, 1)] {
            assert_eq!(page(catalog, Some(&after), 10).await, (vec!["b".into()], false));
        }
    }
}

#[tokio::test]
async fn only_what_is_asked_for_counts() {
    let driver = MemoryDriver::new();
    touch(&driver, "manifests/_manifests/revisions/sha256/aa/link").await;
    touch(&driver, "blobs/_layers/sha256/aa/link").await;
    touch(&driver, "uploads/_uploads/id/startedat").await;
    touch(&driver, "marker/_manifests/referrers/complete").await;
    touch(&driver, "group/inner/_manifests/tags/a/current/link").await;
    touch(&driver, "Upper/_manifests/tags/a/current/link").await;
    touch(&driver, "no/links/here").await;
    let catalog = catalog(driver);
    for catalog in [&catalog, &far(&catalog, 1), &far(&catalog, 2), &far(&catalog, 100)] {
        assert_eq!(page(catalog, None, 10).await.0, ["group/inner", "manifests"]);
    }
    let all = catalog.enumerate(PageRequest::first(10)).await.unwrap().items;
    assert_eq!(all, ["blobs", "group/inner", "manifests", "marker", "uploads"].map(name));
}

#[tokio::test]
async fn folders_that_take_several_listings() {
    let mut names: BTreeSet<String> = (0..100).map(|n| format!("a/{n:03}")).collect();
    names.extend((0..40).map(|n| format!("a/050/{n}-x/y")));
    names.insert("a".into());
    check_order(&names, &[]).await;
    let driver = with_repositories(names.iter().map(String::as_str)).await;
    for files in [7, 60] {
        let all = page(&far(&driver, files), None, 1_000).await.0;
        assert_eq!(all, Vec::from_iter(names.clone()), "{files}");
    }
    let all = driver.enumerate(PageRequest::first(1_000)).await.unwrap().items;
    assert_eq!(all.len(), names.len());
}

#[tokio::test]
async fn an_empty_page_is_no_end() {
    let catalog = with_repositories(["a", "b"]).await;
    assert_eq!(page(&catalog, None, 0).await, (vec![], false));
}

#[tokio::test]
async fn removal_leaves_nested_repositories() {
    let driver = MemoryDriver::new();
    for path in [
        "a/_manifests/revisions/sha256/aa/link",
        "a/_manifests/tags/t/current/link",
        "a/_manifests/referrers/complete",
        "a/_layers/sha256/aa/link",
        "a/_uploads/id/startedat",
        "a/b/_manifests/tags/t/current/link",
        "ab/_manifests/tags/t/current/link",
    ] {
        touch(&driver, path).await;
    }
    let catalog = catalog(driver);
    catalog.remove(&name("a")).await.unwrap();
    let left = catalog.enumerate(PageRequest::first(10)).await.unwrap().items;
    assert_eq!(left, ["a/b", "ab"].map(name));
    let again = catalog.remove(&name("a")).await.unwrap_err();
    assert!(matches!(again.kind(), ErrorKind::RepositoryUnknown(_)), "{again}");
}

#[tokio::test]
async fn removal_is_a_delete() {
    let driver = MemoryDriver::new();
    touch(&driver, "a/_layers/sha256/aa/link").await;
    let catalog = Catalog::new(Arc::new(Store::new(Arc::new(driver), Options::default())));
    let refused = catalog.remove(&name("a")).await.unwrap_err();
    assert!(matches!(refused.kind(), ErrorKind::Unsupported(_)), "{refused}");
}

/// What a list of everything would have to go through.
#[tokio::test]
async fn many_layers_are_passed_by() {
    let memory = MemoryDriver::new();
    let names: Vec<String> = (0..10).map(|number| format!("r{number}")).collect();
    for name in &names {
        for layer in 0..300 {
            touch(&memory, &format!("{name}/_layers/sha256/{layer:03}/link")).await;
        }
        touch(&memory, &format!("{name}/_manifests/tags/latest/current/link")).await;
    }
    for files in [20, 1_000] {
        let driver = FaultyDriver::new(Arc::new(memory.clone())).giving(files);
        let calls = driver.faults();
        let far = Catalog::new(Arc::new(Store::new(Arc::new(driver), Options::default())));
        assert_eq!(page(&far, None, 1_000).await.0, names, "{files}");
        assert!(calls.calls() <= 4 * 10, "{} requests by {files}", calls.calls());
        calls.heal();
        assert_eq!(page(&far, Some("r4"), 2).await.0, names[5..7], "{files}");
        assert!(calls.calls() <= 4 * 3, "{} requests by {files}", calls.calls());
    }
}
