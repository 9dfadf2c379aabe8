//! Many at once.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::task::JoinSet;
use wharf_driver::{Driver, ErrorKind, Published, Put, PutMode, PutOutcome, StoragePath, Upload};

use super::{Subject, all, append, begin, kind, names, path, pattern, put, resume, whole};

/// Exactly one is told that it was it, and its bytes are there.
pub async fn one_of_many_creates(subject: Arc<Subject>) {
    if !subject.declared.create_if_absent {
        return;
    }
    for round in 0..10 {
        let at = path(&format!("created/{round}/verdict"));
        let outcomes = each(16, &subject, move |driver, number| {
            let at = at.clone();
            async move {
                let outcome = driver.put(&at, pattern(number, 500), PutMode::Create).await;
                let outcome = outcome.expect("it is no failure");
                // Whoever loses finds the winner's bytes, whole.
                (number, outcome, whole(&*driver, &at).await)
            }
        })
        .await;
        let winners: Vec<_> =
            outcomes.iter().filter(|(_, outcome, _)| *outcome == PutOutcome::Written).collect();
        assert_eq!(winners.len(), 1, "round {round}");
        let expected = pattern(winners[0].0, 500);
        assert!(outcomes.iter().all(|(_, _, seen)| *seen == expected), "round {round}");
    }
}

/// The last one wins, no matter which.
pub async fn many_writers_leave_one_whole(subject: Arc<Subject>) {
    each(8, &subject, |driver, number| async move {
        for _ in 0..10 {
            put(&*driver, "contested", pattern(number, 20_000 + number as usize)).await;
        }
    })
    .await;
    let bytes = whole(&*subject.driver(), &path("contested")).await;
    let number = bytes.len() as u64 - 20_000;
    assert_eq!(bytes, pattern(number, bytes.len()));
}

/// The same blob, pushed by many, is new for some and there for the others.
pub async fn many_publish_one_target(subject: Arc<Subject>) {
    for round in 0..5_u64 {
        let blob = path(&format!("blobs/{round}/data"));
        let at = blob.clone();
        let outcomes = each(8, &subject, move |driver, number| {
            let at = at.clone();
            async move {
                let session = path(&format!("uploads/{round}-{number}"));
                let mut upload = begin(&*driver, &session).await;
                append(&mut upload, &pattern(round, 50_000)).await;
                let published = upload.publish(&at).await.expect("it is published");
                upload.discard().await.expect("it is discarded");
                published
            }
        })
        .await;
        assert!(outcomes.contains(&Published::New), "round {round}");
        assert!(!outcomes.contains(&Published::Repaired), "round {round}");
        assert_eq!(whole(&*subject.driver(), &blob).await, pattern(round, 50_000));
    }
}

/// None disturbs another.
pub async fn many_sessions_at_once(subject: Arc<Subject>) {
    each(16, &subject, |driver, number| async move {
        let session = path(&format!("uploads/{number}"));
        let blob = path(&format!("blobs/{number}"));
        let mut upload = begin(&*driver, &session).await;
        for piece in 0..10 {
            append(&mut upload, &pattern(number * 100 + piece, 10_000)).await;
            upload.save(Bytes::from(vec![piece as u8])).await.expect("it is saved");
        }
        upload.publish(&blob).await.expect("it is published");
        let pieces: Vec<_> = (0..10).map(|piece| pattern(number * 100 + piece, 10_000)).collect();
        assert_eq!(whole(&*driver, &blob).await, pieces.concat());
    })
    .await;
    assert_eq!(names(&*subject.driver(), &path("blobs")).await.len(), 16);
}

/// Content is whole whenever it is looked at.
pub async fn readers_never_see_half(subject: Arc<Subject>) {
    let contents = [pattern(0, 100_000), pattern(1, 200_000), pattern(2, 10)];
    put(&*subject.driver(), "flipping", contents[0].clone()).await;
    let contents = Arc::new(contents);
    each(4, &subject, move |driver, number| {
        let contents = Arc::clone(&contents);
        async move {
            for round in 0..30 {
                match number {
                    0 => put(&*driver, "flipping", contents[round % 3].clone()).await,
                    _ => {
                        let seen = whole(&*driver, &path("flipping")).await;
                        assert!(contents.contains(&seen), "{} bytes", seen.len());
                    }
                }
            }
        }
    })
    .await;
}

/// Content can be put while others remove the folder that it goes to.
pub async fn folders_come_and_go(subject: Arc<Subject>) {
    each(4, &subject, |driver, number| async move {
        for round in 0..30 {
            let at = format!("busy/folder/{number}-{round}");
            match number {
                0 => drop(driver.delete_below(&path("busy")).await.expect("it goes")),
                1 => {
                    let step = |name: &str| vec![Put::new(path(&format!("{at}/{name}")), "x")];
                    let stored = driver.put_in_order(vec![step("first"), step("second")]).await;
                    stored.expect("it is stored");
                }
                _ => put(&*driver, &at, "x").await,
            }
        }
    })
    .await;
    put(&*subject.driver(), "busy/folder/last", "x").await;
    assert!(names(&*subject.driver(), &path("busy/folder")).await.contains(&"last".into()));
}

