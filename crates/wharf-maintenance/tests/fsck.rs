//! Each kind of damage is made, reported, repaired and gone afterwards, on a directory and in memory.

#![expect(clippy::unwrap_used, reason = "a test panics where it fails")]

mod store;

use std::sync::{Arc, Mutex};

use wharf_digest::{Algorithm, Digest};
use wharf_driver::{ErrorKind, MemoryDriver, PutMode};
use wharf_maintenance::fsck::{
    self, Finding, Kind, Options, Outcome, Progress, Report, TABLE, Watch,
};
use wharf_manifest::{Descriptor, ImageBuilder, MediaType};
use wharf_storage::tree::{self, Repository};
use wharf_testkit::faults::{Call, Calls, Fault, Faults, FaultyDriver, When};

use self::store::Store;

/// What a check told.
#[derive(Default)]
struct Told(Mutex<Vec<Finding>>);

impl Watch for Told {
    fn finding(&self, finding: &Finding) {
        self.0.lock().unwrap().push(finding.clone());
    }

    fn progress(&self, _: Progress) {}
}

async fn check(store: &Store, options: Options) -> (Report, Vec<Finding>) {
    let told = Arc::new(Told::default());
    let watch: Arc<dyn Watch> = Arc::clone(&told) as _;
    let report = fsck::check(Arc::clone(&store.driver), options, watch).await.unwrap();
    let findings = std::mem::take(&mut *told.0.lock().unwrap());
    assert_eq!(report.findings, findings.len() as u64);
    (report, findings)
}

fn only_look() -> Options {
    Options { hashes: 4, ..Options::default() }
}

fn repair() -> Options {
    Options { repair: true, ..only_look() }
}

fn kinds(findings: &[Finding]) -> Vec<Kind> {
    findings.iter().map(|finding| finding.kind).collect()
}

/// The same on a directory and in memory.
fn stores() -> [Store; 2] {
    [Store::new(), Store::on_disk()]
}

fn repository(name: &str) -> Repository {
    Repository::at(tree::repositories().join(name).unwrap())
}

/// A repository with everything in it: a tagged image, an index, a referrer, an upload session.
struct Whole {
    image: Digest,
    layer: Digest,
    referrer: Digest,
}

impl Whole {
    async fn in_store(store: &Store) -> Self {
        let image = store.image("a", &["1", "2"]).await;
        store.tag("a", "v1", image).await;
        let index = store.index("a", &[image]).await;
        store.tag("a", "index", index).await;
        let subject = store.descriptor(MediaType::oci_manifest(), image).await;
        let config = store.config("a").await;
        let built = ImageBuilder::new(config).subject(subject).artifact_type("x/y").build();
        let referrer = store.manifest("a", &built, Algorithm::Sha256).await;
        let mut entry = Descriptor::of(MediaType::oci_manifest(), Algorithm::Sha256, &built.bytes);
        entry.artifact_type = Some("x/y".to_owned());
        let folder = tree::entry(&repository("a").referrers(), &image);
        store.put(&tree::link(&folder, &referrer), serde_json::to_vec(&entry).unwrap()).await;
        store.put(&repository("a").referrers_marker(), "").await;
        let session = repository("a").uploads().join("0-1").unwrap();
        store.put(&session.join("startedat").unwrap(), "2026-01-01T00:00:00Z").await;
        store.put(&session.join("data").unwrap(), "half a layer").await;
        Self { image, layer: Digest::sha256(b"1"), referrer }
    }
}

/// Damages a whole store, and expects one finding that a repair repairs, so that the store is as it was.
async fn heals(kind: Kind, subject: &str, damage: impl AsyncFn(&Store, &Whole)) {
    for store in stores() {
        let whole = Whole::in_store(&store).await;
        let before = contents(&store).await;
        damage(&store, &whole).await;
        expect_repair(&store, kind, subject).await;
        assert_eq!(contents(&store).await, before, "{}", kind.name());
    }
}

/// Adds something to a whole store, and expects one finding that a repair removes.
async fn clears(kind: Kind, subject: &str, damage: impl AsyncFn(&Store, &Whole)) {
    heals(kind, subject, damage).await;
}

