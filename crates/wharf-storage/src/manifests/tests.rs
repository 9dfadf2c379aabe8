use bytes::Bytes;
use wharf_core::{ErrorKind, TagStore};
use wharf_digest::Algorithm;
use wharf_manifest::{
    Built, Descriptor, ImageBuilder, IndexBuilder, ManifestError, MediaType, Platform, media_types,
};

use super::*;
use crate::{
    ManifestPolicy, Options, PlatformFilter, Platforms, UrlPolicy,
    fixture::{Fixture, damage, lose, tag},
};

fn policy(manifests: ManifestPolicy) -> Options {
    Options { manifests, ..Options::default() }
}

fn absent(content: &[u8]) -> Descriptor {
    Descriptor::of(MediaType::octet_stream(), Algorithm::Sha256, content)
}

fn child(content: &[u8]) -> Descriptor {
    Descriptor::of(MediaType::oci_manifest(), Algorithm::Sha256, content)
}

#[track_caller]
fn missing(result: Result<Stored>) -> Vec<Digest> {
    match result.unwrap_err().into_kind() {
        ErrorKind::ManifestReferencesUnknown(digests) => digests,
        kind => panic!("{kind}"),
    }
}

#[track_caller]
fn is_unknown<T>(result: Result<T>) -> bool {
    matches!(result.err().unwrap().kind(), ErrorKind::ManifestUnknown { .. })
}

// === storing and reading ===

#[tokio::test]
async fn what_was_put_is_got() {
    let fixture = Fixture::new();
    let built = fixture.image(b"layer").await.build();
    let stored = fixture.put(&built, &["latest"]).await.unwrap();
    assert_eq!(stored.descriptor, built.descriptor(Algorithm::Sha256));
    assert_eq!((stored.subject, stored.tags), (None, vec![tag("latest")]));

    let digest = stored.descriptor.digest;
    for found in [fixture.get(digest).await.unwrap(), fixture.get(tag("latest")).await.unwrap()] {
        assert_eq!((found.bytes(), found.media_type()), (&built.bytes, &built.media_type));
    }
    let resolved = fixture.manifests().resolve(&tag("latest").into()).await.unwrap();
    assert_eq!(resolved, stored.descriptor);
    let options = GetOptions { if_none_match: vec![digest], ..GetOptions::default() };
    let fetched = fixture.manifests().get(&tag("latest").into(), options).await.unwrap();
    assert!(matches!(fetched, Fetched::NotModified(known) if known == stored.descriptor));
    let page = fixture.manifests().enumerate(PageRequest::first(10)).await.unwrap();
    assert_eq!(page.items, [digest]);
}

/// distribution answers 304 there (defect 9).
#[tokio::test]
async fn what_does_not_exist_is_never_unmodified() {
    let digest = Digest::sha256(b"nowhere");
    let options = GetOptions { if_none_match: vec![digest], ..GetOptions::default() };
    assert!(is_unknown(Fixture::new().manifests().get(&digest.into(), options).await));
}

#[tokio::test]
async fn links_are_those_of_distribution() {
    let fixture = Fixture::new();
    let digest = fixture.stored(&fixture.image(b"layer").await.build(), &["latest"]).await;
    let hex = digest.encoded();
    for link in [
        format!("_manifests/revisions/sha256/{hex}/link"),
        format!("_manifests/tags/latest/index/sha256/{hex}/link"),
        "_manifests/tags/latest/current/link".to_owned(),
    ] {
        let path = layout::repository(&fixture.scope.name).join(&link).unwrap();
        let content = fixture.scope.driver().get(&path, 1024).await.unwrap();
        assert_eq!(content, digest.to_string(), "{link}");
    }
    assert!(!fixture.exists(&format!("_layers/sha256/{hex}/link")).await);
}