/// The others are told so, and nothing is mixed.
pub async fn one_of_many_takes_up_a_session(subject: Arc<Subject>) {
    let session = path("uploads/one");
    let mut upload = begin(&*subject.driver(), &session).await;
    upload.save("start".into()).await.expect("it is saved");
    drop(upload);
    let taken =
        each(
            8,
            &subject,
            |driver, _| async move { driver.resume_upload(&path("uploads/one")).await },
        )
        .await;
    if subject.declared.optimistic_sessions {
        if !subject.declared.create_if_absent {
            // Nobody can tell who was first.
            return;
        }
        let taken = taken.into_iter().map(|done| done.expect("anybody may take it up"));
        return one_of_many_saves(&subject, taken.collect()).await;
    }
    let (held, refused): (Vec<_>, Vec<_>) = taken.into_iter().partition(Result::is_ok);
    assert_eq!(held.len(), 1);
    assert!(refused.into_iter().all(|done| kind(done.map(drop)) == Some(ErrorKind::Busy)));
}

async fn one_of_many_saves(subject: &Subject, uploads: Vec<Box<dyn Upload>>) {
    let mut running = JoinSet::new();
    for (number, mut upload) in (0..).zip(uploads) {
        running.spawn(async move {
            append(&mut upload, &pattern(number, 10_000 + number as usize)).await;
            (number, upload.save(number.to_string().into()).await)
        });
    }
    let (saved, refused): (Vec<_>, Vec<_>) =
        running.join_all().await.into_iter().partition(|(_, done)| done.is_ok());
    assert_eq!(saved.len(), 1);
    assert!(refused.into_iter().all(|(_, done)| kind(done) == Some(ErrorKind::Busy)));
    let number = saved[0].0;
    let mut upload = resume(&*subject.driver(), &path("uploads/one")).await;
    assert_eq!(upload.checkpoint().state, number.to_string());
    let content = all(upload.read_back().await.expect("it is read")).await;
    assert_eq!(content, pattern(number, 10_000 + number as usize));
}

/// Each goes on where the one before ended, also if all of them begin the session: none of them can
/// know who came first.
pub async fn many_begin_one_session(subject: Arc<Subject>) {
    if subject.declared.optimistic_sessions && !subject.declared.create_if_absent {
        return;
    }
    for round in 0..16 {
        let session = path(&format!("uploads/{round}"));
        let at = session.clone();
        each(8, &subject, move |driver, _| append_in_turn(driver, at.clone())).await;
        let saved = subject.driver().upload_checkpoint(&session).await.expect("it is read");
        assert_eq!(saved.length, 8, "round {round}");
    }
}

async fn append_in_turn(driver: Arc<dyn Driver>, session: StoragePath) {
    let optimistic = driver.capabilities().optimistic_sessions;
    loop {
        let mut upload = match driver.begin_upload(&session, None).await {
            Err(error) if error.kind() == ErrorKind::Busy && !optimistic => {
                tokio::task::yield_now().await;
                continue;
            }
            begun => begun.expect("it begins"),
        };
        let mut saved = upload.append(vec![pattern(0, 1)]).await;
        if saved.is_ok() {
            saved = upload.save(Bytes::new()).await;
        }
        match saved {
            Err(error) if error.kind() == ErrorKind::Busy && optimistic => {}
            saved => break saved.expect("it is saved"),
        }
    }
}

/// At once, though an operation was given up in the middle, as when a connection breaks.
pub async fn a_writer_that_is_given_up_lets_the_next_one_in(subject: Arc<Subject>) {
    let driver = subject.driver();
    let session = path("uploads/one");
    let mut upload = begin(&*driver, &session).await;
    append(&mut upload, &pattern(0, 1000)).await;
    upload.save("state".into()).await.expect("it is saved");
    for round in 0..20 {
        let pieces = vec![pattern(round, 1 << 20); 8];
        // Polled once, which sets it going, and dropped.
        drop(upload.append(pieces).now_or_never());
        drop(upload);
        upload = resume(&*driver, &session).await;
        assert_eq!(upload.size(), 1000, "round {round}");
    }
    append(&mut upload, &pattern(1, 1000)).await;
    upload.publish(&path("blob")).await.expect("it is published");
    assert_eq!(whole(&*driver, &path("blob")).await, [pattern(0, 1000), pattern(1, 1000)].concat());
}

/// Runs a task for each number, half of them over another driver, and gathers what they say.
async fn each<T, F>(
    tasks: u64,
    subject: &Subject,
    task: impl Fn(Arc<dyn Driver>, u64) -> F,
) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let drivers = [subject.driver(), subject.another()];
    let mut running = JoinSet::new();
    for number in 0..tasks {
        running.spawn(task(Arc::clone(&drivers[number as usize % 2]), number));
    }
    let mut done = Vec::new();
    while let Some(one) = running.join_next().await {
        done.push(one.expect("no task panics"));
    }
    done
}
