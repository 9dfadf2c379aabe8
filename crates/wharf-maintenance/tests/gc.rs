//! What a collection removes and what it leaves, on stores as distribution and Wharf write them, and
//! on damaged ones.

mod store;

use std::{sync::Arc, time::Duration};

use wharf_digest::{Algorithm, Digest};
use wharf_driver::{ErrorKind, MemoryDriver};
use wharf_maintenance::gc::Options;
use wharf_manifest::{Descriptor, ImageBuilder, IndexBuilder, MediaType};
use wharf_testkit::faults::{Calls, Fault, FaultyDriver, When};

use self::store::Store;

/// Everything may go, however young.
fn all() -> Options {
    Options { min_age: Duration::ZERO, ..Options::default() }
}

fn untagged() -> Options {
    Options { untagged: true, ..all() }
}

// === what distribution's own suite asks for ===

#[tokio::test]
async fn nothing_goes_that_a_manifest_needs() {
    let store = Store::new();
    let image = store.image("a", &["1", "2"]).await;
    store.tag("a", "latest", image).await;
    let before = store.files().await;
    let report = store.collect(all()).await;
    assert_eq!((report.marked, report.blobs, report.links, report.manifests), (4, 0, 0, 0));
    assert_eq!(store.files().await, before);
}

#[tokio::test]
async fn an_empty_store_is_no_error() {
    let report = Store::new().collect(untagged()).await;
    assert_eq!((report.repositories, report.marked, report.findings), (0, 0, 0));
}

#[tokio::test]
async fn a_repository_without_manifests_is_no_error() {
    let store = Store::new();
    let layer = store.layer("a", "orphan").await;
    let report = store.collect(all()).await;
    assert_eq!((report.blobs, report.links, report.bytes), (1, 1, 6));
    assert!(!store.has_blob(&layer).await && !store.has_layer("a", &layer).await);
}

#[tokio::test]
async fn a_dry_run_counts_and_removes_nothing() {
    let store = Store::new();
    store.image("a", &["1"]).await;
    store.layer("a", "orphan").await;
    let before = store.files().await;
    let report = store.collect(Options { dry_run: true, ..untagged() }).await;
    assert_eq!((report.manifests, report.blobs, report.links), (1, 4, 3));
    assert_eq!(store.files().await, before);
}

#[tokio::test]
async fn an_untagged_manifest_goes_only_if_asked_for() {
    let store = Store::new();
    let image = store.image("a", &["1"]).await;
    assert_eq!(store.collect(all()).await.manifests, 0);
    assert!(store.has_manifest("a", &image).await);
    let report = store.collect(untagged()).await;
    assert_eq!((report.manifests, report.blobs, report.links), (1, 3, 2));
    assert!(!store.has_manifest("a", &image).await && !store.has_blob(&image).await);
    assert_eq!(store.collect(untagged()).await.marked, 0);
}

#[tokio::test]
async fn a_tag_forgets_what_it_pointed_to() {
    let store = Store::new();
    let (old, new) = (store.image("a", &["1"]).await, store.image("a", &["2"]).await);
    store.tag("a", "latest", old).await;
    store.tag("a", "latest", new).await;
    store.collect(untagged()).await;
    assert!(
        !store.exists(&format!("a/_manifests/tags/latest/index/sha256/{}/link", old.hex())).await
    );
    assert!(
        store.exists(&format!("a/_manifests/tags/latest/index/sha256/{}/link", new.hex())).await
    );
    assert!(!store.has_manifest("a", &old).await && store.has_manifest("a", &new).await);
}

#[tokio::test]
async fn a_blob_that_two_images_share_stays_with_one() {
    let store = Store::new();
    let kept = store.image("a", &["shared", "1"]).await;
    store.tag("a", "v1", kept).await;
    store.image("b", &["shared", "2"]).await;
    let report = store.collect(untagged()).await;
    assert_eq!((report.manifests, report.blobs), (1, 2));
    assert!(store.has_blob(&Digest::sha256(b"shared")).await);
    assert!(!store.has_blob(&Digest::sha256(b"2")).await);
    // It can still be mounted from there.
    assert!(store.has_layer("b", &Digest::sha256(b"shared")).await);
}

