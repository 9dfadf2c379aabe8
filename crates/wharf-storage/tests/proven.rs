//! What was found is found again without a look at the store, as long as the store tells of changes; and
//! not a moment longer.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use tempfile::TempDir;
use wharf_content::ByteRange;
use wharf_core::{
    Fetched, GetOptions, ManifestBytes, Namespace, PutOptions, Repository, RequestContext, Result,
};
use wharf_digest::{Algorithm, Digest};
use wharf_driver_fs::FsDriver;
use wharf_manifest::{Descriptor, ImageBuilder, MediaType};
use wharf_reference::{RepositoryName, Tag, TagOrDigest};
use wharf_storage::{Options, StorageNamespace};
use wharf_testkit::faults::{Call, Calls, Fault, Faults, FaultyDriver, When};

/// A repository with a blob and a manifest.
struct Scene {
    folder: TempDir,
    faults: Arc<Faults>,
    repository: Arc<dyn Repository>,
    manifest: ManifestBytes,
    blob: Digest,
}

const CONTENT: &[u8] = b"{}";

// === impl Scene ===

impl Scene {
    async fn new() -> Self {
        Self::with(Options { delete: true, ..Options::default() }).await
    }

    async fn with(options: Options) -> Self {
        let folder = TempDir::new().expect("a folder");
        let driver = FsDriver::new(folder.path(), wharf_driver_fs::Options::default());
        let driver = FaultyDriver::new(Arc::new(driver.expect("a store"))).watching();
        let faults = driver.faults();
        let namespace = StorageNamespace::new(Arc::new(driver), options);
        let name = RepositoryName::parse("library/app").expect("a name");
        let repository = namespace.repository(&name, &RequestContext::internal("test"));
        let built = ImageBuilder::new(Descriptor::empty()).build();
        let manifest = ManifestBytes::new(built.media_type, built.bytes, Algorithm::Sha256);
        let scene = Self { folder, faults, repository, manifest, blob: Digest::sha256(CONTENT) };
        scene.push().await;
        scene
    }

    async fn push(&self) {
        let (octets, content) = (MediaType::octet_stream(), Bytes::from_static(CONTENT));
        self.repository.blobs().put(&octets, content).await.expect("it is stored");
        let options = PutOptions { tags: vec![Tag::latest()], ..PutOptions::default() };
        self.repository.manifests().put(self.manifest.clone(), options).await.expect("pushed");
    }

    /// Everything that there is to be read, in each of the ways; the first thing that fails.
    async fn read(&self) -> Result<()> {
        let blobs = self.repository.blobs();
        for reference in [TagOrDigest::from(Tag::latest()), self.manifest.digest().into()] {
            let manifests = self.repository.manifests();
            match manifests.get(&reference, GetOptions::default()).await? {
                Fetched::Manifest(manifest) => assert_eq!(manifest, self.manifest),
                Fetched::NotModified(_) => panic!("nothing was named that the caller has"),
            }
            assert_eq!(manifests.resolve(&reference).await?, self.manifest.descriptor());
        }
        assert_eq!(blobs.stat(&self.blob).await?.size, CONTENT.len() as u64);
        let range = ByteRange::Between(1, 1);
        for (range, expected) in [(None, CONTENT), (Some(range), &CONTENT[1..2])] {
            let reader = blobs.open(&self.blob, range).await?;
            let content = reader.content.collect(100).await.expect("it is read");
            assert_eq!(
                (content.as_ref(), reader.descriptor.size),
                (expected, CONTENT.len() as u64)
            );
        }
        Ok(())
    }

    /// Reads until everything is known, and says whether that has come to be.
    async fn is_known(&self) -> bool {
        for _ in 0..6 {
            self.read().await.expect("it is there");
        }
        self.faults.heal();
        self.read().await.expect("it is there");
        self.faults.calls() == 0
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("docker/registry/v2/repositories/library/app")
    }

    fn data(&self, digest: &Digest) -> PathBuf {
        let hex = digest.encoded();
        let blobs = self.folder.path().join("docker/registry/v2/blobs/sha256");
        blobs.join(&hex[..2]).join(hex.as_str()).join("data")
    }
}

/// Whether a test can say anything here.
fn is_told(driver: &Path) -> bool {
    fs::metadata(driver).is_ok() && Path::new("/proc/sys/fs/inotify").exists()
}

#[tokio::test]
async fn what_was_found_is_found_again_without_a_look() {
    let scene = Scene::new().await;
    if !is_told(scene.folder.path()) {
        return eprintln!("skipped: the kernel does not tell of changes here");
    }
    assert!(scene.is_known().await, "{} calls", scene.faults.calls());
    let gone = wharf_driver::ErrorKind::Unavailable;
    let fault = Fault { calls: Calls::From(1), kind: gone, when: When::Before };
    scene.faults.set(fault);
    scene.read().await.expect("nothing is asked of the store");
    assert!(scene.repository.blobs().stat(&Digest::sha256(b"other")).await.is_err());
}