async fn expect_repair(store: &Store, kind: Kind, subject: &str) {
    let damaged = contents(store).await;
    let (report, findings) = check(store, only_look()).await;
    assert_eq!(kinds(&findings), [kind], "{findings:?}");
    assert!(findings[0].subject.contains(subject), "{findings:?}");
    assert_eq!(findings[0].outcome, Outcome::Repairable, "{findings:?}");
    assert_eq!((report.findings, report.repaired), (1, 0));
    assert_eq!(contents(store).await, damaged, "a look changes nothing");
    let (report, findings) = check(store, repair()).await;
    assert_eq!(findings[0].outcome, Outcome::Repaired, "{findings:?}");
    assert_eq!((report.findings, report.left()), (1, 0), "{findings:?}");
    let (_, findings) = check(store, only_look()).await;
    assert_eq!(findings, [], "clean afterwards");
}

/// Expects exactly this, by looking and by repairing alike.
async fn stays(store: &Store, kind: Kind, subject: &str) {
    for options in [only_look(), repair()] {
        let (report, findings) = check(store, options).await;
        assert_eq!(kinds(&findings), [kind], "{findings:?}");
        assert!(findings[0].subject.contains(subject), "{findings:?}");
        assert_eq!((&findings[0].outcome, report.left()), (&Outcome::Left, 1));
    }
}

/// Everything that is in a store.
async fn contents(store: &Store) -> Vec<(String, Vec<u8>)> {
    let mut contents = Vec::new();
    for path in store.files().await {
        let bytes = store.driver.get(&path, u64::MAX).await.unwrap();
        contents.push((path.to_string(), bytes.to_vec()));
    }
    contents
}

/// A store that fails where it is told to.
fn faulty() -> (Store, Arc<Faults>) {
    let driver = FaultyDriver::new(Arc::new(MemoryDriver::new()));
    let faults = driver.faults();
    (Store::over(Arc::new(driver)), faults)
}

fn fail(faults: &Faults, call: Call, kind: ErrorKind) {
    faults.set(Fault { calls: Calls::Every(call), kind, when: When::Before });
}

fn hex(text: &str) -> String {
    Digest::sha256(text.as_bytes()).hex().to_string()
}

// === a whole store ===

#[tokio::test]
async fn nothing_is_wrong_with_a_whole_store() {
    for store in stores() {
        Whole::in_store(&store).await;
        for options in [only_look(), Options { relink: true, ..repair() }] {
            let (report, findings) = check(&store, options).await;
            assert_eq!(findings, []);
            assert_eq!((report.repositories, report.blobs, report.manifests), (1, 6, 3));
            assert_eq!((report.tags, report.uploads), (2, 1));
            assert!(report.bytes > 500, "{report}");
        }
    }
}

#[tokio::test]
async fn an_empty_store_is_whole() {
    for store in stores() {
        assert_eq!(check(&store, repair()).await.0, Report::default());
    }
}

#[tokio::test]
async fn what_distribution_leaves_is_whole() {
    let store = Store::new();
    // Content of sha512 under its sha256, a manifest among the blobs, an index without its children.
    let image = store.image("a", &["1"]).await;
    let alias = Digest::of(Algorithm::Sha512, b"1");
    store
        .link(&format!("a/_layers/sha512/{}", alias.hex()), &Digest::sha256(b"1").to_string())
        .await;
    store.link(&format!("a/_layers/sha256/{}", image.hex()), &image.to_string()).await;
    store.lose_manifest("a", &image).await;
    store.tag("a", "old", image).await;
    let gone = Digest::sha256(b"gone");
    let index = store.index("a", &[gone]).await;
    store.tag("a", "index", index).await;
    store
        .link(&format!("a/_manifests/tags/index/index/sha256/{}", gone.hex()), &gone.to_string())
        .await;
    // A referrer that nobody asked for yet.
    store.about("b", image, "sbom").await;
    store.remove("b/_manifests/referrers").await;
    assert_eq!(check(&store, repair()).await.1, []);
}

// === blobs ===

#[tokio::test]
async fn wrong_bytes_are_moved_aside_and_a_push_brings_the_blob_back() {
    for store in stores() {
        let layer = store.layer("a", "layer").await;
        store.damage_blob(&layer, "lAyer").await;
        let (_, findings) = check(&store, Options { hash: false, ..repair() }).await;
        assert_eq!(findings, []);
        let (_, findings) = check(&store, only_look()).await;
        assert_eq!(kinds(&findings), [Kind::BlobCorrupt]);
        assert!(store.has_blob(&layer).await);
        let (report, findings) = check(&store, repair()).await;
        // Nothing needs it, so that its link goes too.
        assert_eq!(kinds(&findings), [Kind::BlobCorrupt, Kind::LayerLinkLoose]);
        assert_eq!(report.left(), 0, "{findings:?}");
        assert!(!store.has_blob(&layer).await);
        let files = store.files().await;
        let aside: Vec<_> = files.iter().filter(|it| it.as_str().contains("quarantine")).collect();
        assert_eq!(aside.len(), 1, "{files:?}");
        assert_eq!(store.driver.get(aside[0], 100).await.unwrap(), "lAyer");
        store.layer("a", "layer").await;
        assert_eq!(check(&store, repair()).await.1, []);
    }
}

