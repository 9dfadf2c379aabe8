//! Blobs on their way in.

use std::time::Duration;

use bytes::Bytes;
use wharf_core::{BlobWriter, CreateOptions, ErrorKind, UploadId};
use wharf_digest::{Algorithm, Digest};

use super::support::*;

pub async fn pieces_become_a_blob(registry: Registry) {
    let repo = repository(&registry, "a/b");
    let mut writer = begin(&repo, CreateOptions::default()).await;
    assert_eq!(writer.size(), 0);
    assert!(UploadId::parse(writer.id().as_str()).is_some());
    write(&mut *writer, "hel").await;
    write(&mut *writer, "").await;
    write(&mut *writer, "lo").await;
    assert_eq!(writer.size(), 5);
    let digest = Digest::sha256(b"hello");
    assert!(!is_there(&repo, &digest).await, "nothing is there before the commit");
    let descriptor = writer.commit(&digest).await.unwrap();
    assert_eq!((descriptor.digest, descriptor.size), (digest, 5));
    assert_eq!(read(&repo, &digest).await.unwrap(), "hello");
}

pub async fn no_piece_becomes_the_empty_blob(registry: Registry) {
    let repo = repository(&registry, "a");
    let mut writer = begin(&repo, CreateOptions::default()).await;
    let digest = Digest::sha256(b"");
    assert_eq!(writer.commit(&digest).await.unwrap().size, 0);
    assert_eq!(read(&repo, &digest).await.unwrap(), "");
}

pub async fn many_uneven_pieces_become_a_blob(registry: Registry) {
    let repo = repository(&registry, "a");
    let content = noise(3 << 20);
    let mut writer = begin(&repo, CreateOptions::default()).await;
    let (mut rest, mut size) = (content.clone(), 1);
    while !rest.is_empty() {
        writer.write(rest.split_to(size.min(rest.len()))).await.unwrap();
        size = size * 7 % 400_009;
    }
    let digest = Digest::sha256(&content);
    assert_eq!(writer.commit(&digest).await.unwrap().size, content.len() as u64);
    assert!(read(&repo, &digest).await.unwrap() == content, "the content has changed");
}

pub async fn a_suspended_session_goes_on(registry: Registry) {
    let repo = repository(&registry, "a");
    let mut writer = begin(&repo, CreateOptions::default()).await;
    let (id, started_at) = (writer.id().clone(), writer.started_at());
    write(&mut *writer, "0123").await;
    let status = writer.suspend().await.unwrap();
    assert_eq!((&status.id, status.size), (&id, 4));
    drop(writer);
    assert_eq!(repo.blobs().status(&id).await.unwrap().size, 4);

    let mut writer = resume(&repository(&registry, "a"), &id).await;
    assert_eq!((writer.id(), writer.size()), (&id, 4));
    // Some keep the time to the second only.
    let kept = writer.started_at();
    let apart = kept.duration_since(started_at).or_else(|_| started_at.duration_since(kept));
    assert!(apart.unwrap() <= Duration::from_secs(1));
    write(&mut *writer, "456").await;
    assert_eq!(writer.suspend().await.unwrap().size, 7);
    // A suspended writer can go on as well.
    write(&mut *writer, "789").await;
    assert_eq!(writer.suspend().await.unwrap().size, 10);
    drop(writer);
    let mut writer = resume(&repo, &id).await;
    let digest = Digest::sha256(b"0123456789");
    assert_eq!(writer.commit(&digest).await.unwrap().size, 10);
    assert_eq!(read(&repo, &digest).await.unwrap(), "0123456789");
}

pub async fn a_session_may_begin_without_bytes(registry: Registry) {
    let repo = repository(&registry, "a");
    let empty = || CreateOptions { size_hint: Some(0), ..CreateOptions::default() };
    let id = begin(&repo, empty()).await.id().clone();
    assert_eq!(repo.blobs().status(&id).await.unwrap().size, 0);
    let mut writer = resume(&repo, &id).await;
    write(&mut *writer, "0123").await;
    assert_eq!(writer.suspend().await.unwrap().size, 4);
    drop(writer);
    let digest = Digest::sha256(b"0123");
    assert_eq!(resume(&repo, &id).await.commit(&digest).await.unwrap().size, 4);
    // Whoever begins it may go on, end it, or give it up.
    let mut writer = begin(&repo, empty()).await;
    write(&mut *writer, "45").await;
    assert_eq!(writer.suspend().await.unwrap().size, 2);
    writer.commit(&Digest::sha256(b"45")).await.unwrap();
    begin(&repo, empty()).await.commit(&Digest::sha256(b"")).await.unwrap();
    let mut writer = begin(&repo, empty()).await;
    let id = writer.id().clone();
    writer.cancel().await.unwrap();
    assert_unknown(&repo, &id).await;
}