/// Nothing is proven of which the bytes have to be read all the same.
async fn assert_looked_up_once(scene: &Scene, reference: TagOrDigest) {
    let mut calls = Vec::new();
    for _ in 0..10 {
        scene.faults.heal();
        let resolved = scene.repository.manifests().resolve(&reference).await;
        assert_eq!(resolved.expect("it is there"), scene.manifest.descriptor());
        calls.push(scene.faults.calls());
    }
    assert!(calls.iter().all(|later| *later <= calls[0]), "{calls:?}");
}

#[tokio::test]
async fn without_memory_for_manifests_each_is_looked_up_once() {
    let scene = Scene::with(Options { manifest_memory: 0, ..Options::default() }).await;
    assert_looked_up_once(&scene, Tag::latest().into()).await;
}

/// distribution 2.1 linked manifests as layers.
#[tokio::test]
async fn a_manifest_among_the_layers_is_looked_up_once() {
    let scene = Scene::new().await;
    let digest = scene.manifest.digest();
    let hex = digest.encoded();
    let revision = scene.home().join("_manifests/revisions/sha256").join(hex.as_str());
    let layer = scene.home().join("_layers/sha256").join(hex.as_str());
    fs::rename(revision, layer).expect("it is there");
    assert_looked_up_once(&scene, digest.into()).await;
}

type Act = fn(&Scene) -> io::Result<()>;

/// What others may do to the store so that something is missed.
const REMOVALS: &[(&str, Act)] = &[
    ("the tag", |scene| fs::remove_dir_all(scene.home().join("_manifests/tags/latest"))),
    ("the link of the tag", |scene| {
        fs::remove_file(scene.home().join("_manifests/tags/latest/current/link"))
    }),
    ("the revision", |scene| {
        let hex = scene.manifest.digest().encoded();
        let revision = scene.home().join("_manifests/revisions/sha256").join(hex.as_str());
        fs::remove_dir_all(revision)
    }),
    ("the bytes of the manifest", |scene| fs::remove_file(scene.data(&scene.manifest.digest()))),
    ("the link of the blob", |scene| {
        let layer = scene.home().join("_layers/sha256").join(scene.blob.encoded().as_str());
        fs::remove_dir_all(layer)
    }),
    ("the bytes of the blob", |scene| fs::remove_file(scene.data(&scene.blob))),
    ("the repository", |scene| fs::rename(scene.home(), scene.folder.path().join("elsewhere"))),
    ("everything", |scene| fs::remove_dir_all(scene.folder.path().join("docker"))),
];

#[tokio::test]
async fn what_others_remove_is_missed_at_once() {
    for (what, remove) in REMOVALS {
        let scene = Scene::new().await;
        scene.is_known().await;
        remove(&scene).expect("it is there");
        let error = scene.read().await.expect_err(what);
        assert!(error.is_unknown(), "{what}: {error}");
        scene.push().await;
        for _ in 0..4 {
            scene.read().await.expect(what);
        }
    }
}

#[tokio::test]
async fn a_tag_that_moves_is_followed_at_once() {
    let scene = Scene::new().await;
    scene.is_known().await;
    let built = ImageBuilder::new(Descriptor::empty()).annotation("another", "one").build();
    let other = ManifestBytes::new(built.media_type, built.bytes, Algorithm::Sha256);
    let (first, manifests) = (scene.manifest.digest(), scene.repository.manifests());
    manifests.put(other.clone(), PutOptions::default()).await.expect("pushed");
    let link = scene.home().join("_manifests/tags/latest/current/link");
    for digest in [other.digest(), first, other.digest()] {
        // As distribution does it.
        fs::write(&link, digest.to_string()).expect("it is written");
        for _ in 0..6 {
            let resolved = manifests.resolve(&Tag::latest().into()).await.expect("it is there");
            assert_eq!(resolved.digest, digest);
        }
    }
}

#[tokio::test]
async fn what_is_deleted_here_is_gone_at_once() {
    let scene = Scene::new().await;
    scene.is_known().await;
    let blobs = scene.repository.blobs();
    blobs.deleter().expect("deletes are on").delete(&scene.blob).await.expect("it is there");
    assert!(blobs.stat(&scene.blob).await.expect_err("gone").is_unknown());
    assert!(blobs.open(&scene.blob, None).await.expect_err("gone").is_unknown());
    scene.push().await;
    scene.is_known().await;
    scene.repository.tags().untag(&Tag::latest()).await.expect("it is there");
    let tagged = scene.repository.manifests().resolve(&Tag::latest().into()).await;
    assert!(tagged.expect_err("gone").is_unknown());
}

/// A fault of the store is one, also where something was known.
#[tokio::test]
async fn what_has_changed_is_looked_at() {
    let scene = Scene::new().await;
    scene.is_known().await;
    scene.push().await;
    let gone = wharf_driver::ErrorKind::Unavailable;
    scene.faults.set(Fault { calls: Calls::Every(Call::Get), kind: gone, when: When::Before });
    let looked = scene.repository.manifests().resolve(&Tag::latest().into()).await;
    assert!(!looked.expect_err("the store is away").is_unknown());
}
