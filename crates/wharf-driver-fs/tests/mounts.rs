//! A full disk and a read-only one. Both need the right to mount, and say so where it is missing.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use bytes::Bytes;
use wharf_driver::{Driver, ErrorKind, ListRequest, PutMode, Result};
use wharf_driver_fs::{FsDriver, Options};
use wharf_testkit::driver_suite::{path, pattern, pattern_on_page};

/// A mounted folder, unmounted in the end.
struct Mount {
    point: PathBuf,
    _folder: tempfile::TempDir,
}

#[tokio::test]
async fn a_full_disk_loses_nothing() {
    let Some(disk) = Mount::new(|point| vec![tmpfs(point, "1m")]) else { return };
    let driver = FsDriver::new(&disk.point, Options::default()).expect("it can be opened");
    let (small, large) = (path("folder/small"), path("folder/large"));
    let full = Some(ErrorKind::Full);
    driver.put(&small, "before".into(), PutMode::Overwrite).await.expect("it fits");

    for mode in [PutMode::Overwrite, PutMode::Create] {
        assert_eq!(kind(driver.put(&large, pattern(1, 2 << 20), mode).await), full);
        assert_eq!(kind(driver.put(&small, pattern(1, 2 << 20), PutMode::Overwrite).await), full);
    }
    assert_eq!(driver.get(&small, 100).await.expect("it is there"), "before");
    assert_eq!(kind(driver.stat(&large).await), Some(ErrorKind::NotFound));
    assert_eq!(fs::read_dir(disk.point.join(".wharf/tmp")).expect("it is there").count(), 0);

    let session = path("uploads/one");
    let mut upload = driver.begin_upload(&session, Some(1 << 40)).await.expect("it begins");
    upload.append(vec![pattern(2, 300_000)]).await.expect("it fits");
    upload.save("state".into()).await.expect("it fits");
    assert_eq!(kind(upload.append(vec![pattern(3, 2 << 20)]).await), full);
    assert!(upload.save("late".into()).await.is_err(), "what the session holds is unknown");
    assert!(upload.publish(&large).await.is_err(), "what the session holds is unknown");
    drop(upload);

    let mut upload = driver.resume_upload(&session).await.expect("the session survives");
    assert_eq!((upload.size(), &upload.checkpoint().state[..]), (300_000, &b"state"[..]));
    upload.append(vec![pattern(4, 100_000)]).await.expect("it fits again");
    upload.publish(&large).await.expect("it is published");
    let expected: Bytes = [pattern(2, 300_000), pattern(4, 100_000)].concat().into();
    assert_eq!(driver.get(&large, 1 << 20).await.expect("it is there"), expected);
}

/// Past the page cache, where the disk itself says how far a write got.
#[tokio::test]
async fn a_disk_that_fills_up_under_large_pieces_loses_nothing() {
    let folder = tempfile::tempdir().expect("there is room for temporary folders");
    let image = folder.path().join("image");
    let made = fs::File::create(&image).and_then(|file| file.set_len(16 << 20));
    made.expect("it can be made");
    let formatted = Command::new("mkfs.ext4").arg("-q").arg(&image).status();
    if !formatted.is_ok_and(|status| status.success()) {
        return eprintln!("skipped: there is no mkfs.ext4");
    }
    let arguments = |point: &Path| {
        ["-o", "loop"].map(str::to_owned).into_iter().chain([text(&image), text(point)]).collect()
    };
    let Some(disk) = Mount::new(|point| vec![arguments(point)]) else { return };
    let driver = FsDriver::new(&disk.point, Options::default()).expect("it can be opened");
    let (session, blob) = (path("uploads/one"), path("blob"));
    let mut upload = driver.begin_upload(&session, Some(1 << 40)).await.expect("it begins");
    let first = pattern_on_page(1, 1 << 20);
    upload.append(vec![first.clone()]).await.expect("it fits");
    upload.save("state".into()).await.expect("it is saved");
    let mut failed = None;
    for _ in 0..16 {
        failed = kind(upload.append(vec![pattern_on_page(2, 1 << 20)]).await);
        if failed.is_some() {
            break;
        }
    }
    assert_eq!(failed, Some(ErrorKind::Full));
    assert!(upload.publish(&blob).await.is_err(), "what the session holds is unknown");
    drop(upload);
    let mut upload = driver.resume_upload(&session).await.expect("the session survives");
    assert_eq!(upload.size(), 1 << 20);
    upload.append(vec![Bytes::from_static(b"the end")]).await.expect("there is room again");
    upload.publish(&blob).await.expect("it is published");
    let content = driver.get(&blob, 2 << 20).await.expect("it is there");
    assert!(content == [&first[..], b"the end"].concat());
}

