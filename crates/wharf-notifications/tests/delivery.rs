//! Events reach those who want them, whatever happens.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::Path,
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use http::Uri;
use wharf_core::{Namespace, RequestContext, memory::MemoryNamespace};
use wharf_manifest::MediaType;
use wharf_notifications::{Bounds, Endpoint, Notifier, NotifyingNamespace, WhenFull};
use wharf_reference::RepositoryName;

mod common;

use common::{Receiver, endpoint, notifier, options, until};

const PATIENCE: Duration = Duration::from_secs(60);

/// Pushes blobs, each of which is an event, and says how many were stored and told.
async fn push(notifier: &Notifier, blobs: std::ops::Range<u32>) -> usize {
    let inner = Arc::new(MemoryNamespace::new());
    let namespace = NotifyingNamespace::new(inner, notifier.clone());
    let context = RequestContext {
        method: "PUT".into(),
        user_agent: Some("u".repeat(500).into()),
        ..RequestContext::default()
    };
    let repository = namespace.repository(&RepositoryName::parse("a").unwrap(), &context);
    let mut stored = 0;
    for number in blobs {
        let content = number.to_string().into_bytes();
        let put = repository.blobs().put(&MediaType::octet_stream(), content.into()).await;
        stored += usize::from(put.is_ok());
    }
    stored
}

/// The blobs of which a receiver was told, in order.
fn sizes(receiver: &Receiver) -> Vec<String> {
    let digest = |event: &serde_json::Value| event["target"]["digest"].as_str().unwrap().to_owned();
    receiver.events().iter().map(digest).collect()
}

fn digests(blobs: std::ops::Range<u32>) -> Vec<String> {
    let digest = |number: u32| wharf_digest::Digest::sha256(number.to_string().as_bytes());
    blobs.map(|number| digest(number).to_string()).collect()
}

async fn configure(notifier: &Notifier, all: &[(&str, &Arc<Receiver>)]) {
    let endpoints = all.iter().map(|(name, receiver)| (endpoint(name), Arc::clone(receiver) as _));
    notifier.configure(endpoints.collect(), false).await.unwrap();
}

fn files(folder: &Path, ending: &str) -> usize {
    let entries = fs::read_dir(folder.join("0")).unwrap();
    entries.filter(|it| it.as_ref().unwrap().path().to_str().unwrap().ends_with(ending)).count()
}

#[tokio::test]
async fn failures_delay_events_and_keep_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let (notifier, receiver) = notifier(folder.path()).await;
    receiver.refusals.store(35, SeqCst);
    push(&notifier, 0..20).await;
    until(|| receiver.events().len() == 20).await;
    assert_eq!(sizes(&receiver), digests(0..20));
    until(|| notifier.numbers()[0].pending == 0).await;
    let numbers = notifier.numbers().remove(0);
    assert_eq!((numbers.events, numbers.successes, numbers.dropped), (20, 20, 0));
    assert_eq!((numbers.failures, numbers.errors), (17, 18));
    assert_eq!(numbers.statuses.into_iter().collect::<Vec<_>>(), [(200, 20), (500, 17)]);
}

#[tokio::test]
async fn what_was_not_delivered_is_delivered_after_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let before = notifier(folder.path()).await;
    before.1.refusals.store(u64::MAX, SeqCst);
    push(&before.0, 0..10).await;
    // Nobody waits for an endpoint that takes nothing.
    tokio::time::timeout(PATIENCE, before.0.end(Duration::from_secs(3600))).await.unwrap();
    assert_eq!(before.0.numbers()[0].pending, 10);
    drop(before);
    let (notifier, receiver) = notifier(folder.path()).await;
    push(&notifier, 10..12).await;
    until(|| receiver.events().len() >= 12).await;
    assert_eq!(sizes(&receiver), digests(0..12));
}

#[tokio::test]
async fn the_end_waits_for_what_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (notifier, receiver) = notifier(folder.path()).await;
    push(&notifier, 0..30).await;
    notifier.end(PATIENCE).await;
    assert_eq!(sizes(&receiver), digests(0..30));
}

#[tokio::test]
async fn endpoints_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let notifier = Notifier::new(options(folder.path()));
    let [a, b] = [(); 2].map(|()| Arc::new(Receiver::default()));
    assert!(!notifier.listening().is_on());
    configure(&notifier, &[("a", &a)]).await;
    assert!(notifier.listening().is_on() && notifier.listening_to_pulls().is_on());
    push(&notifier, 0..2).await;
    configure(&notifier, &[("a", &a), ("b", &b)]).await;
    push(&notifier, 2..4).await;
    until(|| a.events().len() == 4 && b.events().len() == 2).await;
    assert_eq!((sizes(&a), sizes(&b)), (digests(0..4), digests(2..4)));
    configure(&notifier, &[("b", &b)]).await;
    push(&notifier, 4..5).await;
    until(|| b.events().len() == 3).await;
    assert_eq!((a.events().len(), files(folder.path(), ".cursor")), (4, 1));
    configure(&notifier, &[]).await;
    assert!(!notifier.listening().is_on() && !notifier.listening_to_pulls().is_on());
    push(&notifier, 5..6).await;
    configure(&notifier, &[("b", &b)]).await;
    push(&notifier, 6..7).await;
    until(|| b.events().len() == 4).await;
    assert_eq!(sizes(&b), [digests(2..5), digests(6..7)].concat());
}

