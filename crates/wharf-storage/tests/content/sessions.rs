//! One upload session, step by step.

use std::time::Duration;

use wharf_core::{CreateOptions, ErrorKind, Repository, UploadId};
use wharf_digest::{Algorithm, Digest};
use wharf_driver::{ListRequest, PutMode};
use wharf_storage::Options;

use crate::support::*;

#[tokio::test]
async fn a_pushed_blob_is_linked_and_its_session_is_gone() {
    for place in places() {
        let repository = repository(&place.driver, Options::default());
        let mut writer = begin(&*repository).await.unwrap();
        writer.write("hello ".into()).await.unwrap();
        writer.write("world".into()).await.unwrap();
        let digest = Digest::sha256(b"hello world");
        let descriptor = writer.commit(&digest).await.unwrap();
        assert_eq!((descriptor.digest, descriptor.size), (digest, 11));

        let link = place.driver.get(&link_of("library/a", &digest), 200).await.unwrap();
        assert_eq!(link, digest.to_string());
        assert_eq!(place.driver.get(&data_of(&digest), 200).await.unwrap(), "hello world");
        let all = ListRequest { after: None, limit: 10 };
        let left = place.driver.list(&uploads_of("library/a"), all).await.unwrap();
        assert_eq!(left.entries, []);
        let unknown = repository.blobs().status(writer.id()).await.unwrap_err();
        assert!(matches!(unknown.kind(), ErrorKind::UploadUnknown(_)), "{unknown}");
        let ended = writer.write("more".into()).await.unwrap_err();
        assert!(matches!(ended.kind(), ErrorKind::UploadUnknown(_)), "{ended}");
        writer.cancel().await.unwrap();
    }
}

#[tokio::test]
async fn a_session_goes_on_in_another_process() {
    for resumable_digest in [true, false] {
        for place in places() {
            let options = Options { resumable_digest, ..Options::default() };
            let id = {
                let repository = repository(&place.driver, options.clone());
                let mut writer = begin(&*repository).await.unwrap();
                writer.write("hello ".into()).await.unwrap();
                writer.suspend().await.unwrap();
                writer.write("lost".into()).await.unwrap();
                writer.id().clone()
            };
            let repository = repository(&place.driver, options);
            assert_eq!(repository.blobs().status(&id).await.unwrap().size, 6);
            let mut writer = repository.blobs().resume(&id).await.unwrap();
            assert_eq!(writer.size(), 6);
            writer.write("world".into()).await.unwrap();
            let digest = Digest::sha256(b"hello world");
            writer.commit(&digest).await.unwrap();
            assert_eq!(pull(&*repository, &digest).await.unwrap(), b"hello world");
        }
    }
}

#[tokio::test]
async fn an_empty_blob_needs_no_byte() {
    for place in places() {
        let repository = repository(&place.driver, Options::default());
        let id = begin(&*repository).await.unwrap().id().clone();
        let mut writer = repository.blobs().resume(&id).await.unwrap();
        let digest = Digest::sha256(b"");
        writer.commit(&digest).await.unwrap();
        assert_eq!(pull(&*repository, &digest).await.unwrap(), b"");
    }
}

#[tokio::test]
async fn every_algorithm_can_be_named_first_or_last() {
    for place in places() {
        let repository = repository(&place.driver, Options::default());
        for running in Algorithm::ALL {
            for named in Algorithm::ALL {
                let algorithm = Some(running);
                let options = CreateOptions { algorithm, ..CreateOptions::default() };
                let id = begin_with(&*repository, options).await.unwrap().id().clone();
                let mut writer = repository.blobs().resume(&id).await.unwrap();
                writer.write("some ".into()).await.unwrap();
                writer.suspend().await.unwrap();
                drop(writer);
                let mut writer = repository.blobs().resume(&id).await.unwrap();
                let text = format!("some {running} {named}");
                writer.write(text[5..].to_owned().into()).await.unwrap();
                let digest = Digest::of(named, text.as_bytes());
                writer.commit(&digest).await.unwrap();
                assert_eq!(pull(&*repository, &digest).await.unwrap(), text.as_bytes());
            }
        }
    }
}