#[tokio::test]
async fn a_read_only_disk_can_be_read() {
    let source = tempfile::tempdir().expect("there is room for temporary folders");
    let driver = FsDriver::new(source.path(), Options::default()).expect("it can be opened");
    driver.put(&path("folder/file"), "x".into(), PutMode::Overwrite).await.expect("it is stored");
    let mut upload = driver.begin_upload(&path("uploads/one"), None).await.expect("it begins");
    upload.append(vec![pattern(1, 10)]).await.expect("it is appended");
    upload.save("state".into()).await.expect("it is saved");
    drop(upload);
    let Some(disk) = Mount::new(|point| {
        let [source, point] = [source.path(), point].map(|path| path.display().to_string());
        vec![
            vec!["--bind".into(), source, point.clone()],
            vec!["-o".into(), "remount,bind,ro".into(), point],
        ]
    }) else {
        return;
    };
    let driver = FsDriver::new(&disk.point, Options::default()).expect("it can be read");
    assert_eq!(driver.get(&path("folder/file"), 10).await.expect("it is there"), "x");
    let request = ListRequest { after: None, limit: 10 };
    assert_eq!(driver.list(&path(""), request).await.expect("it is listed").entries.len(), 2);
    let denied = Some(ErrorKind::Denied);
    for mode in [PutMode::Overwrite, PutMode::Create] {
        assert_eq!(kind(driver.put(&path("folder/new"), "x".into(), mode).await), denied);
    }
    assert_eq!(kind(driver.delete(&path("folder/file")).await), denied);
    assert_eq!(kind(driver.delete_below(&path("folder")).await), denied);
    assert_eq!(kind(driver.begin_upload(&path("uploads/two"), None).await.map(drop)), denied);
    assert_eq!(kind(driver.resume_upload(&path("uploads/one")).await.map(drop)), denied);
    let checkpoint = driver.upload_checkpoint(&path("uploads/one")).await.expect("it is read");
    assert_eq!(checkpoint.length, 10);
}

// === impl Mount ===

impl Mount {
    /// Calls mount(8) with each of the lists of arguments; `None`, and a word about it, if we may
    /// not mount.
    fn new(calls: impl FnOnce(&Path) -> Vec<Vec<String>>) -> Option<Self> {
        let folder = tempfile::tempdir().expect("there is room for temporary folders");
        let point = folder.path().join("mounted");
        fs::create_dir(&point).expect("it can be made");
        let calls = calls(&point);
        let mounted = Self { point, _folder: folder };
        for arguments in calls {
            let output = Command::new("mount").args(arguments).output();
            if !output.is_ok_and(|output| output.status.success()) {
                eprintln!("skipped: mounting takes rights that this process lacks");
                return None;
            }
        }
        Some(mounted)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let output = Command::new("umount").arg("--lazy").arg(&self.point).output();
        if let Err(error) = output {
            eprintln!("{} stays mounted: {error}", self.point.display());
        }
    }
}

fn tmpfs(point: &Path, size: &str) -> Vec<String> {
    let size = format!("size={size}");
    ["-t", "tmpfs", "-o", &size, "none"]
        .into_iter()
        .map(str::to_owned)
        .chain([point.display().to_string()])
        .collect()
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn kind<T>(done: Result<T>) -> Option<ErrorKind> {
    done.err().map(|error| error.kind())
}