#[tokio::test]
async fn sha512_is_first_class() {
    let fixture = Fixture::new();
    let built = fixture.image(b"layer").await.build();
    let manifest =
        ManifestBytes::new(built.media_type.clone(), built.bytes.clone(), Algorithm::Sha512);
    let digest = manifest.digest();
    let options = PutOptions { tags: vec![tag("a")], ..PutOptions::default() };
    fixture.manifests().put(manifest.clone(), options).await.unwrap();
    assert_eq!(fixture.get(digest).await.unwrap(), manifest);
    assert_eq!(fixture.get(tag("a")).await.unwrap().digest(), digest);
    assert!(is_unknown(fixture.get(Digest::sha256(&built.bytes)).await));
}

// === references ===

#[tokio::test]
async fn everything_missing_is_named_once() {
    let fixture = Fixture::new();
    let layers = [absent(b"one"), fixture.blob(b"there").await, absent(b"two"), absent(b"one")];
    let image =
        layers.iter().cloned().fold(ImageBuilder::new(absent(b"config")), ImageBuilder::layer);
    let named = missing(fixture.put(&image.build(), &["latest"]).await);
    assert_eq!(named, [absent(b"config"), absent(b"one"), absent(b"two")].map(|d| d.digest));
    assert!(is_unknown(fixture.get(tag("latest")).await));
    assert!(!fixture.exists("_manifests/tags/latest/current/link").await);

    let manifest =
        ManifestBytes::new(MediaType::oci_manifest(), image.build().bytes, Algorithm::Sha256);
    let options = PutOptions { skip_reference_checks: true, ..PutOptions::default() };
    assert!(fixture.manifests().put(manifest, options).await.is_ok());
}

#[tokio::test]
async fn a_blob_counts_only_with_link_and_data() {
    let fixture = Fixture::new();
    let image = fixture.image(b"layer").await;
    let layer = absent(b"layer").digest;
    lose(&fixture.driver, &layer).await;
    assert_eq!(missing(fixture.put(&image.build(), &[]).await), [layer]);

    let other = Fixture::new();
    other.blob(b"layer").await;
    other.scope.vault().unlink(&layout::layer_link(&other.scope.name, &layer)).await.unwrap();
    other.blob(b"{}").await;
    assert_eq!(missing(other.put(&image.build(), &[]).await), [layer]);
}

/// distribution takes any size (defect 10).
#[tokio::test]
async fn a_wrong_size_is_refused() {
    let fixture = Fixture::new();
    fixture.blob(b"{}").await;
    let wrong = Descriptor { size: 6, ..fixture.blob(b"layer").await };
    let image = ImageBuilder::new(Descriptor::empty()).layer(wrong).build();
    let refused = fixture.put(&image, &[]).await.unwrap_err();
    assert!(matches!(refused.kind(), ErrorKind::ManifestInvalid(ManifestError::Invalid { .. })));
    assert!(refused.to_string().starts_with("manifest invalid: layers[0].size: is 6"), "{refused}");

    let wrong = Descriptor { size: 7, ..Descriptor::empty() };
    let refused = fixture.put(&ImageBuilder::new(wrong).build(), &[]).await.unwrap_err();
    assert!(refused.to_string().contains("config.size: is 7"), "{refused}");
}

