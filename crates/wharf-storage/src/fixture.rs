//! A repository in memory, and ways to fill and to damage it.

use std::sync::Arc;

use bytes::Bytes;
use wharf_core::{
    Fetched, GetOptions, ManifestBytes, ManifestStore, PutOptions, RequestContext, Result, Stored,
};
use wharf_digest::{Algorithm, Digest};
use wharf_driver::{Driver, MemoryDriver, PutMode, StoragePath};
use wharf_manifest::{Built, Descriptor, ImageBuilder, MediaType};
use wharf_reference::{RepositoryName, Tag, TagOrDigest};
use wharf_testkit::faults::FaultyDriver;

use crate::{
    Options, layout,
    manifests::Manifests,
    referrers::Referrers,
    store::{Scope, Store},
    tags::Tags,
};

/// One repository of a registry.
pub(crate) struct Fixture {
    pub(crate) driver: MemoryDriver,
    pub(crate) scope: Scope,
}

// === impl Fixture ===

impl Fixture {
    /// Deletes are on.
    pub(crate) fn new() -> Self {
        Self::with(Options { delete: true, ..Options::default() })
    }

    pub(crate) fn with(options: Options) -> Self {
        Self::over(MemoryDriver::new(), options)
    }

    /// Another process over the same store.
    pub(crate) fn restarted(&self, options: Options) -> Self {
        Self::over(self.driver.clone(), options)
    }

    /// A process to which the same store is another machine, which lists so many files at once.
    pub(crate) fn far(&self, files: usize) -> Self {
        let driver = FaultyDriver::new(Arc::new(self.driver.clone())).giving(files);
        let options = Options { delete: true, ..Options::default() };
        Self::of(self.driver.clone(), Store::new(Arc::new(driver), options))
    }

    fn over(driver: MemoryDriver, options: Options) -> Self {
        let store = Store::new(Arc::new(driver.clone()), options);
        Self::of(driver, store)
    }

    fn of(driver: MemoryDriver, store: Store) -> Self {
        let store = Arc::new(store);
        let name = RepositoryName::parse("library/app").unwrap();
        Self { driver, scope: Scope { store, name, context: RequestContext::default() } }
    }

    pub(crate) fn manifests(&self) -> Manifests {
        Manifests::new(self.scope.clone())
    }

    pub(crate) fn tags(&self) -> Tags {
        Tags::new(self.scope.clone())
    }

    pub(crate) fn referrers(&self) -> Referrers {
        Referrers::new(self.scope.clone())
    }

    /// Stores and links a blob.
    pub(crate) async fn blob(&self, content: &'static [u8]) -> Descriptor {
        let digest = Digest::sha256(content);
        let link = layout::layer_link(&self.scope.name, &digest);
        self.scope.vault().put(&digest, Bytes::from_static(content), link).await.unwrap();
        Descriptor::of(MediaType::octet_stream(), Algorithm::Sha256, content)
    }

    /// An image with one layer, which are both there.
    pub(crate) async fn image(&self, layer: &'static [u8]) -> ImageBuilder {
        self.blob(b"{}").await;
        ImageBuilder::new(Descriptor::empty()).layer(self.blob(layer).await)
    }

    pub(crate) async fn put(&self, built: &Built, tags: &[&str]) -> Result<Stored> {
        let options = PutOptions {
            tags: tags.iter().map(|tag| Tag::parse(tag).unwrap()).collect(),
            skip_reference_checks: false,
        };
        let (media_type, bytes) = (built.media_type.clone(), built.bytes.clone());
        let manifest = ManifestBytes::new(media_type, bytes, Algorithm::Sha256);
        self.manifests().put(manifest, options).await
    }

    /// Puts what has to be taken.
    pub(crate) async fn stored(&self, built: &Built, tags: &[&str]) -> Digest {
        self.put(built, tags).await.unwrap().descriptor.digest
    }

    pub(crate) async fn get(&self, reference: impl Into<TagOrDigest>) -> Result<ManifestBytes> {
        match self.manifests().get(&reference.into(), GetOptions::default()).await? {
            Fetched::Manifest(manifest) => Ok(manifest),
            Fetched::NotModified(_) => panic!("nothing was named that the caller has"),
        }
    }

    /// Writes a file of the repository as some other program, or a crash, could have left it.
    pub(crate) async fn write(&self, path: &str, content: impl Into<Bytes>) {
        let path = self.path(path);
        self.driver.put(&path, content.into(), PutMode::Overwrite).await.unwrap();
    }

    /// Writes a manifest as distribution does, without anything of ours.
    pub(crate) async fn foreign(&self, built: &Built) -> Digest {
        let digest = Digest::sha256(&built.bytes);
        let link = layout::revision_link(&self.scope.name, &digest);
        self.scope.vault().put(&digest, built.bytes.clone(), link).await.unwrap();
        digest
    }

    pub(crate) async fn exists(&self, path: &str) -> bool {
        self.driver.stat(&self.path(path)).await.is_ok()
    }

    fn path(&self, path: &str) -> StoragePath {
        layout::repository(&self.scope.name).join(path).unwrap()
    }
}

/// Overwrites the bytes of a blob.
pub(crate) async fn damage(driver: &MemoryDriver, digest: &Digest, content: &'static [u8]) {
    let path = layout::in_blob(digest, "data");
    driver.put(&path, Bytes::from_static(content), PutMode::Overwrite).await.unwrap();
}

/// Removes the bytes of a blob.
pub(crate) async fn lose(driver: &MemoryDriver, digest: &Digest) {
    driver.delete(&layout::in_blob(digest, "data")).await.unwrap();
}

pub(crate) fn tag(text: &str) -> Tag {
    Tag::parse(text).unwrap()
}
