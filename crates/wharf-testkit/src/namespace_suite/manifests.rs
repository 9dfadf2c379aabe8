//! The manifests of a repository.

use bytes::Bytes;
use wharf_core::{ErrorKind, Fetched, GetOptions, ManifestBytes, PutOptions};
use wharf_digest::{Algorithm, Digest};
use wharf_manifest::{Descriptor, IndexBuilder, MediaType, media_types};
use wharf_reference::TagOrDigest;

use super::support::*;

pub async fn what_is_put_is_there_byte_for_byte(registry: Registry) {
    let repo = repository(&registry, "a/b");
    let compact = image(&repo, "one").await.annotation("é", "/").build();
    let text = String::from_utf8(compact.bytes.to_vec()).unwrap();
    // Unknown keys, spaces, escapes and the end of the line are the client's business.
    let text = text.replacen('{', "{\n\t\"unknown\" : [1.50e1, null] ,\r\n  ", 1) + " \n";
    let manifest = ManifestBytes::new(compact.media_type, Bytes::from(text), Algorithm::Sha256);
    let stored = put(&repo, &manifest, &["latest"]).await;
    assert_eq!(stored.descriptor, manifest.descriptor());
    assert_eq!((stored.subject, stored.tags), (None, vec![tag("latest")]));
    assert_eq!(fetch(&repo, manifest.digest()).await.unwrap(), manifest);
    assert_eq!(fetch(&repo, tag("latest")).await.unwrap(), manifest);
    assert!(has(&repo, manifest.digest()).await && has(&repo, tag("latest")).await);
}

pub async fn every_type_is_kept_as_it_was_pushed(registry: Registry) {
    let repo = repository(&registry, "a");
    let image = image(&repo, "one").await;
    let oci = manifest(image.clone().build());
    let docker = manifest(image.media_type(MediaType::docker_manifest()).build());
    for pushed in [&oci, &docker] {
        put(&repo, pushed, &[]).await;
    }
    let index = IndexBuilder::new().manifest(oci.descriptor());
    let list = IndexBuilder::new().manifest(docker.descriptor());
    let index = manifest(index.build());
    let list = manifest(list.media_type(MediaType::docker_manifest_list()).build());
    for pushed in [&index, &list] {
        put(&repo, pushed, &[]).await;
    }
    for pushed in [oci, docker, index, list] {
        assert_eq!(fetch(&repo, pushed.digest()).await.unwrap(), pushed);
    }
}

pub async fn unknown_manifests_are_unknown(registry: Registry) {
    let (a, b) = (repository(&registry, "a"), repository(&registry, "nothing/here"));
    push_image(&a, "one", &["latest"]).await;
    let blob = push(&a, "a blob is no manifest").await.digest;
    for repo in [&a, &b] {
        for reference in [unknown().into(), blob.into(), TagOrDigest::from(tag("unknown"))] {
            assert!(!has(repo, reference).await);
        }
        let error = repo.manifests().delete(&unknown()).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ManifestUnknown { .. }), "{error:?}");
    }
}

pub async fn a_manifest_that_the_caller_has_is_not_sent(registry: Registry) {
    let repo = repository(&registry, "a");
    let manifest = push_image(&repo, "one", &["latest"]).await;
    let get = async |reference: TagOrDigest, known: Vec<Digest>| {
        let options = GetOptions { if_none_match: known, ..GetOptions::default() };
        repo.manifests().get(&reference, options).await.unwrap()
    };
    for reference in [TagOrDigest::from(tag("latest")), manifest.digest().into()] {
        match get(reference.clone(), vec![unknown(), manifest.digest()]).await {
            Fetched::NotModified(descriptor) => assert_eq!(descriptor, manifest.descriptor()),
            Fetched::Manifest(_) => panic!("sent in vain"),
        }
        match get(reference, vec![unknown()]).await {
            Fetched::Manifest(sent) => assert_eq!(sent, manifest),
            Fetched::NotModified(_) => panic!("the caller has another one"),
        }
    }
}

pub async fn missing_blobs_are_all_named(registry: Registry) {
    let (a, b) = (repository(&registry, "a"), repository(&registry, "b"));
    let there = push(&a, "there").await;
    let elsewhere = push(&b, "elsewhere").await;
    let nowhere = Descriptor::of(MediaType::octet_stream(), Algorithm::Sha512, b"nowhere");
    let built = wharf_manifest::ImageBuilder::new(elsewhere.clone()).layer(there);
    let manifest = manifest(built.layer(nowhere.clone()).layer(nowhere.clone()).build());
    let options = PutOptions { tags: vec![tag("latest")], ..PutOptions::default() };
    let error = a.manifests().put(manifest.clone(), options).await.unwrap_err();
    let mut expected = vec![elsewhere.digest, nowhere.digest];
    expected.sort();
    assert_eq!(missing(error), expected);
    // Nothing has changed.
    assert!(!has(&a, manifest.digest()).await && !has(&a, tag("latest")).await);
    assert!(
        registry.repositories(wharf_core::PageRequest::first(9)).await.unwrap().items.is_empty()
    );
}

