use wharf_core::ManifestStore;
use wharf_digest::Algorithm;
use wharf_driver::{Driver, ListRequest, PutMode, StoragePath};
use wharf_manifest::{ImageBuilder, IndexBuilder, MediaType};

use super::*;
use crate::{Options, fixture::Fixture};

fn subject() -> Descriptor {
    Descriptor::of(MediaType::oci_manifest(), Algorithm::Sha256, b"some subject")
}

/// A referrer, told from others by a number.
fn referrer(number: usize, artifact_type: &str) -> ImageBuilder {
    ImageBuilder::new(Descriptor::empty())
        .subject(subject())
        .artifact_type(artifact_type)
        .annotation("number", number.to_string())
}

async fn page(
    fixture: &Fixture,
    artifact_type: Option<&str>,
    request: PageRequest,
) -> Page<Descriptor> {
    fixture.referrers().referrers(&subject().digest, artifact_type, request).await.unwrap()
}

async fn all(fixture: &Fixture) -> Vec<Digest> {
    let page = page(fixture, None, PageRequest::first(1_000)).await;
    assert_eq!(page.next, None);
    page.items.iter().map(|referrer| referrer.digest).collect()
}

/// Stores so many referrers and returns their digests in order.
async fn with_referrers(fixture: &Fixture, numbers: std::ops::Range<usize>) -> Vec<Digest> {
    fixture.blob(b"{}").await;
    let mut digests = Vec::new();
    for number in numbers {
        digests.push(fixture.stored(&referrer(number, "a/b").build(), &[]).await);
    }
    digests.sort();
    digests
}

#[tokio::test]
async fn referrers_of_every_kind_are_listed() {
    let fixture = Fixture::new();
    assert_eq!(all(&fixture).await, []);
    fixture.blob(b"{}").await;
    let image = referrer(1, "a/b").build();
    let untyped = ImageBuilder::new(Descriptor::empty()).subject(subject()).build();
    let index = IndexBuilder::new().subject(subject()).annotation("x", "y").build();
    for built in [&image, &untyped, &index] {
        let stored = fixture.put(built, &[]).await.unwrap();
        assert_eq!(stored.subject, Some(subject().digest));
    }
    fixture.stored(&ImageBuilder::new(Descriptor::empty()).build(), &[]).await;

    let listed = page(&fixture, None, PageRequest::first(10)).await.items;
    assert!(listed.is_sorted_by_key(|referrer| referrer.digest.to_string()));
    let find = |digest| listed.iter().find(|referrer| referrer.digest == digest).unwrap();
    let image = image.descriptor(Algorithm::Sha256);
    assert_eq!(find(image.digest).artifact_type.as_deref(), Some("a/b"));
    assert_eq!(find(image.digest).annotations["number"], "1");
    assert_eq!(
        (&find(image.digest).media_type, find(image.digest).size),
        (&image.media_type, image.size)
    );
    let untyped = find(Digest::sha256(&untyped.bytes));
    assert_eq!(untyped.artifact_type.as_deref(), Some("application/vnd.oci.empty.v1+json"));
    let index = find(Digest::sha256(&index.bytes));
    assert_eq!((index.artifact_type.as_deref(), index.annotations["x"].as_str()), (None, "y"));
    assert_eq!(listed.len(), 3);

    let typed = page(&fixture, Some("a/b"), PageRequest::first(10)).await.items;
    assert_eq!(typed.iter().map(|referrer| referrer.digest).collect::<Vec<_>>(), [image.digest]);
    assert_eq!(page(&fixture, Some("none"), PageRequest::first(10)).await, Page::empty());
}

#[tokio::test]
async fn pages_hold_every_referrer_once() {
    let fixture = Fixture::new();
    let digests = with_referrers(&fixture, 0..(BATCH + 10)).await;
    for limit in [1, 7, digests.len() - 1, digests.len()] {
        let (mut found, mut request) = (Vec::new(), PageRequest::first(limit));
        loop {
            let page = page(&fixture, None, request.clone()).await;
            found.extend(page.items.iter().map(|referrer| referrer.digest));
            assert!(page.items.len() == limit || page.next.is_none());
            match page.next {
                Some(next) => request.after = Some(next),
                None => break,
            }
        }
        assert_eq!(found, digests, "pages of {limit}");
    }
    assert_eq!(page(&fixture, None, PageRequest::first(0)).await, Page::empty());
}

