//! Several writers of one session: what each is told is true, and nothing is mixed.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod support;

use std::sync::{Arc, LazyLock, Mutex};

use bytes::Bytes;
use support::TestStore;
use tokio::task::JoinSet;
use wharf_driver::{Checkpoint, Driver, ErrorKind, Result, Upload};
use wharf_driver_object::{ObjectDriver, Options};
use wharf_testkit::driver_suite::{path, pattern};

/// Bytes of a length that a piece is made of in different ways: mostly short ones, some that are long
/// enough for a piece, and some that are longer than one.
fn bytes(choice: u64) -> Bytes {
    static ALL: LazyLock<Bytes> = LazyLock::new(|| pattern(1, 10 << 20));
    let length = match choice % 16 {
        0 => 0,
        1 => 9 << 20,
        2 => 6 << 20,
        _ => 1 + choice % 1000,
    };
    let start = (choice % 977) as usize;
    ALL.slice(start..start + length as usize)
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 8
    }
}

/// A writer, and what it believes.
struct Writer {
    upload: Box<dyn Upload>,
    /// Which of the checkpoints it took up.
    base: usize,
    content: Vec<u8>,
}

async fn read_back(upload: &mut Box<dyn Upload>) -> Result<Bytes> {
    Ok(upload.read_back().await?.collect(1 << 30).await.unwrap_or_else(|_| "lost".into()))
}

/// Step by step, next to a model: a writer may save exactly if nobody did since it took the session up.
#[tokio::test]
async fn writers_in_any_order_agree_with_a_model() {
    for seed in 1..=40 {
        let store = TestStore::new();
        let driver = store.driver(Options::default());
        let session = path("uploads/one");
        let mut random = Random(u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15));
        let mut saved = vec![(Checkpoint::default(), Vec::new())];
        let mut writers: Vec<Writer> = Vec::new();
        for step in 0..60 {
            let choice = random.next();
            if writers.len() < 3 {
                let upload = driver.begin_upload(&session, None).await.unwrap();
                let (checkpoint, content) = saved.last().unwrap().clone();
                assert_eq!(*upload.checkpoint(), checkpoint, "seed {seed}, step {step}");
                writers.push(Writer { upload, base: saved.len(), content });
                continue;
            }
            let number = choice as usize % writers.len();
            let writer = &mut writers[number];
            let is_last = writer.base == saved.len();
            match random.next() % 8 {
                0..4 => {
                    let bytes = bytes(random.next());
                    match writer.upload.append(vec![bytes.clone()]).await {
                        Ok(()) => writer.content.extend_from_slice(&bytes),
                        Err(error) => {
                            // What it needed is gone, since others went on.
                            assert_eq!((error.kind(), is_last), (ErrorKind::Busy, false));
                            drop(writers.swap_remove(number));
                        }
                    }
                }
                4 | 5 => {
                    let state = Bytes::from(format!("{seed} {step}"));
                    match writer.upload.save(state.clone()).await {
                        Ok(()) => {
                            assert!(is_last, "seed {seed}, step {step}: two have saved");
                            let length = writer.content.len() as u64;
                            saved.push((Checkpoint { length, state }, writer.content.clone()));
                            writer.base = saved.len();
                        }
                        Err(error) => {
                            assert_eq!((error.kind(), is_last), (ErrorKind::Busy, false));
                            drop(writers.swap_remove(number));
                        }
                    }
                }
                6 => match read_back(&mut writer.upload).await {
                    Ok(content) => assert!(content == writer.content || !is_last),
                    Err(error) => {
                        assert_eq!((error.kind(), is_last), (ErrorKind::Busy, false));
                        drop(writers.swap_remove(number));
                    }
                },
                _ => drop(writers.swap_remove(number)),
            }
            let (checkpoint, _) = saved.last().unwrap();
            let seen = driver.upload_checkpoint(&session).await.unwrap();
            assert_eq!(seen, *checkpoint, "seed {seed}, step {step}");
        }
        let mut upload = driver.begin_upload(&session, None).await.unwrap();
        let content = read_back(&mut upload).await.unwrap();
        assert!(content == saved.last().unwrap().1, "seed {seed}");
        upload.publish(&path("blob")).await.unwrap();
        assert!(driver.get(&path("blob"), u64::MAX).await.unwrap() == content, "seed {seed}");
    }
}