#[tokio::test]
async fn a_wrong_digest_leaves_the_session_where_it_was() {
    for place in places() {
        let repository = repository(&place.driver, Options::default());
        let mut writer = begin(&*repository).await.unwrap();
        writer.write("hello ".into()).await.unwrap();
        writer.suspend().await.unwrap();
        writer.write("world".into()).await.unwrap();
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let wrong = Digest::of(algorithm, b"hello");
            let error = writer.commit(&wrong).await.unwrap_err();
            let actual = Digest::of(algorithm, b"hello world");
            let ErrorKind::DigestMismatch { expected, actual: found } = error.kind() else {
                panic!("{error}")
            };
            assert_eq!((*expected, *found), (wrong, actual));
            assert_eq!(pull(&*repository, &wrong).await, None);
        }
        let id = writer.id().clone();
        assert_eq!(repository.blobs().status(&id).await.unwrap().size, 6);
        writer.commit(&Digest::sha256(b"hello world")).await.unwrap();
    }
}

#[tokio::test]
async fn a_state_that_cannot_be_read_costs_a_read_and_nothing_else() {
    for place in places() {
        let repository = repository(&place.driver, Options::default());
        let mut writer = begin(&*repository).await.unwrap();
        let whole = content(1, 3 << 20);
        writer.write(whole[..2_500_000].to_vec().into()).await.unwrap();
        writer.suspend().await.unwrap();
        let id = writer.id().clone();
        drop(writer);

        let session = uploads_of("library/a").join(id.as_str()).unwrap();
        let mut upload = place.driver.resume_upload(&session).await.unwrap();
        upload.save("state of a later version".into()).await.unwrap();
        drop(upload);

        let mut writer = repository.blobs().resume(&id).await.unwrap();
        assert_eq!(writer.size(), 2_500_000);
        writer.write(whole[2_500_000..].to_vec().into()).await.unwrap();
        writer.suspend().await.unwrap();
        drop(writer);
        let mut writer = repository.blobs().resume(&id).await.unwrap();
        writer.commit(&Digest::sha256(b"else")).await.unwrap_err();
        let digest = Digest::sha256(&whole);
        writer.commit(&digest).await.unwrap();
        assert_eq!(pull(&*repository, &digest).await.unwrap(), whole);
    }
}

#[tokio::test]
async fn a_session_has_one_writer() {
    for place in near_places() {
        let one = repository(&place.driver, Options::default());
        let other = repository(&place.driver, Options::default());
        let mut first = begin(&*one).await.unwrap();
        first.write("hello".into()).await.unwrap();
        let id = first.id().clone();
        let busy = other.blobs().resume(&id).await.err().expect("held");
        assert!(matches!(busy.kind(), ErrorKind::UploadBusy(_)), "{busy}");

        // The second one waits a moment for the first.
        let waiting = {
            let (other, id) = (other.clone(), id.clone());
            tokio::spawn(async move { other.blobs().resume(&id).await.map(|writer| writer.size()) })
        };
        tokio::time::sleep(Duration::from_millis(50)).await;
        first.suspend().await.unwrap();
        drop(first);
        assert_eq!(waiting.await.unwrap().unwrap(), 5);
    }
}

#[tokio::test]
async fn who_waits_for_a_session_that_ends_finds_none() {
    for place in near_places() {
        let repository = repository(&place.driver, Options::default());
        let mut first = begin(&*repository).await.unwrap();
        first.write("hello".into()).await.unwrap();
        let waiting = {
            let (repository, id) = (repository.clone(), first.id().clone());
            tokio::spawn(async move { repository.blobs().resume(&id).await.map(drop) })
        };
        tokio::time::sleep(Duration::from_millis(50)).await;
        first.commit(&Digest::sha256(b"hello")).await.unwrap();
        drop(first);
        let unknown = waiting.await.unwrap().unwrap_err();
        assert!(matches!(unknown.kind(), ErrorKind::UploadUnknown(_)), "{unknown}");
        let all = ListRequest { after: None, limit: 10 };
        let left = place.driver.list(&uploads_of("library/a"), all).await.unwrap();
        assert_eq!(left.entries, []);
    }
}