pub async fn a_session_that_was_dropped_goes_on_where_it_stands(registry: Registry) {
    let repo = repository(&registry, "a");
    let content = noise(1 << 20);
    let mut writer = begin(&repo, CreateOptions::default()).await;
    let id = writer.id().clone();
    writer.write(content.slice(..1000)).await.unwrap();
    writer.suspend().await.unwrap();
    writer.write(content.slice(1000..600_000)).await.unwrap();
    drop(writer);

    let mut writer = resume(&repo, &id).await;
    let stands = writer.size();
    assert!((1000..=600_000).contains(&stands), "{stands}");
    assert_eq!(repo.blobs().status(&id).await.unwrap().size, stands);
    writer.write(content.slice(stands as usize..)).await.unwrap();
    writer.commit(&Digest::sha256(&content)).await.unwrap();
    let stored = read(&repo, &Digest::sha256(&content)).await.unwrap();
    assert!(stored == content, "the content has changed");
}

/// A second one is refused when it comes; or, where the store has no locks, when it wants to keep what
/// it wrote.
pub async fn a_session_has_one_writer(registry: Registry) {
    let repo = repository(&registry, "a");
    let mut writer = begin(&repo, CreateOptions::default()).await;
    let id = writer.id().clone();
    write(&mut *writer, "he").await;
    let second = repo.blobs().resume(&id).await;
    // To ask where it stands takes nothing away.
    assert!(repo.blobs().status(&id).await.unwrap().size <= 2);
    write(&mut *writer, "llo").await;
    writer.suspend().await.unwrap();
    let refused = match second {
        Ok(mut second) => {
            write(&mut *second, "world").await;
            second.suspend().await.map(drop)
        }
        Err(error) => Err(error),
    };
    let error = refused.expect_err("two writers");
    assert!(matches!(error.kind(), ErrorKind::UploadBusy(busy) if *busy == id), "{error:?}");
    drop(writer);
    let mut writer = resume(&repo, &id).await;
    writer.commit(&Digest::sha256(b"hello")).await.unwrap();
}

pub async fn a_wrong_digest_leaves_the_session_alive(registry: Registry) {
    let repo = repository(&registry, "a");
    let mut writer = begin(&repo, CreateOptions::default()).await;
    let id = writer.id().clone();
    write(&mut *writer, "hello").await;
    writer.suspend().await.unwrap();
    for algorithm in Algorithm::ALL {
        let wrong = Digest::of(algorithm, b"another");
        let error = writer.commit(&wrong).await.unwrap_err();
        let ErrorKind::DigestMismatch { expected, actual } = error.kind() else {
            panic!("{error:?}")
        };
        assert_eq!((*expected, *actual), (wrong, Digest::of(algorithm, b"hello")));
        assert!(!is_there(&repo, &wrong).await && !is_there(&repo, actual).await);
        assert_eq!(repo.blobs().status(&id).await.unwrap().size, 5);
    }
    // The same writer can make it good.
    writer.commit(&Digest::sha256(b"hello")).await.unwrap();
    assert_eq!(read(&repo, &Digest::sha256(b"hello")).await.unwrap(), "hello");
}

pub async fn a_wrong_digest_loses_nothing_that_was_suspended(registry: Registry) {
    let repo = repository(&registry, "a");
    let mut writer = begin(&repo, CreateOptions::default()).await;
    let id = writer.id().clone();
    write(&mut *writer, "hel").await;
    writer.suspend().await.unwrap();
    drop(writer);
    // The last request of a push: it brings the rest and names the digest.
    let mut writer = resume(&repo, &id).await;
    write(&mut *writer, "xx").await;
    assert!(writer.commit(&Digest::sha256(b"hello")).await.is_err());
    drop(writer);
    let mut writer = resume(&repo, &id).await;
    assert_eq!(writer.size(), 3, "the client goes on where it was before the request");
    write(&mut *writer, "lo").await;
    writer.commit(&Digest::sha256(b"hello")).await.unwrap();
}

pub async fn a_committed_session_is_gone(registry: Registry) {
    let repo = repository(&registry, "a");
    let mut writer = begin(&repo, CreateOptions::default()).await;
    let id = writer.id().clone();
    write(&mut *writer, "hello").await;
    writer.commit(&Digest::sha256(b"hello")).await.unwrap();
    assert_unknown(&repo, &id).await;
    // Ending it once more takes nothing away.
    writer.cancel().await.unwrap();
    drop(writer);
    assert_unknown(&repo, &id).await;
    assert!(is_there(&repo, &Digest::sha256(b"hello")).await);
}

pub async fn a_cancelled_session_is_gone(registry: Registry) {
    let repo = repository(&registry, "a");
    let mut writer = begin(&repo, CreateOptions::default()).await;
    let id = writer.id().clone();
    write(&mut *writer, "hello").await;
    writer.suspend().await.unwrap();
    writer.cancel().await.unwrap();
    assert_unknown(&repo, &id).await;
    writer.cancel().await.unwrap();
    drop(writer);
    assert_unknown(&repo, &id).await;
    assert!(!is_there(&repo, &Digest::sha256(b"hello")).await);
}

