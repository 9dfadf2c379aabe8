//! How an upload becomes content.

use std::sync::Arc;

use wharf_driver::{ErrorKind, Published, Put};

use super::{Subject, all, append, begin, kind, names, path, pattern, put, resume, whole};

/// In folders that did not exist.
pub async fn published_content_is_there(subject: Arc<Subject>) {
    let driver = subject.driver();
    let (bytes, blob) = (pattern(1, 300_000), path("blobs/sha256/ab/abc/data"));
    let mut upload = begin(&*driver, &path("uploads/one")).await;
    append(&mut upload, &bytes).await;
    upload.save("state".into()).await.expect("it is saved");
    assert_eq!(upload.publish(&blob).await.expect("it is published"), Published::New);
    assert_eq!(whole(&*driver, &blob).await, bytes);
    assert_eq!(driver.stat(&blob).await.expect("it is there").size, 300_000);
    assert_eq!(names(&*driver, &path("blobs/sha256")).await, ["ab"]);
    upload.discard().await.expect("it is discarded");
    assert_eq!(whole(&*driver, &blob).await, bytes);
}

/// There is a blob of no bytes.
pub async fn an_empty_upload_is_published(subject: Arc<Subject>) {
    let driver = subject.driver();
    let mut upload = begin(&*driver, &path("uploads/one")).await;
    assert_eq!(upload.publish(&path("empty")).await.expect("it is published"), Published::New);
    assert_eq!(whole(&*driver, &path("empty")).await, "");
}

/// What is put with a publication is there after it, or comes back to the caller.
pub async fn content_goes_with_a_publication(subject: Arc<Subject>) {
    let driver = subject.driver();
    let bytes = pattern(7, 90_000);
    for (session, link) in [("with/new", "with/one/link"), ("with/again", "with/two/link")] {
        let mut upload = begin(&*driver, &path(session)).await;
        append(&mut upload, &bytes).await;
        let put = Put::new(path(link), "a link");
        let published = upload.publish_with(&path("with/blob"), vec![put.clone()]).await;
        let (_, left) = published.expect("it is published");
        assert!(left.is_empty() || left == [put], "{left:?}");
        assert_eq!(left.is_empty(), driver.stat(&path(link)).await.is_ok());
        driver.put_in_order(vec![left]).await.expect("the rest is stored");
        for driver in [subject.driver(), subject.another()] {
            assert_eq!(whole(&*driver, &path("with/blob")).await, bytes);
            assert_eq!(whole(&*driver, &path(link)).await, "a link");
        }
        upload.discard().await.expect("it ends");
    }
    let mut upload = begin(&*driver, &path("with/no")).await;
    let put = Put::new(path(""), "no content");
    match upload.publish_with(&path("with/empty"), vec![put]).await {
        Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidPath),
        Ok((_, left)) => {
            assert_eq!(kind(driver.put_in_order(vec![left]).await), Some(ErrorKind::InvalidPath));
        }
    }
}

/// A checkpoint is not needed.
pub async fn unsaved_bytes_are_published(subject: Arc<Subject>) {
    let driver = subject.driver();
    let mut upload = begin(&*driver, &path("uploads/one")).await;
    append(&mut upload, &pattern(1, 10)).await;
    upload.save("state".into()).await.expect("it is saved");
    append(&mut upload, &pattern(2, 10)).await;
    upload.publish(&path("blob")).await.expect("it is published");
    assert_eq!(whole(&*driver, &path("blob")).await, [pattern(1, 10), pattern(2, 10)].concat());
    assert_eq!(upload.checkpoint().length, 10, "the session stays as it was");
}

/// If it has the same size, it is taken to be the same.
pub async fn what_is_there_stays(subject: Arc<Subject>) {
    let driver = subject.driver();
    put(&*driver, "blob", pattern(1, 1000)).await;
    let mut upload = begin(&*driver, &path("uploads/one")).await;
    append(&mut upload, &pattern(2, 1000)).await;
    assert_eq!(upload.publish(&path("blob")).await.expect("it is there"), Published::Existed);
    assert_eq!(whole(&*driver, &path("blob")).await, pattern(1, 1000));
}

/// Content of another size is damaged, and a push repairs it.
pub async fn damaged_content_is_repaired(subject: Arc<Subject>) {
    let driver = subject.driver();
    let bytes = pattern(1, 100_000);
    for length in [0, 50_000, 200_000] {
        put(&*driver, "blob", pattern(2, length)).await;
        let mut upload = begin(&*driver, &path("uploads/one")).await;
        append(&mut upload, &bytes).await;
        let published = upload.publish(&path("blob")).await.expect("it is published");
        assert_eq!(published, Published::Repaired, "{length}");
        assert_eq!(whole(&*driver, &path("blob")).await, bytes);
        upload.discard().await.expect("it is discarded");
    }
}

/// To one target and to another.
pub async fn one_session_publishes_twice(subject: Arc<Subject>) {
    let driver = subject.driver();
    let mut upload = begin(&*driver, &path("uploads/one")).await;
    append(&mut upload, &pattern(1, 1000)).await;
    assert_eq!(upload.publish(&path("a")).await.expect("it is published"), Published::New);
    assert_eq!(upload.publish(&path("a")).await.expect("it is there"), Published::Existed);
    assert_eq!(upload.publish(&path("b")).await.expect("it is published"), Published::New);
    append(&mut upload, &pattern(2, 1000)).await;
    assert_eq!(upload.publish(&path("b")).await.expect("it is published"), Published::Repaired);
    assert_eq!(whole(&*driver, &path("a")).await, pattern(1, 1000));
    assert_eq!(whole(&*driver, &path("b")).await, [pattern(1, 1000), pattern(2, 1000)].concat());
}