#[tokio::test]
async fn layers_that_lie_elsewhere() {
    let url = |url: &str| {
        let media_type = MediaType::parse(media_types::OCI_LAYER_NONDISTRIBUTABLE).unwrap();
        let layer = Descriptor {
            urls: vec![url.into()],
            ..Descriptor::of(media_type, Algorithm::Sha256, b"far")
        };
        ImageBuilder::new(Descriptor::empty()).layer(layer).build()
    };
    let example = UrlPolicy {
        allow: vec![std::sync::Arc::new(|url| url.starts_with("https://example.com/"))],
        deny: vec![std::sync::Arc::new(|url| url.contains("secret"))],
    };
    let deny = UrlPolicy { allow: Vec::new(), ..example.clone() };
    for (urls, text, expected) in [
        (None, "https://anywhere", true),
        (None, "ftp://anywhere", false),
        (None, "https://anywhere/#fragment", false),
        (Some(&example), "https://example.com/a", true),
        (Some(&example), "https://example.com/secret", false),
        (Some(&example), "https://anywhere", false),
        (Some(&deny), "https://anywhere", true),
        (Some(&deny), "https://secret", false),
        (Some(&UrlPolicy::default()), "https://anywhere", false),
    ] {
        let policy = ManifestPolicy { urls: urls.cloned(), ..ManifestPolicy::default() };
        let fixture = Fixture::with(crate::Options { manifests: policy, ..Options::default() });
        fixture.blob(b"{}").await;
        let result = fixture.put(&url(text), &[]).await;
        assert_eq!(result.is_ok(), expected, "{text}: {result:?}");
        if let Err(error) = result {
            assert_eq!(error.to_string(), "manifest refused: layers[0].urls[0]: not allowed");
        }
    }

    // An ordinary layer has to be there, wherever else it may be had; so has one without URLs.
    let fixture = Fixture::new();
    fixture.blob(b"{}").await;
    let ordinary = Descriptor { urls: vec!["https://a/b".into()], ..absent(b"far") };
    let foreign = Descriptor {
        media_type: MediaType::parse(media_types::DOCKER_LAYER_FOREIGN).unwrap(),
        ..absent(b"far")
    };
    for layer in [ordinary, foreign] {
        let image = ImageBuilder::new(Descriptor::empty()).layer(layer.clone()).build();
        assert_eq!(missing(fixture.put(&image, &[]).await), [layer.digest]);
    }
}

#[tokio::test]
async fn sparse_lets_layers_be_missing_but_not_wrong() {
    let fixture = Fixture::with(policy(ManifestPolicy { sparse: true, ..Default::default() }));
    fixture.blob(b"{}").await;
    let image = |layer| ImageBuilder::new(Descriptor::empty()).layer(layer).build();
    fixture.stored(&image(absent(b"far")), &[]).await;
    let wrong = Descriptor { size: 1, ..fixture.blob(b"near").await };
    assert!(fixture.put(&image(wrong), &[]).await.is_err());
    let no_config = ImageBuilder::new(absent(b"config")).build();
    assert_eq!(missing(fixture.put(&no_config, &[]).await), [absent(b"config").digest]);
}

#[tokio::test]
async fn children_of_an_index() {
    let fixture = Fixture::new();
    let image = fixture.image(b"layer").await.build();
    fixture.stored(&image, &[]).await;
    let known = image.descriptor(Algorithm::Sha256);
    // BuildKit's cache lists layers.
    let layer = fixture.blob(b"cache layer").await;
    let index = IndexBuilder::new().manifest(known.clone()).manifest(layer);
    let nested = fixture.put(&index.build(), &[]).await.unwrap().descriptor;
    fixture.stored(&IndexBuilder::new().manifest(nested).build(), &[]).await;
    fixture.stored(&IndexBuilder::new().build(), &[]).await;

    let index = index.manifest(child(b"absent")).manifest(child(b"lost"));
    let named = missing(fixture.put(&index.build(), &[]).await);
    assert_eq!(named, [child(b"absent").digest, child(b"lost").digest]);
    let wrong = IndexBuilder::new().manifest(Descriptor { size: 1, ..known });
    let refused = fixture.put(&wrong.build(), &[]).await.unwrap_err();
    assert!(refused.to_string().contains("manifests[0].size: is 1"), "{refused}");
}

/// distribution panics at a child without a platform (defect 6).
#[tokio::test]
async fn platforms_decide_which_children_are_needed() {
    let of = |os: &str, architecture: &str| Descriptor {
        platform: Some(Platform {
            os: os.into(),
            architecture: architecture.into(),
            ..Platform::default()
        }),
        ..child(format!("{os}/{architecture}").as_bytes())
    };
    let index = [of("linux", "amd64"), of("linux", "arm64"), child(b"without")]
        .into_iter()
        .fold(IndexBuilder::new(), IndexBuilder::manifest)
        .build();
    let amd64 = PlatformFilter { architecture: "amd64".into(), os: "linux".into() };
    for (platforms, disabled, expected) in [
        (Platforms::All, false, 3),
        (Platforms::All, true, 0),
        (Platforms::None, false, 0),
        (Platforms::List(vec![amd64]), false, 1),
        (Platforms::List(vec![]), false, 0),
    ] {
        let message = format!("{platforms:?} {disabled}");
        let fixture =
            Fixture::with(policy(ManifestPolicy { platforms, disabled, ..Default::default() }));
        let result = fixture.put(&index, &[]).await;
        match expected {
            0 => assert!(result.is_ok(), "{message}"),
            n => assert_eq!(missing(result).len(), n, "{message}"),
        }
    }
}

