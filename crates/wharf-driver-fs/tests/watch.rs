//! What is kept of files and folders that are read again and again, while other programs change them.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use wharf_driver::{Driver, ErrorKind, ListRequest, PutMode, StoragePath};
use wharf_driver_fs::{FsDriver, Options};
use wharf_testkit::{driver_suite::path, image::Random};

const ALL: ListRequest<'_> = ListRequest { after: None, limit: 1000 };

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("there is room for temporary folders")
}

fn open(root: &Path) -> FsDriver {
    FsDriver::new(root, Options::default()).expect("it can be opened")
}

/// What a driver says is at a path: its content, the same through each of the ways.
async fn read(driver: &FsDriver, at: &StoragePath) -> Option<Bytes> {
    let got = driver.get(at, 1 << 20).await;
    let opened = driver.open(at, None).await;
    let stat = driver.stat(at).await;
    let each = driver.get_each(&path("a"), &[path("b/c/file")], 1 << 20).await;
    let Ok(got) = got else {
        assert_eq!(got.expect_err("no content").kind(), ErrorKind::NotFound);
        assert!(opened.is_err() && stat.is_err());
        return None;
    };
    assert_eq!(stat.expect("it is there").size, got.len() as u64);
    let opened = opened.expect("it is there").content.collect(1 << 20).await;
    assert_eq!(opened.expect("it is read"), got);
    if *at == path("a/b/c/file") {
        assert_eq!(each.into_iter().next().expect("one").expect("it is there"), got);
    }
    Some(got)
}

/// Reads until it is known; false where the kernel does not tell of changes.
async fn warm(driver: &FsDriver, at: &StoragePath) -> bool {
    for _ in 0..4 {
        read(driver, at).await;
    }
    driver.is_known(at)
}

type Act = fn(&Path) -> io::Result<()>;

/// What another program may do to `a/b/c/file`.
const CHANGES: &[(&str, Act)] = &[
    ("written", |root| fs::write(root.join("a/b/c/file"), "another text")),
    ("as long", |root| fs::write(root.join("a/b/c/file"), "EFGH")),
    ("cut", |root| fs::File::options().write(true).open(root.join("a/b/c/file"))?.set_len(2)),
    ("appended", |root| {
        let file = fs::File::options().append(true).open(root.join("a/b/c/file"))?;
        io::Write::write_all(&mut &file, b"more")
    }),
    ("replaced", |root| {
        fs::write(root.join("new"), "new")?;
        fs::rename(root.join("new"), root.join("a/b/c/file"))
    }),
    ("removed", |root| fs::remove_file(root.join("a/b/c/file"))),
    ("made again", |root| {
        fs::remove_dir_all(root.join("a"))?;
        fs::create_dir_all(root.join("a/b/c"))?;
        fs::write(root.join("a/b/c/file"), "again")
    }),
    ("moved", |root| fs::rename(root.join("a/b/c/file"), root.join("a/b/c/other"))),
    ("its folder moved", |root| fs::rename(root.join("a/b/c"), root.join("a/b/d"))),
    ("moved with what is above", |root| fs::rename(root.join("a"), root.join("d"))),
    ("moved, and another in its place", |root| {
        fs::create_dir_all(root.join("e/c"))?;
        fs::write(root.join("e/c/file"), "of e")?;
        fs::rename(root.join("a/b"), root.join("f"))?;
        fs::rename(root.join("e"), root.join("a/b"))
    }),
    ("a symlink instead of a folder", |root| {
        fs::create_dir_all(root.join("e/c"))?;
        fs::write(root.join("e/c/file"), "of e")?;
        fs::rename(root.join("a/b"), root.join("f"))?;
        symlink("../e", root.join("a/b"))
    }),
    ("a symlink instead of the file", |root| {
        fs::write(root.join("e"), "of e")?;
        fs::remove_file(root.join("a/b/c/file"))?;
        symlink("../../../e", root.join("a/b/c/file"))
    }),
    ("a folder instead of the file", |root| {
        fs::remove_file(root.join("a/b/c/file"))?;
        fs::create_dir(root.join("a/b/c/file"))
    }),
];

