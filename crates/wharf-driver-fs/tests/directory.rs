//! What is special about a directory: symlinks, other programs, leftovers, a cache of names.

use std::{
    fs::{self, File, FileTimes},
    os::unix::fs::{MetadataExt, symlink},
    path::Path,
    time::{Duration, Instant, SystemTime},
};

use wharf_driver::{Driver, ErrorKind, Put, PutMode, Result, StoragePath};
use wharf_driver_fs::{FsDriver, Options};
use wharf_testkit::driver_suite::{path, pattern};

mod support;

use support::{ALL, folder, names, open, put};

fn kind<T>(done: Result<T>) -> Option<ErrorKind> {
    done.err().map(|error| error.kind())
}

/// As if it was last changed hours ago.
fn age(path: &Path) {
    let hours_ago = SystemTime::now() - Duration::from_secs(2 * 60 * 60);
    let file = File::open(path).expect("it is there");
    file.set_times(FileTimes::new().set_modified(hours_ago)).expect("it is ours");
}

#[tokio::test]
async fn no_symlink_leads_out_of_the_root() {
    let (outside, inside) = (folder(), folder());
    fs::create_dir(outside.path().join("folder")).unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    fs::write(outside.path().join("folder/secret"), "secret").unwrap();
    let driver = open(inside.path());
    put(&driver, "real/content").await;
    let up = Path::new("../..").join(outside.path().file_name().unwrap());
    for (name, target) in [
        ("absolute", outside.path().to_owned()),
        ("relative", up),
        ("through", "/proc/self/root/etc".into()),
        ("loop", "loop".into()),
    ] {
        symlink(target, inside.path().join(name)).unwrap();
        let invalid = Some(ErrorKind::InvalidPath);
        let below = path(name).join("secret").unwrap();
        let deeper = path(name).join("folder/new").unwrap();
        assert_eq!(kind(driver.get(&below, 100).await), invalid, "{name}");
        assert_eq!(kind(driver.open(&below, None).await), invalid, "{name}");
        assert_eq!(kind(driver.stat(&below).await), invalid, "{name}");
        assert_eq!(kind(driver.list(&path(name), ALL).await), invalid, "{name}");
        assert_eq!(kind(driver.delete(&below).await), invalid, "{name}");
        assert_eq!(kind(driver.delete_below(&path(name).join("folder").unwrap()).await), invalid);
        for mode in [PutMode::Overwrite, PutMode::Create] {
            assert_eq!(kind(driver.put(&deeper, "x".into(), mode).await), invalid, "{name}");
        }
        assert_eq!(kind(driver.begin_upload(&deeper, None).await.map(drop)), invalid, "{name}");
        let mut upload = driver.begin_upload(&path("uploads/one"), None).await.unwrap();
        assert_eq!(kind(upload.publish(&deeper).await), invalid, "{name}");
    }
    assert_eq!(fs::read(outside.path().join("secret")).unwrap(), b"secret");
    assert_eq!(fs::read_dir(outside.path().join("folder")).unwrap().count(), 1);
    // Content behind such a link is not listed either: nobody could open it.
    assert_eq!(names(&driver, "").await, ["real", "uploads"]);
}

#[tokio::test]
async fn a_symlink_inside_the_root_is_followed() {
    let root = folder();
    let driver = open(root.path());
    put(&driver, "real/folder/content").await;
    symlink("real/folder", root.path().join("short")).unwrap();
    symlink("folder/content", root.path().join("real/alias")).unwrap();
    assert_eq!(names(&driver, "short").await, ["content"]);
    assert_eq!(driver.get(&path("short/content"), 10).await.unwrap(), "x");
    assert_eq!(driver.get(&path("real/alias"), 10).await.unwrap(), "x");
    put(&driver, "short/new").await;
    assert_eq!(names(&driver, "real/folder").await, ["content", "new"]);
    assert!(driver.delete_below(&path("real/folder")).await.unwrap());
    assert_eq!(kind(driver.get(&path("real/alias"), 10).await), Some(ErrorKind::NotFound));
}

#[tokio::test]
async fn removing_a_folder_follows_no_symlink() {
    let (outside, inside) = (folder(), folder());
    fs::write(outside.path().join("precious"), "x").unwrap();
    let driver = open(inside.path());
    put(&driver, "doomed/inner/content").await;
    symlink(outside.path(), inside.path().join("doomed/inner/link")).unwrap();
    symlink(outside.path(), inside.path().join("doomed/link")).unwrap();
    assert!(driver.delete_below(&path("doomed")).await.unwrap());
    assert!(!inside.path().join("doomed").exists());
    assert!(outside.path().join("precious").exists());
    assert_eq!(fs::read_dir(inside.path().join(".wharf/trash")).unwrap().count(), 0);
}

