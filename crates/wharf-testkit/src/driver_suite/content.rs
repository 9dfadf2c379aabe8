//! Small content, and opening any content.

use std::sync::Arc;

use bytes::Bytes;
use wharf_content::{ByteRange, Content};
use wharf_driver::{ErrorKind, PresignRequest, Put, PutMode, PutOutcome, StoragePath};

use super::{Subject, all, kind, part, path, pattern, put, whole};

/// Any bytes, not only text.
pub async fn content_comes_back_as_it_went_in(subject: Arc<Subject>) {
    let driver = subject.driver();
    let at = path("a/b/c");
    for bytes in [&b"hello"[..], &[0xff, 0xfe, 0x00, 0x80, 0xc3, 0x28], &[0; 100]] {
        put(&*driver, "a/b/c", bytes.to_vec()).await;
        assert_eq!(driver.get(&at, 1000).await.expect("it is there"), bytes);
        assert_eq!(whole(&*driver, &at).await, bytes);
        let size = driver.stat(&at).await.expect("it is there").size;
        assert_eq!(size, bytes.len() as u64);
    }
}

/// Also where a driver changes from one technique to another.
pub async fn every_size_comes_back(subject: Arc<Subject>) {
    let driver = subject.driver();
    for length in [1, 4095, 4096, 65_535, 65_536, 65_537, 1 << 20, (3 << 20) + 1] {
        let (name, bytes) = (format!("sizes/{length}"), pattern(length as u64, length));
        put(&*driver, &name, bytes.clone()).await;
        assert_eq!(whole(&*driver, &path(&name)).await, bytes, "{length}");
        assert_eq!(driver.get(&path(&name), length as u64).await.expect("it fits"), bytes);
    }
}

/// Empty is not absent.
pub async fn content_of_no_bytes_is_there(subject: Arc<Subject>) {
    let driver = subject.driver();
    let at = path("empty");
    put(&*driver, "empty", "").await;
    assert_eq!(driver.get(&at, 0).await.expect("it is there"), "");
    assert_eq!(whole(&*driver, &at).await, "");
    assert_eq!(driver.stat(&at).await.expect("it is there").size, 0);
    for range in [ByteRange::From(0), ByteRange::Suffix(1), ByteRange::Between(0, 0)] {
        let refused = kind(part(&*driver, &at, Some(range)).await);
        assert_eq!(refused, Some(ErrorKind::OutOfRange { size: 0 }), "{range:?}");
    }
}

/// Shorter content is not followed by the end of the longer one.
pub async fn overwriting_leaves_nothing_of_the_old(subject: Arc<Subject>) {
    let driver = subject.driver();
    for round in 0..20_usize {
        let bytes = pattern(round as u64, 2000 - 100 * round);
        put(&*driver, "again", bytes.clone()).await;
        assert_eq!(whole(&*driver, &path("again")).await, bytes);
    }
}

/// For everyone who looks, and replaces what is there.
pub async fn a_draft_is_content(subject: Arc<Subject>) {
    let (driver, at) = (subject.driver(), path("far/below/draft"));
    for (content, mode) in
        [("first", PutMode::Draft), ("2", PutMode::Draft), ("third", PutMode::Overwrite)]
    {
        let outcome = driver.put(&at, content.into(), mode).await.expect("it is stored");
        assert_eq!(outcome, PutOutcome::Written);
        assert_eq!(subject.another().get(&at, 100).await.expect("it is there"), content);
    }
}

/// All of it is there, and for everybody; what fails in one step keeps the next ones from beginning.
pub async fn content_is_put_in_order(subject: Arc<Subject>) {
    let driver = subject.driver();
    driver.put_in_order(Vec::new()).await.expect("nothing is easily done");
    put(&*driver, "order/tag/current", "old, and longer").await;
    let content = [
        ("order/blob", pattern(1, 70_000)),
        ("order/link", "one".into()),
        ("order/tag/history/one", "one".into()),
        ("order/empty", Bytes::new()),
        ("order/tag/current", "one".into()),
    ];
    let [blob, link, history, empty, current] =
        content.clone().map(|(at, content)| Put::new(path(at), content));
    let steps = vec![vec![blob], vec![link, history], Vec::new(), vec![empty, current]];
    driver.put_in_order(steps).await.expect("it is stored");
    for (at, content) in content {
        assert_eq!(whole(&*driver, &path(at)).await, content, "{at}");
        assert_eq!(whole(&*subject.another(), &path(at)).await, content, "{at}");
    }
    let [first, no_content, never] =
        ["order/first", "", "order/never"].map(|at| vec![Put::new(path(at), "two")]);
    let failed = driver.put_in_order(vec![first, no_content, never]).await;
    assert_eq!(kind(failed), Some(ErrorKind::InvalidPath));
    assert_eq!(kind(driver.stat(&path("order/never")).await), Some(ErrorKind::NotFound));
}

