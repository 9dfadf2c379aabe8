//! A store that is filled, damaged and collected.

#![expect(clippy::unwrap_used, reason = "a test panics where it fails")]
#![allow(dead_code, reason = "each file of tests uses a part of it")]

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use wharf_digest::{Algorithm, Digest};
use wharf_driver::{Driver, EntryKind, ListRequest, MemoryDriver, PutMode, StoragePath};
use wharf_driver_fs::FsDriver;
use wharf_maintenance::gc::{self, Finding, Options, Progress, Report, Watch};
use wharf_manifest::{Built, Descriptor, ImageBuilder, IndexBuilder, MediaType};
use wharf_storage::tree;

pub(crate) struct Store {
    pub(crate) driver: Arc<dyn Driver>,
    watch: Arc<Heard>,
    folder: Option<tempfile::TempDir>,
}

#[derive(Default)]
pub(crate) struct Heard {
    lines: Mutex<String>,
    findings: Mutex<Vec<String>>,
}

impl Watch for Heard {
    fn is_verbose(&self) -> bool {
        true
    }

    fn lines(&self, lines: &str) {
        self.lines.lock().unwrap().push_str(lines);
    }

    fn finding(&self, finding: &Finding) {
        self.findings.lock().unwrap().push(finding.to_string());
    }

    fn progress(&self, _: Progress) {}
}

impl Store {
    pub(crate) fn new() -> Self {
        Self::over(Arc::new(MemoryDriver::new()))
    }

    pub(crate) fn over(driver: Arc<dyn Driver>) -> Self {
        Self { driver, watch: Arc::default(), folder: None }
    }