/// The same writer goes on.
pub async fn appending_changes_nothing_published(subject: Arc<Subject>) {
    let driver = subject.driver();
    let mut upload = begin(&*driver, &path("uploads/one")).await;
    append(&mut upload, &pattern(1, 100_000)).await;
    upload.publish(&path("blob")).await.expect("it is published");
    for seed in 2..5 {
        append(&mut upload, &pattern(seed, 1000)).await;
        upload.save("state".into()).await.expect("it is saved");
        assert_eq!(whole(&*driver, &path("blob")).await, pattern(1, 100_000));
    }
    let expected: Vec<_> =
        [pattern(1, 100_000), pattern(2, 1000), pattern(3, 1000), pattern(4, 1000)].concat();
    assert_eq!(all(upload.read_back().await.expect("it is read")).await, expected);
}

/// A later writer is cut back to a checkpoint before the end of what was published.
pub async fn taking_up_changes_nothing_published(subject: Arc<Subject>) {
    let driver = subject.driver();
    let session = path("uploads/one");
    let mut upload = begin(&*driver, &session).await;
    append(&mut upload, &pattern(1, 1000)).await;
    upload.save("state".into()).await.expect("it is saved");
    append(&mut upload, &pattern(2, 100_000)).await;
    upload.publish(&path("blob")).await.expect("it is published");
    drop(upload);
    let published = [pattern(1, 1000), pattern(2, 100_000)].concat();
    for driver in [subject.driver(), subject.another()] {
        let mut upload = resume(&*driver, &session).await;
        assert_eq!(upload.size(), 1000);
        append(&mut upload, &pattern(3, 50_000)).await;
        assert_eq!(whole(&*driver, &path("blob")).await, published);
        let expected = [pattern(1, 1000), pattern(3, 50_000)].concat();
        assert_eq!(all(upload.read_back().await.expect("it is read")).await, expected);
    }
}

/// Nor does its end, or that of its folder.
pub async fn discarding_changes_nothing_published(subject: Arc<Subject>) {
    let driver = subject.driver();
    let session = path("uploads/one");
    let mut upload = begin(&*driver, &session).await;
    append(&mut upload, &pattern(1, 100_000)).await;
    upload.publish(&path("blob")).await.expect("it is published");
    upload.discard().await.expect("it is discarded");
    drop(upload);
    driver.delete_below(&session).await.expect("it goes");
    assert_eq!(whole(&*driver, &path("blob")).await, pattern(1, 100_000));
}

/// Who has published content open reads it to its end, even if it was deleted and the session that
/// it came from goes on with other bytes.
pub async fn a_reader_of_deleted_content_is_left_alone(subject: Arc<Subject>) {
    let driver = subject.driver();
    let (session, blob) = (path("uploads/one"), path("blob"));
    let mut upload = begin(&*driver, &session).await;
    upload.save("state".into()).await.expect("it is saved");
    append(&mut upload, &pattern(1, 300_000)).await;
    upload.publish(&blob).await.expect("it is published");
    let readers = [
        driver.open(&blob, None).await.expect("it is there"),
        driver.open(&blob, None).await.expect("it is there"),
    ];
    driver.delete(&blob).await.expect("it is there");
    drop(upload);
    let mut upload = resume(&*subject.another(), &session).await;
    append(&mut upload, &pattern(2, 300_000)).await;
    drop(upload);
    let mut upload = begin(&*driver, &session).await;
    append(&mut upload, &pattern(3, 300_000)).await;
    for reader in readers {
        assert_eq!(all(reader.content).await, pattern(1, 300_000));
    }
}

/// So that another target can be tried.
pub async fn a_failed_publication_leaves_the_session(subject: Arc<Subject>) {
    let driver = subject.driver();
    put(&*driver, "content", "x").await;
    let mut upload = begin(&*driver, &path("uploads/one")).await;
    append(&mut upload, &pattern(1, 1000)).await;
    upload.save("state".into()).await.expect("it is saved");
    assert_eq!(kind(upload.publish(&path("")).await), Some(ErrorKind::InvalidPath));
    let refused = upload.publish(&path("content/below")).await;
    assert!(refused.is_ok() || kind(refused) == Some(ErrorKind::InvalidPath));
    append(&mut upload, &pattern(2, 1000)).await;
    upload.publish(&path("blob")).await.expect("it is published");
    assert_eq!(whole(&*driver, &path("blob")).await, [pattern(1, 1000), pattern(2, 1000)].concat());
    assert_eq!(whole(&*driver, &path("content")).await, "x");
}

/// At once.
pub async fn published_content_is_found_by_another(subject: Arc<Subject>) {
    let mut upload = begin(&*subject.driver(), &path("uploads/one")).await;
    append(&mut upload, &pattern(1, 100_000)).await;
    upload.publish(&path("shared/blob")).await.expect("it is published");
    let another = subject.another();
    assert_eq!(whole(&*another, &path("shared/blob")).await, pattern(1, 100_000));
    assert_eq!(names(&*another, &path("shared")).await, ["blob"]);
}
