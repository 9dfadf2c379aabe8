//! Upload sessions, up to their publication.

use std::sync::Arc;

use bytes::Bytes;
use wharf_digest::{Algorithm, Digest, Digester};
use wharf_driver::{Checkpoint, ErrorKind};

use super::{
    Subject, all, append, begin, kind, path, pattern, pattern_on_page, put, resume, take_up, whole,
};

/// By what is appended, at once.
pub async fn an_upload_grows(subject: Arc<Subject>) {
    let driver = subject.driver();
    let mut upload = begin(&*driver, &path("uploads/one")).await;
    assert_eq!((upload.size(), upload.checkpoint()), (0, &Checkpoint::default()));
    append(&mut upload, &pattern(1, 1000)).await;
    append(&mut upload, &pattern(2, 300_000)).await;
    assert_eq!((upload.size(), upload.checkpoint().length), (301_000, 0));
    upload.save("state".into()).await.expect("it is saved");
    let saved = Checkpoint { length: 301_000, state: "state".into() };
    assert_eq!((upload.size(), upload.checkpoint()), (301_000, &saved));
}

/// As one that never was.
pub async fn an_empty_session_is_not_found(subject: Arc<Subject>) {
    let driver = subject.driver();
    let session = path("uploads/one");
    for begun in [false, true] {
        if begun {
            drop(begin(&*driver, &session).await);
        }
        let refused = driver.resume_upload(&session).await.map(drop);
        assert_eq!(kind(refused), Some(ErrorKind::NotFound), "begun: {begun}");
        let checkpoint = driver.upload_checkpoint(&session).await.expect("it is no failure");
        assert_eq!(checkpoint, Checkpoint::default());
    }
}

/// And goes on from there with other bytes, as if nothing had been.
pub async fn a_session_is_cut_back_to_its_checkpoint(subject: Arc<Subject>) {
    let driver = subject.driver();
    let session = path("uploads/one");
    let (kept, lost, new) = (pattern(1, 70_000), pattern(2, 90_000), pattern(3, 50_000));
    let mut upload = begin(&*driver, &session).await;
    append(&mut upload, &kept).await;
    upload.save("hash".into()).await.expect("it is saved");
    append(&mut upload, &lost).await;
    drop(upload);
    let mut upload = resume(&*driver, &session).await;
    let saved = Checkpoint { length: 70_000, state: "hash".into() };
    assert_eq!((upload.size(), upload.checkpoint()), (70_000, &saved));
    append(&mut upload, &new).await;
    upload.publish(&path("blob")).await.expect("it is published");
    assert_eq!(whole(&*driver, &path("blob")).await, [kept, new].concat());
}

/// The session itself stays.
pub async fn bytes_without_a_checkpoint_are_dropped(subject: Arc<Subject>) {
    let driver = subject.driver();
    let session = path("uploads/one");
    let mut upload = begin(&*driver, &session).await;
    append(&mut upload, &pattern(1, 100_000)).await;
    drop(upload);
    let mut upload = take_up(&*driver, &session).await;
    assert_eq!((upload.size(), upload.checkpoint()), (0, &Checkpoint::default()));
    append(&mut upload, &pattern(2, 10)).await;
    assert_eq!(all(upload.read_back().await.expect("it is read")).await, pattern(2, 10));
}

/// A session may be saved before its first byte.
pub async fn a_checkpoint_at_zero_is_kept(subject: Arc<Subject>) {
    let driver = subject.driver();
    let session = path("uploads/one");
    let mut upload = begin(&*driver, &session).await;
    upload.save("nothing yet".into()).await.expect("it is saved");
    drop(upload);
    let upload = resume(&*driver, &session).await;
    let saved = Checkpoint { length: 0, state: "nothing yet".into() };
    assert_eq!((upload.size(), upload.checkpoint()), (0, &saved));
}

