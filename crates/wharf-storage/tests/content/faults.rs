//! Whatever call of the driver fails: the push fails cleanly, nothing false is served, and a retry
//! succeeds.

use std::sync::Arc;

use wharf_core::{BlobWriter, ErrorKind, Repository, Result, UploadId};
use wharf_digest::Digest;
use wharf_driver::{Driver, ErrorKind as Stored};
use wharf_storage::Options;
use wharf_testkit::faults::{Call, Calls, Fault, Faults, FaultyDriver, When};

use crate::support::*;

/// A client that pushes one blob in two requests and remembers the session.
struct Client {
    whole: Vec<u8>,
    digest: Digest,
    session: Option<UploadId>,
}

impl Client {
    fn new() -> Self {
        let whole = content(7, 1_300_000);
        Self { digest: Digest::sha256(&whole), whole, session: None }
    }

    async fn push(&mut self, repository: &dyn Repository) -> Result<()> {
        let mut writer = begin(repository).await?;
        self.session = Some(writer.id().clone());
        self.send(&mut *writer, 100_000).await?;
        writer.suspend().await?;
        drop(writer);
        self.finish(repository).await
    }

    /// Goes on where the registry says; starts again if it does not know the session.
    async fn retry(&mut self, repository: &dyn Repository) -> Result<()> {
        let Some(id) = &self.session else { return self.push(repository).await };
        match repository.blobs().status(id).await {
            Ok(_) => self.finish(repository).await,
            Err(error) if error.is_unknown() => self.push(repository).await,
            Err(error) => Err(error),
        }
    }

    async fn finish(&self, repository: &dyn Repository) -> Result<()> {
        let id = self.session.as_ref().expect("a session was begun");
        let mut writer = repository.blobs().resume(id).await?;
        self.send(&mut *writer, self.whole.len()).await?;
        writer.commit(&self.digest).await.map(drop)
    }

    async fn send(&self, writer: &mut dyn BlobWriter, until: usize) -> Result<()> {
        let from = writer.size() as usize;
        for chunk in self.whole[from.min(until)..until].chunks(300_000) {
            writer.write(chunk.to_vec().into()).await?;
        }
        Ok(())
    }
}

fn faulty(place: &Place) -> (Arc<dyn Driver>, Arc<Faults>) {
    let driver = FaultyDriver::new(Arc::clone(&place.driver));
    let faults = driver.faults();
    (Arc::new(driver), faults)
}

async fn nothing_false(repository: &dyn Repository, client: &Client) -> bool {
    match pull(repository, &client.digest).await {
        Some(bytes) => {
            assert!(bytes == client.whole, "a wrong blob is served");
            true
        }
        None => false,
    }
}

#[tokio::test]
async fn whichever_call_fails_a_retry_succeeds() {
    for disk in [false, true] {
        for when in [When::Before, When::After] {
            let mut number = 0;
            loop {
                number += 1;
                let place = if disk { on_disk() } else { in_memory() };
                let (driver, faults) = faulty(&place);
                let repository = repository(&driver, Options::default());
                let mut client = Client::new();
                faults.set(Fault { calls: Calls::Nth(number), kind: Stored::Unavailable, when });
                let pushed = client.push(&*repository).await;
                let calls = faults.calls();
                faults.heal();
                match pushed {
                    Ok(()) => assert!(nothing_false(&*repository, &client).await),
                    Err(error) => {
                        nothing_false(&*repository, &client).await;
                        let retried = client.retry(&*repository).await;
                        retried.unwrap_or_else(|retried| {
                            panic!("call {number} {when:?}: {error:?}, then {retried:?}")
                        });
                        assert!(nothing_false(&*repository, &client).await);
                    }
                }
                if calls < number {
                    assert!(number > 8, "{number} calls are too few for a push");
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_place_that_goes_away_comes_back_without_loss() {
    for first in 1..16 {
        let place = in_memory();
        let (driver, faults) = faulty(&place);
        let repository = repository(&driver, Options::default());
        let mut client = Client::new();
        let fault =
            Fault { calls: Calls::From(first), kind: Stored::Unavailable, when: When::Before };
        faults.set(fault);
        let away = client.push(&*repository).await;
        faults.heal();
        if away.is_err() {
            client.retry(&*repository).await.unwrap();
        }
        assert!(nothing_false(&*repository, &client).await);
    }
}

#[tokio::test]
async fn a_full_place_says_so_and_goes_on_serving() {
    for place in places() {
        let (driver, faults) = faulty(&place);
        let repository = repository(&driver, Options::default());
        let before = push(&*repository, b"there before").await;
        let mut client = Client::new();
        for calls in [Calls::EveryChange, Calls::Every(Call::Append), Calls::Every(Call::Publish)] {
            faults.set(Fault { calls, kind: Stored::Full, when: When::Before });
            let error = client.push(&*repository).await.unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Full(_)), "{error:?}");
            assert_eq!(pull(&*repository, &before).await.unwrap(), b"there before");
            assert!(!nothing_false(&*repository, &client).await);
        }
        faults.heal();
        client.retry(&*repository).await.unwrap();
        assert!(nothing_false(&*repository, &client).await);
    }
}

#[tokio::test]
async fn a_read_only_place_is_unavailable_for_pushes() {
    let place = in_memory();
    let (driver, faults) = faulty(&place);
    let repository = repository(&driver, Options::default());
    faults.set(Fault { calls: Calls::EveryChange, kind: Stored::Denied, when: When::Before });
    let error = begin(&*repository).await.err().expect("refused");
    assert!(matches!(error.kind(), ErrorKind::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn a_commit_that_could_not_link_can_be_repeated() {
    for place in places() {
        let (driver, faults) = faulty(&place);
        let repository = repository(&driver, Options::default());
        let mut writer = begin(&*repository).await.unwrap();
        writer.write("hello".into()).await.unwrap();
        let digest = Digest::sha256(b"hello");
        let fault =
            Fault { calls: Calls::Every(Call::Put), kind: Stored::Unavailable, when: When::Before };
        faults.set(fault);
        writer.commit(&digest).await.unwrap_err();
        faults.heal();
        assert!(repository.blobs().stat(&digest).await.unwrap_err().is_unknown());
        writer.commit(&digest).await.unwrap();
        assert_eq!(pull(&*repository, &digest).await.unwrap(), b"hello");
    }
}

#[tokio::test]
async fn a_cancellation_that_failed_can_be_repeated() {
    for place in places() {
        for call in [Call::Discard, Call::DeleteBelow, Call::Append] {
            let (driver, faults) = faulty(&place);
            let repository = repository(&driver, Options::default());
            let mut writer = begin(&*repository).await.unwrap();
            writer.write(content(1, 1 << 20).into()).await.unwrap();
            let fault =
                Fault { calls: Calls::Every(call), kind: Stored::Unavailable, when: When::Before };
            faults.set(fault);
            let _ = writer.cancel().await;
            faults.heal();
            writer.cancel().await.unwrap();
            let unknown = repository.blobs().status(writer.id()).await.unwrap_err();
            assert!(unknown.is_unknown(), "{unknown}");
        }
    }
}