#[tokio::test]
async fn what_is_refused_changes_nothing() {
    let fixture = Fixture::with(policy(ManifestPolicy { max_bytes: 100, ..Default::default() }));
    let large = ImageBuilder::new(Descriptor::empty()).annotation("a", "b".repeat(100)).build();
    let refused = fixture.put(&large, &["a"]).await.unwrap_err();
    assert!(matches!(refused.kind(), ErrorKind::ManifestTooLarge { limit: 100 }), "{refused}");
    let strange = Built { media_type: MediaType::oci_index(), bytes: Bytes::from_static(b"{}") };
    let refused = fixture.put(&strange, &["a"]).await.unwrap_err();
    assert!(matches!(refused.kind(), ErrorKind::ManifestInvalid(_)), "{refused}");
    let read_only = fixture.restarted(Options { read_only: true.into(), ..Options::default() });
    let refused = read_only.put(&IndexBuilder::new().build(), &["a"]).await.unwrap_err();
    assert!(matches!(refused.kind(), ErrorKind::Unsupported(_)), "{refused}");
    let request = wharf_driver::ListRequest { after: None, limit: 1 };
    let root = wharf_driver::StoragePath::root();
    assert!(fixture.scope.driver().list(&root, request).await.unwrap().entries.is_empty());
}

// === damaged and foreign stores ===

#[tokio::test]
async fn damaged_bytes_are_never_served_and_a_push_repairs_them() {
    let fixture = Fixture::new();
    let built = fixture.image(b"layer").await.build();
    let digest = fixture.stored(&built, &["latest"]).await;
    for content in [&b""[..], b"{", b"{\"schemaVersion\":2}"] {
        damage(&fixture.driver, &digest, content).await;
        for result in [fixture.get(digest).await, fixture.get(tag("latest")).await] {
            assert!(matches!(result.unwrap_err().kind(), ErrorKind::Corrupt(_)));
        }
        assert!(fixture.manifests().resolve(&digest.into()).await.is_err());
    }
    lose(&fixture.driver, &digest).await;
    assert!(is_unknown(fixture.get(digest).await));
    fixture.stored(&built, &[]).await;
    assert_eq!(fixture.get(tag("latest")).await.unwrap().bytes(), &built.bytes);
}

#[tokio::test]
async fn damaged_revision_links_are_unknown_and_skipped() {
    let fixture = Fixture::new();
    let image = fixture.image(b"layer").await;
    let digest = fixture.stored(&image.build(), &[]).await;
    let other = fixture.stored(&image.annotation("a", "b").build(), &[]).await;
    let link = format!("_manifests/revisions/sha256/{}/link", digest.encoded());
    for content in [String::new(), "sha256:".into(), format!("{digest}\n"), other.to_string()] {
        fixture.write(&link, content.clone()).await;
        assert!(is_unknown(fixture.get(digest).await), "{content:?}");
        let page = fixture.manifests().enumerate(PageRequest::first(10)).await.unwrap();
        assert_eq!(page.items, [other], "{content:?}");
    }
    fixture.manifests().delete(&digest).await.unwrap();
    assert!(!fixture.exists(&link).await);
}