/// By anyone, without taking the session.
pub async fn checkpoints_are_read_while_held(subject: Arc<Subject>) {
    let (driver, another) = (subject.driver(), subject.another());
    let session = path("uploads/one");
    let mut upload = begin(&*driver, &session).await;
    for (length, state) in [(5, "one"), (10, ""), (15, "three")] {
        append(&mut upload, &pattern(1, 5)).await;
        upload.save(state.into()).await.expect("it is saved");
        let saved = Checkpoint { length, state: state.into() };
        for driver in [&driver, &another] {
            let checkpoint = driver.upload_checkpoint(&session).await.expect("it can be read");
            assert_eq!(checkpoint, saved);
        }
    }
    append(&mut upload, &pattern(1, 5)).await;
    assert_eq!(another.upload_checkpoint(&session).await.expect("it is read").length, 15);
}

/// Whether it takes up or begins, in this process or another one: at once, or when it wants to save.
pub async fn a_second_writer_is_refused(subject: Arc<Subject>) {
    match subject.declared.optimistic_sessions {
        true => the_second_to_save_is_refused(subject).await,
        false => who_comes_second_is_refused(subject).await,
    }
}

async fn the_second_to_save_is_refused(subject: Arc<Subject>) {
    let (driver, session) = (subject.driver(), path("uploads/one"));
    let mut upload = begin(&*driver, &session).await;
    append(&mut upload, &pattern(1, 1000)).await;
    upload.save("first".into()).await.expect("it is saved");
    drop(upload);
    for (round, another) in [driver.clone(), subject.another()].iter().enumerate() {
        let length = 1000 * (round as u64 + 1);
        let mut slow = resume(&*driver, &session).await;
        let mut fast = match round {
            0 => resume(&**another, &session).await,
            _ => begin(&**another, &session).await,
        };
        append(&mut slow, &pattern(8, 5000)).await;
        append(&mut fast, &pattern(2, 1000)).await;
        fast.save("fast".into()).await.expect("it is saved");
        assert_eq!(kind(slow.save("slow".into()).await), Some(ErrorKind::Busy));
        let mut upload = resume(&*driver, &session).await;
        let saved = Checkpoint { length: length + 1000, state: "fast".into() };
        assert_eq!(upload.checkpoint(), &saved);
        let content = all(upload.read_back().await.expect("it is read")).await;
        assert_eq!(content, [pattern(1, 1000), pattern(2, 1000).repeat(round + 1).into()].concat());
    }
}

async fn who_comes_second_is_refused(subject: Arc<Subject>) {
    let driver = subject.driver();
    let session = path("uploads/one");
    let mut upload = begin(&*driver, &session).await;
    append(&mut upload, &pattern(1, 1000)).await;
    upload.save("state".into()).await.expect("it is saved");
    for driver in [&driver, &subject.another()] {
        let busy = Some(ErrorKind::Busy);
        assert_eq!(kind(driver.resume_upload(&session).await.map(drop)), busy);
        assert_eq!(kind(driver.begin_upload(&session, None).await.map(drop)), busy);
    }
    append(&mut upload, &pattern(2, 1000)).await;
    upload.publish(&path("blob")).await.expect("it is published");
    assert_eq!(whole(&*driver, &path("blob")).await, [pattern(1, 1000), pattern(2, 1000)].concat());
    drop(upload);
    assert_eq!(resume(&*driver, &session).await.size(), 1000);
}

/// State of any size, and none.
pub async fn a_later_save_replaces(subject: Arc<Subject>) {
    let driver = subject.driver();
    let session = path("uploads/one");
    let mut upload = begin(&*driver, &session).await;
    for state in [pattern(1, 100_000), pattern(2, 3), Bytes::new()] {
        append(&mut upload, &pattern(3, 10)).await;
        upload.save(state.clone()).await.expect("it is saved");
        assert_eq!(driver.upload_checkpoint(&session).await.expect("it is read").state, state);
    }
    drop(upload);
    let upload = resume(&*driver, &session).await;
    assert_eq!(upload.checkpoint(), &Checkpoint { length: 30, state: Bytes::new() });
}