pub async fn missing_children_are_all_named(registry: Registry) {
    let repo = repository(&registry, "a");
    let there = push_image(&repo, "one", &[]).await.descriptor();
    let absent = manifest(image(&repo, "two").await.build()).descriptor();
    let built = IndexBuilder::new().manifest(there.clone()).manifest(absent.clone());
    let index = manifest(built.build());
    let put_index = async || repo.manifests().put(index.clone(), PutOptions::default()).await;
    assert_eq!(missing(put_index().await.unwrap_err()), [absent.digest]);
    push_image(&repo, "two", &[]).await;
    put_index().await.unwrap();
    // A child that is deleted is missing for the next index.
    repo.manifests().delete(&there.digest).await.unwrap();
    assert_eq!(missing(put_index().await.unwrap_err()), [there.digest]);
}

/// Some builders keep their cache as an index of layers.
pub async fn children_may_be_blobs(registry: Registry) {
    let repo = repository(&registry, "a");
    let layer = push(&repo, "layer").await;
    let layer = Descriptor { media_type: media_type(media_types::OCI_LAYER_GZIP), ..layer };
    let index = manifest(IndexBuilder::new().manifest(layer).build());
    put(&repo, &index, &["cache"]).await;
    assert_eq!(fetch(&repo, tag("cache")).await.unwrap(), index);
}

pub async fn an_unchecked_manifest_is_stored(registry: Registry) {
    let repo = repository(&registry, "a");
    let absent = Descriptor::new(MediaType::oci_manifest(), unknown(), 7);
    let index = manifest(IndexBuilder::new().manifest(absent).build());
    let options = PutOptions { tags: vec![tag("latest")], skip_reference_checks: true };
    repo.manifests().put(index.clone(), options).await.unwrap();
    assert_eq!(fetch(&repo, tag("latest")).await.unwrap(), index);
}

