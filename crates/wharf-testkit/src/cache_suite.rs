//! What every descriptor cache promises.
//!
//! ```text
//! wharf_testkit::cache_suite!(memory, new: async { MokaDescriptorCache::default() });
//! ```

#![expect(missing_docs, reason = "the name of a test says what it asserts")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::{sync::oneshot, task::JoinHandle};
use wharf_core::{BlobDescriptorCache, Error, ErrorKind, Result};
use wharf_digest::Digest;
use wharf_manifest::{Descriptor, MediaType};
use wharf_reference::RepositoryName;

/// The cache under test.
type Cache = Arc<dyn BlobDescriptorCache>;

/// Runs every test of the contract against what `new` makes: a future of anything that implements
/// [`BlobDescriptorCache`], empty and of its own for each test.
#[macro_export]
macro_rules! cache_suite {
    ($name:ident, new: $new:expr) => {
        $crate::cache_suite!(@tests $name, $new, [
            what_is_set_is_there_until_it_is_cleared
            what_is_loaded_is_remembered
            failures_are_not_remembered
            conditions_survive
            callers_share_one_load
            callers_share_a_failure
            a_blob_that_came_meanwhile_is_found
            an_abandoned_load_is_taken_over
            a_clear_outruns_a_load
            a_clear_before_anything_does_no_harm
            repositories_are_apart
        ]);
    };
    (@tests $name:ident, $new:expr, [$($test:ident)*]) => {
        mod $name {
            use super::*;
            $(
                #[tokio::test]
                async fn $test() {
                    let cache = ::std::sync::Arc::new($new.await);
                    $crate::fixture::bounded($crate::cache_suite::$test(cache)).await;
                }
            )*
        }
    };
}

pub async fn what_is_set_is_there_until_it_is_cleared(cache: Cache) {
    let (one, other) = (descriptor("one"), descriptor("other"));
    assert_eq!(cache.get(&one.digest).await, None);
    cache.set(&one.digest, one.clone()).await;
    assert_eq!(cache.get(&one.digest).await, Some(one.clone()));
    assert_eq!(cache.get(&other.digest).await, None);

    cache.set(&other.digest, other.clone()).await;
    let replaced = Descriptor { media_type: MediaType::oci_index(), ..other.clone() };
    cache.set(&other.digest, replaced.clone()).await;
    assert_eq!(cache.get(&other.digest).await, Some(replaced));

    cache.clear(&one.digest).await;
    assert_eq!(cache.get(&one.digest).await, None);
    cache.set(&one.digest, one.clone()).await;
    assert_eq!(cache.get(&one.digest).await, Some(one));
}

pub async fn what_is_loaded_is_remembered(cache: Cache) {
    let one = descriptor("one");
    assert_eq!(cache.get_or_load(&one.digest, found(&one)).await.unwrap(), one);
    assert_eq!(cache.get(&one.digest).await, Some(one.clone()));
    assert_eq!(cache.get_or_load(&one.digest, never()).await.unwrap(), one);
    cache.clear(&one.digest).await;
    let unknown = failed(Error::blob_unknown(&one.digest));
    assert!(cache.get_or_load(&one.digest, unknown).await.is_err());
}

pub async fn failures_are_not_remembered(cache: Cache) {
    let one = descriptor("one");
    let away = || failed(ErrorKind::Unavailable("backend".into()).into());
    assert!(cache.get_or_load(&one.digest, away()).await.is_err());
    assert_eq!(cache.get(&one.digest).await, None);
    assert_eq!(cache.get_or_load(&one.digest, found(&one)).await.unwrap(), one);
}

pub async fn conditions_survive(cache: Cache) {
    let digest = descriptor("one").digest;
    let load = failed(Error::blob_unknown(&digest));
    let error = cache.get_or_load(&digest, load).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::BlobUnknown(unknown) if *unknown == digest));

    let load = failed(Error::from(ErrorKind::Corrupt("x".into())).because("checksum"));
    let error = cache.get_or_load(&digest, load).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Corrupt(what) if what == "x"));
    assert!(format!("{error:?}").contains("checksum"), "{error:?}");
}

pub async fn callers_share_one_load(cache: Cache) {
    let one = descriptor("one");
    let (first, gate) = slow(&cache, &one.digest).await;
    let others: Vec<_> = (0..8).map(|_| spawn(&cache, &one.digest, never())).collect();
    tokio::task::yield_now().await;
    gate.send(Ok(one.clone())).unwrap();
    assert_eq!(first.await.unwrap().unwrap(), one);
    for other in others {
        assert_eq!(other.await.unwrap().unwrap(), one);
    }
}

pub async fn callers_share_a_failure(cache: Cache) {
    let one = descriptor("one");
    let (first, gate) = slow(&cache, &one.digest).await;
    let away = || Error::from(ErrorKind::Unavailable("backend".into())).because("refused");
    let other = spawn(&cache, &one.digest, failed(away()));
    tokio::task::yield_now().await;
    gate.send(Err(away())).unwrap();
    for caller in [first, other] {
        let error = caller.await.unwrap().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Unavailable(what) if what == "backend"));
        assert!(std::error::Error::source(&error).is_some());
    }
}

