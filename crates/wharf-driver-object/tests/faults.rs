//! A store that fails: nothing half done is ever seen, nothing that was promised is lost, nobody
//! waits for ever, and whoever tries again succeeds.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod support;

use std::{future::poll_fn, sync::LazyLock};

use bytes::Bytes;
use support::{Fault, How, TestStore};
use wharf_content::{ByteRange, Content, Pipe, Tapped};
use wharf_driver::{Driver, Error, ErrorKind, PutMode, Result, StoragePath, Upload};
use wharf_driver_object::Options;
use wharf_testkit::driver_suite::{path, pattern};

/// A piece, and a bit of the next one.
const FIRST: usize = (9 << 20) + 7;
const SECOND: usize = (8 << 20) + 100;

fn session() -> StoragePath {
    path("uploads/one")
}

fn blob() -> StoragePath {
    path("blobs/one")
}

/// All of it; it is made once.
fn expected() -> Bytes {
    static ALL: LazyLock<Bytes> = LazyLock::new(|| pattern(1, FIRST + SECOND));
    ALL.clone()
}

/// Takes the session up, wherever it stands, and brings it to its end.
async fn push(driver: &dyn Driver) -> Result<()> {
    let mut upload = driver.begin_upload(&session(), None).await?;
    let at = upload.size();
    assert!([0, FIRST as u64].contains(&at), "the session stands at {at}");
    assert_eq!(upload.checkpoint().state, if at == 0 { "" } else { "first" });
    if at == 0 {
        append(&mut upload, &expected().slice(..FIRST)).await?;
        upload.save("first".into()).await?;
        drop(upload);
        upload = driver.resume_upload(&session()).await?;
    }
    append(&mut upload, &expected().slice(FIRST..)).await?;
    upload.publish(&blob()).await?;
    // The end is not waited for by anybody: what stays is found by the purge.
    upload.discard().await
}

async fn push_directly(driver: &dyn Driver, size: usize) -> Result<()> {
    let bytes = expected().slice(..size);
    let mut upload = driver.begin_direct(&blob(), None).await?.unwrap();
    append(&mut upload, &bytes).await?;
    upload.publish(&blob()).await.map(drop)
}

async fn append(upload: &mut Box<dyn Upload>, bytes: &Bytes) -> Result<()> {
    for at in (0..bytes.len()).step_by(1 << 20) {
        let end = bytes.len().min(at + (1 << 20));
        upload.append(vec![bytes.slice(at..end)]).await?;
    }
    Ok(())
}

async fn read(driver: &dyn Driver) -> Option<Bytes> {
    match driver.get(&blob(), u64::MAX).await {
        Err(error) if error.is_not_found() => None,
        content => Some(content.unwrap()),
    }
}

fn check_failure(error: &Error, how: How) {
    let kinds = match how {
        // Its own record may stand in its way, and an object that it removed may be missed.
        How::After => &[ErrorKind::Unavailable, ErrorKind::Busy, ErrorKind::NotFound][..],
        _ => &[ErrorKind::Unavailable],
    };
    assert!(kinds.contains(&error.kind()), "{error:?}");
}

#[tokio::test]
async fn a_session_survives_any_failure() {
    for how in [How::Before, How::After] {
        for lasting in [false, true] {
            let mut failures = 0;
            for nth in 1.. {
                let store = TestStore::new();
                let driver = store.driver(Options::default());
                store.fail(Some(Fault { nth, lasting, how }));
                let done = push(&driver).await;
                let was_met = store.calls().len() >= nth;
                store.fail(None);
                let error = match done {
                    Err(error) => error,
                    Ok(()) if was_met => continue,
                    Ok(()) => break,
                };
                failures += 1;
                check_failure(&error, how);
                if let Some(content) = read(&driver).await {
                    assert!(content == expected(), "{how:?} {nth}: half a blob is seen");
                }
                push(&driver).await.unwrap();
                assert!(read(&driver).await.unwrap() == expected(), "{how:?} {nth}");
            }
            assert!(failures >= 15, "{failures} failures met something");
        }
    }
}