/// Create-if-absent.
pub async fn create_keeps_what_is_there(subject: Arc<Subject>) {
    let driver = subject.driver();
    let at = path("once/only");
    let first = driver.put(&at, "first".into(), PutMode::Create).await.expect("it is stored");
    assert_eq!(first, PutOutcome::Written);
    for driver in [driver, subject.another()] {
        let second = driver.put(&at, "second".into(), PutMode::Create).await;
        assert_eq!(second.expect("it is no failure"), PutOutcome::Exists);
        assert_eq!(driver.get(&at, 100).await.expect("it is there"), "first");
    }
}

/// Whatever is there, and in whatever order it is asked for.
pub async fn many_small_reads_are_like_each(subject: Arc<Subject>) {
    let driver = subject.driver();
    let mut paths = Vec::new();
    for number in 0..300 {
        let name = format!("tags/{number}/current/link");
        if number % 3 != 0 {
            put(&*driver, &name, format!("content of {number}")).await;
        }
        paths.push(path(&name));
    }
    put(&*driver, "tags/empty", "").await;
    put(&*driver, "tags/most", pattern(1, 1000)).await;
    put(&*driver, "tags/more", pattern(1, 1001)).await;
    put(&*driver, "tags/file/link", pattern(2, 100_000)).await;
    paths.extend(["tags/more", "tags/1", "tags/empty", "tags/1/current", "tags/most"].map(path));
    paths
        .extend(["tags/empty/below", "tags/file/link", "tags/7/current/link", "other/x"].map(path));
    for (folder, prefix) in [("", ""), ("tags", "tags/"), ("absent", "absent/")] {
        let below = |path: &StoragePath| path.as_str().strip_prefix(prefix).map(super::path);
        let below: Vec<_> = match folder {
            "absent" => paths.clone(),
            _ => paths.iter().filter_map(below).collect(),
        };
        for limit in [1000, 200_000] {
            let each = driver.get_each(&path(folder), &below, limit).await;
            assert_eq!(each.len(), below.len());
            for (at, got) in below.iter().zip(each) {
                let expected = driver.get(&path(folder).append(at), limit).await;
                match (got, expected) {
                    (Ok(got), Ok(expected)) => assert_eq!(got, expected, "{folder} {at}"),
                    (got, expected) => assert_eq!(kind(got), kind(expected), "{folder} {at}"),
                }
            }
        }
    }
    assert!(driver.get_each(&path("tags"), &[], 10).await.is_empty());
}

/// Wherever one looks.
pub async fn missing_content_is_not_found(subject: Arc<Subject>) {
    let driver = subject.driver();
    put(&*driver, "there/is", "something").await;
    for absent in ["absent", "there/absent", "absent/too", "there/is-not"] {
        let absent = path(absent);
        let not_found = Some(ErrorKind::NotFound);
        assert_eq!(kind(driver.get(&absent, 10).await), not_found, "{absent}");
        assert_eq!(kind(driver.stat(&absent).await), not_found, "{absent}");
        assert_eq!(kind(driver.open(&absent, None).await), not_found, "{absent}");
        let range = Some(ByteRange::From(5));
        assert_eq!(kind(driver.open(&absent, range).await), not_found, "{absent}");
    }
}

/// A folder has neither bytes nor size, and the root is one.
pub async fn a_folder_is_no_content(subject: Arc<Subject>) {
    let driver = subject.driver();
    put(&*driver, "some/folder/file", "x").await;
    for folder in ["some", "some/folder", ""] {
        let folder = path(folder);
        let not_found = Some(ErrorKind::NotFound);
        assert_eq!(kind(driver.get(&folder, 10).await), not_found, "{folder:?}");
        assert_eq!(kind(driver.stat(&folder).await), not_found, "{folder:?}");
        assert_eq!(kind(driver.open(&folder, None).await), not_found, "{folder:?}");
    }
}

/// A caller names the most that it takes.
pub async fn a_limit_is_kept(subject: Arc<Subject>) {
    let driver = subject.driver();
    put(&*driver, "five", "12345").await;
    let at = path("five");
    assert_eq!(driver.get(&at, 5).await.expect("it fits"), "12345");
    assert_eq!(driver.get(&at, u64::MAX).await.expect("it fits"), "12345");
    for limit in [0, 4] {
        assert_eq!(kind(driver.get(&at, limit).await), Some(ErrorKind::TooLarge { limit }));
    }
}

/// Of small content and of large content.
pub async fn ranges_cut_exactly(subject: Arc<Subject>) {
    let driver = subject.driver();
    for size in [10_u64, 300_000] {
        let bytes = pattern(size, size as usize);
        put(&*driver, "ranged", bytes.clone()).await;
        for (range, start, end) in [
            (ByteRange::From(0), 0, size),
            (ByteRange::From(3), 3, size),
            (ByteRange::From(size - 1), size - 1, size),
            (ByteRange::Between(0, 0), 0, 1),
            (ByteRange::Between(2, 6), 2, 7),
            (ByteRange::Between(4, u64::MAX), 4, size),
            (ByteRange::Suffix(1), size - 1, size),
            (ByteRange::Suffix(size), 0, size),
            (ByteRange::Suffix(u64::MAX), 0, size),
        ] {
            let opened = driver.open(&path("ranged"), Some(range)).await.expect("it is inside");
            assert_eq!(opened.range, start..end, "{range:?} of {size}");
            assert_eq!(opened.metadata.size, size);
            assert!(opened.content.len().is_none_or(|length| length == end - start));
            assert_eq!(all(opened.content).await, bytes[start as usize..end as usize]);
        }
    }
}

