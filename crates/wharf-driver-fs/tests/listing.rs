//! Lists are exact, whoever writes, and cost few looks at the disk.

use std::{
    collections::BTreeSet,
    fs::{self, File, FileTimes},
    path::Path,
    time::{Duration, Instant, SystemTime},
};

use tokio::task::JoinSet;
use wharf_driver::{Driver, Entry, EntryKind, ListRequest, PutMode};
use wharf_driver_fs::{FsDriver, Options};
use wharf_testkit::driver_suite::path;

mod support;

use support::{ALL, folder, names, open, put};

/// After that, nobody trusts what may be wrong.
const LEASE: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(60);

fn modified(folder: &Path) -> SystemTime {
    fs::metadata(folder).and_then(|metadata| metadata.modified()).expect("it is there")
}

/// Makes a change as if in the same tick as the last one: the time does not show it.
async fn unseen(folder: &Path, act: impl Future<Output = ()>) {
    let before = modified(folder);
    act.await;
    let file = File::open(folder).expect("it is there");
    file.set_times(FileTimes::new().set_modified(before)).expect("it is ours");
}

/// How many scans a lone driver may do in a time: one at first, and one for each lease.
fn scans_in(time: Duration) -> u64 {
    1 + time.as_secs() / LEASE.as_secs()
}

#[tokio::test]
async fn changes_of_our_own_are_seen_at_once_and_cost_no_scan() {
    let root = folder();
    let driver = open(root.path());
    let mut expected = BTreeSet::new();
    for number in 0..200 {
        fs::create_dir_all(root.path().join(format!("tags/old-{number}"))).unwrap();
        expected.insert(format!("old-{number}"));
    }
    let begin = Instant::now();
    for number in 0..60 {
        let name = format!("new-{}", number * 7 % 60);
        put(&driver, &format!("tags/{name}/current/link")).await;
        expected.insert(name);
        assert!(names(&driver, "tags").await.iter().eq(&expected), "created {number}");
        if number % 3 == 0 {
            let name = format!("old-{number}");
            assert!(driver.delete_below(&path("tags").join(&name).unwrap()).await.unwrap());
            expected.remove(&name);
            assert!(names(&driver, "tags").await.iter().eq(&expected), "deleted {number}");
        }
    }
    assert!(driver.scans() <= scans_in(begin.elapsed()), "{} scans", driver.scans());
    let listing = driver.list(&path("tags"), ALL).await.unwrap();
    assert!(listing.entries.iter().all(|entry| entry.kind == EntryKind::Folder));
}

#[tokio::test]
async fn files_come_change_and_go() {
    let root = folder();
    let driver = open(root.path());
    put(&driver, "a/x").await;
    assert_eq!(names(&driver, "a").await, ["x"]);
    let begin = Instant::now();
    let scans = driver.scans();
    put(&driver, "a/y").await;
    put(&driver, "a/x").await;
    driver.put(&path("a/y"), "z".into(), PutMode::Create).await.expect("it is no failure");
    assert_eq!(names(&driver, "a").await, ["x", "y"]);
    driver.delete(&path("a/x")).await.unwrap();
    driver.delete(&path("a/x")).await.expect_err("it is gone");
    assert_eq!(names(&driver, "a").await, ["y"]);
    let mut upload = driver.begin_upload(&path("uploads/one"), None).await.unwrap();
    assert_eq!(names(&driver, "uploads/one").await, ["data"]);
    upload.append(vec!["x".into()]).await.unwrap();
    upload.save("state".into()).await.unwrap();
    assert_eq!(names(&driver, "uploads/one").await, ["checkpoint", "data"]);
    upload.publish(&path("a/z")).await.unwrap();
    assert_eq!(names(&driver, "a").await, ["y", "z"]);
    upload.discard().await.unwrap();
    assert_eq!(names(&driver, "uploads/one").await, [""; 0]);
    driver.delete_below(&path("a")).await.unwrap();
    assert_eq!(names(&driver, "a").await, [""; 0]);
    // The session's folder is read twice: what is moved within it is not followed.
    assert!(driver.scans() <= scans + 2 + 3 * scans_in(begin.elapsed()));
}

