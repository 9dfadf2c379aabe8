//! Lists of folders.

use std::sync::Arc;

use wharf_driver::{Contents, Driver, Entry, ErrorKind, File, ListRequest, StoragePath};

use super::{Subject, file, folder, kind, names, path, put};

/// Names whose paths sort otherwise than they do.
const TRICKY: [&str; 12] =
    ["1", "1+1", "1-a", "1.0", "1.0-alpine", "1.0.1", "10", "A", "_", "a", "a-b", "a.b"];

/// No folder is no failure.
pub async fn an_absent_folder_is_empty(subject: Arc<Subject>) {
    let driver = subject.driver();
    for absent in ["", "absent", "absent/too"] {
        assert_eq!(names(&*driver, &path(absent)).await, [""; 0], "{absent:?}");
    }
}

/// Each once, however much is below it.
pub async fn only_direct_children_are_listed(subject: Arc<Subject>) {
    let driver = subject.driver();
    for at in ["top/file", "top/one/a", "top/one/b", "top/one/c/d/e", "top/two/a", "topper/x"] {
        put(&*driver, at, "x").await;
    }
    let request = ListRequest { after: None, limit: 100 };
    let listing = driver.list(&path("top"), request).await.expect("it is listed");
    assert_eq!(listing.entries, [file("file"), folder("one"), folder("two")]);
    assert!(!listing.more);
    assert_eq!(names(&*driver, &path("top/one")).await, ["a", "b", "c"]);
}

/// Of content as of folders, and not of the paths below them.
pub async fn names_come_in_byte_order(subject: Arc<Subject>) {
    let driver = subject.driver();
    for name in TRICKY.iter().rev() {
        put(&*driver, &format!("files/{name}"), "x").await;
        put(&*driver, &format!("folders/{name}/current/link"), "x").await;
    }
    assert_eq!(names(&*driver, &path("files")).await, TRICKY);
    assert_eq!(names(&*driver, &path("folders")).await, TRICKY);
}

/// Page by page as at once.
pub async fn every_page_size_gives_the_same_names(subject: Arc<Subject>) {
    let driver = subject.driver();
    for name in TRICKY {
        put(&*driver, &format!("paged/{name}/link"), "x").await;
    }
    for limit in 1..=TRICKY.len() + 1 {
        let pages = pages(&*driver, &path("paged"), limit).await;
        let full = pages.iter().rev().skip(1).all(|page| page.len() == limit);
        assert!(full, "only the last page of {limit} is short");
        assert_eq!(pages.concat(), TRICKY, "by {limit}");
    }
}

/// Whether it exists or not.
pub async fn a_page_starts_after_any_name(subject: Arc<Subject>) {
    let driver = subject.driver();
    for name in TRICKY {
        put(&*driver, &format!("after/{name}/link"), "x").await;
    }
    for after in
        TRICKY.into_iter().chain(["", "0", "1.", "1.0-", "1.0-b", "1.0.0", "5", "a/x", "z"])
    {
        let request = ListRequest { after: Some(after), limit: 1000 };
        let listing = driver.list(&path("after"), request).await.expect("it is listed");
        let listed: Vec<_> = listing.entries.iter().map(|entry| entry.name.as_str()).collect();
        let expected: Vec<_> = TRICKY.into_iter().filter(|name| *name > after).collect();
        assert_eq!(listed, expected, "after {after:?}");
    }
}

/// Without what the driver keeps there for itself.
pub async fn the_root_is_listed(subject: Arc<Subject>) {
    let driver = subject.driver();
    put(&*driver, "b/c", "x").await;
    put(&*driver, "a", "x").await;
    let request = ListRequest { after: None, limit: 10 };
    let listing = driver.list(&StoragePath::root(), request).await.expect("it is listed");
    assert_eq!(listing.entries, [file("a"), folder("b")]);
}

/// A list is never older than the last change.
pub async fn changes_are_seen_at_once(subject: Arc<Subject>) {
    let driver = subject.driver();
    for round in 0..20 {
        let name = format!("{round:02}");
        put(&*driver, &format!("seen/{name}"), "x").await;
        assert_eq!(names(&*driver, &path("seen")).await, [name.as_str()]);
        driver.delete(&path(&format!("seen/{name}"))).await.expect("it is there");
        assert_eq!(names(&*driver, &path("seen")).await, [""; 0]);
    }
}

/// Nor for another process.
pub async fn another_sees_changes_at_once(subject: Arc<Subject>) {
    let (driver, another) = (subject.driver(), subject.another());
    put(&*driver, "both/keep", "x").await;
    for round in 0..20 {
        let name = format!("both/{round:02}");
        put(&*driver, &name, "x").await;
        assert_eq!(names(&*another, &path("both")).await.len(), 2);
        another.delete(&path(&name)).await.expect("it is there");
        assert_eq!(names(&*driver, &path("both")).await, ["keep"]);
    }
}