/// Saved or not, taken up or not.
pub async fn what_is_read_back_was_appended(subject: Arc<Subject>) {
    let driver = subject.driver();
    let session = path("uploads/one");
    let (first, second) = (pattern(1, 200_000), pattern(2, 100_000));
    let mut upload = begin(&*driver, &session).await;
    assert_eq!(all(upload.read_back().await.expect("it is read")).await, "");
    append(&mut upload, &first).await;
    assert_eq!(all(upload.read_back().await.expect("it is read")).await, first);
    upload.save("state".into()).await.expect("it is saved");
    drop(upload);
    let mut upload = resume(&*driver, &session).await;
    append(&mut upload, &second).await;
    let both = all(upload.read_back().await.expect("it is read")).await;
    assert_eq!(both, [first, second].concat());
}

/// Whether what was read back is still held or not; and holding it holds no session.
pub async fn a_session_goes_on_after_reading_back(subject: Arc<Subject>) {
    let driver = subject.driver();
    let session = path("uploads/one");
    let mut upload = begin(&*driver, &session).await;
    append(&mut upload, &pattern(1, 100_000)).await;
    let held = upload.read_back().await.expect("it is read");
    append(&mut upload, &pattern(2, 100_000)).await;
    upload.save("state".into()).await.expect("it is saved");
    drop(upload);
    let mut upload = resume(&*driver, &session).await;
    append(&mut upload, &pattern(3, 10)).await;
    assert_eq!(all(held).await, pattern(1, 100_000));
    upload.publish(&path("blob")).await.expect("it is published");
    let expected = [pattern(1, 100_000), pattern(2, 100_000), pattern(3, 10)].concat();
    assert_eq!(whole(&*driver, &path("blob")).await, expected);
}

/// With its checkpoint.
pub async fn a_discarded_session_is_gone(subject: Arc<Subject>) {
    let driver = subject.driver();
    let session = path("uploads/one");
    let mut upload = begin(&*driver, &session).await;
    append(&mut upload, &pattern(1, 1000)).await;
    upload.save("state".into()).await.expect("it is saved");
    upload.discard().await.expect("it is discarded");
    drop(upload);
    let refused = driver.resume_upload(&session).await.map(drop);
    assert_eq!(kind(refused), Some(ErrorKind::NotFound));
    let checkpoint = driver.upload_checkpoint(&session).await.expect("it is no failure");
    assert_eq!(checkpoint, Checkpoint::default());
}

/// Above all, it does not touch the session that began in its place.
pub async fn a_discarded_upload_does_nothing_more(subject: Arc<Subject>) {
    let driver = subject.driver();
    let session = path("uploads/one");
    let mut old = begin(&*driver, &session).await;
    append(&mut old, &pattern(1, 1000)).await;
    old.discard().await.expect("it is discarded");
    let mut new = begin(&*driver, &session).await;
    append(&mut new, &pattern(2, 10)).await;
    new.save("new".into()).await.expect("it is saved");
    assert_eq!(kind(old.save("old".into()).await), Some(ErrorKind::NotFound));
    assert_eq!(kind(old.publish(&path("blob")).await), Some(ErrorKind::NotFound));
    old.discard().await.expect("there is nothing to do");
    drop((old, new));
    let mut new = resume(&*driver, &session).await;
    assert_eq!(new.checkpoint().state, "new");
    assert_eq!(all(new.read_back().await.expect("it is read")).await, pattern(2, 10));
}

/// At its checkpoint, as by one who knew of it: who begins a session may not know that somebody else
/// just did.
pub async fn a_session_that_is_there_is_not_begun_anew(subject: Arc<Subject>) {
    let driver = subject.driver();
    let session = path("uploads/one");
    let mut upload = begin(&*driver, &session).await;
    append(&mut upload, &pattern(1, 1000)).await;
    upload.save("old".into()).await.expect("it is saved");
    append(&mut upload, &pattern(2, 10)).await;
    drop(upload);
    let mut upload = begin(&*subject.another(), &session).await;
    assert_eq!(upload.checkpoint(), &Checkpoint { length: 1000, state: "old".into() });
    assert_eq!(driver.upload_checkpoint(&session).await.expect("it is read").length, 1000);
    append(&mut upload, &pattern(3, 10)).await;
    let expected = [pattern(1, 1000), pattern(3, 10)].concat();
    assert_eq!(all(upload.read_back().await.expect("it is read")).await, expected);
}