#[tokio::test]
async fn bytes_of_several_pieces_and_none_at_all_are_hashed() {
    for store in stores() {
        let large = "x".repeat(3 << 20);
        let (large, empty) = (store.layer("a", &large).await, store.layer("a", "").await);
        let (report, findings) = check(&store, only_look()).await;
        assert_eq!((findings.as_slice(), report.bytes), (&[][..], 3 << 20));
        store.damage_blob(&large, &format!("{}y", "x".repeat((3 << 20) - 1))).await;
        store.damage_blob(&empty, "y").await;
        let (_, findings) = check(&store, repair()).await;
        let corrupt = findings.iter().filter(|it| it.kind == Kind::BlobCorrupt);
        assert_eq!(corrupt.count(), 2, "{findings:?}");
    }
}

#[tokio::test]
async fn a_blob_that_cannot_be_read_is_told_and_stays() {
    let (store, faults) = faulty();
    let layer = store.layer("a", "layer").await;
    fail(&faults, Call::Open, ErrorKind::Other);
    let (_, findings) = check(&store, repair()).await;
    assert_eq!(kinds(&findings), [Kind::Unreadable], "{findings:?}");
    assert!(store.has_blob(&layer).await);
}

#[tokio::test]
async fn a_blob_that_a_manifest_needs_is_missed() {
    for store in stores() {
        let whole = Whole::in_store(&store).await;
        store.lose_blob(&whole.layer).await;
        stays(&store, Kind::BlobMissing, &whole.layer.to_string()).await;
        // What tells what to push again is still there.
        assert!(store.has_layer("a", &whole.layer).await);
    }
}

#[tokio::test]
async fn a_blob_is_linked_again_only_if_that_is_wanted() {
    for store in stores() {
        let whole = Whole::in_store(&store).await;
        let before = contents(&store).await;
        store.remove(&format!("a/_layers/sha256/{}", whole.layer.hex())).await;
        stays(&store, Kind::BlobUnlinked, &whole.layer.to_string()).await;
        let (report, _) = check(&store, Options { relink: true, ..repair() }).await;
        assert_eq!((report.findings, report.left()), (1, 0));
        assert_eq!(contents(&store).await, before);
    }
}

#[tokio::test]
async fn a_size_that_is_wrong_is_told() {
    let store = Store::new();
    let layer = store.layer("a", "layer").await;
    let layer = Descriptor::new(MediaType::octet_stream(), layer, 7);
    let built = ImageBuilder::new(store.config("a").await).layer(layer.clone()).build();
    store.manifest("a", &built, Algorithm::Sha256).await;
    stays(&store, Kind::SizeWrong, &layer.digest.to_string()).await;
}

#[tokio::test]
async fn layers_that_come_from_elsewhere_may_be_missing() {
    let store = Store::new();
    let text = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    let mut layer = Descriptor::new(MediaType::parse(text).unwrap(), Digest::sha256(b"w"), 1);
    layer.urls = vec!["https://example.com/w".to_owned()];
    let built = ImageBuilder::new(store.config("a").await).layer(layer).build();
    store.manifest("a", &built, Algorithm::Sha256).await;
    assert_eq!(check(&store, repair()).await.1, []);
}

#[tokio::test]
async fn an_empty_folder_of_a_blob_is_removed() {
    let store = Store::on_disk();
    let layer = store.layer("a", "layer").await;
    store.driver.delete_below(&repository("a").layers()).await.unwrap();
    store.driver.delete(&tree::data(&layer)).await.unwrap();
    let folder = store.root().join(tree::blob(&layer).as_str());
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::create_dir_all(store.root().join(repository("a").layers().as_str())).unwrap();
    expect_repair(&store, Kind::BlobEmpty, &layer.to_string()).await;
    assert!(!folder.exists());
}

