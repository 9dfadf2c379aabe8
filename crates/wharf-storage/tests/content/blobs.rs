//! The blobs of a repository, and those of the registry.

use std::sync::Arc;

use wharf_content::ByteRange;
use wharf_core::{BlobEnumerator, ErrorKind, GlobalBlobs, Namespace, PageRequest, Result};
use wharf_digest::{Algorithm, Digest};
use wharf_manifest::MediaType;
use wharf_storage::{Options, StorageNamespace, upload_key};

use crate::support::*;

fn deletes() -> Options {
    Options { delete: true, ..Options::default() }
}

async fn all(blobs: &dyn BlobEnumerator, limit: usize) -> Result<Vec<Digest>> {
    let (mut found, mut request) = (Vec::new(), PageRequest::first(limit));
    loop {
        let page = blobs.enumerate(request.clone()).await?;
        assert!(page.items.len() <= limit);
        found.extend(page.items);
        match page.next {
            Some(next) => request.after = Some(next),
            None => return Ok(found),
        }
    }
}

#[tokio::test]
async fn a_small_blob_is_stored_at_once() {
    for place in places() {
        let repository = repository(&place.driver, Options::default());
        let media_type = MediaType::oci_manifest();
        let stored = repository.blobs().put(&media_type, "{}".into()).await.unwrap();
        assert_eq!((stored.media_type, stored.digest), (media_type, Digest::sha256(b"{}")));
        assert_eq!(pull(&*repository, &stored.digest).await.unwrap(), b"{}");
    }
}

#[tokio::test]
async fn knowing_a_digest_is_no_authority() {
    for place in places() {
        let one = repository_named(&place.driver, Options::default(), "a/one");
        let other = repository_named(&place.driver, Options::default(), "a/other");
        let digest = push(&*one, b"hello").await;
        assert!(other.blobs().stat(&digest).await.unwrap_err().is_unknown());
        assert!(other.blobs().open(&digest, None).await.unwrap_err().is_unknown());
    }
}

#[tokio::test]
async fn a_range_is_a_part_of_the_whole() {
    for place in places() {
        let repository = repository(&place.driver, Options::default());
        let digest = push(&*repository, b"hello world").await;
        let open = repository.blobs().open(&digest, Some(ByteRange::Between(6, 99))).await.unwrap();
        assert_eq!((open.range, open.descriptor.size), (6..11, 11));
        assert_eq!(open.content.collect(100).await.unwrap(), "world");
        let error = repository.blobs().open(&digest, Some(ByteRange::From(11))).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::RangeUnsatisfiable { size: 11 }), "{error}");
    }
}

#[tokio::test]
async fn a_delete_is_visible_at_once_and_takes_only_the_link() {
    for place in places() {
        let one = repository_named(&place.driver, deletes(), "a/one");
        let other = repository_named(&place.driver, deletes(), "a/other");
        let digest = push(&*one, b"hello").await;
        push(&*other, b"hello").await;
        one.blobs().stat(&digest).await.unwrap();
        let deleter = one.blobs().deleter().unwrap();
        deleter.delete(&digest).await.unwrap();
        assert_eq!(pull(&*one, &digest).await, None);
        assert!(deleter.delete(&digest).await.unwrap_err().is_unknown());
        assert_eq!(pull(&*other, &digest).await.unwrap(), b"hello");
    }
}

#[tokio::test]
async fn without_deletes_there_is_no_deleter() {
    let place = in_memory();
    assert!(repository(&place.driver, Options::default()).blobs().deleter().is_none());
}

#[tokio::test]
async fn what_another_process_collected_is_unknown_whatever_the_cache_says() {
    for place in near_places() {
        let cache = Arc::new(wharf_cache::MokaDescriptorCache::new(1_000));
        let options = Options { cache: Some(cache), ..Options::default() };
        let repository = repository(&place.driver, options);
        let digest = push(&*repository, b"hello").await;
        repository.blobs().stat(&digest).await.unwrap();
        place.driver.delete(&data_of(&digest)).await.unwrap();
        assert!(repository.blobs().stat(&digest).await.unwrap_err().is_unknown());
        assert!(repository.blobs().open(&digest, None).await.unwrap_err().is_unknown());
        // The client sends it again.
        push(&*repository, b"hello").await;
        assert_eq!(pull(&*repository, &digest).await.unwrap(), b"hello");
    }
}

