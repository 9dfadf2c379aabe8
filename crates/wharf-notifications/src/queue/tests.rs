use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use super::*;

const BOUNDS: Bounds = Bounds { size: 1 << 20, when_full: WhenFull::DropOldest };

fn open(folder: &Path, bounds: Bounds) -> (Queue, Arc<AtomicU64>) {
    let dropped = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&dropped);
    let on_drop = Box::new(move |_, _: &[u8]| {
        count.fetch_add(1, SeqCst);
    });
    (Queue::open(folder, bounds, 0, on_drop).unwrap(), dropped)
}

/// Everything that is in it.
fn read(queue: &Queue) -> Vec<(u64, String)> {
    let (mut reader, mut from, mut found) = (queue.reader(), 0, Vec::new());
    while let Found::Record(number, payload) = reader.next(from).unwrap() {
        from = number + 1;
        found.push((number, String::from_utf8(payload).unwrap()));
    }
    found
}

async fn wait_for(queue: &Queue, end: u64) {
    let mut ends = queue.end();
    let reached = ends.wait_for(|now| *now >= end);
    timeout(Duration::from_secs(60), reached).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_put_in_is_there_after_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, _) = open(folder.path(), BOUNDS);
    let queue = Arc::new(queue);
    let putting = (0..50).map(|n| {
        let queue = Arc::clone(&queue);
        tokio::spawn(async move {
            queue.put_soon(format!("pull {n}").into()).unwrap();
            queue.put(vec![format!("a{n}").into(), format!("b{n}").into()]).await.unwrap();
        })
    });
    for putting in putting.collect::<Vec<_>>() {
        putting.await.unwrap();
    }
    queue.put_soon(b"the last".to_vec()).unwrap();
    drop(Arc::into_inner(queue).unwrap());
    let (queue, dropped) = open(folder.path(), BOUNDS);
    let found = read(&queue);
    assert_eq!(found.len(), 151);
    assert_eq!(found[150].1, "the last");
    for n in 0..50 {
        let place = |text: String| found.iter().position(|(_, payload)| *payload == text).unwrap();
        assert_eq!(place(format!("a{n}")) + 1, place(format!("b{n}")), "together");
        assert!(place(format!("pull {n}")) < place(format!("a{n}")), "in order");
    }
    assert_eq!(dropped.load(SeqCst), 0);
}

#[tokio::test]
async fn what_may_be_lost_is_written_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, _) = open(folder.path(), BOUNDS);
    for n in 0..3 {
        queue.put_soon(format!("{n}").into()).unwrap();
        wait_for(&queue, n + 1).await;
    }
    assert_eq!(read(&queue).len(), 3);
}

#[tokio::test]
async fn a_full_queue_drops_the_oldest_and_counts_them() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, dropped) = open(folder.path(), Bounds { size: 16 << 10, ..BOUNDS });
    for n in 0..100 {
        queue.put(vec![format!("{n:01000}").into()]).await.unwrap();
        assert!(queue.index.bytes() <= 16 << 10);
    }
    let found = read(&queue);
    assert_eq!(found.last().unwrap().0, 99);
    assert_eq!(found.len() as u64 + dropped.load(SeqCst), 100);
    assert!((10..=16).contains(&found.len()), "{}", found.len());
}

#[tokio::test]
async fn a_full_queue_may_refuse_instead() {
    let folder = tempfile::tempdir().unwrap();
    let bounds = Bounds { size: 16 << 10, when_full: WhenFull::Refuse };
    let (queue, dropped) = open(folder.path(), bounds);
    let mut taken = 0;
    let refused = loop {
        match queue.put(vec![vec![b'x'; 1000]]).await {
            Ok(()) => taken += 1,
            Err(refused) => break refused,
        }
    };
    assert_eq!((refused, taken, dropped.load(SeqCst)), (Refused::Full, 15 + 1, 0));
    queue.trim(taken);
    queue.put(vec![vec![b'x'; 1000]]).await.unwrap();
}

#[tokio::test]
async fn what_was_read_makes_room() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, dropped) = open(folder.path(), BOUNDS);
    for n in 0..200_u64 {
        queue.put(vec![vec![b'x'; 10_000]]).await.unwrap();
        queue.trim(n + 1);
    }
    assert_eq!(dropped.load(SeqCst), 0);
    assert!(queue.index.bytes() <= 256 << 10, "{}", queue.index.bytes());
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, _) = open(folder.path(), BOUNDS);
    assert_eq!(queue.put(vec![vec![0; LONGEST + 1]]).await, Err(Refused::TooLarge));
    assert_eq!(queue.put_soon(vec![0; LONGEST + 1]), Err(Refused::TooLarge));
    // Larger than the whole queue, it has it for itself.
    queue.put(vec![vec![b'y'; 2 << 20]]).await.unwrap();
    assert_eq!(read(&queue).len(), 1);
}

#[tokio::test]
async fn a_folder_that_is_gone_is_an_error_and_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join("queue");
    std::fs::create_dir(&below).unwrap();
    let (queue, _) = open(&below, BOUNDS);
    std::fs::remove_dir(&below).unwrap();
    assert_eq!(queue.put(vec![b"x".to_vec()]).await, Err(Refused::Unwritable));
    std::fs::create_dir(&below).unwrap();
    queue.put(vec![b"x".to_vec()]).await.unwrap();
    assert_eq!(read(&queue).len(), 1);
}
