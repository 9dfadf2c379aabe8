//! Reads of what the kernel has in memory, and that they find what the long way finds.

use std::{
    fmt::Debug,
    fs,
    future::Future,
    num::NonZeroU32,
    os::unix::fs::symlink,
    path::Path,
    pin::pin,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    thread,
};

use bytes::Bytes;
use wharf_content::{ByteRange, Content};
use wharf_driver::{Driver, ErrorKind, Opened, PutMode, Result};
use wharf_driver_fs::{FsDriver, Options};
use wharf_testkit::driver_suite::{path, pattern};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("there is room for temporary folders")
}

fn open(root: &Path) -> FsDriver {
    FsDriver::new(root, Options::default()).expect("it can be opened")
}

async fn put(driver: &FsDriver, at: &str) {
    driver.put(&path(at), "x".into(), PutMode::Overwrite).await.expect("it is stored");
}

/// The outcome, if it was there without waiting.
fn at_once<T>(read: impl Future<Output = T>) -> Option<T> {
    match pin!(read).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}

/// A driver, unless the kernel cannot be asked here.
async fn able(root: &Path) -> Option<FsDriver> {
    let driver = open(root);
    put(&driver, "probe").await;
    if at_once(driver.get(&path("probe"), 10)).is_none() {
        eprintln!("skipped: temporary folders lie where the kernel cannot be asked not to wait");
        return None;
    }
    Some(driver)
}

fn reluctant(root: &Path, every: u32) -> FsDriver {
    let options = Options { reluctance: NonZeroU32::new(every), ..Options::default() };
    FsDriver::new(root, options).expect("it can be opened")
}

#[tokio::test]
async fn what_is_in_memory_is_read_at_once() {
    let root = folder();
    let Some(driver) = able(root.path()).await else { return };
    let (small, large) = (pattern(1, 64 << 10), pattern(2, 1 << 20));
    for (name, content) in [("a/small", &small), ("a/large", &large)] {
        driver.put(&path(name), content.clone(), PutMode::Create).await.expect("it is stored");
        let stat = at_once(driver.stat(&path(name))).expect("at once").expect("it is there");
        assert_eq!(stat.size, content.len() as u64);
        assert_eq!(driver.get(&path(name), stat.size).await.expect("it is there"), content);
    }
    let read = at_once(driver.get(&path("a/small"), 1 << 20)).expect("at once");
    assert_eq!(read.expect("it is there"), small);
    let whole = at_once(driver.open(&path("a/small"), None)).expect("at once").expect("opened");
    assert!(matches!(whole.content, Content::Bytes(bytes) if bytes == small));
    let whole = at_once(driver.open(&path("a/large"), None)).expect("at once").expect("opened");
    assert!(matches!(whole.content, Content::File(region) if region.len() == 1 << 20));
    let range = Some(ByteRange::Between(5, 14));
    let part = at_once(driver.open(&path("a/large"), range)).expect("at once").expect("opened");
    assert!(matches!(part.content, Content::Bytes(bytes) if bytes == large[5..15]));

    // The first look at a name that is not there may need the disk.
    assert!(driver.stat(&path("a/none")).await.is_err());
    let absent = at_once(driver.stat(&path("a/none"))).expect("at once");
    assert_eq!(absent.map_err(|error| error.kind()), Err(ErrorKind::NotFound));
    put(&driver, "a/none").await;
    assert!(at_once(driver.stat(&path("a/none"))).expect("at once").is_ok());
}