#[tokio::test]
async fn aliases_of_distribution_are_followed() {
    let fixture = Fixture::new();
    let built = fixture.image(b"layer").await.build();
    let sha256 = fixture.foreign(&built).await;
    let sha512 = Digest::of(Algorithm::Sha512, &built.bytes);
    let link = format!("_manifests/revisions/sha512/{}/link", sha512.encoded());
    fixture.write(&link, sha256.to_string()).await;
    let found = fixture.get(sha512).await.unwrap();
    assert_eq!((found.digest(), found.bytes()), (sha512, &built.bytes));

    let layer = Digest::of(Algorithm::Sha512, b"layer");
    let link = format!("_layers/sha512/{}/link", layer.encoded());
    fixture.write(&link, Digest::sha256(b"layer").to_string()).await;
    let layer = Descriptor::of(MediaType::octet_stream(), Algorithm::Sha512, b"layer");
    let image = ImageBuilder::new(Descriptor::empty()).layer(layer);
    fixture.stored(&image.build(), &[]).await;
}

#[tokio::test]
async fn a_manifest_that_is_linked_as_a_blob_is_found_until_it_is_deleted() {
    let fixture = Fixture::new();
    let built = fixture.image(b"layer").await.build();
    let digest = Digest::sha256(&built.bytes);
    let link = layout::layer_link(&fixture.scope.name, &digest);
    fixture.scope.vault().put(&digest, built.bytes.clone(), link).await.unwrap();
    fixture.write("_manifests/tags/old/current/link", digest.to_string()).await;
    assert_eq!(fixture.get(tag("old")).await.unwrap().bytes(), &built.bytes);
    assert!(is_unknown(fixture.get(Digest::sha256(b"layer")).await));

    fixture.manifests().delete(&digest).await.unwrap();
    assert!(is_unknown(fixture.get(digest).await));
    assert!(is_unknown(fixture.get(tag("old")).await));
}

/// Old stores hold schema 1 manifests, at which distribution's collector gives up (defect 11).
#[tokio::test]
async fn schema_1_is_listed_and_deleted_but_not_served() {
    let fixture = Fixture::new();
    let bytes = Bytes::from_static(br#"{"schemaVersion":1,"name":"a","fsLayers":[]}"#);
    let digest = fixture.foreign(&Built { media_type: MediaType::oci_manifest(), bytes }).await;
    let refused = fixture.get(digest).await.unwrap_err();
    assert!(matches!(refused.kind(), ErrorKind::ManifestInvalid(ManifestError::Schema1)));
    let page = fixture.manifests().enumerate(PageRequest::first(10)).await.unwrap();
    assert_eq!(page.items, [digest]);
    fixture.manifests().delete(&digest).await.unwrap();
    assert!(is_unknown(fixture.get(digest).await));
}

// === deleting ===

#[tokio::test]
async fn a_manifest_goes_with_its_tags() {
    let fixture = Fixture::new();
    let image = fixture.image(b"layer").await;
    let doomed = fixture.stored(&image.build(), &["a", "b", "moved"]).await;
    let kept = fixture.stored(&image.annotation("a", "b").build(), &["moved", "z"]).await;
    fixture.manifests().delete(&doomed).await.unwrap();

    assert!(is_unknown(fixture.get(doomed).await));
    for name in ["a", "b"] {
        assert!(is_unknown(fixture.get(tag(name)).await), "{name}");
    }
    let left = fixture.tags().list(PageRequest::first(10)).await.unwrap().items;
    assert_eq!(left, [tag("moved"), tag("z")]);
    assert_eq!(fixture.get(tag("moved")).await.unwrap().digest(), kept);
    assert!(is_unknown(fixture.manifests().delete(&doomed).await));
    assert!(is_unknown(Fixture::new().manifests().delete(&doomed).await));
}

#[tokio::test]
async fn deletes_can_be_off() {
    let fixture = Fixture::with(Options::default());
    let digest = fixture.stored(&fixture.image(b"layer").await.build(), &[]).await;
    let refused = fixture.manifests().delete(&digest).await.unwrap_err();
    assert!(matches!(refused.kind(), ErrorKind::Unsupported(_)), "{refused}");
    assert!(fixture.get(digest).await.is_ok());
}
