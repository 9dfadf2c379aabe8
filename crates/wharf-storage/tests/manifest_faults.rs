//! A store that fails at any moment: what was acknowledged stays, and nothing false is found.

use std::sync::Arc;

use bytes::Bytes;
use wharf_core::{
    Error, ErrorKind, Fetched, GetOptions, ManifestBytes, Namespace, PageRequest, PutOptions,
    Repository, RequestContext,
};
use wharf_digest::{Algorithm, Digest};
use wharf_driver::{Driver, ErrorKind as Failure, MemoryDriver};
use wharf_manifest::{Descriptor, ImageBuilder, MediaType};
use wharf_reference::{RepositoryName, Tag, TagOrDigest};
use wharf_storage::{Options, StorageNamespace};
use wharf_testkit::faults::{Calls, Fault, Faults, FaultyDriver, When};

/// One repository over a store that can be made to fail.
struct Scene {
    repository: Arc<dyn Repository>,
    faults: Arc<Faults>,
}

const TAG: &str = "latest";
const WAYS: [When; 2] = [When::Before, When::After];

// === impl Scene ===

impl Scene {
    /// A repository with a tagged image, which is the subject of what comes.
    async fn new() -> Self {
        let driver = FaultyDriver::new(Arc::new(MemoryDriver::new()));
        let faults = driver.faults();
        let options = Options { delete: true, ..Options::default() };
        let namespace = StorageNamespace::new(Arc::new(driver) as Arc<dyn Driver>, options);
        let name = RepositoryName::parse("library/app").expect("a name");
        let repository = namespace.repository(&name, &RequestContext::internal("test"));
        let scene = Self { repository, faults };
        let empty = Descriptor::empty();
        let blobs = scene.repository.blobs();
        blobs.put(&empty.media_type, Bytes::from_static(b"{}")).await.expect("no fault yet");
        scene.put(&before()).await.expect("no fault yet");
        scene
    }

    async fn put(&self, manifest: &ManifestBytes) -> Result<(), Error> {
        let options = PutOptions { tags: vec![tag()], ..PutOptions::default() };
        self.repository.manifests().put(manifest.clone(), options).await.map(drop)
    }

    /// What is found, `None` if nothing is; everything else is a failure of the test.
    async fn found(&self, reference: impl Into<TagOrDigest>) -> Option<ManifestBytes> {
        let manifests = self.repository.manifests();
        match manifests.get(&reference.into(), GetOptions::default()).await {
            Ok(Fetched::Manifest(manifest)) => Some(manifest),
            Ok(Fetched::NotModified(_)) => panic!("nothing was named that the caller has"),
            Err(error) if error.is_unknown() => None,
            Err(error) => panic!("{error:?}"),
        }
    }

    async fn referrers(&self) -> Vec<Digest> {
        let lister = self.repository.referrers().expect("a local registry knows them");
        let page = lister.referrers(&before().digest(), None, PageRequest::first(10)).await;
        page.expect("no fault").items.iter().map(|referrer| referrer.digest).collect()
    }

    async fn tags(&self) -> Vec<Tag> {
        self.repository.tags().list(PageRequest::first(10)).await.expect("no fault").items
    }
}

fn tag() -> Tag {
    Tag::parse(TAG).expect("a tag")
}

fn manifest(builder: &ImageBuilder) -> ManifestBytes {
    let built = builder.build();
    ManifestBytes::new(built.media_type, built.bytes, Algorithm::Sha256)
}

fn before() -> ManifestBytes {
    manifest(&ImageBuilder::new(Descriptor::empty()))
}

/// A referrer of the manifest that was there before.
fn after() -> ManifestBytes {
    let subject = Descriptor::of(MediaType::oci_manifest(), Algorithm::Sha256, before().bytes());
    manifest(&ImageBuilder::new(Descriptor::empty()).subject(subject))
}

#[tokio::test]
async fn a_push_that_is_cut_off_anywhere_leaves_nothing_false() {
    for when in WAYS {
        let mut number = 1;
        loop {
            let scene = Scene::new().await;
            scene.faults.set(Fault {
                calls: Calls::From(number),
                kind: Failure::Unavailable,
                when,
            });
            let outcome = scene.put(&after()).await;
            let calls = scene.faults.calls();
            scene.faults.heal();

            let place = format!("call {number} {when:?}");
            let there = scene.found(after().digest()).await;
            assert!(there.as_ref().is_none_or(|there| *there == after()), "{place}");
            let tagged = scene.found(tag()).await.expect("a tag that was acknowledged");
            match outcome {
                Ok(()) => assert_eq!(tagged, after(), "{place}"),
                Err(_) => assert!(tagged == before() || tagged == after(), "{place}"),
            }
            assert!(tagged == before() || there.is_some(), "{place}");
            let listed = scene.referrers().await;
            assert_eq!(
                listed,
                there.iter().map(ManifestBytes::digest).collect::<Vec<_>>(),
                "{place}"
            );

            scene.put(&after()).await.expect("no fault any more");
            assert_eq!(scene.found(tag()).await, Some(after()), "{place}");
            assert_eq!(scene.referrers().await, [after().digest()], "{place}");
            if calls < number {
                break;
            }
            number += 1;
        }
        assert!(number > 5, "every step was cut off");
    }
}

#[tokio::test]
async fn a_delete_that_is_cut_off_anywhere_leaves_no_dangling_tag() {
    for when in WAYS {
        let mut number = 1;
        loop {
            let scene = Scene::new().await;
            scene.put(&after()).await.expect("no fault yet");
            // From now on nothing is imported that lost its entry.
            assert_eq!(scene.referrers().await, [after().digest()]);
            scene.faults.set(Fault {
                calls: Calls::From(number),
                kind: Failure::Unavailable,
                when,
            });
            let outcome = scene.repository.manifests().delete(&after().digest()).await;
            let calls = scene.faults.calls();
            scene.faults.heal();

            let place = format!("call {number} {when:?}");
            let there = scene.found(after().digest()).await;
            assert!(outcome.is_err() || there.is_none(), "{place}");
            for tag in scene.tags().await {
                assert!(scene.found(tag).await.is_some(), "{place}");
            }
            let listed = scene.referrers().await;
            assert_eq!(
                listed,
                there.iter().map(ManifestBytes::digest).collect::<Vec<_>>(),
                "{place}"
            );

            match scene.repository.manifests().delete(&after().digest()).await {
                Ok(()) => {}
                Err(error) => assert!(
                    there.is_none() && matches!(error.kind(), ErrorKind::ManifestUnknown { .. }),
                    "{place}: {error}"
                ),
            }
            assert_eq!(scene.found(after().digest()).await, None, "{place}");
            assert_eq!(scene.tags().await, [], "{place}");
            assert_eq!(scene.referrers().await, [], "{place}");
            assert_eq!(scene.found(before().digest()).await, Some(before()), "{place}");
            if calls < number {
                break;
            }
            number += 1;
        }
        assert!(number > 5, "every step was cut off");
    }
}

#[tokio::test]
async fn referrers_are_listed_from_a_store_that_cannot_be_written() {
    for kind in [Failure::Denied, Failure::Full] {
        let scene = Scene::new().await;
        scene.put(&after()).await.expect("no fault yet");
        scene.faults.set(Fault { calls: Calls::EveryChange, kind, when: When::Before });
        for _ in 0..2 {
            assert_eq!(scene.referrers().await, [after().digest()], "{kind:?}");
        }
        scene.faults.heal();
        assert_eq!(scene.referrers().await, [after().digest()], "{kind:?}");
    }
}