#[tokio::test]
async fn the_children_of_a_tagged_index_stay() {
    let store = Store::new();
    let child = store.image("a", &["1"]).await;
    let inner = store.index("a", &[child]).await;
    let outer = store.index("a", &[inner]).await;
    store.tag("a", "v1", outer).await;
    let report = store.collect(untagged()).await;
    assert_eq!((report.manifests, report.blobs), (0, 0));
    assert!(store.has_manifest("a", &child).await);
}

#[tokio::test]
async fn an_untagged_index_goes_with_its_untagged_children_only() {
    let store = Store::new();
    let (one, two) = (store.image("a", &["1"]).await, store.image("a", &["2"]).await);
    let index = store.index("a", &[one, two]).await;
    store.tag("a", "one", one).await;
    let report = store.collect(untagged()).await;
    assert_eq!(report.manifests, 2);
    assert!(store.has_manifest("a", &one).await);
    assert!(!store.has_manifest("a", &two).await && !store.has_manifest("a", &index).await);
}

#[tokio::test]
async fn an_index_may_lack_children() {
    let store = Store::new();
    let (child, gone) = (store.image("a", &["1"]).await, store.image("a", &["2"]).await);
    let index = store.index("a", &[child, gone]).await;
    store.tag("a", "v1", index).await;
    store.lose_manifest("a", &gone).await;
    store.lose_blob(&gone).await;
    let report = store.collect(untagged()).await;
    // The layer of what is gone is needed by nobody.
    assert_eq!((report.findings, report.manifests, report.blobs), (0, 0, 1));
    assert!(store.has_manifest("a", &child).await && store.has_manifest("a", &index).await);
}

// === where the original fails ===

#[tokio::test]
async fn what_is_about_something_kept_is_kept() {
    let store = Store::new();
    let image = store.image("a", &["1"]).await;
    store.tag("a", "v1", image).await;
    let signature = store.about("a", image, "signature").await;
    let receipt = store.about("a", signature, "receipt").await;
    let old = store.image("a", &["2"]).await;
    let stale = store.about("a", old, "stale").await;
    let dangling = store.about("a", Digest::sha256(b"nowhere"), "dangling").await;
    let report = store.collect(untagged()).await;
    assert_eq!(report.manifests, 3);
    for kept in [image, signature, receipt] {
        assert!(store.has_manifest("a", &kept).await);
        assert!(store.has_blob(&kept).await);
    }
    assert!(store.has_blob(&Digest::sha256(b"receipt")).await);
    for gone in [old, stale, dangling] {
        assert!(!store.has_manifest("a", &gone).await && !store.has_blob(&gone).await);
    }
    let entry = format!("a/_manifests/referrers/sha256/{}/sha256/{}/link", old.hex(), stale.hex());
    assert!(!store.exists(&entry).await);
}

#[tokio::test]
async fn what_an_untagged_but_kept_index_lists_is_kept() {
    let store = Store::new();
    let image = store.image("a", &["1"]).await;
    store.tag("a", "v1", image).await;
    let child = store.image("a", &["attested"]).await;
    let descriptor = store.descriptor(MediaType::oci_manifest(), child).await;
    let about = store.descriptor(MediaType::oci_manifest(), image).await;
    let index = IndexBuilder::new().manifest(descriptor).subject(about).build();
    let index = store.manifest("a", &index, Algorithm::Sha256).await;
    let report = store.collect(untagged()).await;
    assert_eq!((report.manifests, report.blobs), (0, 0));
    assert!(store.has_manifest("a", &index).await && store.has_manifest("a", &child).await);
}