#[tokio::test]
async fn where_nobody_holds_a_session_the_first_to_keep_bytes_goes_on() {
    let place = in_objects();
    let one = repository(&place.driver, Options::default());
    let other = repository(&place.driver, Options::default());
    let id = begin(&*one).await.unwrap().id().clone();
    for round in 0..3 {
        let mut slow = one.blobs().resume(&id).await.unwrap();
        let mut fast = other.blobs().resume(&id).await.unwrap();
        slow.write("slow and longer".into()).await.unwrap();
        fast.write("fast".into()).await.unwrap();
        assert_eq!(fast.suspend().await.unwrap().size, 4 * (round + 1));
        let busy = slow.suspend().await.unwrap_err();
        assert!(matches!(busy.kind(), ErrorKind::UploadBusy(_)), "{busy}");
        drop(slow);
        assert_eq!(one.blobs().status(&id).await.unwrap().size, 4 * (round + 1));
    }
    let mut late = other.blobs().resume(&id).await.unwrap();
    let digest = Digest::sha256(b"fastfastfast");
    one.blobs().resume(&id).await.unwrap().commit(&digest).await.unwrap();
    late.write("more".into()).await.unwrap_or_default();
    let gone = late.suspend().await.unwrap_err();
    assert!(matches!(gone.kind(), ErrorKind::UploadUnknown(_)), "{gone}");
    assert_eq!(pull(&*one, &digest).await.unwrap(), b"fastfastfast");
    let all = ListRequest { after: None, limit: 10 };
    let left = place.driver.list(&uploads_of("library/a"), all).await.unwrap();
    assert_eq!(left.entries, []);
}

#[tokio::test]
async fn a_blob_whose_digest_is_known_needs_no_session() {
    let place = in_objects();
    let repository = repository(&place.driver, Options::default());
    for size in [0, 5, 100_000, 20 << 20] {
        let bytes = content(size as u64, size);
        let digest = Digest::sha256(&bytes);
        let size_hint = Some(size as u64);
        let options =
            || CreateOptions { digest: Some(digest), size_hint, ..CreateOptions::default() };
        // Other bytes than were announced leave nothing.
        let mut writer = begin_with(&*repository, options()).await.unwrap();
        writer.write(bytes.clone().into()).await.unwrap();
        writer.write("!".into()).await.unwrap();
        let mismatch = writer.commit(&digest).await.unwrap_err();
        assert!(matches!(mismatch.kind(), ErrorKind::DigestMismatch { .. }), "{mismatch}");
        writer.cancel().await.unwrap();
        assert_eq!(pull(&*repository, &digest).await, None);
        // Nor does a client that left.
        let mut writer = begin_with(&*repository, options()).await.unwrap();
        writer.write(bytes.clone().into()).await.unwrap();
        writer.suspend().await.unwrap_err();
        drop(writer);
        assert!(place.driver.stat(&data_of(&digest)).await.unwrap_err().is_not_found());

        let mut writer = begin_with(&*repository, options()).await.unwrap();
        writer.write(bytes.clone().into()).await.unwrap();
        let descriptor = writer.commit(&digest).await.unwrap();
        assert_eq!((descriptor.digest, descriptor.size), (digest, size as u64));
        assert_eq!(pull(&*repository, &digest).await.unwrap(), bytes);
    }
    let all = ListRequest { after: None, limit: 10 };
    let left = place.driver.list(&uploads_of("library/a"), all).await.unwrap();
    assert_eq!(left.entries, []);
}

