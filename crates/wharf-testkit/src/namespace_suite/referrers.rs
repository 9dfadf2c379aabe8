//! What refers to a manifest.

use wharf_core::{ManifestBytes, PageRequest, ReferrerLister};
use wharf_digest::{Algorithm, Digest};
use wharf_manifest::{Built, Descriptor, ImageBuilder, IndexBuilder, MediaType, media_types};

use super::support::*;

const SIGNATURE: &str = "application/vnd.example.signature";
const SBOM: &str = "application/vnd.example.sbom+json";

pub async fn referrers_are_listed_with_what_they_say(registry: Registry) {
    let repo = repository(&registry, "a/b");
    let subject = push_image(&repo, "one", &["latest"]).await;
    let built = image(&repo, "signature").await;
    let built = built.artifact_type(SIGNATURE).annotation("who", "me").annotation("é", "\"\n\"");
    let signature = manifest(built.subject(subject.descriptor()).build());
    let stored = put(&repo, &signature, &["signature"]).await;
    assert_eq!(stored.subject, Some(subject.digest()));

    let page = lister(&repo).referrers(&subject.digest(), None, PageRequest::first(10)).await;
    let page = page.unwrap();
    let mut expected = signature.descriptor();
    expected.artifact_type = Some(SIGNATURE.into());
    expected.annotations.insert("who".into(), "me".into());
    expected.annotations.insert("é".into(), "\"\n\"".into());
    assert_eq!((page.items, page.next), (vec![expected], None));
    // Once more is not twice.
    put(&repo, &signature, &[]).await;
    assert_eq!(digests(&repo, &subject.digest(), None).await, [signature.digest()]);
}

pub async fn nothing_refers_to_the_unknown(registry: Registry) {
    let repo = repository(&registry, "a");
    assert!(digests(&repo, &unknown(), None).await.is_empty());
    let image = push_image(&repo, "one", &[]).await;
    for digest in [unknown(), image.digest(), Digest::of(Algorithm::Sha512, b"")] {
        assert!(digests(&repo, &digest, None).await.is_empty());
        assert!(digests(&repo, &digest, Some(SBOM)).await.is_empty());
    }
}

pub async fn a_subject_need_not_exist(registry: Registry) {
    let repo = repository(&registry, "a");
    let subject = manifest(image(&repo, "later").await.build());
    let signature = refer(&repo, &subject.descriptor(), SIGNATURE, "x").await;
    assert_eq!(digests(&repo, &subject.digest(), None).await, [signature.digest()]);
    assert!(!has(&repo, subject.digest()).await);
    put(&repo, &subject, &[]).await;
    assert_eq!(digests(&repo, &subject.digest(), None).await, [signature.digest()]);
}

pub async fn an_image_may_leave_its_type_to_its_configuration(registry: Registry) {
    let repo = repository(&registry, "a");
    let subject = push_image(&repo, "one", &[]).await.descriptor();
    let built = image(&repo, "referrer").await.subject(subject.clone());
    let referrer = manifest(built.build());
    put(&repo, &referrer, &[]).await;
    let found = all(&repo, &subject.digest, None).await;
    assert_eq!(found[0].artifact_type.as_deref(), Some(media_types::OCI_CONFIG));
    let filtered = digests(&repo, &subject.digest, Some(media_types::OCI_CONFIG)).await;
    assert_eq!(filtered, [referrer.digest()]);
}

pub async fn an_index_can_refer(registry: Registry) {
    let repo = repository(&registry, "a");
    let subject = push_image(&repo, "one", &[]).await.descriptor();
    let index = IndexBuilder::new().subject(subject.clone());
    let typed = manifest(index.clone().artifact_type(SBOM).build());
    let untyped = manifest(index.annotation("type", "none").build());
    for index in [&typed, &untyped] {
        assert_eq!(put(&repo, index, &[]).await.subject, Some(subject.digest));
    }
    for found in all(&repo, &subject.digest, None).await {
        let expected = (found.digest == typed.digest()).then_some(SBOM);
        assert_eq!(found.artifact_type.as_deref(), expected);
        assert_eq!(found.media_type, MediaType::oci_index());
    }
    assert_eq!(digests(&repo, &subject.digest, None).await.len(), 2);
    assert_eq!(digests(&repo, &subject.digest, Some(SBOM)).await, [typed.digest()]);
}

pub async fn referrers_are_filtered(registry: Registry) {
    let repo = repository(&registry, "a");
    let subject = push_image(&repo, "one", &[]).await.descriptor();
    let other = push_image(&repo, "two", &[]).await.descriptor();
    let mut signatures = Vec::new();
    for seed in ["x", "y", "z"] {
        signatures.push(refer(&repo, &subject, SIGNATURE, seed).await.digest());
        refer(&repo, &subject, SBOM, seed).await;
        refer(&repo, &other, SIGNATURE, seed).await;
    }
    signatures.sort();
    assert_eq!(digests(&repo, &subject.digest, Some(SIGNATURE)).await, signatures);
    assert_eq!(digests(&repo, &subject.digest, Some(SBOM)).await.len(), 3);
    assert_eq!(digests(&repo, &subject.digest, None).await.len(), 6);
    for none in ["application/vnd.example", "signature", ""] {
        assert!(digests(&repo, &subject.digest, Some(none)).await.is_empty(), "{none}");
    }
    // Filters and pages go together.
    let list = |page| lister(&repo).referrers(&subject.digest, Some(SIGNATURE), page);
    let between = unknown().to_string();
    let names = signatures.iter().map(Digest::to_string);
    assert_pages(names, &[&between], |page| named(list(page))).await;
}

