//! Blobs that are in.

use bytes::Bytes;
use wharf_content::ByteRange;
use wharf_core::ErrorKind;
use wharf_digest::{Algorithm, Digest};

use super::support::*;

pub async fn what_is_put_is_there(registry: Registry) {
    let repo = repository(&registry, "some/where");
    assert_eq!(repo.name().as_str(), "some/where");
    let descriptor = push(&repo, "hello").await;
    assert_eq!((descriptor.digest, descriptor.size), (Digest::sha256(b"hello"), 5));
    let found = repo.blobs().stat(&descriptor.digest).await.unwrap();
    assert_eq!((found.digest, found.size), (descriptor.digest, 5));
    let reader = repo.blobs().open(&descriptor.digest, None).await.unwrap();
    assert_eq!((reader.descriptor.digest, reader.descriptor.size), (descriptor.digest, 5));
    assert_eq!(reader.range, 0..5);
    assert_eq!(reader.content.collect(LIMIT).await.unwrap(), "hello");
    // A second time, and through another view of the same repository.
    assert_eq!(push(&repo, "hello").await.digest, descriptor.digest);
    assert!(is_there(&repository(&registry, "some/where"), &descriptor.digest).await);
}

pub async fn an_empty_blob_is_a_blob(registry: Registry) {
    let repo = repository(&registry, "a");
    let descriptor = push(&repo, Bytes::new()).await;
    assert_eq!((descriptor.digest, descriptor.size), (Digest::sha256(b""), 0));
    let reader = repo.blobs().open(&descriptor.digest, None).await.unwrap();
    assert_eq!((reader.descriptor.size, reader.range), (0, 0..0));
    assert_eq!(reader.content.collect(0).await.unwrap(), "");
}

pub async fn ranges_are_read(registry: Registry) {
    let repo = repository(&registry, "a");
    let digest = push(&repo, "0123456789").await.digest;
    let check = async |range, expected, content: &str| {
        let (found, bytes) = read_range(&repo, &digest, range).await.unwrap();
        assert_eq!((found, &bytes[..]), (expected, content.as_bytes()), "{range}");
    };
    check(ByteRange::From(0), 0..10, "0123456789").await;
    check(ByteRange::From(9), 9..10, "9").await;
    check(ByteRange::Between(0, 0), 0..1, "0").await;
    check(ByteRange::Between(2, 5), 2..6, "2345").await;
    check(ByteRange::Between(8, 100), 8..10, "89").await;
    check(ByteRange::Between(0, u64::MAX), 0..10, "0123456789").await;
    check(ByteRange::Suffix(3), 7..10, "789").await;
    check(ByteRange::Suffix(100), 0..10, "0123456789").await;
}

pub async fn a_range_without_a_byte_is_not_satisfiable(registry: Registry) {
    let repo = repository(&registry, "a");
    let ten = push(&repo, "0123456789").await.digest;
    let empty = push(&repo, "").await.digest;
    let check = async |digest: &Digest, range, expected: u64| {
        let error = read_range(&repo, digest, range).await.unwrap_err();
        let size = match error.kind() {
            ErrorKind::RangeUnsatisfiable { size } => *size,
            other => panic!("{other:?}"),
        };
        assert_eq!(size, expected, "{range}");
    };
    check(&ten, ByteRange::From(10), 10).await;
    check(&ten, ByteRange::From(u64::MAX), 10).await;
    check(&ten, ByteRange::Between(10, 20), 10).await;
    check(&ten, ByteRange::Suffix(0), 10).await;
    check(&empty, ByteRange::From(0), 0).await;
    check(&empty, ByteRange::Suffix(1), 0).await;
}

pub async fn get_has_a_limit(registry: Registry) {
    let repo = repository(&registry, "a");
    let digest = push(&repo, "0123456789").await.digest;
    assert_eq!(repo.blobs().get(&digest, 10).await.unwrap(), "0123456789");
    assert!(repo.blobs().get(&digest, 9).await.is_err());
}