#[tokio::test]
async fn what_is_the_drivers_own_is_out_of_reach() {
    let root = folder();
    let driver = open(root.path());
    put(&driver, "content").await;
    assert!(root.path().join(".wharf/tmp").is_dir());
    let invalid = Some(ErrorKind::InvalidPath);
    for own in [".wharf", ".wharf/tmp", ".wharf/tmp/x"] {
        let own = path(own);
        assert_eq!(kind(driver.get(&own, 10).await), invalid, "{own}");
        assert_eq!(kind(driver.list(&own, ALL).await), invalid, "{own}");
        assert_eq!(kind(driver.put(&own, "x".into(), PutMode::Create).await), invalid, "{own}");
        assert_eq!(kind(driver.delete_below(&own).await), invalid, "{own}");
        assert_eq!(kind(driver.begin_upload(&own, None).await.map(drop)), invalid, "{own}");
        let mut upload = driver.begin_upload(&path("uploads/one"), None).await.unwrap();
        assert_eq!(kind(upload.publish(&own).await), invalid, "{own}");
        let puts = vec![Put::new(path("first"), "x"), Put::new(own.clone(), "x")];
        assert_eq!(kind(driver.put_in_order(vec![puts.clone()]).await), invalid, "{own}");
        assert_eq!(kind(upload.publish_with(&path("blob"), puts).await), invalid, "{own}");
    }
    assert_eq!(names(&driver, "").await, ["content", "uploads"]);
}

/// What comes before it is there, what comes after it is not, and nothing is left of either.
#[tokio::test]
async fn what_cannot_be_named_stops_the_rest() {
    let root = folder();
    let driver = open(root.path());
    put(&driver, "content").await;
    let steps = |first| [first, "content/below", "after"].map(|at| vec![Put::new(path(at), "x")]);
    let invalid = Some(ErrorKind::InvalidPath);
    assert_eq!(kind(driver.put_in_order(steps("before").into()).await), invalid);
    let mut upload = driver.begin_upload(&path("uploads/one"), None).await.unwrap();
    upload.append(vec!["x".into()]).await.unwrap();
    let puts = steps("with").concat();
    assert_eq!(kind(upload.publish_with(&path("blob"), puts).await), invalid);
    assert_eq!(driver.get(&path("blob"), 10).await.expect("it is published"), "x");
    upload.publish(&path("another")).await.expect("the session goes on");
    let there = ["another", "before", "blob", "content", "uploads", "with"];
    assert_eq!(names(&driver, "").await, there);
    assert!(root.path().join(".wharf/tmp").read_dir().unwrap().next().is_none());
}

#[tokio::test]
async fn nothing_temporary_stays() {
    let root = folder();
    let driver = open(root.path());
    put(&driver, "folder/content").await;
    let exists = driver.put(&path("folder/content"), "y".into(), PutMode::Create).await;
    exists.expect("it is no failure");
    driver.put(&path("folder"), "y".into(), PutMode::Overwrite).await.expect_err("a folder");
    let mut upload = driver.begin_upload(&path("uploads/one"), None).await.unwrap();
    upload.append(vec![pattern(1, 10)]).await.unwrap();
    upload.publish(&path("folder/content")).await.expect("it is repaired");
    upload.discard().await.unwrap();
    driver.delete_below(&path("folder")).await.unwrap();
    for own in ["tmp", "trash"] {
        assert_eq!(fs::read_dir(root.path().join(".wharf").join(own)).unwrap().count(), 0, "{own}");
    }
    assert_eq!(names(&driver, "uploads/one").await, [""; 0]);
}