/// At and behind the end.
pub async fn ranges_outside_are_refused(subject: Arc<Subject>) {
    let driver = subject.driver();
    put(&*driver, "ten", "0123456789").await;
    for range in [
        ByteRange::From(10),
        ByteRange::From(u64::MAX),
        ByteRange::Between(10, 10),
        ByteRange::Between(7, 3),
        ByteRange::Suffix(0),
    ] {
        let refused = kind(driver.open(&path("ten"), Some(range)).await);
        assert_eq!(refused, Some(ErrorKind::OutOfRange { size: 10 }), "{range:?}");
    }
}

/// Neither an overwrite nor a delete reaches into an open file region.
pub async fn a_reader_keeps_what_it_opened(subject: Arc<Subject>) {
    let driver = subject.driver();
    let (at, bytes) = (path("kept"), pattern(1, 500_000));
    put(&*driver, "kept", bytes.clone()).await;
    let first = driver.open(&at, None).await.expect("it is there");
    let second = driver.open(&at, None).await.expect("it is there");
    assert_eq!(matches!(first.content, Content::File(_)), subject.declared.file_regions);
    put(&*driver, "kept", pattern(2, 400_000)).await;
    assert_eq!(all(first.content).await, bytes);
    driver.delete(&at).await.expect("it is there");
    assert_eq!(all(second.content).await, bytes);
}

/// Stores without folders may allow both, and none may lose what was there.
pub async fn content_and_folders_do_not_share_a_name(subject: Arc<Subject>) {
    let driver = subject.driver();
    put(&*driver, "content", "content").await;
    put(&*driver, "folder/file", "file").await;
    for (at, mode) in [
        ("content/below", PutMode::Overwrite),
        ("content/below", PutMode::Create),
        ("content/far/below", PutMode::Overwrite),
        ("folder", PutMode::Overwrite),
        ("folder", PutMode::Create),
    ] {
        let refused = driver.put(&path(at), "new".into(), mode).await;
        assert!(
            refused.is_ok() || kind(refused) == Some(ErrorKind::InvalidPath),
            "{at}: a name is either content or a folder"
        );
        assert_eq!(whole(&*driver, &path("content")).await, "content");
        assert_eq!(whole(&*driver, &path("folder/file")).await, "file");
    }
    let refused = driver.put(&path(""), "new".into(), PutMode::Overwrite).await;
    assert_eq!(kind(refused), Some(ErrorKind::InvalidPath), "the root is no content");
}

/// Names that differ in one letter, in case, or in length only.
pub async fn awkward_names_are_kept_apart(subject: Arc<Subject>) {
    let driver = subject.driver();
    let longest = "x".repeat(255);
    let names = ["a", "A", "a.", "a-", "a_", "a+b", ".a", "..a", "-", "data", "1", "1.0", &longest];
    for name in names {
        put(&*driver, &format!("names/{name}"), name.to_owned()).await;
    }
    for name in names {
        assert_eq!(whole(&*driver, &path(&format!("names/{name}"))).await, *name);
    }
    let deep = ["deep"; 40].join("/");
    put(&*driver, &deep, "bottom").await;
    assert_eq!(whole(&*driver, &path(&deep)).await, "bottom");
}

/// What is declared false is false.
pub async fn what_is_declared_is_there(subject: Arc<Subject>) {
    let driver = subject.driver();
    assert_eq!(driver.capabilities(), subject.declared);
    assert!(!driver.name().is_empty());
    put(&*driver, "large", pattern(1, 1 << 20)).await;
    let opened = driver.open(&path("large"), None).await.expect("it is there");
    assert_eq!(matches!(opened.content, Content::File(_)), subject.declared.file_regions);
    for method in ["GET", "HEAD"] {
        let request = PresignRequest { method, valid_for: std::time::Duration::from_secs(60) };
        let url = driver.presign(&path("large"), &request).await.expect("it is no failure");
        assert_eq!(url.is_some(), subject.declared.presign, "{method}");
    }
}

/// With the same size and bytes.
pub async fn what_was_put_is_found_by_another(subject: Arc<Subject>) {
    put(&*subject.driver(), "shared/content", "hello").await;
    let another = subject.another();
    assert_eq!(another.get(&path("shared/content"), 10).await.expect("it is there"), "hello");
    put(&*another, "shared/content", "bye").await;
    assert_eq!(whole(&*subject.driver(), &path("shared/content")).await, "bye");
}