#[tokio::test]
async fn both_ways_find_the_same() {
    let root = folder();
    let writer = open(root.path());
    for (name, length) in [("a/empty", 0), ("a/link", 71), ("a/limit", 1024), ("a/above", 1025)] {
        let content = pattern(1, length);
        writer.put(&path(name), content, PutMode::Create).await.expect("it is stored");
    }
    for (name, length) in [("a/page", 4096), ("a/once", 64 << 10), ("a/region", (64 << 10) + 1)] {
        let content = pattern(2, length);
        writer.put(&path(name), content, PutMode::Create).await.expect("it is stored");
    }
    for (name, target) in [("in", "a"), ("out", "../.."), ("loop", "loop"), ("dangling", "none")] {
        symlink(target, root.path().join(name)).expect("it is made");
    }
    Command::new("mkfifo").arg(root.path().join("a/pipe")).status().expect("it is made");

    let names = [
        "",
        "a",
        "a/empty",
        "a/link",
        "a/limit",
        "a/above",
        "a/page",
        "a/once",
        "a/region",
        "a/pipe",
        "a/none",
        "none/none",
        "a/link/none",
        "in/page",
        "out/none",
        "loop",
        "dangling",
        ".wharf",
    ];
    let long_way = reluctant(root.path(), 1);
    for every in [0, 2, 3, 5] {
        let driver = reluctant(root.path(), every);
        // Twice, so that names that are not there are known the second time.
        for name in names.iter().chain(&names) {
            assert_eq!(seen(&driver, name).await, seen(&long_way, name).await, "{name} {every}");
        }
    }
}

/// All that reads tell about a name.
async fn seen(driver: &FsDriver, name: &str) -> Vec<String> {
    let path = path(name);
    let mut seen = vec![told(driver.stat(&path).await)];
    for limit in [0, 71, 1024, 4096, 1 << 20] {
        seen.push(told(driver.get(&path, limit).await));
    }
    let ranges = [
        ByteRange::From(0),
        ByteRange::From(70),
        ByteRange::From(1 << 20),
        ByteRange::Between(10, 5000),
        ByteRange::Suffix(7),
    ];
    for range in ranges.map(Some).into_iter().chain([None]) {
        let opened = match driver.open(&path, range).await {
            Ok(opened) => Ok(flat(opened).await),
            Err(error) => Err(error),
        };
        seen.push(told(opened));
    }
    seen
}

async fn flat(opened: Opened) -> (String, Bytes) {
    let place = format!("{:?} {:?} {:?}", opened.metadata, opened.range, opened.content);
    // Which descriptor a region has differs.
    let place = place.split("fd: ").next().unwrap_or_default().to_owned();
    (place, opened.content.collect(1 << 20).await.expect("it is read"))
}

fn told<T: Debug>(done: Result<T>) -> String {
    match done {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("{:?}: {error}", error.kind()),
    }
}

/// As distribution moves a tag: a new file takes the name of the old one.
#[tokio::test]
async fn a_file_that_is_replaced_is_the_old_one_or_the_new_one() {
    let root = folder();
    let driver = open(root.path());
    put(&driver, "link").await;
    let contents = ["sha256:a".repeat(20), "sha512:b".repeat(100)];
    let (link, new) = (root.path().join("link"), root.path().join("new"));
    fs::write(&link, &contents[0]).expect("it is written");
    let done = Arc::new(AtomicBool::new(false));
    let (written, stop) = (contents.clone(), Arc::clone(&done));
    let writer = thread::spawn(move || {
        for content in written.iter().cycle() {
            fs::write(&new, content).expect("it is written");
            fs::rename(&new, &link).expect("it is moved");
            if stop.load(Ordering::Relaxed) {
                break;
            }
        }
    });
    for _ in 0..5000 {
        let read = driver.get(&path("link"), 1024).await.expect("it is there");
        assert!(contents.iter().any(|content| content.as_bytes() == read));
    }
    done.store(true, Ordering::Relaxed);
    writer.join().expect("it writes");
}

/// By another program, behind the back of the driver.
#[tokio::test]
async fn what_is_removed_is_gone_for_the_next_read() {
    let root = folder();
    let driver = open(root.path());
    for _ in 0..100 {
        put(&driver, "a/b/link").await;
        assert!(driver.get(&path("a/b/link"), 10).await.is_ok());
        fs::remove_dir_all(root.path().join("a/b")).expect("it is removed");
        let gone = driver.get(&path("a/b/link"), 10).await.map_err(|error| error.kind());
        assert_eq!(gone, Err(ErrorKind::NotFound));
        assert!(driver.stat(&path("a/b/link")).await.is_err());
    }
}