#[tokio::test]
async fn a_name_seen_by_a_symlink_is_the_same_folder() {
    let root = folder();
    let driver = open(root.path());
    put(&driver, "real/a").await;
    std::os::unix::fs::symlink("real", root.path().join("alias")).unwrap();
    assert_eq!(names(&driver, "alias").await, ["a"]);
    unseen(&root.path().join("real"), put(&driver, "real/b")).await;
    assert_eq!(names(&driver, "alias").await, ["a", "b"]);
}

#[tokio::test]
async fn another_driver_is_seen_at_once_where_the_time_shows_nothing() {
    let root = folder();
    let tags = root.path().join("tags");
    let driver = open(root.path());
    put(&driver, "tags/a").await;
    assert_eq!(names(&driver, "tags").await, ["a"]);
    put(&driver, "tags/b").await;
    assert_eq!(names(&driver, "tags").await, ["a", "b"]);
    // It comes and stays.
    let other = open(root.path());
    unseen(&tags, put(&other, "tags/c")).await;
    assert_eq!(names(&driver, "tags").await, ["a", "b", "c"]);
    unseen(&tags, put(&other, "tags/d")).await;
    assert_eq!(names(&driver, "tags").await.len(), 4);
    drop(other);
    // We are alone again, once its marker is gone.
    until_alone(&driver, root.path()).await;
    let begin = Instant::now();
    let scans = driver.scans();
    for name in ["e", "f", "g"] {
        put(&driver, &format!("tags/{name}")).await;
        names(&driver, "tags").await;
    }
    assert!(driver.scans() <= scans + scans_in(begin.elapsed()), "{} scans", driver.scans());
    // It comes and goes between two looks, and a third one cleans up after it.
    let other = open(root.path());
    unseen(&tags, put(&other, "tags/h")).await;
    drop(other);
    assert_eq!(names(&driver, "tags").await.len(), 8);
    let other = open(root.path());
    unseen(&tags, other_deletes(&other, "tags/h")).await;
    drop(other);
    let third = open(root.path());
    put(&third, "elsewhere").await;
    names(&third, "").await;
    drop(third);
    assert_eq!(names(&driver, "tags").await.len(), 7);
    until_alone(&driver, root.path()).await;
}