#[tokio::test]
async fn a_session_without_bytes_may_aim() {
    for place in places() {
        let repository = repository(&place.driver, Options::default());
        let bytes = content(1, 10 << 20);
        let digest = Digest::of(Algorithm::Sha512, &bytes);
        let id = begin(&*repository).await.unwrap().id().clone();
        // Cut off in the middle: the session is where it was, or where the bytes end.
        let mut writer = repository.blobs().resume(&id).await.unwrap();
        writer.aim(&digest, Some(10 << 20)).await.unwrap();
        writer.write(bytes[..9 << 20].to_vec().into()).await.unwrap();
        let status = writer.suspend().await.unwrap();
        let direct = place.driver.capabilities().optimistic_sessions;
        assert_eq!(status.size, if direct { 0 } else { 9 << 20 });
        drop(writer);
        assert_eq!(repository.blobs().status(&id).await.unwrap().size, status.size);
        assert_eq!(pull(&*repository, &digest).await, None);
        // A wrong digest leaves it, too.
        let mut writer = repository.blobs().resume(&id).await.unwrap();
        writer.aim(&digest, None).await.unwrap();
        writer.write(bytes[status.size as usize..].to_vec().into()).await.unwrap();
        writer.commit(&Digest::sha256(b"else")).await.unwrap_err();
        let mut again = 10 << 20;
        if direct {
            assert_eq!(writer.size(), 0);
            again = 0;
        }
        writer.write(bytes[again..].to_vec().into()).await.unwrap();
        writer.commit(&digest).await.unwrap();
        assert_eq!(pull(&*repository, &digest).await.unwrap(), bytes);
        let unknown = repository.blobs().status(&id).await.unwrap_err();
        assert!(matches!(unknown.kind(), ErrorKind::UploadUnknown(_)), "{unknown}");
    }
}

#[tokio::test]
async fn a_cancelled_session_leaves_nothing() {
    for place in places() {
        let repository = repository(&place.driver, Options::default());
        for suspended in [true, false] {
            let mut writer = begin(&*repository).await.unwrap();
            writer.write(content(2, 3 << 20).into()).await.unwrap();
            if suspended {
                writer.suspend().await.unwrap();
            }
            writer.cancel().await.unwrap();
            writer.cancel().await.unwrap();
            let unknown = repository.blobs().resume(writer.id()).await.err().expect("gone");
            assert!(matches!(unknown.kind(), ErrorKind::UploadUnknown(_)), "{unknown}");
        }
        let all = ListRequest { after: None, limit: 10 };
        let left = place.driver.list(&uploads_of("library/a"), all).await.unwrap();
        assert_eq!(left.entries, []);
    }
}

#[tokio::test]
async fn what_has_no_start_time_is_no_session() {
    for place in places() {
        let repository = repository(&place.driver, Options::default());
        let id = UploadId::parse("of-distribution").unwrap();
        let file = uploads_of("library/a").join("of-distribution/startedat").unwrap();
        for damaged in [None, Some(""), Some("yesterday")] {
            if let Some(damaged) = damaged {
                store(&*place.driver, &file, damaged).await;
            }
            let unknown = repository.blobs().status(&id).await.unwrap_err();
            assert!(matches!(unknown.kind(), ErrorKind::UploadUnknown(_)), "{unknown}");
            assert!(repository.blobs().resume(&id).await.err().is_some_and(|e| e.is_unknown()));
        }
        store(&*place.driver, &file, "2024-02-03T04:05:06Z").await;
        let status = repository.blobs().status(&id).await.unwrap();
        let since = status.started_at.duration_since(std::time::UNIX_EPOCH).unwrap();
        assert_eq!((status.size, since.as_secs()), (0, 1_706_933_106));
        assert_eq!(repository.blobs().resume(&id).await.unwrap().size(), 0);
    }
}

#[tokio::test]
async fn the_start_time_is_written_as_distribution_does() {
    let place = in_memory();
    let repository = repository(&place.driver, Options::default());
    let writer = begin(&*repository).await.unwrap();
    let file =
        uploads_of("library/a").join(writer.id().as_str()).unwrap().join("startedat").unwrap();
    let text = place.driver.get(&file, 100).await.unwrap();
    let text = std::str::from_utf8(&text).unwrap();
    assert!(text.len() == "2026-11-21T11:38:05Z".len() && text.ends_with('Z'), "{text}");
    assert_eq!(
        repository.blobs().status(writer.id()).await.unwrap().started_at,
        writer.started_at()
    );
}

#[tokio::test]
async fn a_long_stream_is_resumable_before_it_ends() {
    let place = on_disk();
    let repository = repository(&place.driver, Options::default());
    let mut writer = begin(&*repository).await.unwrap();
    let piece = content(3, 1 << 20);
    // A batch that is under way ends with its writer: so there is more than one after the checkpoint.
    for _ in 0..72 {
        writer.write(piece.clone().into()).await.unwrap();
    }
    let id = writer.id().clone();
    drop(writer);
    assert_eq!(repository.blobs().resume(&id).await.unwrap().size(), 64 << 20);
}