#[tokio::test]
async fn a_page_ends_before_four_megabytes() {
    let fixture = Fixture::new();
    fixture.blob(b"{}").await;
    for number in 0..5 {
        let large = referrer(number, "a/b").annotation("large", "x".repeat(1_500_000));
        fixture.stored(&large.build(), &[]).await;
    }
    let (mut request, mut counts) = (PageRequest::first(1_000), Vec::new());
    loop {
        let page = page(&fixture, None, request.clone()).await;
        assert!(serde_json::to_vec(&page.items).unwrap().len() < 4 << 20);
        counts.push(page.items.len());
        match page.next {
            Some(next) => request.after = Some(next),
            None => break,
        }
    }
    assert_eq!(counts, [2, 2, 1]);
}

#[tokio::test]
async fn a_deleted_referrer_is_gone() {
    let fixture = Fixture::new();
    let digests = with_referrers(&fixture, 0..2).await;
    fixture.manifests().delete(&digests[0]).await.unwrap();
    assert_eq!(all(&fixture).await, digests[1..]);
    let link = layout::referrer_link(&fixture.scope.name, &subject().digest, &digests[0]);
    assert!(fixture.scope.driver().stat(&link).await.is_err());
}

#[tokio::test]
async fn an_entry_without_its_manifest_is_left_out() {
    let fixture = Fixture::new();
    let digests = with_referrers(&fixture, 0..2).await;
    // What a crash leaves between the entry and the revision link.
    let revision = layout::revision_link(&fixture.scope.name, &digests[0]);
    fixture.scope.vault().unlink(&revision).await.unwrap();
    assert_eq!(all(&fixture).await, digests[1..]);
}

#[tokio::test]
async fn damaged_entries_are_made_anew() {
    let fixture = Fixture::new();
    let digests = with_referrers(&fixture, 0..1).await;
    let link = layout::referrer_link(&fixture.scope.name, &subject().digest, &digests[0]);
    for content in ["", "{", "sha256:00"] {
        fixture.scope.driver().put(&link, content.into(), PutMode::Overwrite).await.unwrap();
        let listed = page(&fixture, None, PageRequest::first(10)).await.items;
        assert_eq!(listed[0].annotations["number"], "0", "{content:?}");
    }
}

#[tokio::test]
async fn a_foreign_repository_is_read_once() {
    let fixture = Fixture::new();
    let first = fixture.foreign(&referrer(1, "a/b").build()).await;
    fixture.write("_manifests/revisions/sha256/nonsense/link", "nonsense").await;
    let broken = fixture.foreign(&referrer(2, "a/b").build()).await;
    crate::fixture::damage(&fixture.driver, &broken, b"damaged").await;

    let read_only = fixture.restarted(Options { read_only: true.into(), ..Options::default() });
    assert_eq!(all(&read_only).await, [first]);
    assert!(!fixture.exists("_manifests/referrers/complete").await);

    assert_eq!(all(&fixture).await, [first]);
    assert!(fixture.exists("_manifests/referrers/complete").await);
    // Written by someone who does not know of the folder, and who left no tagged index.
    fixture.foreign(&referrer(3, "a/b").build()).await;
    assert_eq!(all(&fixture).await, [first]);
    let mut both = vec![first, fixture.stored_referrer(4).await];
    both.sort();
    assert_eq!(all(&fixture).await, both);
}

#[tokio::test]
async fn asking_creates_no_repository() {
    let fixture = Fixture::new();
    assert_eq!(all(&fixture).await, []);
    let anything = ListRequest { after: None, limit: 1 };
    let listing = fixture.scope.driver().list(&StoragePath::root(), anything).await.unwrap();
    assert_eq!(listing.entries, []);
}