/// At the same time, with every request waiting for a random while before and after it is done: what
/// was acknowledged is one chain, and is the session.
#[tokio::test]
async fn what_is_acknowledged_at_the_same_time_is_one_chain() {
    for seed in 1..=40 {
        let store = TestStore::new().scheduled(seed);
        let log = Arc::new(Mutex::new(Vec::<(u64, Bytes)>::new()));
        let mut running = JoinSet::new();
        for number in 0..6_u64 {
            let (driver, log) = (store.driver(Options::default()), Arc::clone(&log));
            let mut random = Random((seed * 100 + number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            running.spawn(async move {
                for _ in 0..8 {
                    let bytes = bytes(random.next());
                    if let Some(base) = keep(&driver, &bytes).await {
                        log.lock().unwrap().push((base, bytes));
                    }
                }
            });
        }
        while let Some(done) = running.join_next().await {
            done.unwrap();
        }
        let mut log = log.lock().unwrap().clone();
        log.sort_by_key(|(base, bytes)| (*base, bytes.len()));
        let mut expected: Vec<u8> = Vec::new();
        for (base, bytes) in log {
            assert_eq!(base, expected.len() as u64, "seed {seed}: two went on from one place");
            expected.extend_from_slice(&bytes);
        }
        let driver = store.driver(Options::default());
        let mut upload = driver.begin_upload(&path("uploads/one"), None).await.unwrap();
        assert!(read_back(&mut upload).await.unwrap() == expected, "seed {seed}");
        upload.publish(&path("blob")).await.unwrap();
        assert!(driver.get(&path("blob"), u64::MAX).await.unwrap() == expected, "seed {seed}");
        upload.discard().await.unwrap();
        assert_eq!(store.keys().await, ["blob"], "seed {seed}: nothing is left behind");
    }
}

/// Where it began, if the bytes were kept.
async fn keep(driver: &ObjectDriver, bytes: &Bytes) -> Option<u64> {
    let mut upload = match driver.begin_upload(&path("uploads/one"), None).await {
        Ok(upload) => upload,
        Err(error) => panic!("{error:?}"),
    };
    let base = upload.size();
    let kept = async {
        upload.append(vec![bytes.clone()]).await?;
        upload.save(Bytes::from_static(b"state")).await
    };
    match kept.await {
        Ok(()) => Some(base),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Busy, "{error:?}");
            None
        }
    }
}

/// Found in few requests, however many records there are.
#[tokio::test]
async fn the_last_of_many_records_is_found_in_few_requests() {
    let store = TestStore::new();
    let driver = store.driver(Options::default());
    let session = path("uploads/one");
    let mut upload = driver.begin_upload(&session, None).await.unwrap();
    for number in 1..=300_u64 {
        upload.append(vec![bytes(3)]).await.unwrap();
        upload.save(number.to_string().into()).await.unwrap();
        store.calls();
        let last = driver.upload_checkpoint(&session).await.unwrap();
        assert_eq!(last.state, number.to_string());
        let most = 2 + 2 * number.ilog2() as usize;
        let asked = store.calls();
        assert!(asked.len() <= most, "{} requests for {number} records", asked.len());
        assert!(asked.iter().all(|call| *call == "get"));
    }
    // What short pieces have become part of a longer one is not kept.
    let pieces = store.keys().await.into_iter().filter(|key| key.contains("/data/"));
    assert_eq!(pieces.count(), 1);
}

/// A store that takes the condition and overwrites all the same.
#[tokio::test]
async fn without_create_if_absent_bytes_are_not_mixed_either() {
    for seed in 1..=40 {
        let store = TestStore::new().scheduled(seed).overwriting();
        let options = Options { create_if_absent: false, ..Options::default() };
        let mut running = JoinSet::new();
        for number in 0..4_u64 {
            let driver = store.driver(options.clone());
            running.spawn(async move {
                for round in 0..4 {
                    let bytes = vec![b'a' + number as u8; 100 + round];
                    let mut upload = driver.begin_upload(&path("uploads/one"), None).await.unwrap();
                    let state = [upload.checkpoint().state.as_ref(), &bytes].concat();
                    if upload.append(vec![bytes.into()]).await.is_ok() {
                        let _ = upload.save(state.into()).await;
                    }
                }
            });
        }
        while let Some(done) = running.join_next().await {
            done.unwrap();
        }
        // The state of the caller is always that of exactly these bytes.
        let driver = store.driver(options);
        let mut upload = driver.resume_upload(&path("uploads/one")).await.unwrap();
        let state = upload.checkpoint().state.clone();
        assert_eq!(read_back(&mut upload).await.unwrap(), state, "seed {seed}");
    }
}