/// Lists until no marker of others is left. A driver that was dropped holds its own until the last of
/// its threads is done.
async fn until_alone(driver: &FsDriver, root: &Path) {
    let begun = Instant::now();
    loop {
        names(driver, "tags").await;
        let markers = fs::read_dir(root.join(".wharf/writers")).expect("it is there").count();
        if markers == 1 {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{markers} markers");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn other_deletes(other: &FsDriver, name: &str) {
    other.delete(&path(name)).await.expect("it is there");
}

#[tokio::test]
async fn who_writes_without_a_driver_is_seen_soon_where_the_time_shows_nothing() {
    let root = folder();
    let tags = root.path().join("tags");
    let driver = open(root.path());
    // Whether we go on writing meanwhile or not: neither keeps anything from being seen.
    for (writes, gone, new) in [(false, "a", "b"), (true, "b", "a")] {
        put(&driver, &format!("tags/{gone}")).await;
        assert_eq!(names(&driver, "tags").await, [gone]);
        unseen(&tags, async {
            fs::write(tags.join(new), "x").unwrap();
            fs::remove_file(tags.join(gone)).unwrap();
        })
        .await;
        let begin = Instant::now();
        while names(&driver, "tags").await != [new] {
            assert!(begin.elapsed() < PATIENCE, "writes: {writes}");
            if writes {
                put(&driver, "tags/c").await;
                driver.delete(&path("tags/c")).await.unwrap();
            }
        }
    }
}

/// A small generator, so that a failure can be repeated.
struct Random(u64);

// === impl Random ===

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// Makes changes among names of its own, and returns which are there in the end. Sees each at once.
async fn churn(driver: FsDriver, who: &'static str, rounds: u32) -> BTreeSet<String> {
    let mut random = Random(u64::from(who.as_bytes()[0]) * 7919);
    let mut mine = BTreeSet::<String>::new();
    for round in 0..rounds {
        let name = format!("{who}-{}", random.below(12));
        match mine.take(name.as_str()) {
            Some(name) => {
                let deleted = driver.delete(&path(&format!("tags/{name}"))).await;
                deleted.expect("it is there");
            }
            None => {
                put(&driver, &format!("tags/{name}")).await;
                mine.insert(name);
            }
        }
        if random.below(2) == 0 {
            let listed = names(&driver, "tags").await;
            assert!(listed.is_sorted(), "{listed:?}");
            let own = listed.iter().filter(|name| name.starts_with(who));
            assert!(own.eq(&mine), "{who} in round {round}: {listed:?} but {mine:?}");
        }
    }
    mine
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn lists_are_exact_while_several_drivers_write() {
    let root = folder();
    put(&open(root.path()), "tags/constant").await;
    let (first, second) = (open(root.path()), open(root.path()));
    let mut tasks = JoinSet::new();
    // Two that share a driver, and one beside them that begins later.
    tasks.spawn(churn(first.clone(), "a", 120));
    tasks.spawn(churn(first.clone(), "b", 120));
    let late = second.clone();
    tasks.spawn(async move {
        tokio::time::sleep(Duration::from_millis(50)).await;
        churn(late, "e", 60).await
    });
    let mut expected = BTreeSet::from(["constant".to_owned()]);
    while let Some(done) = tasks.join_next().await {
        expected.extend(done.expect("it saw what it did"));
    }
    for driver in [&first, &second, &open(root.path())] {
        assert!(names(driver, "tags").await.iter().eq(&expected));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn lists_become_exact_when_somebody_writes_without_a_driver() {
    let root = folder();
    let tags = root.path().join("tags");
    let driver = open(root.path());
    put(&driver, "tags/constant").await;
    let ours = ["a", "b", "e"].map(|who| tokio::spawn(churn(driver.clone(), who, 120)));
    let mut expected = BTreeSet::from(["constant".to_owned()]);
    let mut random = Random(42);
    for _ in 0..200 {
        let name = format!("x-{}", random.below(20));
        match expected.take(&name) {
            Some(name) => fs::remove_file(tags.join(name)).unwrap(),
            None => {
                fs::write(tags.join(&name), "x").unwrap();
                expected.insert(name);
            }
        }
        tokio::task::yield_now().await;
    }
    for ours in ours {
        expected.extend(ours.await.expect("it saw what it did"));
    }
    let begin = Instant::now();
    while !names(&driver, "tags").await.iter().eq(&expected) {
        assert!(begin.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_lists_at_once_share_a_scan() {
    let root = folder();
    for number in 0..500 {
        fs::create_dir_all(root.path().join(format!("tags/{number}"))).unwrap();
    }
    let driver = open(root.path());
    put(&driver, "other").await;
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..30 {
        let driver = driver.clone();
        tasks.spawn(async move { names(&driver, "tags").await.len() });
    }
    while let Some(listed) = tasks.join_next().await {
        assert_eq!(listed.unwrap(), 500);
    }
    assert!(driver.scans() <= scans_in(begin.elapsed()), "{} scans", driver.scans());
}

#[tokio::test]
async fn a_folder_that_is_too_large_to_keep_is_listed_all_the_same() {
    let root = folder();
    let options = Options { listed_names: 30, ..Options::default() };
    let driver = FsDriver::new(root.path(), options).expect("it can be opened");
    let mut expected = Vec::new();
    for number in 0..100 {
        put(&driver, &format!("tags/{number}")).await;
        expected.push(number.to_string());
    }
    expected.sort();
    for limit in [1, 7, 99, 100, 101, usize::MAX] {
        let mut listed: Vec<Entry> = Vec::new();
        loop {
            let after = listed.last().map(|entry| entry.name.clone());
            let request = ListRequest { after: after.as_deref(), limit };
            let page = driver.list(&path("tags"), request).await.unwrap();
            assert!(page.entries.len() <= limit);
            listed.extend(page.entries);
            if !page.more {
                break;
            }
        }
        assert!(listed.iter().map(|entry| &entry.name).eq(&expected), "by {limit}");
    }
}

/// Makes a folder look as if nothing had happened in it for long.
fn rested(folder: &Path) {
    let long_ago = SystemTime::now() - Duration::from_secs(60);
    let file = File::open(folder).expect("it is there");
    file.set_times(FileTimes::new().set_modified(long_ago)).expect("it is ours");
}

#[tokio::test]
async fn names_that_are_certain_cost_no_scan_and_give_way_to_every_change() {
    let root = folder();
    let tags = root.path().join("tags");
    let (driver, other) = (open(root.path()), open(root.path()));
    put(&driver, "tags/a").await;
    rested(&tags);
    assert_eq!(names(&driver, "tags").await, ["a"]);
    let scans = driver.scans();
    for _ in 0..100 {
        assert_eq!(names(&driver, "tags").await, ["a"]);
    }
    assert_eq!(driver.scans(), scans);
    // Ours, another driver's, and a foreign program's.
    put(&driver, "tags/b").await;
    assert_eq!(names(&driver, "tags").await, ["a", "b"]);
    rested(&tags);
    assert_eq!(names(&driver, "tags").await, ["a", "b"]);
    put(&other, "tags/c").await;
    assert_eq!(names(&driver, "tags").await, ["a", "b", "c"]);
    rested(&tags);
    assert_eq!(names(&driver, "tags").await, ["a", "b", "c"]);
    fs::remove_file(tags.join("a")).unwrap();
    assert_eq!(names(&driver, "tags").await, ["b", "c"]);
    // The folder goes, and comes back as another one.
    rested(&tags);
    assert_eq!(names(&driver, "tags").await, ["b", "c"]);
    other.delete_below(&path("tags")).await.unwrap();
    assert_eq!(names(&driver, "tags").await, [""; 0]);
    put(&other, "tags/d").await;
    rested(&tags);
    assert_eq!(names(&driver, "tags").await, ["d"]);
    fs::rename(&tags, root.path().join("elsewhere")).unwrap();
    assert_eq!(names(&driver, "tags").await, [""; 0]);
    assert_eq!(names(&driver, "elsewhere").await, ["d"]);
}

/// Folders that lie together are seen without being opened, once they are known.
#[tokio::test]
async fn neighbours_that_are_certain_give_way_to_every_change() {
    let (root, outside) = (folder(), folder());
    let driver = open(root.path());
    let at = |name: &str| root.path().join("all").join(name);
    for name in ["a", "b", "c", "d", "e", "f"] {
        put(&driver, &format!("all/{name}/{name}")).await;
        rested(&at(name));
    }
    fs::create_dir(outside.path().join("x")).unwrap();
    let listed = async || {
        let below = ["a", "b", "c", "d", "e", "f"].map(path);
        let listings = driver.list_each(&path("all"), &below, ALL).await;
        let names = listings.into_iter().map(|listing| match listing {
            Ok(listing) => listing.entries.into_iter().map(|entry| entry.name).collect(),
            Err(_) => "refused".to_owned(),
        });
        names.collect::<Vec<String>>()
    };
    assert_eq!(listed().await, ["a", "b", "c", "d", "e", "f"]);
    let scans = driver.scans();
    assert_eq!(listed().await, ["a", "b", "c", "d", "e", "f"]);
    assert_eq!(driver.scans(), scans);
    // Another program adds, replaces, removes, and leads elsewhere, inside and outside.
    fs::write(at("b").join("new"), "").unwrap();
    fs::rename(at("c"), root.path().join("gone")).unwrap();
    fs::rename(at("d"), root.path().join("moved")).unwrap();
    fs::create_dir(at("d")).unwrap();
    fs::remove_dir_all(at("e")).unwrap();
    std::os::unix::fs::symlink("../moved", at("e")).unwrap();
    fs::remove_dir_all(at("f")).unwrap();
    std::os::unix::fs::symlink(outside.path(), at("f")).unwrap();
    for _ in 0..2 {
        assert_eq!(listed().await, ["a", "bnew", "", "", "d", "refused"]);
    }
}