pub async fn referrers_are_listed_by_page(registry: Registry) {
    let repo = repository(&registry, "a");
    let subject = push_image(&repo, "one", &[]).await.descriptor();
    let mut expected = Vec::new();
    for seed in 0..9 {
        expected.push(refer(&repo, &subject, SBOM, &seed.to_string()).await.digest());
    }
    let list = |page| lister(&repo).referrers(&subject.digest, None, page);
    let between = unknown().to_string();
    assert_pages(expected, &[&between], |page| named(list(page))).await;
}

pub async fn what_is_deleted_refers_no_more(registry: Registry) {
    let repo = repository(&registry, "a");
    let subject = push_image(&repo, "one", &[]).await.descriptor();
    let gone = refer(&repo, &subject, SBOM, "gone").await;
    let kept = refer(&repo, &subject, SBOM, "kept").await;
    assert_eq!(digests(&repo, &subject.digest, None).await.len(), 2);
    repo.manifests().delete(&gone.digest()).await.unwrap();
    assert_eq!(digests(&repo, &subject.digest, None).await, [kept.digest()]);
    put(&repo, &gone, &[]).await;
    assert_eq!(digests(&repo, &subject.digest, None).await.len(), 2);
}

pub async fn another_repository_does_not_see_them(registry: Registry) {
    let (a, b) = (repository(&registry, "a"), repository(&registry, "b"));
    let subject = push_image(&a, "one", &[]).await.descriptor();
    push_image(&b, "one", &[]).await;
    refer(&a, &subject, SBOM, "x").await;
    assert!(digests(&b, &subject.digest, None).await.is_empty());
}

pub async fn every_algorithm(registry: Registry) {
    let repo = repository(&registry, "a");
    for algorithm in Algorithm::ALL {
        let seed = algorithm.name();
        let subject = hashed(image(&repo, &format!("subject {seed}")).await.build(), algorithm);
        put(&repo, &subject, &[]).await;
        let mut expected = Vec::new();
        for algorithm in Algorithm::ALL {
            let built = image(&repo, &format!("{seed} {algorithm}")).await;
            let built = built.artifact_type(SBOM).subject(subject.descriptor()).build();
            let referrer = hashed(built, algorithm);
            put(&repo, &referrer, &[]).await;
            expected.push(referrer.digest());
        }
        expected.sort();
        assert_eq!(digests(&repo, &subject.digest(), None).await, expected);
    }
}

pub async fn a_page_has_a_limit_of_bytes(registry: Registry) {
    const MOST: usize = 4 << 20;
    let repo = repository(&registry, "a");
    let subject = push_image(&repo, "one", &[]).await.descriptor();
    let long = "x".repeat(300_000);
    let mut expected = Vec::new();
    for seed in 0..20 {
        let built = ImageBuilder::new(config(&repo).await).subject(subject.clone());
        let built = built.annotation("long", &*long).annotation("seed", seed.to_string());
        let referrer = manifest(built.build());
        put(&repo, &referrer, &[]).await;
        expected.push(referrer.digest());
    }
    expected.sort();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = PageRequest { after, limit: 100 };
        let page = lister(&repo).referrers(&subject.digest, None, page).await.unwrap();
        let bytes: usize = page
            .items
            .iter()
            .map(|item| item.annotations.values().map(String::len).sum::<usize>())
            .sum();
        assert!(bytes <= MOST, "{bytes} bytes in a page");
        assert!(!page.items.is_empty());
        found.extend(page.items.into_iter().map(|item| item.digest));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, expected);
}

fn lister(repo: &Repo) -> &dyn ReferrerLister {
    repo.referrers().expect("referrers are known")
}

/// Pushes an artifact about `subject`.
async fn refer(
    repo: &Repo,
    subject: &Descriptor,
    artifact_type: &str,
    seed: &str,
) -> ManifestBytes {
    let built = ImageBuilder::new(config(repo).await).artifact_type(artifact_type);
    let built = built.annotation("seed", seed).subject(subject.clone()).build();
    let manifest = manifest(built);
    assert_eq!(put(repo, &manifest, &[]).await.subject, Some(subject.digest));
    manifest
}

async fn config(repo: &Repo) -> Descriptor {
    push(repo, "{}").await;
    Descriptor::empty()
}

fn hashed(built: Built, algorithm: Algorithm) -> ManifestBytes {
    ManifestBytes::new(built.media_type, built.bytes, algorithm)
}

async fn all(repo: &Repo, subject: &Digest, artifact_type: Option<&str>) -> Vec<Descriptor> {
    let page = PageRequest::first(1000);
    let page = lister(repo).referrers(subject, artifact_type, page).await.unwrap();
    assert_eq!(page.next, None);
    page.items
}

async fn digests(repo: &Repo, subject: &Digest, artifact_type: Option<&str>) -> Vec<Digest> {
    all(repo, subject, artifact_type).await.into_iter().map(|found| found.digest).collect()
}

/// The digests of a page of descriptors.
async fn named(
    page: impl Future<Output = wharf_core::Result<wharf_core::Page<Descriptor>>>,
) -> wharf_core::Result<wharf_core::Page<Digest>> {
    let page = page.await?;
    let items = page.items.into_iter().map(|found| found.digest).collect();
    Ok(wharf_core::Page { items, next: page.next })
}
