//! Pushes and deletes that meet: whoever came last, what is left agrees with itself.

use std::sync::Arc;

use bytes::Bytes;
use tempfile::TempDir;
use wharf_core::{
    Error, Fetched, GetOptions, ManifestBytes, Namespace, PageRequest, PutOptions, Repository,
    RequestContext,
};
use wharf_digest::{Algorithm, Digest};
use wharf_driver_fs::FsDriver;
use wharf_manifest::{Descriptor, ImageBuilder, MediaType};
use wharf_reference::{RepositoryName, Tag, TagOrDigest};
use wharf_storage::{Options, StorageNamespace};

const ROUNDS: usize = 40;

fn tag() -> Tag {
    Tag::latest()
}

fn subject() -> Descriptor {
    Descriptor::of(MediaType::oci_manifest(), Algorithm::Sha256, b"some subject")
}

fn image(number: &str) -> ManifestBytes {
    let built = ImageBuilder::new(Descriptor::empty())
        .subject(subject())
        .annotation("number", number)
        .build();
    ManifestBytes::new(built.media_type, built.bytes, Algorithm::Sha256)
}

/// A repository on disk, where every step is one that others can come between.
async fn repository() -> (TempDir, Arc<dyn Repository>) {
    let folder = TempDir::new().expect("a folder");
    let driver = FsDriver::new(folder.path(), wharf_driver_fs::Options::default());
    let options = Options { delete: true, ..Options::default() };
    let namespace = StorageNamespace::new(Arc::new(driver.expect("a store")), options);
    let name = RepositoryName::parse("library/app").expect("a name");
    let repository = namespace.repository(&name, &RequestContext::internal("test"));
    let empty = Descriptor::empty();
    let config = repository.blobs().put(&empty.media_type, Bytes::from_static(b"{}")).await;
    config.expect("it is stored");
    (folder, repository)
}

async fn push(repository: &dyn Repository, manifest: &ManifestBytes) {
    let options = PutOptions { tags: vec![tag()], ..PutOptions::default() };
    repository.manifests().put(manifest.clone(), options).await.expect("it is pushed");
}

async fn delete(repository: &dyn Repository, digest: &Digest) {
    match repository.manifests().delete(digest).await {
        Err(error) if !error.is_unknown() => panic!("{error:?}"),
        _ => {}
    }
}

async fn found(repository: &dyn Repository, reference: impl Into<TagOrDigest>) -> Option<Digest> {
    match repository.manifests().get(&reference.into(), GetOptions::default()).await {
        Ok(Fetched::Manifest(manifest)) => Some(manifest.digest()),
        Ok(Fetched::NotModified(_)) => panic!("nothing was named that the caller has"),
        Err(error) if error.is_unknown() => None,
        Err(error) => panic!("{error:?}"),
    }
}

async fn tags(repository: &dyn Repository) -> Result<Vec<Tag>, Error> {
    match repository.tags().list(PageRequest::first(10)).await {
        Err(error) if error.is_unknown() => Ok(Vec::new()),
        listed => listed.map(|page| page.items),
    }
}

/// Lets the delete begin a little later each time, so that the two meet everywhere.
async fn late(round: usize) {
    tokio::time::sleep(std::time::Duration::from_micros(100 * round as u64)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_takes_no_tag_that_has_moved_on() {
    let (_folder, repository) = repository().await;
    for round in 0..ROUNDS {
        let (old, new) = (image(&format!("old-{round}")), image(&format!("new-{round}")));
        push(&*repository, &old).await;
        let removed = old.digest();
        tokio::join!(push(&*repository, &new), async {
            late(round).await;
            delete(&*repository, &removed).await;
        });
        assert_eq!(found(&*repository, tag()).await, Some(new.digest()), "round {round}");
        assert_eq!(found(&*repository, removed).await, None, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_and_a_delete_of_one_manifest_leave_all_of_it_or_nothing() {
    let (_folder, repository) = repository().await;
    for round in 0..ROUNDS {
        let manifest = image(&format!("{round}"));
        let digest = manifest.digest();
        push(&*repository, &manifest).await;
        tokio::join!(push(&*repository, &manifest), async {
            late(round).await;
            delete(&*repository, &digest).await;
        });
        let left = found(&*repository, digest).await;
        assert_eq!(found(&*repository, tag()).await, left, "round {round}");
        let listed = tags(&*repository).await.expect("they can be listed");
        assert_eq!(!listed.is_empty(), left.is_some(), "round {round}: tags");
        let lister = repository.referrers().expect("a local registry knows them");
        let page = lister.referrers(&subject().digest, None, PageRequest::first(100)).await;
        let referrers = page.expect("they can be listed").items;
        let is_listed = referrers.iter().any(|referrer| referrer.digest == digest);
        assert_eq!(is_listed, left.is_some(), "round {round}: referrers");
        delete(&*repository, &digest).await;
    }
}