/// Who waits for another one's load has read the link later: it may be right that there was no blob
/// then, and that there is one now.
pub async fn a_blob_that_came_meanwhile_is_found(cache: Cache) {
    let one = descriptor("one");
    let (first, gate) = slow(&cache, &one.digest).await;
    let other = spawn(&cache, &one.digest, found(&one));
    tokio::task::yield_now().await;
    gate.send(Err(Error::blob_unknown(&one.digest))).unwrap();
    assert!(first.await.unwrap().unwrap_err().is_unknown());
    assert_eq!(other.await.unwrap().unwrap(), one);
    assert_eq!(cache.get_or_load(&one.digest, found(&one)).await.unwrap(), one);
}

pub async fn an_abandoned_load_is_taken_over(cache: Cache) {
    let one = descriptor("one");
    let (first, _gate) = slow(&cache, &one.digest).await;
    let other = spawn(&cache, &one.digest, found(&one));
    tokio::task::yield_now().await;
    first.abort();
    assert_eq!(other.await.unwrap().unwrap(), one);
}

/// What a load found before a clear is never told to anyone who asks after the clear.
pub async fn a_clear_outruns_a_load(cache: Cache) {
    let stale = descriptor("one");
    let fresh = Descriptor { media_type: MediaType::oci_index(), ..stale.clone() };
    let (first, gate) = slow(&cache, &stale.digest).await;
    cache.clear(&stale.digest).await;
    let later = spawn(&cache, &stale.digest, found(&fresh));
    tokio::task::yield_now().await;
    gate.send(Ok(stale.clone())).unwrap();
    assert!(first.await.unwrap().is_ok());
    assert_eq!(later.await.unwrap().unwrap(), fresh);
    assert_ne!(cache.get(&stale.digest).await, Some(stale.clone()));
    assert_eq!(cache.get_or_load(&stale.digest, found(&fresh)).await.unwrap(), fresh);

    let (first, gate) = slow(&cache, &descriptor("two").digest).await;
    cache.clear(&descriptor("two").digest).await;
    gate.send(Ok(descriptor("two"))).unwrap();
    assert!(first.await.unwrap().is_ok());
    assert_eq!(cache.get(&descriptor("two").digest).await, None);
}

pub async fn a_clear_before_anything_does_no_harm(cache: Cache) {
    let one = descriptor("one");
    cache.clear(&one.digest).await;
    cache.repository_scoped(&name("a")).clear(&one.digest).await;
    assert_eq!(cache.get_or_load(&one.digest, found(&one)).await.unwrap(), one);
}

pub async fn repositories_are_apart(cache: Cache) {
    let one = descriptor("one");
    let (a, b) = (cache.repository_scoped(&name("a")), cache.repository_scoped(&name("b")));
    for part in [&a, &b] {
        part.set(&one.digest, one.clone()).await;
    }
    cache.set(&one.digest, one.clone()).await;
    a.clear(&one.digest).await;
    assert_eq!(a.get(&one.digest).await, None);
    assert_eq!(b.get(&one.digest).await, Some(one.clone()));
    assert_eq!(cache.get(&one.digest).await, Some(one.clone()));
    // Two views of one repository are the same part.
    assert_eq!(cache.repository_scoped(&name("b")).get(&one.digest).await, Some(one.clone()));
    cache.repository_scoped(&name("b")).clear(&one.digest).await;
    assert_eq!(b.get(&one.digest).await, None);
}

/// A call that asks for a digest, and waits for the answer that is sent through the gate. Its load
/// has begun.
async fn slow(cache: &Cache, digest: &Digest) -> (Call, oneshot::Sender<Result<Descriptor>>) {
    let (begun, has_begun) = oneshot::channel();
    let (gate, answer) = oneshot::channel();
    let load = Box::pin(async move {
        begun.send(()).unwrap();
        answer.await.unwrap()
    });
    let call = spawn(cache, digest, load);
    has_begun.await.unwrap();
    (call, gate)
}

type Call = JoinHandle<Result<Descriptor>>;

type Load = BoxFuture<'static, Result<Descriptor>>;

fn spawn(cache: &Cache, digest: &Digest, load: Load) -> Call {
    let (cache, digest) = (Arc::clone(cache), *digest);
    tokio::spawn(async move { cache.get_or_load(&digest, load).await })
}

fn found(descriptor: &Descriptor) -> Load {
    let descriptor = descriptor.clone();
    Box::pin(async { Ok(descriptor) })
}

fn failed(error: Error) -> Load {
    Box::pin(async { Err(error) })
}

fn never() -> Load {
    async fn unexpected() -> Result<Descriptor> {
        panic!("loaded although it is remembered, or being loaded")
    }
    Box::pin(unexpected())
}

fn descriptor(content: &str) -> Descriptor {
    let digest = Digest::sha256(content.as_bytes());
    Descriptor::new(MediaType::octet_stream(), digest, content.len() as u64)
}

fn name(text: &str) -> RepositoryName {
    RepositoryName::parse(text).unwrap()
}