#[tokio::test]
async fn whatever_is_changed_is_seen_at_once() {
    let at = path("a/b/c/file");
    for (what, act) in CHANGES {
        let root = folder();
        let driver = open(root.path());
        driver.put(&at, "abcd".into(), PutMode::Create).await.expect("it is stored");
        if !warm(&driver, &at).await {
            return eprintln!("skipped: the kernel does not tell of changes here");
        }
        let watched = driver.watch(std::slice::from_ref(&at)).expect("it is known");
        assert!(watched.holds(), "{what}");
        act(root.path()).expect("it can be done");
        assert!(!watched.holds(), "{what}");
        for _ in 0..4 {
            let there = fs::read(root.path().join("a/b/c/file")).ok();
            assert_eq!(read(&driver, &at).await.as_deref(), there.as_deref(), "{what}");
        }
    }
}

/// Behind a symlink, where nothing is watched.
#[tokio::test]
async fn what_a_symlink_leads_to_is_never_kept() {
    let root = folder();
    let driver = open(root.path());
    driver.put(&path("a/file"), "1".into(), PutMode::Create).await.expect("it is stored");
    symlink("a", root.path().join("b")).expect("it is made");
    symlink("a/file", root.path().join("c")).expect("it is made");
    for at in ["b/file", "c"].map(path) {
        for content in ["1", "2", "3"] {
            fs::write(root.path().join("a/file"), content).expect("it is written");
            assert!(!warm(&driver, &at).await);
            assert_eq!(read(&driver, &at).await.as_deref(), Some(content.as_bytes()));
        }
    }
}