#[tokio::test]
async fn strange_names_are_told_and_left() {
    let hex = hex("layer");
    for path in [
        format!("blobs/sha256/zz/{hex}/data"),
        format!("blobs/sha256/00/{hex}/data"),
        format!("blobs/sha256/{}/{hex}/other", &hex[..2]),
        "repositories/a/_layers/sha256/short/link".to_owned(),
        "repositories/a/_manifests/revisions/md5/0/link".to_owned(),
    ] {
        for store in stores() {
            store.layer("a", "other").await;
            let path = tree::repositories().parent().unwrap().join(&path).unwrap();
            store.put(&path, "x").await;
            let (_, findings) = check(&store, repair()).await;
            assert_eq!(kinds(&findings), [Kind::Strange], "{path}: {findings:?}");
            assert!(store.driver.stat(&path).await.is_ok());
        }
    }
}

// === links ===

#[tokio::test]
async fn damaged_links_to_blobs_are_written_anew() {
    for text in ["", "sha256:0", "\u{0}\u{0}", &Digest::sha256(b"another").to_string()] {
        heals(Kind::LayerLinkDamaged, &hex("1"), async |store, _| {
            store.link(&format!("a/_layers/sha256/{}", hex("1")), text).await;
        })
        .await;
    }
    // To what is not there, and nothing needs.
    clears(Kind::LayerLinkDamaged, &hex("9"), async |store, _| {
        store.link(&format!("a/_layers/sha256/{}", hex("9")), "").await;
    })
    .await;
}

#[tokio::test]
async fn links_to_nothing_are_removed_if_nothing_needs_them() {
    clears(Kind::LayerLinkLoose, &hex("9"), async |store, _| {
        let digest = store.layer("a", "9").await;
        store.lose_blob(&digest).await;
    })
    .await;
    // A manifest that cannot be read may need it.
    let store = Store::new();
    let whole = Whole::in_store(&store).await;
    let digest = store.layer("a", "9").await;
    store.lose_blob(&digest).await;
    store.lose_blob(&whole.referrer).await;
    stays(&store, Kind::ManifestMissing, &whole.referrer.to_string()).await;
    assert!(store.has_layer("a", &digest).await);
}

#[tokio::test]
async fn what_a_damaged_link_of_sha512_led_to_is_not_known() {
    let store = Store::new();
    let digest = Digest::of(Algorithm::Sha512, b"1");
    store.link(&format!("a/_layers/sha512/{}", digest.hex()), "").await;
    stays(&store, Kind::LayerLinkDamaged, &digest.to_string()).await;
}

// === manifests ===

#[tokio::test]
async fn damaged_links_to_manifests_are_written_anew() {
    heals(Kind::ManifestLinkDamaged, "sha256:", async |store, whole| {
        let folder = format!("a/_manifests/revisions/sha256/{}", whole.image.hex());
        store.link(&folder, "").await;
    })
    .await;
}

#[tokio::test]
async fn a_damaged_link_to_what_is_no_manifest_stays() {
    for bytes in [None, Some("other")] {
        let store = Store::new();
        let digest = store.bytes("a", "no manifest").await;
        store.link(&format!("a/_manifests/revisions/sha256/{}", digest.hex()), "").await;
        match bytes {
            None => store.lose_blob(&digest).await,
            Some(bytes) => store.damage_blob(&digest, bytes).await,
        }
        let options = Options { hash: false, ..repair() };
        let (_, findings) = check(&store, options).await;
        assert_eq!(kinds(&findings), [Kind::ManifestLinkDamaged], "{findings:?}");
        assert_eq!(findings[0].outcome, Outcome::Left);
    }
}

#[tokio::test]
async fn a_manifest_that_is_gone_or_unknown_is_told() {
    for store in stores() {
        let whole = Whole::in_store(&store).await;
        store.lose_blob(&whole.image).await;
        // Its tag stays, and so does the entry of its referrer.
        let before = store.files().await;
        stays(&store, Kind::ManifestMissing, &whole.image.to_string()).await;
        assert_eq!(store.files().await, before);
        let unknown = store.bytes("b", "{}").await;
        let (_, findings) = check(&store, repair()).await;
        assert_eq!(findings.len(), 2, "{findings:?}");
        let told = findings.iter().find(|it| it.kind == Kind::ManifestUnknown).unwrap();
        assert_eq!(told.subject, unknown.to_string());
    }
}

#[tokio::test]
async fn a_manifest_of_schema_1_is_known() {
    let store = Store::new();
    let layer = store.layer("a", "1").await;
    let text = format!(
        r#"{{"schemaVersion": 1, "name": "a", "tag": "v1", "architecture": "amd64",
        "fsLayers": [{{"blobSum": "{layer}"}}], "history": [{{"v1Compatibility": "{{}}"}}]}}"#
    );
    store.bytes("a", &text).await;
    assert_eq!(check(&store, repair()).await.1, []);
}