#[tokio::test]
async fn an_endpoint_that_changes_gets_what_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let (notifier, dead) = notifier(folder.path()).await;
    dead.refusals.store(u64::MAX, SeqCst);
    push(&notifier, 0..5).await;
    let alive = Arc::new(Receiver::default());
    let url = Uri::from_static("http://elsewhere.example/");
    let moved = Endpoint { url, ..endpoint("hook") };
    notifier.configure(vec![(moved, Arc::clone(&alive) as _)], false).await.unwrap();
    until(|| alive.events().len() == 5).await;
    assert_eq!(sizes(&alive), digests(0..5));
    let requests = dead.requests.load(SeqCst);
    push(&notifier, 5..6).await;
    until(|| alive.events().len() == 6).await;
    assert_eq!(dead.requests.load(SeqCst), requests, "the old one is left alone");
}

#[tokio::test]
async fn one_that_is_dead_loses_the_oldest_and_harms_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    options.bounds.size = 32 << 10;
    let notifier = Notifier::new(options);
    let [dead, alive] = [(); 2].map(|()| Arc::new(Receiver::default()));
    dead.refusals.store(u64::MAX, SeqCst);
    configure(&notifier, &[("dead", &dead), ("alive", &alive)]).await;
    for number in 0..200 {
        push(&notifier, number..number + 1).await;
        until(|| alive.events().len() == number as usize + 1).await;
    }
    until(|| notifier.numbers()[0].pending == 0).await;
    let [alive, dead]: [_; 2] = notifier.numbers().try_into().unwrap();
    assert_eq!((alive.successes, alive.dropped), (200, 0));
    assert_eq!(dead.dropped + dead.pending, 200);
    assert!((10..60).contains(&dead.pending), "{}", dead.pending);
    let size: u64 = fs::read_dir(folder.path().join("0"))
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    assert!(size <= 33 << 10, "{size}");
}

#[tokio::test]
async fn a_full_queue_may_refuse_changes_instead() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    options.bounds = Bounds { size: 32 << 10, when_full: WhenFull::Refuse };
    let notifier = Notifier::new(options);
    let receiver = Arc::new(Receiver::default());
    receiver.refusals.store(u64::MAX, SeqCst);
    configure(&notifier, &[("hook", &receiver)]).await;
    let stored = push(&notifier, 0..100).await;
    assert!((10..60).contains(&stored), "{stored}");
    receiver.refusals.store(0, SeqCst);
    until(|| receiver.events().len() == stored).await;
    assert_eq!(sizes(&receiver), digests(0..stored as u32));
    until(|| notifier.numbers()[0].pending == 0).await;
    assert_eq!(push(&notifier, 100..101).await, 1);
}

#[tokio::test]
async fn what_is_delivered_leaves_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let (notifier, receiver) = notifier(folder.path()).await;
    push(&notifier, 0..300).await;
    until(|| receiver.events().len() == 300).await;
    push(&notifier, 300..301).await;
    until(|| files(folder.path(), ".log") <= 2).await;
}

#[tokio::test]
async fn processes_share_a_folder_and_inherit_from_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let first = notifier(folder.path()).await;
    let (second, receiver) = notifier(folder.path()).await;
    first.1.refusals.store(u64::MAX, SeqCst);
    push(&first.0, 0..3).await;
    push(&second, 3..5).await;
    until(|| receiver.events().len() == 2).await;
    assert_eq!(sizes(&receiver), digests(3..5));
    first.0.end(Duration::ZERO).await;
    drop(first);
    second.end(PATIENCE).await;
    drop(second);
    // The next process finds both queues; its own is the first one.
    let (third, receiver) = notifier(folder.path()).await;
    push(&third, 5..6).await;
    until(|| receiver.events().len() == 4).await;
    assert_eq!(sizes(&receiver), [digests(0..3), digests(5..6)].concat());
    third.end(PATIENCE).await;
}

#[tokio::test]
async fn what_another_process_left_is_delivered_too() {
    let folder = tempfile::tempdir().unwrap();
    let first = notifier(folder.path()).await;
    let second = notifier(folder.path()).await;
    for (who, blobs) in [(&first, 0..3), (&second, 3..5)] {
        who.1.refusals.store(u64::MAX, SeqCst);
        push(&who.0, blobs).await;
        who.0.end(Duration::ZERO).await;
    }
    drop((first, second));
    let (third, receiver) = notifier(folder.path()).await;
    until(|| receiver.events().len() == 5).await;
    let mut told = sizes(&receiver);
    told.sort_unstable();
    let mut all = digests(0..5);
    all.sort_unstable();
    assert_eq!(told, all);
    until(|| third.numbers()[0].pending == 0).await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("taken");
    fs::write(&taken, "a file").unwrap();
    let mut options = options(&taken);
    let receiver = Arc::new(Receiver::default());
    let endpoints = || vec![(endpoint("hook"), Arc::clone(&receiver) as _)];
    let error = Notifier::new(options.clone()).configure(endpoints(), false).await.unwrap_err();
    assert!(error.to_string().contains("taken"), "{error}");
    options.folders.push(folder.path().join("free"));
    let notifier = Notifier::new(options);
    notifier.configure(endpoints(), false).await.unwrap();
    push(&notifier, 0..1).await;
    until(|| receiver.events().len() == 1).await;
}