pub async fn unknown_sessions_are_unknown(registry: Registry) {
    let repo = repository(&registry, "a");
    for text in ["x", "0190b6ae-7d4a-7000-8000-000000000000", &"x".repeat(UploadId::MAX_LEN)] {
        assert_unknown(&repo, &UploadId::parse(text).unwrap()).await;
    }
}

pub async fn a_session_belongs_to_its_repository(registry: Registry) {
    let (a, b) = (repository(&registry, "a"), repository(&registry, "a/b"));
    let mut writer = begin(&a, CreateOptions::default()).await;
    let id = writer.id().clone();
    write(&mut *writer, "hello").await;
    writer.suspend().await.unwrap();
    drop(writer);
    assert_unknown(&b, &id).await;
    let mut writer = resume(&a, &id).await;
    writer.commit(&Digest::sha256(b"hello")).await.unwrap();
    assert!(!is_there(&b, &Digest::sha256(b"hello")).await);
}

pub async fn every_algorithm_named_at_the_start(registry: Registry) {
    let repo = repository(&registry, "a");
    for algorithm in Algorithm::ALL {
        let options = CreateOptions { algorithm: Some(algorithm), ..CreateOptions::default() };
        let content = format!("{algorithm} at the start");
        let digest = Digest::of(algorithm, content.as_bytes());
        let mut writer = begin(&repo, options).await;
        write(&mut *writer, &content).await;
        assert_eq!(writer.commit(&digest).await.unwrap().digest, digest);
        assert_eq!(read(&repo, &digest).await.unwrap(), content);
    }
}

pub async fn every_algorithm_named_at_the_end(registry: Registry) {
    let repo = repository(&registry, "a");
    for start in Algorithm::ALL {
        for end in Algorithm::ALL {
            let options = CreateOptions { algorithm: Some(start), ..CreateOptions::default() };
            let content = format!("{start} at the start, {end} at the end");
            let digest = Digest::of(end, content.as_bytes());
            let mut writer = begin(&repo, options).await;
            write(&mut *writer, &content).await;
            assert_eq!(writer.commit(&digest).await.unwrap().digest, digest);
            assert_eq!(read(&repo, &digest).await.unwrap(), content);
        }
    }
}

pub async fn every_algorithm_after_a_resumption(registry: Registry) {
    let repo = repository(&registry, "a");
    for algorithm in Algorithm::ALL {
        let options = CreateOptions { algorithm: Some(algorithm), ..CreateOptions::default() };
        let content = format!("{algorithm} in two parts");
        let (start, end) = content.split_at(7);
        let mut writer = begin(&repo, options).await;
        let id = writer.id().clone();
        write(&mut *writer, start).await;
        writer.suspend().await.unwrap();
        drop(writer);
        let mut writer = resume(&repo, &id).await;
        write(&mut *writer, end).await;
        let digest = Digest::of(algorithm, content.as_bytes());
        writer.commit(&digest).await.unwrap();
        assert_eq!(read(&repo, &digest).await.unwrap(), content);
    }
}

pub async fn the_same_content_can_be_sent_twice(registry: Registry) {
    let (a, b) = (repository(&registry, "a"), repository(&registry, "b"));
    let digest = Digest::sha256(b"hello");
    let mut first = begin(&a, CreateOptions::default()).await;
    let mut second = begin(&a, CreateOptions::default()).await;
    let mut third = begin(&b, CreateOptions::default()).await;
    assert_ne!(first.id(), second.id());
    for writer in [&mut first, &mut second, &mut third] {
        write(&mut **writer, "hello").await;
    }
    for mut writer in [first, second, third] {
        assert_eq!(writer.commit(&digest).await.unwrap().size, 5);
    }
    assert_eq!(read(&a, &digest).await.unwrap(), "hello");
    assert_eq!(read(&b, &digest).await.unwrap(), "hello");
}

pub async fn sessions_do_not_mix(registry: Registry) {
    let repo = repository(&registry, "a");
    let mut writers = Vec::new();
    for _ in 0..4 {
        writers.push(begin(&repo, CreateOptions::default()).await);
    }
    for piece in 0..10 {
        for (place, writer) in writers.iter_mut().enumerate() {
            write(&mut **writer, &format!("{place}.{piece} ")).await;
        }
    }
    for (place, mut writer) in writers.into_iter().enumerate() {
        let content: String = (0..10).map(|piece| format!("{place}.{piece} ")).collect();
        let digest = Digest::sha256(content.as_bytes());
        writer.commit(&digest).await.unwrap();
        assert_eq!(read(&repo, &digest).await.unwrap(), content);
    }
}

async fn write(writer: &mut dyn BlobWriter, text: &str) {
    writer.write(Bytes::copy_from_slice(text.as_bytes())).await.unwrap();
}

async fn assert_unknown(repo: &Repo, id: &UploadId) {
    let status = repo.blobs().status(id).await.map(|status| status.size);
    let resumed = repo.blobs().resume(id).await.map(|writer| writer.size());
    for result in [status, resumed] {
        let error = result.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::UploadUnknown(u) if u == id), "{error:?}");
    }
}

/// Bytes without a period.
fn noise(len: usize) -> Bytes {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}
