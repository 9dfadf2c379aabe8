//! Deleting content and folders.

use std::sync::Arc;

use wharf_driver::{ErrorKind, StoragePath};

use super::{Subject, append, begin, kind, names, path, pattern, put, whole};

/// And its neighbours stay.
pub async fn deleted_content_is_gone(subject: Arc<Subject>) {
    let driver = subject.driver();
    put(&*driver, "folder/a", "a").await;
    put(&*driver, "folder/b", "b").await;
    driver.delete(&path("folder/a")).await.expect("it is there");
    assert_eq!(kind(driver.stat(&path("folder/a")).await), Some(ErrorKind::NotFound));
    assert_eq!(whole(&*driver, &path("folder/b")).await, "b");
    put(&*driver, "folder/a", "again").await;
    assert_eq!(whole(&*driver, &path("folder/a")).await, "again");
}

/// Also the second time.
pub async fn deleting_nothing_is_not_found(subject: Arc<Subject>) {
    let driver = subject.driver();
    put(&*driver, "folder/a", "a").await;
    driver.delete(&path("folder/a")).await.expect("it is there");
    for absent in ["folder/a", "absent", "absent/too"] {
        assert_eq!(kind(driver.delete(&path(absent)).await), Some(ErrorKind::NotFound), "{absent}");
    }
}

/// Only `delete_below` takes folders.
pub async fn a_folder_is_not_deleted_as_content(subject: Arc<Subject>) {
    let driver = subject.driver();
    put(&*driver, "folder/inner/a", "a").await;
    for folder in ["", "folder", "folder/inner"] {
        let refused = kind(driver.delete(&path(folder)).await);
        assert_eq!(refused, Some(ErrorKind::NotFound), "{folder:?}");
    }
    assert_eq!(whole(&*driver, &path("folder/inner/a")).await, "a");
}

/// However deep, and the folder itself.
pub async fn all_below_a_folder_goes(subject: Arc<Subject>) {
    let driver = subject.driver();
    for at in ["top/mid/a", "top/mid/b", "top/mid/deep/er/c", "top/other", "sibling"] {
        put(&*driver, at, "x").await;
    }
    assert!(driver.delete_below(&path("top/mid")).await.expect("it goes"));
    assert_eq!(names(&*driver, &path("top")).await, ["other"]);
    assert_eq!(names(&*driver, &path("top/mid")).await, [""; 0]);
    assert_eq!(names(&*driver, &path("top/mid/deep/er")).await, [""; 0]);
    assert_eq!(kind(driver.stat(&path("top/mid/deep/er/c")).await), Some(ErrorKind::NotFound));
    assert_eq!(whole(&*driver, &path("sibling")).await, "x");
}

/// `/a` never takes `/ab` with it, nor a file `/a.b`.
pub async fn a_longer_name_is_not_below(subject: Arc<Subject>) {
    let driver = subject.driver();
    for at in ["a/x", "ab/x", "a-b", "a.b/x"] {
        put(&*driver, at, "x").await;
    }
    assert!(driver.delete_below(&path("a")).await.expect("it goes"));
    assert_eq!(names(&*driver, &StoragePath::root()).await, ["a-b", "a.b", "ab"]);
}

/// Content has nothing below it, and stays.
pub async fn nothing_below_is_false(subject: Arc<Subject>) {
    let driver = subject.driver();
    put(&*driver, "content", "x").await;
    for nothing in ["absent", "absent/too", "content"] {
        assert!(!driver.delete_below(&path(nothing)).await.expect("it is no failure"), "{nothing}");
    }
    assert_eq!(whole(&*driver, &path("content")).await, "x");
}

/// Whether it was there or not.
pub async fn forgotten_content_is_gone(subject: Arc<Subject>) {
    let driver = subject.driver();
    put(&*driver, "folder/a", "x").await;
    put(&*driver, "folder/ab", "x").await;
    for _ in 0..2 {
        driver.forget(&path("folder/a")).await.expect("it is gone");
        assert_eq!(names(&*subject.another(), &path("folder")).await, ["ab"]);
    }
}