#[tokio::test]
async fn the_tagged_index_of_clients_is_merged_in() {
    let fixture = Fixture::new();
    let entered = fixture.stored_referrer(1).await;
    assert_eq!(all(&fixture).await, [entered]);

    // While distribution serves the store, clients write manifests and the index.
    let built = referrer(2, "c/d").build();
    let tagged = fixture.foreign(&built).await;
    let listed =
        Descriptor { artifact_type: Some("c/d".into()), ..built.descriptor(Algorithm::Sha256) };
    let gone = Descriptor::of(MediaType::oci_manifest(), Algorithm::Sha256, b"gone");
    let again = Descriptor::new(MediaType::oci_manifest(), entered, 1);
    let index =
        [listed, gone, again].into_iter().fold(IndexBuilder::new(), IndexBuilder::manifest).build();
    let index = fixture.foreign(&index).await;
    let tag = subject().digest.to_string().replace(':', "-");
    fixture.write(&format!("_manifests/tags/{tag}/current/link"), index.to_string()).await;

    let mut both = vec![entered, tagged];
    both.sort();
    assert_eq!(all(&fixture).await, both);
    let typed = page(&fixture, Some("c/d"), PageRequest::first(10)).await.items;
    assert_eq!(typed.iter().map(|referrer| referrer.digest).collect::<Vec<_>>(), [tagged]);
    for limit in [1, 2] {
        let first = page(&fixture, None, PageRequest::first(limit)).await;
        assert_eq!(first.items.len(), limit);
        assert_eq!(first.next.is_some(), limit == 1);
        let own = first.items.iter().find(|referrer| referrer.digest == entered);
        assert!(own.is_none_or(|own| own.size > 1), "the folder knows better");
    }

    // A tag that points to something else means nothing.
    fixture.write(&format!("_manifests/tags/{tag}/current/link"), entered.to_string()).await;
    assert_eq!(all(&fixture).await, [entered]);
}

#[tokio::test]
async fn what_is_remembered_brings_nobody_back() {
    let fixture = Fixture::new();
    let digests = with_referrers(&fixture, 0..4).await;
    let (revision, entry) = (
        layout::revision_link(&fixture.scope.name, &digests[1]),
        layout::referrer_link(&fixture.scope.name, &subject().digest, &digests[2]),
    );
    assert_eq!(all(&fixture).await, digests);
    // By us, by a program that knows nothing of entries, and by one that knows nothing else.
    fixture.manifests().delete(&digests[0]).await.unwrap();
    assert_eq!(all(&fixture).await, digests[1..]);
    fixture.driver.delete(&revision).await.unwrap();
    assert_eq!(all(&fixture).await, digests[2..]);
    fixture.driver.delete_below(&entry.parent().unwrap()).await.unwrap();
    assert_eq!(all(&fixture).await, digests[3..]);
    // Another repository never had them, and the subject does not matter.
    let other = fixture.restarted(Options::default());
    assert_eq!(all(&other).await, digests[3..]);
    assert!(fixture.manifests().delete(&subject().digest).await.is_err());
    assert_eq!(all(&fixture).await, digests[3..]);
    // Pushed again, they are back.
    assert_eq!(with_referrers(&fixture, 0..4).await, digests);
    assert_eq!(all(&fixture).await, digests);
}

#[tokio::test]
async fn the_type_is_asked_of_what_is_remembered_too() {
    let fixture = Fixture::new();
    fixture.blob(b"{}").await;
    let mut typed = Vec::new();
    for number in 0..40 {
        let artifact_type = if number % 3 == 0 { "a/b" } else { "c/d" };
        let digest = fixture.stored(&referrer(number, artifact_type).build(), &[]).await;
        if number % 3 == 0 {
            typed.push(digest);
        }
    }
    typed.sort();
    for artifact_type in [None, Some("a/b"), Some("a/b"), Some("none"), None] {
        let listed = page(&fixture, artifact_type, PageRequest::first(100)).await.items;
        let digests: Vec<_> = listed.iter().map(|referrer| referrer.digest).collect();
        match artifact_type {
            None => assert_eq!(digests.len(), 40),
            Some("a/b") => assert_eq!(digests, typed),
            Some(_) => assert_eq!(digests, []),
        }
    }
    // By pages, of which none begins again.
    let first = page(&fixture, Some("a/b"), PageRequest::first(5)).await;
    let rest = PageRequest { after: first.next, limit: 100 };
    let rest = page(&fixture, Some("a/b"), rest).await.items;
    let paged = first.items.iter().chain(&rest).map(|referrer| referrer.digest);
    assert_eq!(paged.collect::<Vec<_>>(), typed);
}

impl Fixture {
    async fn stored_referrer(&self, number: usize) -> Digest {
        self.blob(b"{}").await;
        self.stored(&referrer(number, "a/b").build(), &[]).await
    }
}