#[tokio::test]
async fn a_damaged_blob_is_repaired_by_a_push() {
    for place in places() {
        let repository = repository(&place.driver, Options::default());
        let digest = push(&*repository, b"hello").await;
        store(&*place.driver, &data_of(&digest), "hel").await;
        push(&*repository, b"hello").await;
        assert_eq!(pull(&*repository, &digest).await.unwrap(), b"hello");
        store(&*place.driver, &data_of(&digest), "jello").await;
        repository.blobs().put(&MediaType::octet_stream(), "hello".into()).await.unwrap();
        assert_eq!(pull(&*repository, &digest).await.unwrap(), b"hello");
    }
}

#[tokio::test]
async fn an_alias_of_distribution_is_followed() {
    for place in places() {
        let repository = repository(&place.driver, Options::default());
        let sha256 = push(&*repository, b"hello").await;
        let sha512 = Digest::of(Algorithm::Sha512, b"hello");
        store(&*place.driver, &link_of("library/a", &sha512), &sha256.to_string()).await;
        let descriptor = repository.blobs().stat(&sha512).await.unwrap();
        assert_eq!((descriptor.digest, descriptor.size), (sha512, 5));
        assert_eq!(pull(&*repository, &sha512).await.unwrap(), b"hello");
    }
}

#[tokio::test]
async fn a_damaged_link_hides_its_blob_only() {
    for place in places() {
        let repository = repository(&place.driver, deletes());
        let good = push(&*repository, b"good").await;
        let other = push(&*repository, b"other").await;
        let long = "x".repeat(100_000);
        for damaged in ["", "sha256:", "no digest", &format!("{good}\n"), &good.to_string(), &long]
        {
            store(&*place.driver, &link_of("library/a", &other), damaged).await;
            assert_eq!(pull(&*repository, &other).await, None, "{damaged:?}");
            assert_eq!(pull(&*repository, &good).await.unwrap(), b"good");
            let listed = all(repository.blobs().enumerator().unwrap(), 10).await.unwrap();
            assert_eq!(listed, [good]);
        }
        repository.blobs().deleter().unwrap().delete(&other).await.unwrap();
        push(&*repository, b"other").await;
        assert_eq!(pull(&*repository, &other).await.unwrap(), b"other");
    }
}

#[tokio::test]
async fn blobs_are_listed_by_page_in_the_order_of_their_text() {
    for place in places() {
        let namespace = StorageNamespace::new(Arc::clone(&place.driver), Options::default());
        let repository = repository(&place.driver, Options::default());
        let mut pushed = Vec::new();
        for number in 0..30_u8 {
            pushed.push(push(&*repository, &[number]).await);
            if number % 5 == 0 {
                let mut writer = begin(&*repository).await.unwrap();
                writer.write(vec![number].into()).await.unwrap();
                let digest = Digest::of(Algorithm::Sha512, &[number]);
                writer.commit(&digest).await.unwrap();
                pushed.push(digest);
            }
        }
        pushed.sort();
        let global: &dyn GlobalBlobs = namespace.global_blobs().unwrap();
        for limit in [1, 7, 1_000] {
            let linked = all(repository.blobs().enumerator().unwrap(), limit).await.unwrap();
            assert_eq!(linked, pushed);
            let present = all_global(global, limit).await;
            assert_eq!(present, pushed);
        }
        assert_eq!(global.stat(&pushed[3]).await.unwrap().size, 1);
        let gone = Digest::sha256(b"gone");
        assert!(global.stat(&gone).await.unwrap_err().is_unknown());
    }
}

async fn all_global(blobs: &dyn GlobalBlobs, limit: usize) -> Vec<Digest> {
    let (mut found, mut request) = (Vec::new(), PageRequest::first(limit));
    loop {
        let page = blobs.enumerate(request.clone()).await.unwrap();
        found.extend(page.items);
        match page.next {
            Some(next) => request.after = Some(next),
            None => return found,
        }
    }
}

#[tokio::test]
async fn the_upload_key_is_made_once() {
    for place in places() {
        let (one, other) = tokio::join!(upload_key(&*place.driver), upload_key(&*place.driver));
        let key = one.unwrap();
        assert_eq!((key.len(), &key), (32, &other.unwrap()));
        assert_eq!(upload_key(&*place.driver).await.unwrap(), key);
        store(&*place.driver, &path("docker/registry/wharf/upload-key"), "short").await;
        let error = upload_key(&*place.driver).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Corrupt(_)), "{error}");
    }
}