#[tokio::test]
async fn direct_content_survives_any_failure() {
    for how in [How::Before, How::After] {
        for (size, least) in [(100, 1), (FIRST + SECOND, 5)] {
            let mut failures = 0;
            for nth in 1.. {
                let store = TestStore::new();
                let driver = store.driver(Options::default());
                store.fail(Some(Fault { nth, lasting: true, how }));
                let done = push_directly(&driver, size).await;
                let was_met = store.calls().len() >= nth;
                store.fail(None);
                let error = match done {
                    Err(error) => error,
                    Ok(()) if was_met => continue,
                    Ok(()) => break,
                };
                failures += 1;
                check_failure(&error, how);
                let all = expected().slice(..size);
                if let Some(content) = read(&driver).await {
                    assert!(content == all, "{how:?} {nth}: half a blob is seen");
                }
                push_directly(&driver, size).await.unwrap();
                assert!(read(&driver).await.unwrap() == all, "{how:?} {nth}");
            }
            assert!(failures >= least, "{failures} failures met something");
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_once_is_asked_for_again() {
    // A multipart upload that was completed, though nobody said so.
    let store = TestStore::new();
    let driver = store.driver(Options::default());
    let calls = {
        push_directly(&driver, FIRST + SECOND).await.unwrap();
        store.calls()
    };
    let nth = calls.iter().position(|call| *call == "complete").unwrap() + 1;
    driver.delete(&blob()).await.unwrap();
    store.fail(Some(Fault { nth, lasting: false, how: How::After }));
    push_directly(&driver, FIRST + SECOND).await.unwrap();
    assert!(read(&driver).await.unwrap() == expected());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_socket_that_breaks_is_made_good_once_and_only_with_the_same_content() {
    let content = pattern(3, 50_000);
    for (breaks, changed, gets) in
        [(usize::MAX, false, 1), (12_345, false, 2), (0, false, 2), (12_345, true, 2)]
    {
        let store = TestStore::new().over_sockets(breaks);
        let driver = store.driver(Options::default());
        driver.put(&blob(), content.clone(), PutMode::Overwrite).await.unwrap();
        store.calls();
        let opened = driver.open(&blob(), Some(ByteRange::From(10_000))).await.unwrap();
        let Content::Stream(stream) = opened.content else { panic!("objects are streams") };
        let mut tap = stream.into_tap().unwrap();
        if changed {
            driver.put(&blob(), pattern(4, 50_000), PutMode::Overwrite).await.unwrap();
        }
        let (pipe, mut read) = (Pipe::new().unwrap(), Vec::new());
        let end = loop {
            match poll_fn(|cx| tap.poll_next(cx, &pipe, 1 << 20)).await {
                Some(Ok(Tapped::Bytes(bytes))) => read.extend_from_slice(&bytes),
                end => break end,
            }
        };
        assert!(content[10_000..].starts_with(&read));
        assert_eq!((end.is_none(), read.len() == 40_000), (!changed, !changed), "{breaks}");
        let calls = store.calls();
        assert_eq!(calls.iter().filter(|call| **call == "get").count(), gets, "{calls:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_ever() {
    for nth in 1.. {
        let store = TestStore::new();
        let driver = store.driver(Options::default());
        store.fail(Some(Fault { nth, lasting: false, how: How::Hangs }));
        let done = push(&driver).await;
        let was_met = store.calls().len() >= nth;
        store.fail(None);
        if let Err(error) = done {
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
            push(&driver).await.unwrap();
        }
        assert!(read(&driver).await.unwrap() == expected());
        if !was_met {
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_operation_says_that_the_store_is_away() {
    let store = TestStore::new();
    let driver = store.driver(Options::default());
    driver.put(&blob(), "x".into(), PutMode::Overwrite).await.unwrap();
    let all = wharf_driver::ListRequest { after: None, limit: 10 };
    for how in [How::Before, How::Hangs] {
        store.fail(Some(Fault { nth: 1, lasting: true, how }));
        let at = &blob();
        let range = Some(wharf_content::ByteRange::From(0));
        let failed = [
            driver.get(at, 10).await.err(),
            driver.put(at, "y".into(), PutMode::Overwrite).await.err(),
            driver.put(at, "y".into(), PutMode::Create).await.err(),
            driver.open(at, None).await.err(),
            driver.open(at, range).await.err(),
            driver.stat(at).await.err(),
            driver.list(&path("blobs"), all).await.err(),
            driver.delete(at).await.err(),
            driver.forget(at).await.err(),
            driver.delete_below(&path("blobs")).await.err(),
            driver.resume_upload(&session()).await.err(),
            driver.upload_checkpoint(&session()).await.err(),
        ];
        for (number, error) in failed.into_iter().enumerate() {
            let kind = error.map(|error| error.kind());
            assert_eq!(kind, Some(ErrorKind::Unavailable), "{how:?}: operation {number}");
        }
        store.fail(None);
        assert_eq!(driver.get(at, 10).await.unwrap(), "x");
    }
}
