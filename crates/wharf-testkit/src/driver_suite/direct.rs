//! Content that goes straight to its place, in drivers that have such a way.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use tokio::task::JoinSet;
use wharf_driver::{Driver, ErrorKind, Published, StoragePath, Upload};

use super::{Subject, append, kind, names, path, pattern, put, whole};

/// More than a driver may want to hold in memory.
const LARGE: usize = 20 << 20;

/// And not before, whatever its size.
pub async fn direct_content_is_there_once_it_is_published(subject: Arc<Subject>) {
    let driver = subject.driver();
    for length in [0, 1, 100_000, 8 << 20, (8 << 20) + 1, LARGE] {
        let at = path(&format!("blobs/{length}"));
        let Some(mut upload) = direct(&*driver, &at, Some(length as u64)).await else { return };
        let bytes = made(1, length);
        for piece in 0..length.div_ceil(1 << 20) {
            let end = length.min((piece + 1) << 20);
            append(&mut upload, &bytes.slice(piece << 20..end)).await;
        }
        assert_eq!(upload.size(), length as u64);
        let not_found = Some(ErrorKind::NotFound);
        assert_eq!(kind(subject.another().stat(&at).await), not_found, "{length}");
        assert_eq!(upload.publish(&at).await.expect("it is published"), Published::New);
        drop(upload);
        assert!(whole(&*subject.another(), &at).await == bytes, "{length}");
    }
}

/// Neither what is dropped nor what is discarded.
pub async fn what_is_given_up_was_never_there(subject: Arc<Subject>) {
    let driver = subject.driver();
    for (round, length) in [1000, LARGE, 1000, LARGE].into_iter().enumerate() {
        let Some(mut upload) = direct(&*driver, &path("blobs/one"), None).await else { return };
        append(&mut upload, &made(1, length)).await;
        if round < 2 {
            upload.discard().await.expect("it is discarded");
            let refused = upload.publish(&path("blobs/one")).await;
            assert!(length < LARGE || kind(refused) == Some(ErrorKind::NotFound));
            driver.forget(&path("blobs/one")).await.expect("it is gone");
        }
        drop(upload);
        assert_eq!(names(&*driver, &StoragePath::root()).await, [""; 0]);
    }
}

/// As a session does.
pub async fn direct_content_repairs_and_keeps(subject: Arc<Subject>) {
    let driver = subject.driver();
    let at = path("blob");
    for length in [1000, LARGE] {
        for hint in [None, Some(length as u64)] {
            for (there, expected) in [(10, Published::Repaired), (length, Published::Existed)] {
                put(&*driver, "blob", made(7, there)).await;
                let Some(mut upload) = direct(&*driver, &at, hint).await else { return };
                append(&mut upload, &made(2, length)).await;
                let published = upload.publish(&at).await.expect("it is published");
                assert_eq!(published, expected, "{length}");
                let seed = if expected == Published::Existed { 7 } else { 2 };
                assert!(whole(&*driver, &at).await == made(seed, length));
            }
        }
    }
}

/// Nor read back, nor published elsewhere.
pub async fn direct_content_cannot_be_taken_up(subject: Arc<Subject>) {
    let driver = subject.driver();
    let at = path("blob");
    let Some(mut upload) = direct(&*driver, &at, None).await else { return };
    append(&mut upload, &made(1, 1000)).await;
    let unsupported = Some(ErrorKind::Unsupported);
    assert_eq!(kind(upload.save("state".into()).await), unsupported);
    assert_eq!(kind(upload.note("state".into()).await), unsupported);
    assert_eq!(kind(upload.read_back().await.map(drop)), unsupported);
    assert_eq!(kind(upload.publish(&path("other")).await), Some(ErrorKind::InvalidPath));
    assert_eq!(upload.publish(&at).await.expect("it is published"), Published::New);
    assert_eq!(names(&*driver, &StoragePath::root()).await, ["blob"]);
    let refused = driver.begin_direct(&StoragePath::root(), None).await.map(drop);
    assert_eq!(kind(refused), Some(ErrorKind::InvalidPath));
}

/// Neither one that is too large nor one that is too small.
pub async fn a_false_hint_does_no_harm_to_direct_content(subject: Arc<Subject>) {
    let driver = subject.driver();
    for hint in [0, 1, 10 << 20, 1 << 40, u64::MAX] {
        let at = path(&format!("blobs/{hint}"));
        let Some(mut upload) = direct(&*driver, &at, Some(hint)).await else { return };
        append(&mut upload, &made(hint, 9 << 20)).await;
        upload.publish(&at).await.expect("it is published");
        assert!(whole(&*driver, &at).await == made(hint, 9 << 20));
    }
}

/// All of them come through, and leave one whole.
pub async fn many_publish_direct_content(subject: Arc<Subject>) {
    for length in [5000, 9 << 20] {
        let mut running = JoinSet::new();
        for number in 0..6 {
            let driver = if number % 2 == 0 { subject.driver() } else { subject.another() };
            running.spawn(async move {
                let at = path(&format!("blobs/{length}"));
                let mut upload = direct(&*driver, &at, Some(length as u64)).await?;
                append(&mut upload, &made(3, length)).await;
                Some(upload.publish(&at).await.expect("it is published"))
            });
        }
        let done = running.join_all().await;
        if done.iter().any(Option::is_none) {
            return;
        }
        assert!(!done.contains(&Some(Published::Repaired)));
        let bytes = whole(&*subject.driver(), &path(&format!("blobs/{length}"))).await;
        assert!(bytes == made(3, length));
    }
}

/// As [`pattern`], but so much of it is made only once.
fn made(seed: u64, length: usize) -> Bytes {
    static ALL: LazyLock<Bytes> = LazyLock::new(|| pattern(1, LARGE + 1000));
    let start = seed as usize % 1000;
    ALL.slice(start..start + length)
}

async fn direct(
    driver: &dyn Driver,
    at: &StoragePath,
    size_hint: Option<u64>,
) -> Option<Box<dyn Upload>> {
    driver.begin_direct(at, size_hint).await.expect("it is no failure")
}