    pub(crate) fn on_disk() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let driver = FsDriver::new(folder.path(), Default::default()).unwrap();
        Self { folder: Some(folder), ..Self::over(Arc::new(driver)) }
    }

    pub(crate) async fn collect(&self, options: Options) -> Report {
        let report = self.try_collect(options).await.unwrap();
        assert_eq!(report.failed, 0);
        let findings = self.watch.findings.lock().unwrap().len() as u64;
        assert_eq!(findings, report.findings, "{:?}", self.watch.findings);
        self.watch.findings.lock().unwrap().clear();
        report
    }

    pub(crate) async fn try_collect(&self, options: Options) -> wharf_driver::Result<Report> {
        let watch: Arc<dyn Watch> = Arc::clone(&self.watch) as _;
        gc::collect(Arc::clone(&self.driver), options, watch).await
    }

    pub(crate) fn output(&self) -> String {
        self.watch.lines.lock().unwrap().clone()
    }

    // === filling ===

    pub(crate) async fn put(&self, path: &StoragePath, content: impl Into<Bytes>) {
        self.driver.put(path, content.into(), PutMode::Overwrite).await.unwrap();
    }

    /// Writes a link file into a folder of a repository.
    pub(crate) async fn link(&self, folder: &str, text: &str) {
        let path = tree::repositories().join(folder).unwrap().join("link").unwrap();
        self.put(&path, text.to_owned()).await;
    }

    pub(crate) async fn layer(&self, name: &str, content: &str) -> Digest {
        self.layer_of(name, content, Algorithm::Sha256).await
    }

    pub(crate) async fn layer_of(&self, name: &str, content: &str, algorithm: Algorithm) -> Digest {
        let digest = Digest::of(algorithm, content.as_bytes());
        self.put(&tree::data(&digest), content.to_owned()).await;
        self.link(&format!("{name}/_layers/{algorithm}/{}", digest.hex()), &digest.to_string())
            .await;
        digest
    }

    pub(crate) async fn config(&self, name: &str) -> Descriptor {
        self.layer(name, "{}").await;
        Descriptor::of(MediaType::octet_stream(), Algorithm::Sha256, b"{}")
    }

    pub(crate) async fn descriptor(&self, media_type: MediaType, digest: Digest) -> Descriptor {
        let size = self.driver.stat(&tree::data(&digest)).await.map_or(0, |it| it.size);
        Descriptor::new(media_type, digest, size)
    }

    pub(crate) async fn image(&self, name: &str, layers: &[&str]) -> Digest {
        let mut image = ImageBuilder::new(self.config(name).await);
        for layer in layers {
            let digest = self.layer(name, layer).await;
            image = image.layer(self.descriptor(MediaType::octet_stream(), digest).await);
        }
        self.manifest(name, &image.build(), Algorithm::Sha256).await
    }

    pub(crate) async fn about(&self, name: &str, subject: Digest, layer: &str) -> Digest {
        let subject = self.descriptor(MediaType::oci_manifest(), subject).await;
        let config = self.config(name).await;
        let layer = self.layer(name, layer).await;
        let layer = self.descriptor(MediaType::octet_stream(), layer).await;
        let built = ImageBuilder::new(config).layer(layer).subject(subject.clone()).build();
        let digest = self.manifest(name, &built, Algorithm::Sha256).await;
        let (of, by) = (subject.digest.hex(), digest.hex());
        self.link(&format!("{name}/_manifests/referrers/sha256/{of}/sha256/{by}"), "{}").await;
        digest
    }

    pub(crate) async fn index(&self, name: &str, children: &[Digest]) -> Digest {
        let mut index = IndexBuilder::new();
        for child in children {
            index = index.manifest(self.descriptor(MediaType::oci_manifest(), *child).await);
        }
        self.manifest(name, &index.build(), Algorithm::Sha256).await
    }

    pub(crate) async fn manifest(&self, name: &str, built: &Built, algorithm: Algorithm) -> Digest {
        let digest = Digest::of(algorithm, &built.bytes);
        self.put(&tree::data(&digest), built.bytes.clone()).await;
        let folder = format!("{name}/_manifests/revisions/{algorithm}/{}", digest.hex());
        self.link(&folder, &digest.to_string()).await;
        digest
    }

    pub(crate) async fn bytes(&self, name: &str, text: &str) -> Digest {
        let built = Built { media_type: MediaType::oci_manifest(), bytes: text.to_owned().into() };
        self.manifest(name, &built, Algorithm::Sha256).await
    }

    pub(crate) async fn tag(&self, name: &str, tag: &str, digest: Digest) {
        let (folder, text) = (format!("{name}/_manifests/tags/{tag}"), digest.to_string());
        let history = format!("{folder}/index/{}/{}", digest.algorithm(), digest.hex());
        self.link(&history, &text).await;
        self.link(&format!("{folder}/current"), &text).await;
    }

    // === damaging ===

    pub(crate) async fn lose_blob(&self, digest: &Digest) {
        self.driver.delete_below(&tree::blob(digest)).await.unwrap();
    }

    pub(crate) async fn damage_blob(&self, digest: &Digest, content: &str) {
        self.put(&tree::data(digest), content.to_owned()).await;
    }

    pub(crate) async fn lose_manifest(&self, name: &str, digest: &Digest) {
        let (algorithm, hex) = (digest.algorithm(), digest.hex());
        self.remove(&format!("{name}/_manifests/revisions/{algorithm}/{hex}")).await;
    }

    pub(crate) async fn remove(&self, folder: &str) {
        let path = tree::repositories().join(folder).unwrap();
        assert!(self.driver.delete_below(&path).await.unwrap());
    }

    pub(crate) fn root(&self) -> &std::path::Path {
        self.folder.as_ref().unwrap().path()
    }

    /// Two hours pass for everything that is there.
    pub(crate) fn make_everything_old(&self) {
        let mut open = vec![self.folder.as_ref().unwrap().path().to_owned()];
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                match entry.file_type().unwrap().is_dir() {
                    true => open.push(entry.path()),
                    false => age(&entry.path()),
                }
            }
        }
    }

    pub(crate) fn make_old(&self, path: &StoragePath) {
        age(&self.folder.as_ref().unwrap().path().join(path.as_str()));
    }

    // === looking ===

    pub(crate) async fn exists(&self, path: &str) -> bool {
        self.driver.stat(&tree::repositories().join(path).unwrap()).await.is_ok()
    }

    pub(crate) async fn has_blob(&self, digest: &Digest) -> bool {
        self.driver.stat(&tree::data(digest)).await.is_ok()
    }

    pub(crate) async fn has_layer(&self, name: &str, digest: &Digest) -> bool {
        let (algorithm, hex) = (digest.algorithm(), digest.hex());
        self.exists(&format!("{name}/_layers/{algorithm}/{hex}/link")).await
    }

    pub(crate) async fn has_manifest(&self, name: &str, digest: &Digest) -> bool {
        let (algorithm, hex) = (digest.algorithm(), digest.hex());
        self.exists(&format!("{name}/_manifests/revisions/{algorithm}/{hex}/link")).await
    }

    /// Every file of the store.
    pub(crate) async fn files(&self) -> BTreeSet<StoragePath> {
        let (mut files, mut open) = (BTreeSet::new(), vec![StoragePath::root()]);
        while let Some(folder) = open.pop() {
            let request = ListRequest { after: None, limit: usize::MAX };
            for entry in self.driver.list(&folder, request).await.unwrap().entries {
                let path = folder.join(&entry.name).unwrap();
                match entry.kind {
                    EntryKind::Folder => open.push(path),
                    EntryKind::File => drop(files.insert(path)),
                }
            }
        }
        files
    }
}

fn age(path: &std::path::Path) {
    let old = SystemTime::now() - Duration::from_secs(2 * 60 * 60);
    std::fs::File::options().write(true).open(path).unwrap().set_modified(old).unwrap();
}