/// Nobody is told of a change through another name.
#[tokio::test]
async fn what_the_kernel_does_not_tell_is_seen_when_the_lease_has_ended() {
    let root = folder();
    let options = Options { lease: Duration::from_millis(100), ..Options::default() };
    let driver = FsDriver::new(root.path(), options).expect("it can be opened");
    let at = path("a/file");
    driver.put(&at, "1".into(), PutMode::Create).await.expect("it is stored");
    fs::create_dir(root.path().join("b")).expect("it is made");
    fs::hard_link(root.path().join("a/file"), root.path().join("b/file")).expect("it is made");
    warm(&driver, &at).await;
    let watched = driver.watch(std::slice::from_ref(&at));
    fs::write(root.path().join("b/file"), "2").expect("it is written");
    let deadline = Instant::now() + Duration::from_secs(30);
    while watched.as_ref().is_some_and(|watched| watched.holds())
        || read(&driver, &at).await.as_deref() != Some(b"2")
    {
        assert!(Instant::now() < deadline, "it stays as it was");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// More events than a queue holds.
#[tokio::test]
async fn events_that_are_lost_are_not_trusted() {
    let root = folder();
    let driver = open(root.path());
    let at = path("a/file");
    driver.put(&at, "1".into(), PutMode::Create).await.expect("it is stored");
    if !warm(&driver, &at).await {
        return eprintln!("skipped: the kernel does not tell of changes here");
    }
    let watched = driver.watch(std::slice::from_ref(&at)).expect("it is known");
    let most = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events");
    let most: usize = most.ok().and_then(|most| most.trim().parse().ok()).unwrap_or(16384);
    if most > 100_000 {
        return eprintln!("skipped: a queue takes {most} events here");
    }
    for round in 0..=most / 2 {
        let name = root.path().join(format!("a/{}", round % 64));
        fs::write(&name, "").expect("there is room");
        fs::remove_file(&name).expect("it is there");
    }
    fs::write(root.path().join("a/file"), "2").expect("it is written");
    assert!(!watched.holds());
    assert_eq!(read(&driver, &at).await.as_deref(), Some(&b"2"[..]));
    assert!(warm(&driver, &at).await, "it goes on");
}

/// What is read was there when it was asked for, or later.
#[test]
fn nobody_reads_what_was_replaced_before() {
    let (root, published, done) = (folder(), AtomicU64::new(0), AtomicBool::new(false));
    let driver = open(root.path());
    let (file, new) = (root.path().join("a/b/file"), root.path().join("new"));
    fs::create_dir_all(root.path().join("a/b")).expect("it is made");
    fs::write(&file, "0").expect("it is written");
    let reader = || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let at = path("a/b/file");
        while !done.load(Ordering::SeqCst) {
            let least = published.load(Ordering::SeqCst);
            let content = runtime.block_on(driver.get(&at, 100)).expect("it is there");
            let text = std::str::from_utf8(&content).expect("a number");
            let value: u64 = text.parse().expect("a number");
            assert!(value >= least, "{value} was read after {least} was published");
        }
    };
    thread::scope(|scope| {
        let readers = [(); 3].map(|()| scope.spawn(reader));
        for value in 1..=3000_u64 {
            fs::write(&new, value.to_string()).expect("it is written");
            fs::rename(&new, &file).expect("it is moved");
            published.store(value, Ordering::SeqCst);
            if value % 16 == 0 {
                thread::yield_now();
            }
        }
        done.store(true, Ordering::SeqCst);
        for reader in readers {
            reader.join().expect("it reads");
        }
    });
}

/// A small tree in which another program does whatever comes to its mind.
#[tokio::test]
async fn whatever_happens_the_tree_is_as_it_is() {
    let root = folder();
    let driver = open(root.path());
    driver.put(&path("probe/file"), "x".into(), PutMode::Create).await.expect("it is stored");
    let mut random = Random(11);
    let mut pick = |most: usize| usize::from(random.bytes(1)[0]) % most;
    let names = ["a", "b", "a/a", "a/b", "b/a", "b/b", "a/a/a", "a/a/b", "a/b/a", "b/a/a"];
    let write = |path: &Path, text: String| {
        fs::create_dir_all(path.parent().expect("it is not the root"))?;
        fs::write(path, text)
    };
    let mut known = 0;
    for step in 0..4000 {
        let [one, other] =
            [pick(names.len()), pick(names.len())].map(|at| root.path().join(names[at]));
        // Much of it fails; that is all right.
        let _ = match pick(8) {
            0 | 1 => write(&one, format!("{step}")),
            2 => fs::create_dir(&one),
            3 => fs::rename(&one, &other),
            4 => fs::remove_file(&one),
            5 => fs::remove_dir(&one),
            6 => fs::File::options()
                .append(true)
                .open(&one)
                .and_then(|file| io::Write::write_all(&mut &file, b"+")),
            _ => Ok(()),
        };
        for name in names {
            let (at, real) = (path(name), root.path().join(name));
            let got = driver.get(&at, 1000).await.ok();
            assert_eq!(got.as_deref(), fs::read(&real).ok().as_deref(), "step {step}: {name}");
            let stat = driver.stat(&at).await.map(|found| found.size).ok();
            let there = real.metadata().ok().filter(fs::Metadata::is_file);
            assert_eq!(stat, there.map(|found| found.len()), "step {step}: {name}");
            known += usize::from(driver.is_known(&at));
        }
    }
    assert!(known > 1000 || !warm(&driver, &path("probe/file")).await, "{known} were known");
}

/// Lists are of folders that have rested, and of which the time cannot deceive.
#[tokio::test]
async fn a_folder_that_is_known_is_listed_as_it_is() {
    let root = folder();
    let driver = open(root.path());
    let at = path("a/b");
    for name in ["one", "two"] {
        let below = path("a/b").join(name).expect("a name");
        driver.put(&below, "x".into(), PutMode::Create).await.expect("it is stored");
    }
    let list = async || -> Vec<String> {
        let page = driver.list(&at, ALL).await.expect("it is listed");
        let each = driver.list_each(&path("a"), &[path("b")], ALL).await.remove(0);
        assert_eq!(each.expect("it is listed").entries, page.entries);
        page.entries.into_iter().map(|entry| entry.name).collect()
    };
    let deadline = Instant::now() + Duration::from_secs(30);
    while !driver.is_known(&at) {
        assert_eq!(list().await, ["one", "two"]);
        if Instant::now() > deadline {
            return eprintln!("skipped: the kernel does not tell of changes here");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    fs::write(root.path().join("a/b/three"), "").expect("there is room");
    assert_eq!(list().await, ["one", "three", "two"]);
    fs::rename(root.path().join("a"), root.path().join("c")).expect("it is moved");
    assert_eq!(list().await, [""; 0]);
    fs::create_dir_all(root.path().join("a/b/four")).expect("there is room");
    assert_eq!(list().await, ["four"]);
}