#[tokio::test]
async fn sha512_is_a_digest_like_any_other() {
    let store = Store::new();
    let layer = store.layer_of("a", "layer", Algorithm::Sha512).await;
    let orphan = store.layer_of("a", "orphan", Algorithm::Sha512).await;
    let descriptor = store.descriptor(MediaType::octet_stream(), layer).await;
    let config = store.config("a").await;
    let built = ImageBuilder::new(config).layer(descriptor).build();
    let image = store.manifest("a", &built, Algorithm::Sha512).await;
    store.tag("a", "v1", image).await;
    let report = store.collect(untagged()).await;
    assert_eq!((report.blobs, report.links, report.manifests), (1, 1, 0));
    assert!(store.has_blob(&layer).await && store.has_blob(&image).await);
    assert!(!store.has_blob(&orphan).await);
}

#[tokio::test]
async fn what_distribution_stored_under_another_digest_is_needed_too() {
    let store = Store::new();
    let stored = store.layer("a", "layer").await;
    let name = Digest::of(Algorithm::Sha512, b"layer");
    store.link(&format!("a/_layers/sha512/{}", name.hex()), &stored.to_string()).await;
    let unused = store.layer("a", "unused").await;
    let other = Digest::of(Algorithm::Sha512, b"unused");
    store.link(&format!("a/_layers/sha512/{}", other.hex()), &unused.to_string()).await;
    let descriptor = Descriptor::new(MediaType::octet_stream(), name, 5);
    let built = ImageBuilder::new(store.config("a").await).layer(descriptor).build();
    store.manifest("a", &built, Algorithm::Sha256).await;
    let report = store.collect(all()).await;
    assert_eq!((report.blobs, report.links, report.findings), (1, 2, 0));
    assert!(store.has_blob(&stored).await && store.has_layer("a", &name).await);
    assert!(!store.has_blob(&unused).await && !store.has_layer("a", &other).await);
}

#[tokio::test]
async fn an_alias_that_is_damaged_keeps_what_the_repository_links() {
    let store = Store::new();
    let stored = store.layer("a", "layer").await;
    let name = Digest::of(Algorithm::Sha512, b"layer");
    store.link(&format!("a/_layers/sha512/{}", name.hex()), "").await;
    let descriptor = Descriptor::new(MediaType::octet_stream(), name, 5);
    let built = ImageBuilder::new(store.config("a").await).layer(descriptor).build();
    store.manifest("a", &built, Algorithm::Sha256).await;
    let report = store.collect(all()).await;
    assert_eq!((report.blobs, report.findings), (0, 1));
    assert!(store.has_blob(&stored).await);
}

#[tokio::test]
async fn a_damaged_link_stops_nothing_and_costs_nothing() {
    for text in ["", "sha256:", "\u{0}", "sha256:0000", &"x".repeat(5000), "latest\n"] {
        let store = Store::new();
        let image = store.image("a", &["1"]).await;
        store.tag("a", "v1", image).await;
        let orphan = store.layer("a", "orphan").await;
        store.link(&format!("a/_manifests/revisions/sha256/{}", image.hex()), text).await;
        store.link(&format!("a/_layers/sha256/{}", Digest::sha256(b"1").hex()), text).await;
        let report = store.collect(untagged()).await;
        assert_eq!((report.findings, report.blobs, report.manifests), (1, 1, 0), "{text:?}");
        assert!(store.has_blob(&image).await && store.has_blob(&Digest::sha256(b"1")).await);
        assert!(!store.has_blob(&orphan).await);
    }
}

#[tokio::test]
async fn a_link_that_leads_elsewhere_keeps_what_its_name_says() {
    let store = Store::new();
    let (one, two) = (store.image("a", &["1"]).await, store.image("a", &["2"]).await);
    store.link(&format!("a/_manifests/revisions/sha256/{}", one.hex()), &two.to_string()).await;
    let report = store.collect(all()).await;
    assert_eq!((report.findings, report.blobs), (1, 0));
    assert!(store.has_blob(&one).await);
}