/// As after a restart.
pub async fn another_takes_up_the_session(subject: Arc<Subject>) {
    let session = path("uploads/one");
    let mut upload = begin(&*subject.driver(), &session).await;
    append(&mut upload, &pattern(1, 100_000)).await;
    upload.save("state".into()).await.expect("it is saved");
    append(&mut upload, &pattern(2, 100_000)).await;
    drop(upload);
    let mut upload = resume(&*subject.another(), &session).await;
    assert_eq!(upload.checkpoint(), &Checkpoint { length: 100_000, state: "state".into() });
    assert_eq!(all(upload.read_back().await.expect("it is read")).await, pattern(1, 100_000));
}

/// Also where one name begins like another.
pub async fn sessions_are_apart(subject: Arc<Subject>) {
    let driver = subject.driver();
    let sessions = ["uploads/a", "uploads/ab", "uploads/a.b", "elsewhere/a"].map(path);
    let mut held = Vec::new();
    for (seed, session) in (0..).zip(&sessions) {
        let mut upload = begin(&*driver, session).await;
        append(&mut upload, &pattern(seed, 100)).await;
        held.push(upload);
    }
    held[1].discard().await.expect("it is discarded");
    for seed in [0, 2, 3] {
        let content = held[seed].read_back().await.expect("it is read");
        assert_eq!(all(content).await, pattern(seed as u64, 100));
    }
}

/// Neither one that is too large nor one that is too small.
pub async fn a_false_size_hint_does_no_harm(subject: Arc<Subject>) {
    let driver = subject.driver();
    for hint in [0, 1, 999, 1001, 1 << 40, u64::MAX] {
        let session = path(&format!("uploads/{hint}"));
        let mut upload = driver.begin_upload(&session, Some(hint)).await.expect("it begins");
        append(&mut upload, &pattern(hint, 1000)).await;
        assert_eq!(upload.size(), 1000);
        let blob = path(&format!("blobs/{hint}"));
        upload.publish(&blob).await.expect("it is published");
        assert_eq!(whole(&*driver, &blob).await, pattern(hint, 1000));
    }
}

/// None, empty ones, and more than one system call takes.
pub async fn odd_pieces_are_appended_in_order(subject: Arc<Subject>) {
    let driver = subject.driver();
    let mut upload = begin(&*driver, &path("uploads/one")).await;
    let many: Vec<Bytes> = (0..5000).map(|seed| pattern(seed, (seed % 7) as usize)).collect();
    let expected = many.concat();
    upload.append(vec![]).await.expect("nothing is appended");
    upload.append(vec![Bytes::new()]).await.expect("nothing is appended");
    assert_eq!(upload.size(), 0);
    upload.append(many).await.expect("they are appended");
    assert_eq!(upload.size(), expected.len() as u64);
    assert_eq!(all(upload.read_back().await.expect("it is read")).await, expected);
}

/// Of every length, and beside what nobody hashes.
pub async fn a_digester_takes_what_is_appended(subject: Arc<Subject>) {
    let driver = subject.driver();
    let lengths = [0, 1, 1000, 16 << 10, 100_001, 1 << 20, (2 << 20) + 5];
    for algorithm in Algorithm::ALL {
        let mut upload = begin(&*driver, &path(&format!("uploads/{algorithm}"))).await;
        append(&mut upload, &pattern(7, 100)).await;
        let (mut digester, mut expected) = (Digester::new(algorithm), Vec::new());
        for (seed, length) in lengths.into_iter().enumerate() {
            let piece = pattern(seed as u64, length);
            expected.extend_from_slice(&piece);
            digester = upload.append_hashed(piece, digester).await.expect("it is appended");
            assert_eq!(digester.len(), expected.len() as u64);
            assert_eq!(upload.size(), 100 + expected.len() as u64);
        }
        assert_eq!(digester.finish(), Digest::of(algorithm, &expected));
        let read = all(upload.read_back().await.expect("it is read")).await;
        assert!(read[100..] == expected, "{algorithm}");
    }
}