#[tokio::test]
async fn a_corrupt_manifest_is_told_and_its_bytes_moved_aside() {
    for store in stores() {
        let whole = Whole::in_store(&store).await;
        store.damage_blob(&whole.image, "{}").await;
        let (_, findings) = check(&store, Options { hash: false, ..repair() }).await;
        assert_eq!(kinds(&findings), [Kind::ManifestCorrupt], "{findings:?}");
        let (_, findings) = check(&store, repair()).await;
        assert_eq!(kinds(&findings), [Kind::BlobCorrupt, Kind::ManifestMissing], "{findings:?}");
        stays(&store, Kind::ManifestMissing, &whole.image.to_string()).await;
    }
}

// === tags ===

#[tokio::test]
async fn a_damaged_tag_is_written_anew_if_it_was_only_ever_one_thing() {
    heals(Kind::TagDamaged, "v1", async |store, _| {
        store.link("a/_manifests/tags/v1/current", "").await;
    })
    .await;
    let store = Store::new();
    let (one, two) = (store.image("a", &["1"]).await, store.image("a", &["2"]).await);
    store.tag("a", "v1", one).await;
    store.tag("a", "v1", two).await;
    store.link("a/_manifests/tags/v1/current", "").await;
    stays(&store, Kind::TagDamaged, "v1").await;
}