pub async fn unknown_blobs_are_unknown(registry: Registry) {
    let check = async |repo: &Repo, digest: Digest| {
        let (blobs, range) = (repo.blobs(), Some(ByteRange::From(0)));
        for error in [
            blobs.stat(&digest).await.unwrap_err(),
            blobs.open(&digest, None).await.unwrap_err(),
            blobs.open(&digest, range).await.unwrap_err(),
            blobs.get(&digest, LIMIT).await.unwrap_err(),
            blobs.deleter().expect("deletes are on").delete(&digest).await.unwrap_err(),
        ] {
            assert!(matches!(error.kind(), ErrorKind::BlobUnknown(d) if *d == digest), "{error:?}");
        }
    };
    let repo = repository(&registry, "a");
    check(&repo, unknown()).await;
    push(&repo, "hello").await;
    check(&repo, unknown()).await;
    // The same content under another name is another blob.
    check(&repo, Digest::of(Algorithm::Sha512, b"hello")).await;
    check(&repo, Digest::of(Algorithm::Sha384, b"hello")).await;
}

pub async fn another_repository_does_not_see_it(registry: Registry) {
    let (a, below) = (repository(&registry, "a"), repository(&registry, "a/b"));
    let digest = push(&a, "hello").await.digest;
    assert!(!is_there(&below, &digest).await);
    assert!(below.blobs().open(&digest, None).await.is_err());
    assert!(below.blobs().deleter().unwrap().delete(&digest).await.unwrap_err().is_unknown());
    assert!(is_there(&a, &digest).await);
}

pub async fn what_is_deleted_is_gone_at_once(registry: Registry) {
    let repo = repository(&registry, "a");
    let digest = push(&repo, "hello").await.digest;
    let kept = push(&repo, "other").await.digest;
    // Whatever is remembered of it has to go as well.
    assert!(is_there(&repo, &digest).await);
    assert_eq!(read(&repo, &digest).await.unwrap(), "hello");
    repo.blobs().deleter().expect("deletes are on").delete(&digest).await.unwrap();
    for view in [&repo, &repository(&registry, "a")] {
        assert!(!is_there(view, &digest).await);
        assert!(read(view, &digest).await.unwrap_err().is_unknown());
        assert!(view.blobs().deleter().unwrap().delete(&digest).await.unwrap_err().is_unknown());
    }
    assert!(is_there(&repo, &kept).await);
}

pub async fn a_deleted_blob_can_be_put_again(registry: Registry) {
    let repo = repository(&registry, "a");
    for _ in 0..3 {
        let digest = push(&repo, "hello").await.digest;
        assert_eq!(read(&repo, &digest).await.unwrap(), "hello");
        repo.blobs().deleter().unwrap().delete(&digest).await.unwrap();
        assert!(!is_there(&repo, &digest).await);
    }
}

pub async fn delete_leaves_other_repositories_alone(registry: Registry) {
    let (a, b) = (repository(&registry, "a"), repository(&registry, "b"));
    let digest = push(&a, "hello").await.digest;
    push(&b, "hello").await;
    a.blobs().deleter().unwrap().delete(&digest).await.unwrap();
    assert!(!is_there(&a, &digest).await);
    assert_eq!(read(&b, &digest).await.unwrap(), "hello");
}

pub async fn an_open_blob_survives_its_delete(registry: Registry) {
    let repo = repository(&registry, "a");
    let digest = push(&repo, "hello").await.digest;
    let reader = repo.blobs().open(&digest, None).await.unwrap();
    repo.blobs().deleter().unwrap().delete(&digest).await.unwrap();
    assert_eq!(reader.content.collect(LIMIT).await.unwrap(), "hello");
}

pub async fn linked_blobs_are_listed_by_page(registry: Registry) {
    let (a, b) = (repository(&registry, "a"), repository(&registry, "b"));
    let Some(enumerator) = a.blobs().enumerator() else { return };
    push(&b, "elsewhere").await;
    assert_pages(Vec::<Digest>::new(), &[], |page| enumerator.enumerate(page)).await;
    let mut digests = Vec::new();
    for content in 0..7 {
        digests.push(push(&a, content.to_string()).await.digest);
    }
    let gone = digests.pop().unwrap();
    a.blobs().deleter().unwrap().delete(&gone).await.unwrap();
    let between = [&*unknown().to_string(), &gone.to_string()];
    assert_pages(digests, &between, |page| enumerator.enumerate(page)).await;
}
