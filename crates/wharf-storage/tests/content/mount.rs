//! Blobs that are linked from another repository instead of being sent.

use std::sync::Arc;

use async_trait::async_trait;
use wharf_core::{CreateOptions, CreateOutcome, MayPull, Mount, Repository};
use wharf_digest::{Algorithm, Digest};
use wharf_reference::RepositoryName;
use wharf_storage::Options;

use crate::support::*;

/// Lets the caller pull from the repositories whose names begin so.
struct Below(&'static str);

#[async_trait]
impl MayPull for Below {
    async fn may_pull(&self, name: &RepositoryName) -> bool {
        name.as_str().starts_with(self.0)
    }
}

/// Where the blob was mounted from, `None` if it has to be sent.
async fn mount(
    into: &dyn Repository,
    digest: Digest,
    from: Option<&str>,
    allowed: &'static str,
) -> Option<String> {
    let mount = Mount { digest, from: from.map(name), allowed: Arc::new(Below(allowed)) };
    let options = CreateOptions { mount: Some(mount), ..CreateOptions::default() };
    match into.blobs().create(options).await.unwrap() {
        CreateOutcome::Upload(_) => None,
        CreateOutcome::Mounted { from, descriptor } => {
            assert_eq!(descriptor.digest, digest);
            Some(from.to_string())
        }
    }
}

#[tokio::test]
async fn a_blob_is_mounted_from_where_the_caller_may_pull() {
    for place in places() {
        let source = repository_named(&place.driver, Options::default(), "open/source");
        let digest = push(&*source, b"hello").await;
        let target = repository_named(&place.driver, Options::default(), "mine/target");
        let from = Some("open/source");

        assert_eq!(mount(&*target, digest, from, "mine").await, None);
        assert_eq!(mount(&*target, digest, Some("open/other"), "").await, None);
        assert_eq!(mount(&*target, Digest::sha256(b"other"), from, "").await, None);
        assert_eq!(pull(&*target, &digest).await, None);

        assert_eq!(mount(&*target, digest, from, "open").await.as_deref(), from);
        assert_eq!(pull(&*target, &digest).await.unwrap(), b"hello");
        let itself = Some("mine/target");
        assert_eq!(mount(&*target, digest, itself, "mine").await.as_deref(), itself);
    }
}

#[tokio::test]
async fn a_link_to_nothing_is_no_source() {
    let place = in_memory();
    let source = repository_named(&place.driver, Options::default(), "a/source");
    let digest = push(&*source, b"hello").await;
    place.driver.delete(&data_of(&digest)).await.unwrap();
    let target = repository_named(&place.driver, Options::default(), "a/target");
    assert_eq!(mount(&*target, digest, Some("a/source"), "").await, None);
    assert_eq!(mount(&*target, digest, None, "").await, None);
}

#[tokio::test]
async fn without_a_source_a_repository_is_looked_for() {
    for place in places() {
        // Another process: this one has seen nothing yet.
        for name in ["a/closed", "b/open", "c/without"] {
            let repository = repository_named(&place.driver, Options::default(), name);
            match name {
                "c/without" => push(&*repository, b"other").await,
                _ => push(&*repository, b"hello").await,
            };
        }
        let digest = Digest::sha256(b"hello");
        let target = repository_named(&place.driver, Options::default(), "d/target");
        assert_eq!(mount(&*target, digest, None, "c").await, None);
        assert_eq!(mount(&*target, digest, None, "b").await.as_deref(), Some("b/open"));
        assert_eq!(pull(&*target, &digest).await.unwrap(), b"hello");
        assert_eq!(mount(&*target, digest, None, "").await.as_deref(), Some("d/target"));
    }
}

#[tokio::test]
async fn what_this_process_served_is_found_without_a_search() {
    let place = in_memory();
    let options = Options::default();
    let namespace = wharf_storage::StorageNamespace::new(Arc::clone(&place.driver), options);
    let context = wharf_core::RequestContext::internal("test");
    let repository =
        |text: &str| wharf_core::Namespace::repository(&namespace, &name(text), &context);
    let digest = push(&*repository("z/source"), b"hello").await;
    let from = mount(&*repository("a/target"), digest, None, "z").await;
    assert_eq!(from.as_deref(), Some("z/source"));
}

#[tokio::test]
async fn an_alias_is_mounted_as_an_alias() {
    let place = in_memory();
    let source = repository_named(&place.driver, Options::default(), "a/source");
    let sha256 = push(&*source, b"hello").await;
    let sha512 = Digest::of(Algorithm::Sha512, b"hello");
    store(&*place.driver, &link_of("a/source", &sha512), &sha256.to_string()).await;
    let target = repository_named(&place.driver, Options::default(), "a/target");
    let from = Some("a/source");
    assert_eq!(mount(&*target, sha512, from, "").await.as_deref(), from);
    assert_eq!(pull(&*target, &sha512).await.unwrap(), b"hello");
}