/// Opens a driver and waits until it has looked through what was left behind.
fn cleaned(root: &Path) {
    let driver = open(root);
    let begin = Instant::now();
    while !driver.is_clean() {
        assert!(begin.elapsed() < Duration::from_secs(60), "it does not come to an end");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[tokio::test]
async fn leftovers_go_when_they_are_old() {
    let (root, outside) = (folder(), folder());
    fs::write(outside.path().join("precious"), "x").unwrap();
    let [tmp, trash] = ["tmp", "trash"].map(|own| root.path().join(".wharf").join(own));
    for own in [&tmp, &trash] {
        fs::create_dir_all(own.join("old-folder/inner")).unwrap();
        fs::write(own.join("old-folder/inner/file"), "x").unwrap();
        symlink(outside.path(), own.join("old-folder/link")).unwrap();
        fs::create_dir(own.join("new-folder")).unwrap();
        fs::write(own.join("new-file"), "x").unwrap();
        fs::write(own.join("old-file"), "x").unwrap();
        for old in ["old-folder", "old-file"] {
            age(&own.join(old));
        }
    }
    cleaned(root.path());
    for own in [&tmp, &trash] {
        let mut left: Vec<_> =
            fs::read_dir(own).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["new-file", "new-folder"]);
    }
    assert!(outside.path().join("precious").exists());
}

#[tokio::test]
async fn leftovers_behind_a_symlink_are_not_ours() {
    let (root, other) = (folder(), folder());
    fs::create_dir(root.path().join("precious")).unwrap();
    for precious in [root.path().join("precious/file"), other.path().join("file")] {
        fs::write(&precious, "x").unwrap();
        age(&precious);
    }
    fs::create_dir(root.path().join(".wharf")).unwrap();
    symlink("../precious", root.path().join(".wharf/tmp")).unwrap();
    symlink(other.path(), root.path().join(".wharf/trash")).unwrap();
    cleaned(root.path());
    assert!(root.path().join("precious/file").exists());
    assert!(other.path().join("file").exists());
}

#[tokio::test]
async fn the_hidden_folder_may_be_deleted() {
    let root = folder();
    let driver = open(root.path());
    put(&driver, "a/b").await;
    fs::remove_dir_all(root.path().join(".wharf")).unwrap();
    put(&driver, "a/c").await;
    fs::remove_dir_all(root.path().join(".wharf")).unwrap();
    assert!(driver.delete_below(&path("a")).await.unwrap());
}

#[tokio::test]
async fn folders_may_be_deleted_by_others() {
    let root = folder();
    let driver = open(root.path());
    for round in 0..3 {
        put(&driver, "some/deep/folder/content").await;
        assert_eq!(names(&driver, "some/deep/folder").await, ["content"], "round {round}");
        fs::remove_dir_all(root.path().join("some")).unwrap();
        assert_eq!(names(&driver, "some/deep/folder").await, [""; 0], "round {round}");
    }
}

#[tokio::test]
async fn a_rested_folder_is_read_once_and_a_change_is_seen() {
    let root = folder();
    let (driver, other) = (open(root.path()), open(root.path()));
    let tags = root.path().join("tags");
    for name in ["tags/a", "tags/b"] {
        put(&driver, name).await;
    }
    age(&tags);
    assert_eq!(names(&driver, "tags").await, ["a", "b"]);
    // Nobody turns back a folder's time; it shows that the names are not read again.
    let rested = fs::metadata(&tags).unwrap().modified().unwrap();
    fs::write(tags.join("unseen"), "x").unwrap();
    let times = FileTimes::new().set_modified(rested);
    File::open(&tags).unwrap().set_times(times).unwrap();
    assert_eq!(names(&driver, "tags").await, ["a", "b"]);
    put(&other, "tags/c").await;
    assert_eq!(names(&driver, "tags").await, ["a", "b", "c", "unseen"]);
    age(&tags);
    assert_eq!(names(&driver, "tags").await.len(), 4);
    other.delete(&path("tags/a")).await.unwrap();
    assert_eq!(names(&driver, "tags").await, ["b", "c", "unseen"]);
    age(&tags);
    assert_eq!(names(&driver, "tags").await.len(), 3);
    driver.delete(&path("tags/b")).await.unwrap();
    put(&driver, "tags/d").await;
    assert_eq!(names(&driver, "tags").await, ["c", "d", "unseen"]);
}

#[tokio::test]
async fn what_is_neither_content_nor_folder_is_not_there() {
    let root = folder();
    let driver = open(root.path());
    let made = std::process::Command::new("mkfifo").arg(root.path().join("pipe")).status();
    if !made.is_ok_and(|status| status.success()) {
        eprintln!("skipped: there is no mkfifo");
        return;
    }
    for name in ["with space", "tilde~", "colon:tag"] {
        fs::write(root.path().join(name), "x").unwrap();
    }
    assert_eq!(names(&driver, "").await, [""; 0]);
    let not_found = Some(ErrorKind::NotFound);
    assert_eq!(kind(driver.get(&path("pipe"), 10).await), not_found);
    assert_eq!(kind(driver.open(&path("pipe"), None).await), not_found);
    assert_eq!(kind(driver.stat(&path("pipe")).await), not_found);
    let mut upload = driver.begin_upload(&path("uploads/one"), None).await.unwrap();
    assert_eq!(kind(upload.publish(&path("pipe")).await), Some(ErrorKind::InvalidPath));
}

#[tokio::test]
async fn a_damaged_session_says_so() {
    let root = folder();
    let driver = open(root.path());
    let session = path("uploads/one");
    let files = root.path().join("uploads/one");
    let mut upload = driver.begin_upload(&session, None).await.unwrap();
    upload.append(vec![pattern(1, 1000)]).await.unwrap();
    upload.save("state".into()).await.unwrap();
    drop(upload);
    let corrupt = Some(ErrorKind::Corrupt);
    let (data, record) =
        (fs::read(files.join("data")).unwrap(), fs::read(files.join("checkpoint")).unwrap());

    fs::write(files.join("data"), &data[..999]).unwrap();
    assert_eq!(kind(driver.resume_upload(&session).await.map(drop)), corrupt, "too short");
    fs::remove_file(files.join("data")).unwrap();
    assert_eq!(kind(driver.resume_upload(&session).await.map(drop)), corrupt, "no bytes");
    fs::write(files.join("data"), &data).unwrap();
    for damaged in [&record[..record.len() - 1], &[], &[0; 100], &vec![0; 3 << 20][..]] {
        fs::write(files.join("checkpoint"), damaged).unwrap();
        assert_eq!(kind(driver.resume_upload(&session).await.map(drop)), corrupt, "record");
        assert_eq!(kind(driver.upload_checkpoint(&session).await), corrupt, "record");
    }
    fs::write(files.join("checkpoint"), &record).unwrap();
    assert_eq!(driver.resume_upload(&session).await.unwrap().size(), 1000);
    // Nobody begins over it by mistake; who gives up on it removes it.
    fs::write(files.join("checkpoint"), "damaged").unwrap();
    assert_eq!(kind(driver.begin_upload(&session, None).await.map(drop)), corrupt);
    driver.delete_below(&session).await.unwrap();
    assert_eq!(driver.begin_upload(&session, None).await.unwrap().size(), 0);
}

#[tokio::test]
async fn a_session_without_a_record_of_ours_starts_at_zero() {
    let root = folder();
    let driver = open(root.path());
    let session = path("repositories/app/_uploads/one");
    let files = root.path().join(session.as_str());
    fs::create_dir_all(files.join("hashstates/sha256")).unwrap();
    fs::write(files.join("data"), "bytes that another registry left").unwrap();
    let upload = driver.resume_upload(&session).await.unwrap();
    assert_eq!(upload.size(), 0);
    assert_eq!(fs::metadata(files.join("data")).unwrap().len(), 0);
}

#[tokio::test]
async fn what_is_published_costs_no_copy() {
    let root = folder();
    let driver = open(root.path());
    let mut upload = driver.begin_upload(&path("uploads/one"), None).await.unwrap();
    upload.append(vec![pattern(1, 100_000)]).await.unwrap();
    upload.publish(&path("blobs/aa/data")).await.unwrap();
    let inode = |at: &str| fs::metadata(root.path().join(at)).unwrap().ino();
    assert_eq!(inode("uploads/one/data"), inode("blobs/aa/data"));
    // Nor does it cost a file to remember that it was.
    assert_eq!(inode("uploads/one/checkpoint.published"), inode("blobs/aa/data"));
    driver.delete(&path("blobs/aa/data")).await.unwrap();
    let reader = File::open(root.path().join("uploads/one/data")).unwrap();
    upload.append(vec![pattern(2, 100)]).await.unwrap();
    assert_eq!(reader.metadata().unwrap().len(), 100_000, "a reader keeps what it has");
    assert_eq!(fs::metadata(root.path().join("uploads/one/data")).unwrap().nlink(), 1);
}

#[tokio::test]
async fn a_new_root_is_made_and_a_file_is_none() {
    let parent = folder();
    let root = parent.path().join("some/new/root");
    put(&open(&root), "a").await;
    assert_eq!(fs::read(root.join("a")).unwrap(), b"x");
    assert!(FsDriver::new(root.join("a"), Options::default()).is_err());
    assert_eq!(names(&open(&root), StoragePath::root().as_str()).await, ["a"]);
}