#[tokio::test]
async fn a_damaged_tag_keeps_all_it_ever_was() {
    let store = Store::new();
    let (old, new) = (store.image("a", &["1"]).await, store.image("a", &["2"]).await);
    let other = store.image("a", &["3"]).await;
    store.tag("a", "v1", old).await;
    store.tag("a", "v1", new).await;
    store.link("a/_manifests/tags/v1/current", "").await;
    let report = store.collect(untagged()).await;
    assert_eq!((report.findings, report.manifests), (1, 1));
    assert!(store.has_manifest("a", &old).await && store.has_manifest("a", &new).await);
    assert!(!store.has_manifest("a", &other).await);
}

#[tokio::test]
async fn half_a_tag_points_to_nothing() {
    let store = Store::new();
    let image = store.image("a", &["1"]).await;
    store.tag("a", "v1", image).await;
    store.remove("a/_manifests/tags/v1/current").await;
    let report = store.collect(untagged()).await;
    assert_eq!((report.findings, report.manifests), (0, 1));
}

#[tokio::test]
async fn a_manifest_whose_bytes_are_lost_keeps_what_its_repository_links() {
    for lost in [None, Some(""), Some("{}"), Some("\u{0}\u{0}")] {
        let store = Store::new();
        let image = store.image("a", &["1"]).await;
        let unrelated = store.layer("a", "unrelated").await;
        let elsewhere = store.layer("b", "elsewhere").await;
        match lost {
            None => store.lose_blob(&image).await,
            Some(bytes) => store.damage_blob(&image, bytes).await,
        }
        let report = store.collect(untagged()).await;
        assert_eq!((report.findings, report.blobs, report.manifests), (1, 1, 0), "{lost:?}");
        assert!(store.has_blob(&Digest::sha256(b"1")).await);
        assert!(store.has_blob(&unrelated).await && store.has_manifest("a", &image).await);
        assert!(!store.has_blob(&elsewhere).await);
    }
}

#[tokio::test]
async fn a_lost_index_keeps_every_untagged_manifest_of_its_repository() {
    let store = Store::new();
    let child = store.image("a", &["1"]).await;
    let index = store.index("a", &[child]).await;
    store.tag("a", "v1", index).await;
    store.damage_blob(&index, "{\"schemaVersion\":2").await;
    let report = store.collect(untagged()).await;
    assert_eq!((report.findings, report.manifests, report.blobs), (1, 0, 0));
    assert!(store.has_manifest("a", &child).await);
}

#[tokio::test]
async fn every_digest_in_a_manifest_of_no_known_kind_counts() {
    let store = Store::new();
    let (layer, escaped) = (store.layer("a", "1").await, store.layer("a", "2").await);
    let child = store.image("a", &["3"]).await;
    let orphan = store.layer("a", "orphan").await;
    let text = format!(
        r#"{{"mediaType":"application/vnd.oci.artifact.manifest.v1+json","blobs":["{layer}",
        "sha256\u003a{}"],"x":"{child}"}}"#,
        escaped.hex()
    );
    let manifest = store.bytes("a", &text).await;
    store.tag("a", "v1", manifest).await;
    let report = store.collect(untagged()).await;
    assert_eq!((report.findings, report.blobs, report.manifests), (1, 1, 0));
    assert!(store.has_blob(&layer).await && store.has_blob(&escaped).await);
    assert!(store.has_manifest("a", &child).await && store.has_blob(&Digest::sha256(b"3")).await);
    assert!(!store.has_blob(&orphan).await);
}

