//! Blobs that are linked from another repository.

use std::sync::Arc;

use wharf_core::{CreateOptions, CreateOutcome, Mount};
use wharf_digest::Digest;

use super::support::*;

pub async fn a_blob_is_mounted_from_where_it_is(registry: Registry) {
    let (source, target) = (repository(&registry, "source"), repository(&registry, "target/deep"));
    let blob = push(&source, "hello").await;
    match mount(&target, blob.digest, Some("source"), &["source"]).await {
        CreateOutcome::Mounted { from, descriptor } => {
            assert_eq!(from.as_str(), "source");
            assert_eq!((descriptor.digest, descriptor.size), (blob.digest, blob.size));
        }
        CreateOutcome::Upload(_) => panic!("the blob is there, and may be pulled"),
    }
    assert_eq!(read(&target, &blob.digest).await.unwrap(), "hello");
    assert_eq!(read(&source, &blob.digest).await.unwrap(), "hello");
}

pub async fn a_blob_that_may_not_be_pulled_is_not_mounted(registry: Registry) {
    let (source, target) = (repository(&registry, "source"), repository(&registry, "target"));
    let digest = push(&source, "hello").await.digest;
    let outcome = mount(&target, digest, Some("source"), &["other", "target"]).await;
    assert_upload(&target, outcome, &digest).await;
}

pub async fn a_blob_that_is_not_there_is_not_mounted(registry: Registry) {
    let (source, target) = (repository(&registry, "source"), repository(&registry, "target"));
    let digest = push(&source, "hello").await.digest;
    // That another repository has it is no help.
    let outcome = mount(&target, digest, Some("other"), &["source", "other"]).await;
    assert_upload(&target, outcome, &digest).await;
    let outcome = mount(&target, unknown(), Some("source"), &["source"]).await;
    assert_upload(&target, outcome, &unknown()).await;
    source.blobs().deleter().unwrap().delete(&digest).await.unwrap();
    let outcome = mount(&target, digest, Some("source"), &["source"]).await;
    assert_upload(&target, outcome, &digest).await;
}

pub async fn a_blob_may_be_looked_for(registry: Registry) {
    let (source, target) = (repository(&registry, "source"), repository(&registry, "target"));
    let digest = push(&source, "hello").await.digest;
    match mount(&target, digest, None, &["source"]).await {
        CreateOutcome::Mounted { from, descriptor } => {
            assert_eq!((from.as_str(), descriptor.size), ("source", 5));
            assert_eq!(read(&target, &digest).await.unwrap(), "hello");
        }
        // A registry need not look.
        outcome => assert_upload(&target, outcome, &digest).await,
    }
    let outcome = mount(&target, unknown(), None, &["source"]).await;
    assert_upload(&target, outcome, &unknown()).await;
}

pub async fn a_blob_is_looked_for_only_where_it_may_be_pulled(registry: Registry) {
    let (secret, target) = (repository(&registry, "secret"), repository(&registry, "target"));
    let digest = push(&secret, "hello").await.digest;
    let outcome = mount(&target, digest, None, &["other"]).await;
    assert_upload(&target, outcome, &digest).await;
}

pub async fn a_mount_survives_the_source(registry: Registry) {
    let (source, target) = (repository(&registry, "source"), repository(&registry, "target"));
    let digest = push(&source, "hello").await.digest;
    mount(&target, digest, Some("source"), &["source"]).await;
    source.blobs().deleter().unwrap().delete(&digest).await.unwrap();
    assert!(!is_there(&source, &digest).await);
    assert_eq!(read(&target, &digest).await.unwrap(), "hello");
}

async fn mount(
    target: &Repo,
    digest: Digest,
    from: Option<&str>,
    readable: &'static [&'static str],
) -> CreateOutcome {
    let mount = Mount { digest, from: from.map(name), allowed: Arc::new(Readable(readable)) };
    let options = CreateOptions { mount: Some(mount), ..CreateOptions::default() };
    target.blobs().create(options).await.unwrap()
}

/// The client may send the blob instead; until it does, there is none.
async fn assert_upload(target: &Repo, outcome: CreateOutcome, digest: &Digest) {
    let CreateOutcome::Upload(mut writer) = outcome else { panic!("{digest} was mounted") };
    assert!(!is_there(target, digest).await);
    writer.write("sent instead".into()).await.unwrap();
    writer.commit(&Digest::sha256(b"sent instead")).await.unwrap();
}