#[tokio::test]
async fn a_crash_between_publication_and_end_loses_nothing() {
    for place in places() {
        let repository = repository(&place.driver, Options::default());
        let digest = Digest::sha256(b"hello");
        for linked in [false, true] {
            let mut writer = begin(&*repository).await.unwrap();
            writer.write("hello".into()).await.unwrap();
            writer.suspend().await.unwrap();
            let id = writer.id().clone();
            drop(writer);
            // What a process does before it is killed.
            let session = uploads_of("library/a").join(id.as_str()).unwrap();
            let mut upload = place.driver.resume_upload(&session).await.unwrap();
            upload.publish(&data_of(&digest)).await.unwrap();
            drop(upload);
            if linked {
                let link = link_of("library/a", &digest);
                let text = digest.to_string().into();
                place.driver.put(&link, text, PutMode::Overwrite).await.unwrap();
            } else {
                assert_eq!(pull(&*repository, &digest).await, None);
            }
            let mut writer = repository.blobs().resume(&id).await.unwrap();
            // A client that thinks again does not change what was published.
            writer.write(" world".into()).await.unwrap();
            writer.suspend().await.unwrap();
            assert_eq!(place.driver.get(&data_of(&digest), 100).await.unwrap(), "hello");
            writer.commit(&Digest::sha256(b"hello world")).await.unwrap();
            assert_eq!(place.driver.get(&data_of(&digest), 100).await.unwrap(), "hello");
        }
        assert_eq!(repository.blobs().stat(&digest).await.unwrap().size, 5);
    }
}

#[tokio::test]
async fn nothing_is_written_to_a_read_only_registry() {
    let place = in_memory();
    let options = Options { read_only: true.into(), delete: true, ..Options::default() };
    let repository = repository(&place.driver, options);
    let error = begin(&*repository).await.err().expect("refused");
    assert!(matches!(error.kind(), ErrorKind::Unsupported(_)), "{error}");
    assert!(repository.blobs().deleter().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_blob_may_come_from_many_clients_at_once() {
    for place in places() {
        let whole = content(9, 200_000);
        let digest = Digest::sha256(&whole);
        let pushes = (0..16).map(|number| {
            let driver = place.driver.clone();
            let whole = whole.clone();
            tokio::spawn(async move {
                let name = format!("library/a{}", number % 4);
                let repository = repository_named(&driver, Options::default(), &name);
                push(&*repository, &whole).await;
                assert_eq!(pull(&*repository, &digest).await.unwrap(), whole);
            })
        });
        for push in pushes.collect::<Vec<_>>() {
            push.await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_of_one_session_take_turns() {
    for place in places() {
        let one = repository(&place.driver, Options::default());
        let id = begin(&*one).await.unwrap().id().clone();
        let turns = (0..8_usize).map(|_| {
            let (repository, id) = (one.clone(), id.clone());
            tokio::spawn(async move { while !append_size(&*repository, &id).await {} })
        });
        for turn in turns.collect::<Vec<_>>() {
            turn.await.unwrap();
        }
        // Each of them began where the one before had ended.
        let mut expected = String::new();
        (0..8).for_each(|_| expected.push_str(&format!("{};", expected.len())));
        let mut writer = one.blobs().resume(&id).await.unwrap();
        let digest = Digest::sha256(expected.as_bytes());
        writer.commit(&digest).await.unwrap();
        assert_eq!(pull(&*one, &digest).await.unwrap(), expected.as_bytes());
    }
}

/// Adds to a session how long it was; `false` if somebody else was faster, which a store without locks
/// tells when something is to be kept.
async fn append_size(repository: &dyn Repository, id: &UploadId) -> bool {
    let mut writer = repository.blobs().resume(id).await.unwrap();
    let text = format!("{};", writer.size());
    writer.write(text.into()).await.unwrap();
    match writer.suspend().await {
        Ok(_) => true,
        Err(error) if matches!(error.kind(), ErrorKind::UploadBusy(_)) => false,
        Err(error) => panic!("{error}"),
    }
}