pub async fn invalid_manifests_are_refused(registry: Registry) {
    let repo = repository(&registry, "a");
    let valid = String::from_utf8(image(&repo, "one").await.build().bytes.to_vec()).unwrap();
    let check = async |media_type: MediaType, body: String| {
        let manifest = ManifestBytes::new(media_type, body.clone().into(), Algorithm::Sha256);
        let options = PutOptions { tags: vec![tag("latest")], ..PutOptions::default() };
        let error = repo.manifests().put(manifest.clone(), options).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ManifestInvalid(_)), "{body}: {error:?}");
        assert!(!has(&repo, manifest.digest()).await && !has(&repo, tag("latest")).await);
    };
    let oci = MediaType::oci_manifest;
    for body in ["", "{", "[]", "null", "{}", r#"{"schemaVersion":2}"#, "\u{feff}{}"] {
        check(oci(), body.into()).await;
    }
    check(oci(), valid.replace(r#""schemaVersion":2"#, r#""schemaVersion":3"#)).await;
    check(oci(), valid.replacen('{', r#"{"manifests":[],"#, 1)).await;
    check(oci(), valid.replacen('{', r#"{"layers":[],"#, 1)).await;
    check(oci(), valid.replace("sha256:", "sha256:0")).await;
    check(MediaType::oci_index(), valid.clone()).await;
    check(MediaType::docker_manifest(), valid.clone()).await;
    check(MediaType::octet_stream(), valid).await;
}

pub async fn put_sets_tags(registry: Registry) {
    let repo = repository(&registry, "a");
    let manifest = manifest(image(&repo, "one").await.build());
    let stored = put(&repo, &manifest, &["3", "3.20", "latest"]).await;
    assert_eq!(stored.tags, ["3", "3.20", "latest"].map(tag));
    for text in ["3", "3.20", "latest"] {
        assert_eq!(repo.tags().get(&tag(text)).await.unwrap(), manifest.digest());
    }
    put(&repo, &manifest, &["later"]).await;
    assert_eq!(repo.tags().lookup(&manifest.digest()).await.unwrap().len(), 4);
}

pub async fn putting_again_changes_nothing(registry: Registry) {
    let repo = repository(&registry, "a");
    let manifest = push_image(&repo, "one", &["latest"]).await;
    for _ in 0..2 {
        assert_eq!(put(&repo, &manifest, &["latest"]).await.descriptor, manifest.descriptor());
    }
    assert_eq!(fetch(&repo, tag("latest")).await.unwrap(), manifest);
    assert_eq!(repo.tags().history(&tag("latest")).await.unwrap(), [manifest.digest()]);
}

pub async fn a_tag_moves(registry: Registry) {
    let repo = repository(&registry, "a");
    let one = push_image(&repo, "one", &["latest"]).await;
    assert_eq!(fetch(&repo, tag("latest")).await.unwrap(), one);
    let two = push_image(&repo, "two", &["latest"]).await;
    assert_eq!(fetch(&repo, tag("latest")).await.unwrap(), two);
    assert_eq!(fetch(&repo, one.digest()).await.unwrap(), one);
    put(&repo, &one, &["latest"]).await;
    assert_eq!(fetch(&repo, tag("latest")).await.unwrap(), one);
}

pub async fn what_is_deleted_is_gone_at_once(registry: Registry) {
    let repo = repository(&registry, "a");
    let gone = push_image(&repo, "one", &["latest", "one"]).await;
    let kept = push_image(&repo, "two", &["two"]).await;
    assert!(has(&repo, gone.digest()).await && has(&repo, tag("latest")).await);
    repo.manifests().delete(&gone.digest()).await.unwrap();
    for view in [&repo, &repository(&registry, "a")] {
        assert!(!has(view, gone.digest()).await);
        assert!(!has(view, tag("latest")).await && !has(view, tag("one")).await);
        assert_tag_unknown(view.tags().get(&tag("latest")).await, "latest");
        assert!(view.tags().lookup(&gone.digest()).await.unwrap().is_empty());
        let error = view.manifests().delete(&gone.digest()).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ManifestUnknown { .. }), "{error:?}");
    }
    assert_pages(["two"], &["latest"], |page| repo.tags().list(page)).await;
    assert_eq!(fetch(&repo, tag("two")).await.unwrap(), kept);
}

pub async fn a_deleted_manifest_can_be_put_again(registry: Registry) {
    let repo = repository(&registry, "a");
    for _ in 0..3 {
        let manifest = push_image(&repo, "one", &["latest"]).await;
        assert_eq!(fetch(&repo, tag("latest")).await.unwrap(), manifest);
        repo.manifests().delete(&manifest.digest()).await.unwrap();
        assert!(!has(&repo, tag("latest")).await && !has(&repo, manifest.digest()).await);
    }
}

pub async fn delete_leaves_other_manifests_alone(registry: Registry) {
    let (a, b) = (repository(&registry, "a"), repository(&registry, "b"));
    let one = push_image(&a, "one", &["moved"]).await;
    push_image(&b, "one", &["moved"]).await;
    let two = push_image(&a, "two", &["moved"]).await;
    a.manifests().delete(&one.digest()).await.unwrap();
    // The tag pointed to it once; now it points elsewhere and stays.
    assert_eq!(fetch(&a, tag("moved")).await.unwrap(), two);
    assert_eq!(fetch(&b, tag("moved")).await.unwrap(), one);
    assert_eq!(fetch(&b, one.digest()).await.unwrap(), one);
}

pub async fn another_repository_does_not_see_it(registry: Registry) {
    let a = repository(&registry, "a");
    let manifest = push_image(&a, "one", &["latest"]).await;
    for other in ["b", "a/b", "a-b"] {
        let other = repository(&registry, other);
        assert!(!has(&other, manifest.digest()).await && !has(&other, tag("latest")).await);
        let error = other.manifests().delete(&manifest.digest()).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ManifestUnknown { .. }), "{error:?}");
    }
    assert!(has(&a, manifest.digest()).await);
}

pub async fn every_algorithm(registry: Registry) {
    let repo = repository(&registry, "a");
    for algorithm in Algorithm::ALL {
        let built = image(&repo, algorithm.name()).await.build();
        let manifest = ManifestBytes::new(built.media_type, built.bytes, algorithm);
        assert_eq!(manifest.digest().algorithm(), algorithm);
        put(&repo, &manifest, &[algorithm.name(), "moved"]).await;
        assert_eq!(fetch(&repo, manifest.digest()).await.unwrap(), manifest);
        assert_eq!(fetch(&repo, tag("moved")).await.unwrap(), manifest);
        let index = manifest_of_index(&manifest, algorithm);
        put(&repo, &index, &[]).await;
        assert_eq!(fetch(&repo, index.digest()).await.unwrap(), index);
        repo.manifests().delete(&manifest.digest()).await.unwrap();
        assert!(!has(&repo, manifest.digest()).await && !has(&repo, tag("moved")).await);
    }
}

pub async fn manifests_are_listed_by_page(registry: Registry) {
    let repo = repository(&registry, "a");
    let Some(enumerator) = repo.manifests().enumerator() else { return };
    assert_pages(Vec::<Digest>::new(), &[], |page| enumerator.enumerate(page)).await;
    let mut digests = Vec::new();
    for seed in ["one", "two", "three", "four"] {
        let built = image(&repo, seed).await.build();
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let (media_type, bytes) = (built.media_type.clone(), built.bytes.clone());
            let manifest = ManifestBytes::new(media_type, bytes, algorithm);
            put(&repo, &manifest, &[]).await;
            digests.push(manifest.digest());
        }
    }
    let gone = digests.pop().unwrap();
    repo.manifests().delete(&gone).await.unwrap();
    let between = [&*unknown().to_string(), &gone.to_string()];
    assert_pages(digests, &between, |page| enumerator.enumerate(page)).await;
}

fn manifest_of_index(child: &ManifestBytes, algorithm: Algorithm) -> ManifestBytes {
    let built = IndexBuilder::new().manifest(child.descriptor()).build();
    ManifestBytes::new(built.media_type, built.bytes, algorithm)
}