/// What the caller keeps in the session's folder is not the driver's.
pub async fn the_callers_names_are_left_alone(subject: Arc<Subject>) {
    let driver = subject.driver();
    put(&*driver, "uploads/one/startedat", "today").await;
    put(&*driver, "uploads/one/hashstates/sha256/0", "x").await;
    let mut upload = begin(&*driver, &path("uploads/one")).await;
    append(&mut upload, &pattern(1, 10)).await;
    upload.save("state".into()).await.expect("it is saved");
    upload.discard().await.expect("it is discarded");
    assert_eq!(whole(&*driver, &path("uploads/one/startedat")).await, "today");
    assert_eq!(whole(&*driver, &path("uploads/one/hashstates/sha256/0")).await, "x");
}

/// As from a checkpoint that was saved, whichever came before.
pub async fn a_session_goes_on_from_its_note(subject: Arc<Subject>) {
    let driver = subject.driver();
    let session = path("uploads/one");
    let mut upload = begin(&*driver, &session).await;
    upload.note("at zero".into()).await.expect("it is noted");
    let mut kept = Vec::new();
    // The states are longer and shorter in turn, as what was noted is replaced.
    for (round, state) in ["first", "the second, longer", "x", "y", "the last"].iter().enumerate() {
        drop(upload);
        upload = resume(&*driver, &session).await;
        assert_eq!(upload.size(), kept.len() as u64);
        kept.extend_from_slice(&pattern(round as u64, 1000));
        append(&mut upload, &pattern(round as u64, 1000)).await;
        match round {
            3 => upload.save((*state).into()).await.expect("it is saved"),
            _ => upload.note((*state).into()).await.expect("it is noted"),
        }
        let checkpoint = Checkpoint { length: kept.len() as u64, state: (*state).into() };
        assert_eq!(upload.checkpoint(), &checkpoint);
        let seen = subject.another().upload_checkpoint(&session).await;
        assert_eq!(seen.expect("it is read"), checkpoint);
        append(&mut upload, &pattern(99, 500)).await;
    }
    drop(upload);
    let mut upload = resume(&*subject.another(), &session).await;
    upload.publish(&path("blob")).await.expect("it is published");
    assert_eq!(whole(&*driver, &path("blob")).await, kept);
    upload.discard().await.expect("it is discarded");
    drop(upload);
    assert_eq!(kind(driver.resume_upload(&session).await.map(drop)), Some(ErrorKind::NotFound));
}

/// Whether a driver passes by the page cache or not, and where it changes its mind.
pub async fn large_pieces_on_pages_and_odd_ends_make_one_content(subject: Arc<Subject>) {
    let driver = subject.driver();
    let session = path("uploads/one");
    let mut upload = begin(&*driver, &session).await;
    let mut expected = Vec::new();
    for (seed, length) in [1 << 20, 300_000, 4096 - 300_000 % 4096, 1 << 19, 64 << 10, 7, 1 << 17]
        .into_iter()
        .enumerate()
    {
        let piece = pattern_on_page(seed as u64, length);
        expected.extend_from_slice(&piece);
        append(&mut upload, &piece).await;
        if seed % 2 == 0 {
            upload.save("state".into()).await.expect("it is saved");
            append(&mut upload, &pattern_on_page(99, 1 << 17)).await;
            drop(upload);
            upload = resume(&*driver, &session).await;
        }
    }
    assert_eq!(upload.size(), expected.len() as u64);
    upload.publish(&path("blob")).await.expect("it is published");
    assert!(whole(&*driver, &path("blob")).await == expected);
    // After publication the bytes are copied before they grow.
    append(&mut upload, &pattern_on_page(9, 1 << 17)).await;
    expected.extend_from_slice(&pattern_on_page(9, 1 << 17));
    assert!(all(upload.read_back().await.expect("it is read")).await == expected);
}