#[tokio::test]
async fn schema_1_marks_its_layers() {
    let store = Store::new();
    let layer = store.layer("a", "1").await;
    let text = format!(
        r#"{{"schemaVersion":1,"name":"a","tag":"v1","fsLayers":[{{"blobSum":"{layer}"}}],"history":[]}}"#
    );
    let manifest = store.bytes("a", &text).await;
    store.tag("a", "v1", manifest).await;
    let old = store.bytes("a", r#"{"schemaVersion":1,"fsLayers":[],"history":[]}"#).await;
    let report = store.collect(untagged()).await;
    assert_eq!((report.findings, report.blobs, report.manifests), (0, 1, 1));
    assert!(store.has_blob(&layer).await && store.has_blob(&manifest).await);
    assert!(!store.has_manifest("a", &old).await);
}

#[tokio::test]
async fn an_index_may_list_blobs() {
    let store = Store::new();
    let large = "x".repeat(5 << 20);
    let (small, large) = (store.layer("a", "layer").await, store.layer("a", &large).await);
    let json = store.layer("a", "{}").await;
    let mut index = IndexBuilder::new();
    for blob in [small, large, json] {
        index = index.manifest(store.descriptor(MediaType::octet_stream(), blob).await);
    }
    let index = store.manifest("a", &index.build(), Algorithm::Sha256).await;
    store.tag("a", "cache", index).await;
    let report = store.collect(untagged()).await;
    assert_eq!((report.findings, report.blobs, report.links), (0, 0, 0));
}

#[tokio::test]
async fn distribution_2_1_linked_manifests_as_blobs() {
    let store = Store::new();
    let image = store.image("a", &["1"]).await;
    store.lose_manifest("a", &image).await;
    store.link(&format!("a/_layers/sha256/{}", image.hex()), &image.to_string()).await;
    store.tag("a", "v1", image).await;
    let report = store.collect(untagged()).await;
    assert_eq!((report.blobs, report.links), (0, 0));
}

#[tokio::test]
async fn a_tag_of_a_deleted_manifest_keeps_nothing() {
    let store = Store::new();
    let image = store.image("a", &["1"]).await;
    store.tag("a", "v1", image).await;
    store.lose_manifest("a", &image).await;
    assert_eq!(store.collect(all()).await.blobs, 3);
}

#[tokio::test]
async fn strange_names_stop_nothing() {
    let store = Store::new();
    let image = store.image("a", &["1"]).await;
    store.link("a/_manifests/revisions/sha256/short", "x").await;
    store.link("a/_layers/blake3/abcd", "x").await;
    store.link("a/_layers/sha256/abcd", "x").await;
    store.link("a/_other/thing", "x").await;
    let upper = store.layer("UPPER/Case", "kept").await;
    let descriptor = store.descriptor(MediaType::octet_stream(), upper).await;
    let built = ImageBuilder::new(store.config("UPPER/Case").await).layer(descriptor).build();
    store.manifest("UPPER/Case", &built, Algorithm::Sha256).await;
    let report = store.collect(all()).await;
    assert_eq!((report.findings, report.blobs), (1, 0));
    assert!(store.has_blob(&image).await && store.has_blob(&upper).await);
}

#[tokio::test]
async fn repositories_in_repositories_are_found() {
    let store = Store::new();
    for name in ["a", "a/b", "a/b/c", "a-b", "x/y/z", "x"] {
        let image = store.image(name, &[name]).await;
        store.tag(name, "v1", image).await;
    }
    let report = store.collect(untagged()).await;
    assert_eq!((report.repositories, report.blobs, report.manifests), (6, 0, 0));
}

#[tokio::test]
async fn links_to_nothing_go() {
    let store = Store::new();
    let image = store.image("a", &["1"]).await;
    let gone = store.layer("a", "gone").await;
    store.lose_blob(&gone).await;
    let report = store.collect(all()).await;
    assert_eq!((report.blobs, report.links), (0, 1));
    assert!(!store.has_layer("a", &gone).await && store.has_manifest("a", &image).await);
}

// === age ===

#[tokio::test]
async fn what_is_young_stays_with_all_it_needs() {
    let store = Store::new();
    let image = store.image("a", &["1"]).await;
    let layer = store.layer("a", "2").await;
    let report = store.collect(Options { untagged: true, ..Options::default() }).await;
    assert_eq!((report.blobs, report.links, report.manifests, report.young), (0, 0, 0, 1));
    assert!(store.has_manifest("a", &image).await && store.has_layer("a", &layer).await);
}

#[tokio::test]
async fn a_young_link_spares_an_old_blob() {
    let store = Store::on_disk();
    let (linked, old) = (store.layer("a", "linked").await, store.layer("a", "old").await);
    store.layer("b", "linked").await;
    let untagged_old = store.image("a", &["3"]).await;
    let untagged_young = store.image("a", &["4"]).await;
    store.make_everything_old();
    store.layer("b", "linked").await;
    store.make_old(&wharf_storage::tree::data(&linked));
    let link = format!("a/_manifests/revisions/sha256/{}", untagged_young.hex());
    store.link(&link, &untagged_young.to_string()).await;
    let report = store.collect(Options { untagged: true, ..Options::default() }).await;
    assert_eq!((report.manifests, report.young), (1, 1));
    assert!(store.has_blob(&linked).await && store.has_layer("a", &linked).await);
    assert!(!store.has_blob(&old).await && !store.has_layer("a", &old).await);
    assert!(!store.has_manifest("a", &untagged_old).await);
    assert!(store.has_manifest("a", &untagged_young).await);
    assert!(store.has_blob(&Digest::sha256(b"4")).await);
}

// === what is told ===

#[tokio::test]
async fn it_says_what_it_does_in_the_form_of_the_original() {
    let store = Store::new();
    let image = store.image("a", &["1"]).await;
    store.tag("a", "v1", image).await;
    let old = store.image("a", &["2"]).await;
    let (config, one, two) = (Digest::sha256(b"{}"), Digest::sha256(b"1"), Digest::sha256(b"2"));
    store.collect(untagged()).await;
    let mut blobs = [two, old];
    blobs.sort();
    assert_eq!(
        store.output(),
        format!(
            "a\n\
             a: marking manifest {image} \n\
             a: marking blob {config}\n\
             a: marking blob {one}\n\
             manifest eligible for deletion: {old}\n\
             \n3 blobs marked, 2 blobs and 1 manifests eligible for deletion\n\
             a: layer link eligible for deletion: {two}\n\
             blob eligible for deletion: {}\n\
             blob eligible for deletion: {}\n",
            blobs[0], blobs[1]
        )
    );
}

// === failures ===

/// Whichever call of the store fails, and whether or not it was done: nothing that is needed goes, no
/// manifest outlives what it needs, and the next collection takes the rest.
#[tokio::test]
async fn a_store_that_fails_loses_nothing() {
    for when in [When::Before, When::After] {
        for call in 1.. {
            let memory = Arc::new(MemoryDriver::new());
            let store = Store::over(Arc::clone(&memory) as _);
            let image = store.image("a", &["1"]).await;
            store.tag("a", "v1", image).await;
            let old = store.image("a", &["2"]).await;
            store.tag("a", "v1", old).await;
            store.tag("a", "v1", image).await;
            store.layer("b", "orphan").await;

            let faulty = FaultyDriver::new(memory);
            let faults = faulty.faults();
            faults.set(Fault { calls: Calls::Nth(call), kind: ErrorKind::Unavailable, when });
            let failing = Store::over(Arc::new(faulty));
            let result = failing.try_collect(untagged()).await;
            for digest in [image, Digest::sha256(b"{}"), Digest::sha256(b"1")] {
                assert!(store.has_blob(&digest).await, "{when:?} {call}");
            }
            assert!(store.has_manifest("a", &image).await, "{when:?} {call}");
            if store.has_manifest("a", &old).await {
                assert!(store.has_blob(&old).await && store.has_blob(&Digest::sha256(b"2")).await);
            }
            let was_hit = result.as_ref().map_or(true, |report| report.failed > 0);
            store.collect(untagged()).await;
            let report = store.collect(untagged()).await;
            assert_eq!((report.marked, report.blobs, report.links), (3, 0, 0));
            assert!(!store.has_blob(&Digest::sha256(b"orphan")).await);
            if !was_hit && faults.calls() < call {
                break;
            }
        }
    }
}