/// With more names than one page of any store holds.
pub async fn many_names_are_paged(subject: Arc<Subject>) {
    let driver = subject.driver();
    let expected: Vec<String> = (0..1100).map(|number| format!("v{number:04}")).collect();
    for name in expected.iter().rev() {
        put(&*driver, &format!("many/{name}"), "x").await;
    }
    for limit in [7, 100, 1000, 1100] {
        assert_eq!(pages(&*driver, &path("many"), limit).await.concat(), expected, "by {limit}");
    }
}

async fn pages(driver: &dyn Driver, folder: &StoragePath, limit: usize) -> Vec<Vec<String>> {
    let mut pages: Vec<Vec<String>> = Vec::new();
    loop {
        let after = pages.last().and_then(|page| page.last()).map(String::as_str);
        let request = ListRequest { after, limit };
        let listing = driver.list(folder, request).await.expect("it is listed");
        assert!(listing.entries.len() <= limit, "a page keeps its limit");
        let named = |entry: Entry| entry.name;
        pages.push(listing.entries.into_iter().map(named).collect());
        if !listing.more {
            return pages;
        }
        assert!(pages.len() < 10_000, "paging comes to an end");
    }
}

/// Whatever is there, and in whatever order it is asked for.
pub async fn many_lists_are_like_each(subject: Arc<Subject>) {
    let driver = subject.driver();
    let mut paths = Vec::new();
    for number in 0..100 {
        for child in ["_layers", "_manifests", "app"].iter().take(number % 4) {
            put(&*driver, &format!("all/{number}/{child}/x"), "x").await;
        }
        paths.extend([path(&number.to_string()), path(&format!("{number}/_manifests"))]);
    }
    put(&*driver, "all/file", "x").await;
    paths.extend(["file", "file/below", "absent", "3/app/x", "3"].map(path));
    for round in 0..3 {
        for (after, limit) in [(None, 2), (None, 100), (Some("_layers"), 1)] {
            let request = ListRequest { after, limit };
            let each = driver.list_each(&path("all"), &paths, request).await;
            assert_eq!(each.len(), paths.len());
            for (at, got) in paths.iter().zip(each) {
                let expected = driver.list(&path("all").append(at), request).await;
                assert_eq!(got.expect("listed"), expected.expect("listed"), "{at} {round}");
            }
        }
        put(&*driver, &format!("all/{round}/new/x"), "x").await;
    }
    let request = ListRequest { after: None, limit: 10 };
    let absent = driver.list_each(&path("nowhere"), &paths, request).await;
    assert!(absent.into_iter().all(|page| page.expect("listed").entries.is_empty()));
}

/// In the order of the paths, which is another one than that of the names.
pub async fn content_at_any_depth_is_listed(subject: Arc<Subject>) {
    let driver = subject.driver();
    let at = path("flat");
    if !subject.declared.flat_lists {
        let refused = driver.list_below(&at, ListRequest { after: None, limit: 1 }).await.map(drop);
        assert_eq!(kind(refused), Some(ErrorKind::Unsupported));
        return;
    }
    let mut expected = Vec::new();
    for name in TRICKY {
        for (below, content) in [("current/link", "four"), ("index/a/link", "")] {
            put(&*driver, &format!("flat/{name}/{below}"), content).await;
            expected.push(File { path: format!("{name}/{below}"), size: content.len() as u64 });
        }
    }
    put(&*driver, "flat/file", "x").await;
    put(&*driver, "flatter/file", "x").await;
    expected.push(File { path: "file".to_owned(), size: 1 });
    expected.sort_by(|one, other| one.path.cmp(&other.path));
    for limit in [1, 2, 7, expected.len(), 5000] {
        let request = ListRequest { after: None, limit };
        let page = driver.list_below(&at, request).await.expect("it is listed");
        let count = page.files.len();
        assert!((1..=limit).contains(&count), "{count} by {limit}");
        assert_eq!(page.files, expected[..count], "by {limit}");
        assert_eq!(page.more, count < expected.len(), "by {limit}");
    }
    for after in TRICKY.into_iter().chain(["file", "nothing"]) {
        let later = |file: &&File| {
            let name = file.path.split('/').next().expect("a name");
            name > after && !after.starts_with(name)
        };
        let expected: Vec<_> = expected.iter().filter(later).collect();
        for limit in [1, 3, 5000] {
            let request = ListRequest { after: Some(after), limit };
            let page = driver.list_below(&at, request).await.expect("it is listed");
            let last = page.files.last().map(|file| file.path.as_str());
            let sooner = expected.iter().filter(|file| Some(file.path.as_str()) <= last);
            let due: Vec<_> = if page.more { sooner.copied().collect() } else { expected.clone() };
            let given: Vec<_> = page.files.iter().filter(later).collect();
            assert_eq!(given, due, "after {after} by {limit}");
            assert!(page.files.iter().all(|file| *file.path > *after), "after {after} by {limit}");
        }
    }
    let nowhere = driver
        .list_below(&path("nowhere"), ListRequest { after: None, limit: 3 })
        .await
        .expect("it is listed");
    assert_eq!(nowhere, Contents::default());
}