#[tokio::test]
async fn tags_of_manifests_that_were_deleted_are_removed() {
    clears(Kind::TagDangling, "v2", async |store, _| {
        store.tag("a", "v2", Digest::sha256(b"gone")).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_left_of_a_tag_is_removed() {
    clears(Kind::TagLeftover, "v2", async |store, whole| {
        store.tag("a", "v2", whole.image).await;
        store.remove("a/_manifests/tags/v2/current").await;
    })
    .await;
}

#[tokio::test]
async fn the_history_of_a_tag_is_completed() {
    heals(Kind::TagHistoryMissing, "v1", async |store, _| {
        store.remove("a/_manifests/tags/v1/index").await;
    })
    .await;
    heals(Kind::TagHistoryDamaged, "v1", async |store, whole| {
        let folder = format!("a/_manifests/tags/v1/index/sha256/{}", whole.image.hex());
        store.link(&folder, "sha256:").await;
    })
    .await;
}

// === referrers ===

#[tokio::test]
async fn entries_of_referrers_are_written_anew() {
    let entry = |whole: &Whole| {
        let folder = tree::entry(&repository("a").referrers(), &whole.image);
        tree::link(&folder, &whole.referrer)
    };
    heals(Kind::ReferrerMissing, "sha256:", async |store, whole| {
        store.driver.delete(&entry(whole)).await.unwrap();
    })
    .await;
    let other = Descriptor::of(MediaType::oci_manifest(), Algorithm::Sha256, b"other");
    for text in ["", "{", "{}", &serde_json::to_string(&other).unwrap()] {
        heals(Kind::ReferrerDamaged, "sha256:", async |store, whole| {
            store.put(&entry(whole), text.to_owned()).await;
        })
        .await;
    }
}

#[tokio::test]
async fn entries_of_what_is_no_referrer_are_removed() {
    clears(Kind::ReferrerLoose, "sha256:", async |store, whole| {
        let folder = tree::entry(&repository("a").referrers(), &whole.image);
        store.put(&tree::link(&folder, &Digest::sha256(b"gone")), "{}").await;
    })
    .await;
    clears(Kind::ReferrerLoose, "sha256:", async |store, whole| {
        let folder = tree::entry(&repository("a").referrers(), &Digest::sha256(b"another"));
        store.put(&tree::link(&folder, &whole.referrer), "{}").await;
    })
    .await;
}

// === uploads ===

#[tokio::test]
async fn sessions_that_nobody_can_take_up_are_removed() {
    clears(Kind::UploadLeftover, "0-2", async |store, _| {
        let session = repository("a").uploads().join("0-2").unwrap();
        store.put(&session.join("hashstates").unwrap(), "x").await;
    })
    .await;
    clears(Kind::UploadLeftover, "0-2", async |store, _| {
        let session = repository("a").uploads().join("0-2").unwrap();
        store.put(&session.join("startedat").unwrap(), "yesterday").await;
    })
    .await;
}

#[tokio::test]
async fn a_damaged_checkpoint_ends_its_session() {
    let store = Store::on_disk();
    Whole::in_store(&store).await;
    let session = repository("a").uploads().join("0-1").unwrap();
    store.put(&session.join("checkpoint").unwrap(), "half").await;
    expect_repair(&store, Kind::UploadDamaged, "0-1").await;
}

// === the run ===

#[tokio::test]
async fn one_repository_is_looked_at_alone() {
    for store in stores() {
        let (one, two) = (store.image("one", &["1"]).await, store.image("two", &["2"]).await);
        for name in ["one", "two"] {
            store.link(&format!("{name}/_layers/sha256/{}", hex("9")), "").await;
        }
        for digest in [one, two] {
            store.damage_blob(&digest, "{}").await;
        }
        let options = Options { repository: Some("one".to_owned()), ..only_look() };
        let (report, findings) = check(&store, options).await;
        assert_eq!(
            kinds(&findings),
            [Kind::BlobCorrupt, Kind::ManifestCorrupt, Kind::LayerLinkDamaged]
        );
        assert_eq!((report.repositories, findings[0].subject.clone()), (1, one.to_string()));
        assert!(findings[1..].iter().all(|it| it.repository.as_deref() == Some("one")));
        for name in ["three", "", "../one", "one/_layers"] {
            let options = Options { repository: Some(name.to_owned()), ..only_look() };
            let watch = Arc::new(Told::default());
            let failed = fsck::check(Arc::clone(&store.driver), options, watch).await;
            assert!(failed.unwrap_err().is_not_found(), "{name}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_told_and_the_rest_is_checked() {
    let (store, faults) = faulty();
    Whole::in_store(&store).await;
    store.link(&format!("b/_layers/sha256/{}", hex("9")), "").await;
    fail(&faults, Call::Get, ErrorKind::Other);
    let (report, findings) = check(&store, only_look()).await;
    assert_eq!(report.repositories, 2);
    assert_eq!(kinds(&findings), [Kind::Unreadable, Kind::Unreadable], "{findings:?}");
    let mut of: Vec<_> = findings.iter().filter_map(|it| it.repository.as_deref()).collect();
    of.sort_unstable();
    assert_eq!(of, ["a", "b"]);
}

#[tokio::test]
async fn what_cannot_be_listed_is_told() {
    let (store, faults) = faulty();
    Whole::in_store(&store).await;
    faults.set(Fault { calls: Calls::Nth(5), kind: ErrorKind::Other, when: When::Before });
    let (_, findings) = check(&store, only_look()).await;
    assert_eq!(kinds(&findings), [Kind::Unreadable], "{findings:?}");
}

#[tokio::test]
async fn a_store_that_is_away_ends_the_check() {
    let (store, faults) = faulty();
    Whole::in_store(&store).await;
    fail(&faults, Call::Open, ErrorKind::Unavailable);
    let watch = Arc::new(Told::default());
    let ended = fsck::check(Arc::clone(&store.driver), repair(), watch).await;
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_repair_that_fails_is_told() {
    let (store, faults) = faulty();
    Whole::in_store(&store).await;
    store.link("a/_manifests/tags/v1/current", "").await;
    fail(&faults, Call::Put, ErrorKind::Full);
    let (report, findings) = check(&store, repair()).await;
    let Outcome::Failed { error } = &findings[0].outcome else { panic!("{findings:?}") };
    assert!(error.contains("no space left"), "{error}");
    assert_eq!(report.left(), 1);
}

#[tokio::test]
async fn findings_are_lines_of_text_and_of_json() {
    let store = Store::new();
    Whole::in_store(&store).await;
    store.link("a/_manifests/tags/v1/current", "").await;
    store
        .driver
        .put(&tree::data(&Digest::sha256(b"1")), "0".into(), PutMode::Overwrite)
        .await
        .unwrap();
    let (_, findings) = check(&store, only_look()).await;
    let [blob, tag] = &findings[..] else { panic!("{findings:?}") };
    let digest = Digest::sha256(b"1");
    assert_eq!(
        blob.to_string(),
        format!("blob-corrupt: {digest}: the 1 bytes are not its own (can be repaired)")
    );
    let json = serde_json::to_value(tag).unwrap();
    assert_eq!(json["kind"], "tag-damaged");
    assert_eq!(json["repository"], "a");
    assert_eq!(json["subject"], "v1");
    assert_eq!(json["outcome"], "repairable");
    assert!(json["problem"].is_string());
    assert!(TABLE.iter().all(|row| row.kind.name() == row.name));
}
