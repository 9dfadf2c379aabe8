//! Manifests that are in memory: they spare reads, and say nothing about what is there.

use std::{
    fs::{self, File, FileTimes},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use bytes::Bytes;
use tempfile::TempDir;
use wharf_core::{
    ErrorKind, Fetched, GetOptions, ManifestBytes, Namespace, PutOptions, Repository,
    RequestContext, Result,
};
use wharf_digest::{Algorithm, Digest};
use wharf_driver_fs::FsDriver;
use wharf_manifest::{Descriptor, ImageBuilder};
use wharf_reference::{RepositoryName, Tag, TagOrDigest};
use wharf_storage::{Options, StorageNamespace};

/// A repository with a tagged manifest that was just read.
struct Scene {
    folder: TempDir,
    namespace: StorageNamespace,
    name: RepositoryName,
    manifest: ManifestBytes,
}

// === impl Scene ===

impl Scene {
    async fn new() -> Self {
        Self::with(Options { delete: true, ..Options::default() }).await
    }

    async fn with(options: Options) -> Self {
        let folder = TempDir::new().expect("a folder");
        let built = ImageBuilder::new(Descriptor::empty()).build();
        let manifest = ManifestBytes::new(built.media_type, built.bytes, Algorithm::Sha256);
        let name = RepositoryName::parse("library/app").expect("a name");
        let namespace = namespace(folder.path(), options);
        let scene = Self { folder, namespace, name, manifest };
        let empty = Descriptor::empty();
        let config =
            scene.repository().blobs().put(&empty.media_type, Bytes::from_static(b"{}")).await;
        config.expect("it is stored");
        scene.push().await;
        scene.assert_there().await;
        scene
    }

    fn repository(&self) -> Arc<dyn Repository> {
        self.namespace.repository(&self.name, &RequestContext::internal("test"))
    }

    async fn push(&self) {
        let options = PutOptions { tags: vec![Tag::latest()], ..PutOptions::default() };
        self.repository().manifests().put(self.manifest.clone(), options).await.expect("pushed");
    }

    async fn get(&self, reference: impl Into<TagOrDigest>) -> Result<Bytes> {
        let repository = self.repository();
        match repository.manifests().get(&reference.into(), GetOptions::default()).await? {
            Fetched::Manifest(manifest) => Ok(manifest.bytes().clone()),
            Fetched::NotModified(_) => panic!("nothing was named that the caller has"),
        }
    }

    /// By tag and by digest, for `GET` and `HEAD`; so often that it is known without a look.
    async fn assert_there(&self) {
        for reference in
            [self.references(), self.references(), self.references()].into_iter().flatten()
        {
            assert_eq!(
                self.get(reference.clone()).await.expect("it is there"),
                self.manifest.bytes()
            );
            let resolved = self.repository().manifests().resolve(&reference).await;
            assert_eq!(resolved.expect("it is there"), self.manifest.descriptor());
        }
    }

    async fn assert_gone(&self, how: &str) {
        for reference in self.references() {
            let error = self.get(reference.clone()).await.expect_err(how);
            assert!(error.is_unknown(), "{how}: {error}");
            let resolved = self.repository().manifests().resolve(&reference).await;
            assert!(resolved.expect_err(how).is_unknown(), "{how}");
        }
    }

    fn references(&self) -> [TagOrDigest; 2] {
        [Tag::latest().into(), self.manifest.digest().into()]
    }

    fn home(&self) -> PathBuf {
        self.root().join("repositories/library/app")
    }

    fn revision(&self) -> PathBuf {
        let hex = self.manifest.digest().encoded();
        self.home().join(format!("_manifests/revisions/sha256/{hex}"))
    }

    /// The file with the bytes of the manifest.
    fn data(&self) -> PathBuf {
        let hex = self.manifest.digest().encoded();
        self.root().join(format!("blobs/sha256/{}/{hex}/data", &hex[..2]))
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("docker/registry/v2")
    }
}

fn namespace(root: &Path, options: Options) -> StorageNamespace {
    let driver = FsDriver::new(root, wharf_driver_fs::Options::default()).expect("a store");
    StorageNamespace::new(Arc::new(driver), options)
}

#[tokio::test]
async fn what_is_deleted_here_is_gone_at_once() {
    let scene = Scene::new().await;
    scene.repository().manifests().delete(&scene.manifest.digest()).await.expect("deleted");
    scene.assert_gone("by its digest").await;

    scene.push().await;
    scene.assert_there().await;
    scene.repository().tags().untag(&Tag::latest()).await.expect("deleted");
    assert!(scene.get(Tag::latest()).await.expect_err("gone").is_unknown());
    assert!(scene.get(scene.manifest.digest()).await.is_ok());
}

#[tokio::test]
async fn what_another_process_deletes_is_gone_at_once() {
    let scene = Scene::new().await;
    let other = namespace(scene.folder.path(), Options { delete: true, ..Options::default() });
    let repository = other.repository(&scene.name, &RequestContext::internal("other"));
    for _ in 0..10 {
        repository.manifests().delete(&scene.manifest.digest()).await.expect("deleted");
        scene.assert_gone("by another process").await;
        scene.push().await;
        scene.assert_there().await;
    }
}

/// A collection takes the link first, an operator whatever he likes.
#[tokio::test]
async fn what_another_program_removes_is_gone_at_once() {
    let scene = Scene::new().await;
    for (how, doomed) in [
        ("without its link", scene.revision()),
        ("without its bytes", scene.data().parent().expect("a folder").to_owned()),
        ("without its repository", scene.home()),
    ] {
        fs::remove_dir_all(doomed).expect("it is removed");
        scene.assert_gone(how).await;
        let empty = Descriptor::empty();
        let config =
            scene.repository().blobs().put(&empty.media_type, Bytes::from_static(b"{}")).await;
        config.expect("it is stored");
        scene.push().await;
        scene.assert_there().await;
    }
}

#[tokio::test]
async fn bytes_that_become_others_are_noticed_and_never_served() {
    let scene = Scene::new().await;
    let good = scene.manifest.bytes();
    for bad in [&b""[..], &good[1..], &good.to_ascii_uppercase()] {
        fs::write(scene.data(), bad).expect("it is damaged");
        // On a disk with a coarse clock it could be as old as what it replaces.
        touch(&scene.data(), SystemTime::UNIX_EPOCH);
        let error = scene.get(scene.manifest.digest()).await.expect_err("it is damaged");
        assert!(matches!(error.kind(), ErrorKind::Corrupt(_)), "{error}");
        scene.push().await;
        scene.assert_there().await;
    }
}

/// The look at the file finds what was read: its bytes are not read again.
#[tokio::test]
async fn what_is_in_memory_is_not_read_again() {
    for (manifest_memory, spared) in [(1 << 20, true), (0, false)] {
        let scene = Scene::with(Options { manifest_memory, ..Options::default() }).await;
        let before = fs::metadata(scene.data()).expect("it is there").modified().expect("known");
        fs::write(scene.data(), scene.manifest.bytes().to_ascii_uppercase()).expect("damaged");
        touch(&scene.data(), before);
        let read = scene.get(scene.manifest.digest()).await;
        assert_eq!(read.is_ok_and(|bytes| bytes == scene.manifest.bytes()), spared);
    }
}

fn touch(path: &Path, modified: SystemTime) {
    let file = File::options().write(true).open(path).expect("it is there");
    file.set_times(FileTimes::new().set_modified(modified)).expect("it is ours");
}

/// distribution may have the bytes under another algorithm.
#[tokio::test]
async fn an_alias_is_followed_every_time() {
    let scene = Scene::new().await;
    let alias = Digest::of(Algorithm::Sha512, scene.manifest.bytes());
    let link = scene.home().join(format!("_manifests/revisions/sha512/{}", alias.encoded()));
    fs::create_dir_all(&link).expect("it is made");
    fs::write(link.join("link"), scene.manifest.digest().to_string()).expect("it is written");
    for _ in 0..3 {
        assert_eq!(scene.get(alias).await.expect("it is there"), scene.manifest.bytes());
    }
    let stray = Digest::sha256(b"other");
    fs::write(link.join("link"), stray.to_string()).expect("it is written");
    assert!(scene.get(alias).await.expect_err("nothing is there").is_unknown());
    fs::remove_dir_all(&link).expect("it is removed");
    assert!(scene.get(alias).await.expect_err("it is gone").is_unknown());
    scene.assert_there().await;
}