/// Several times over, as a repository may be.
pub async fn a_deleted_folder_can_be_filled_again(subject: Arc<Subject>) {
    let driver = subject.driver();
    for round in 0..5 {
        put(&*driver, "again/and/again", format!("round {round}")).await;
        assert_eq!(whole(&*driver, &path("again/and/again")).await, format!("round {round}"));
        assert!(driver.delete_below(&path("again")).await.expect("it goes"));
        assert!(!driver.delete_below(&path("again")).await.expect("it is no failure"));
    }
}

/// The root itself stays.
pub async fn all_below_the_root_goes(subject: Arc<Subject>) {
    let driver = subject.driver();
    for at in ["a", "b/c", "b/d/e"] {
        put(&*driver, at, "x").await;
    }
    assert!(driver.delete_below(&StoragePath::root()).await.expect("it goes"));
    assert_eq!(names(&*driver, &StoragePath::root()).await, [""; 0]);
    put(&*driver, "a", "x").await;
    assert_eq!(names(&*driver, &StoragePath::root()).await, ["a"]);
}

/// Its writer finds out when it next wants to keep something.
pub async fn an_upload_session_goes_with_its_folder(subject: Arc<Subject>) {
    let driver = subject.driver();
    let session = path("uploads/one");
    let mut upload = begin(&*driver, &session).await;
    append(&mut upload, &pattern(1, 1000)).await;
    upload.save("state".into()).await.expect("it is saved");
    driver.delete_below(&session).await.expect("it goes");
    assert_eq!(kind(upload.save("late".into()).await), Some(ErrorKind::NotFound));
    assert_eq!(kind(upload.publish(&path("late")).await), Some(ErrorKind::NotFound));
    assert_eq!(kind(driver.stat(&path("late")).await), Some(ErrorKind::NotFound));
    upload.discard().await.expect("there is nothing to do");
    drop(upload);
    let refused = driver.resume_upload(&session).await.map(drop);
    assert_eq!(kind(refused), Some(ErrorKind::NotFound));
    let checkpoint = driver.upload_checkpoint(&session).await.expect("it is no failure");
    assert_eq!(checkpoint, Default::default());
}

/// Of content and of folders.
pub async fn deletes_are_found_by_another(subject: Arc<Subject>) {
    let (driver, another) = (subject.driver(), subject.another());
    put(&*driver, "one/a", "x").await;
    put(&*driver, "two/a", "x").await;
    assert_eq!(names(&*another, &StoragePath::root()).await, ["one", "two"]);
    driver.delete(&path("one/a")).await.expect("it is there");
    assert!(driver.delete_below(&path("two")).await.expect("it goes"));
    for gone in ["one/a", "two/a"] {
        assert_eq!(kind(another.stat(&path(gone)).await), Some(ErrorKind::NotFound), "{gone}");
    }
    put(&*another, "two/b", "x").await;
    assert_eq!(names(&*driver, &path("two")).await, ["b"]);
}

/// At once, and for everybody.
pub async fn a_forgotten_folder_is_gone(subject: Arc<Subject>) {
    let driver = subject.driver();
    put(&*driver, "folder/one/a", "x").await;
    put(&*driver, "folder/one/b/c", "x").await;
    put(&*driver, "folder/oneself", "x").await;
    assert!(driver.forget_below(&path("folder/one")).await.expect("it goes"));
    assert!(!driver.forget_below(&path("folder/one")).await.expect("it is no failure"));
    for driver in [&driver, &subject.another()] {
        assert_eq!(kind(driver.stat(&path("folder/one/a")).await), Some(ErrorKind::NotFound));
        assert_eq!(names(&**driver, &path("folder")).await, ["oneself"]);
    }
}
