//! A repository that tells what happens in it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use async_trait::async_trait;
use bytes::Bytes;
use wharf_api::Target as Place;
use wharf_content::ByteRange;
use wharf_core::{
    BlobDeleter, BlobEnumerator, BlobIngester, BlobProvider, BlobReader, BlobRedirector,
    BlobStatter, BlobStore, BlobWriter, CreateOptions, CreateOutcome, Fetched, GetOptions,
    ManifestBytes, ManifestEnumerator, ManifestStore, Page, PageRequest, PutOptions,
    ReferrerLister, Repository, RequestContext, Result, Stored, TagStore, UploadId, UploadStatus,
};
use wharf_digest::Digest;
use wharf_manifest::{Descriptor, MediaType, Schemas};
use wharf_reference::{RepositoryName, Tag, TagOrDigest};

use crate::{Action, Notifier, event::Target, writer::Told};

/// A repository for one request, and whom to tell.
pub(crate) struct Witnessed {
    inner: Arc<dyn Repository>,
    scope: Arc<Scope>,
    /// Whether this request is known to have pulled: it may take several looks at the same thing.
    pulled: AtomicBool,
}

/// Whom to tell, and what about.
pub(crate) struct Scope {
    notifier: Notifier,
    name: RepositoryName,
    context: RequestContext,
}

// === impl Witnessed ===

impl Witnessed {
    pub(crate) fn new(
        inner: Arc<dyn Repository>,
        notifier: Notifier,
        context: RequestContext,
    ) -> Self {
        let name = inner.name().clone();
        let scope = Arc::new(Scope { notifier, name, context });
        Self { inner, scope, pulled: AtomicBool::new(false) }
    }

    /// Whether a pull is to be told that was not.
    fn pulls(&self) -> bool {
        let reads = matches!(&*self.scope.context.method, "GET" | "HEAD" | "");
        reads && self.scope.notifier.wants(Action::Pull) && !self.pulled.swap(true, Relaxed)
    }

    async fn blob_pulled(&self, descriptor: &Descriptor) -> Result<()> {
        match self.pulls() {
            true => self.scope.tell(Action::Pull, vec![self.scope.blob(descriptor)]).await,
            false => Ok(()),
        }
    }

    async fn manifest_pulled(
        &self,
        reference: &TagOrDigest,
        descriptor: &Descriptor,
        bytes: Option<&Bytes>,
    ) -> Result<()> {
        if !self.pulls() {
            return Ok(());
        }
        let mut target = self.scope.manifest(descriptor, reference.tag());
        if self.scope.notifier.includes_references() {
            let bytes = match bytes {
                Some(bytes) => Some(bytes.clone()),
                None => self.bytes(&descriptor.digest).await,
            };
            target.references = references(&descriptor.media_type, bytes.as_ref());
        }
        self.scope.tell(Action::Pull, vec![target]).await
    }

    /// A manifest that was only asked about.
    async fn bytes(&self, digest: &Digest) -> Option<Bytes> {
        let fetched = self.inner.manifests().get(&(*digest).into(), GetOptions::default()).await;
        match fetched {
            Ok(Fetched::Manifest(manifest)) => Some(manifest.bytes().clone()),
            _ => None,
        }
    }
}

impl Repository for Witnessed {
    fn name(&self) -> &RepositoryName {
        self.inner.name()
    }

    fn blobs(&self) -> &dyn BlobStore {
        self
    }

    fn manifests(&self) -> &dyn ManifestStore {
        self
    }

    fn tags(&self) -> &dyn TagStore {
        self
    }

    fn referrers(&self) -> Option<&dyn ReferrerLister> {
        self.inner.referrers()
    }
}

// === the blobs ===

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl BlobStatter for Witnessed {
    async fn stat(&self, digest: &Digest) -> Result<Descriptor> {
        let descriptor = self.inner.blobs().stat(digest).await?;
        self.blob_pulled(&descriptor).await?;
        Ok(descriptor)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl BlobProvider for Witnessed {
    async fn open(&self, digest: &Digest, range: Option<ByteRange>) -> Result<BlobReader> {
        let reader = self.inner.blobs().open(digest, range).await?;
        self.blob_pulled(&reader.descriptor).await?;
        Ok(reader)
    }

    async fn get(&self, digest: &Digest, limit: u64) -> Result<Bytes> {
        let bytes = self.inner.blobs().get(digest, limit).await?;
        let descriptor = Descriptor::new(MediaType::octet_stream(), *digest, bytes.len() as u64);
        self.blob_pulled(&descriptor).await?;
        Ok(bytes)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl BlobIngester for Witnessed {
    async fn put(&self, media_type: &MediaType, bytes: Bytes) -> Result<Descriptor> {
        let descriptor = self.inner.blobs().put(media_type, bytes).await?;
        self.scope.tell(Action::Push, vec![self.scope.blob(&descriptor)]).await?;
        Ok(descriptor)
    }

    async fn create(&self, options: CreateOptions) -> Result<CreateOutcome> {
        Ok(match self.inner.blobs().create(options).await? {
            CreateOutcome::Upload(writer) => {
                CreateOutcome::Upload(Told::wrap(writer, Arc::clone(&self.scope)))
            }
            CreateOutcome::Mounted { from, descriptor } => {
                let mut target = self.scope.blob(&descriptor);
                target.from_repository = Some(from.to_string());
                self.scope.tell(Action::Mount, vec![target]).await?;
                CreateOutcome::Mounted { from, descriptor }
            }
        })
    }

    async fn resume(&self, id: &UploadId) -> Result<Box<dyn BlobWriter>> {
        let writer = self.inner.blobs().resume(id).await?;
        Ok(Told::wrap(writer, Arc::clone(&self.scope)))
    }

    async fn status(&self, id: &UploadId) -> Result<UploadStatus> {
        self.inner.blobs().status(id).await
    }
}

#[deny(clippy::missing_trait_methods)]
impl BlobStore for Witnessed {
    fn deleter(&self) -> Option<&dyn BlobDeleter> {
        self.inner.blobs().deleter().map(|_| self as _)
    }

    fn redirector(&self) -> Option<&dyn BlobRedirector> {
        self.inner.blobs().redirector().map(|_| self as _)
    }

    fn enumerator(&self) -> Option<&dyn BlobEnumerator> {
        self.inner.blobs().enumerator()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl BlobDeleter for Witnessed {
    async fn delete(&self, digest: &Digest) -> Result<()> {
        let Some(deleter) = self.inner.blobs().deleter() else { return Err(unsupported()) };
        deleter.delete(digest).await?;
        let target = Target::removed(&self.scope.name, digest);
        self.scope.tell(Action::Delete, vec![target]).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl BlobRedirector for Witnessed {
    async fn redirect(&self, digest: &Digest, method: &str) -> Result<Option<String>> {
        let Some(redirector) = self.inner.blobs().redirector() else { return Ok(None) };
        let url = redirector.redirect(digest, method).await?;
        if url.is_some() && self.scope.notifier.wants(Action::Pull) {
            let descriptor = self.inner.blobs().stat(digest).await?;
            self.blob_pulled(&descriptor).await?;
        }
        Ok(url)
    }
}

// === the manifests ===

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ManifestStore for Witnessed {
    async fn resolve(&self, reference: &TagOrDigest) -> Result<Descriptor> {
        let descriptor = self.inner.manifests().resolve(reference).await?;
        self.manifest_pulled(reference, &descriptor, None).await?;
        Ok(descriptor)
    }

    async fn get(&self, reference: &TagOrDigest, options: GetOptions) -> Result<Fetched> {
        let fetched = self.inner.manifests().get(reference, options).await?;
        // As in the original, a client that has it already has not pulled it.
        if let Fetched::Manifest(manifest) = &fetched {
            let descriptor = manifest.descriptor();
            self.manifest_pulled(reference, &descriptor, Some(manifest.bytes())).await?;
        }
        Ok(fetched)
    }

    async fn put(&self, manifest: ManifestBytes, options: PutOptions) -> Result<Stored> {
        let bytes = self.scope.notifier.includes_references().then(|| manifest.bytes().clone());
        let stored = self.inner.manifests().put(manifest, options).await?;
        let references = references(&stored.descriptor.media_type, bytes.as_ref());
        let target = |tag: Option<&Tag>| Target {
            references: references.clone(),
            ..self.scope.manifest(&stored.descriptor, tag)
        };
        let targets = match stored.tags.as_slice() {
            [] => vec![target(None)],
            tags => tags.iter().map(|tag| target(Some(tag))).collect(),
        };
        self.scope.tell(Action::Push, targets).await?;
        Ok(stored)
    }

    async fn delete(&self, digest: &Digest) -> Result<()> {
        let mut tags = Vec::new();
        if self.scope.notifier.wants(Action::Delete) {
            // They go with it, and cannot be asked for afterwards.
            tags = self.inner.tags().lookup(digest).await.unwrap_or_default();
        }
        self.inner.manifests().delete(digest).await?;
        let name = &self.scope.name;
        let tags = tags.iter().map(|tag| Target::untagged(name, tag));
        let targets = [Target::removed(name, digest)].into_iter().chain(tags).collect();
        self.scope.tell(Action::Delete, targets).await
    }

    fn enumerator(&self) -> Option<&dyn ManifestEnumerator> {
        self.inner.manifests().enumerator()
    }
}

/// What a manifest is made of; nothing if it cannot be read.
fn references(media_type: &MediaType, bytes: Option<&Bytes>) -> Vec<Descriptor> {
    let manifest = bytes.map(|bytes| Schemas::default().parse(Some(media_type), bytes));
    let Some(Ok(manifest)) = manifest else { return Vec::new() };
    manifest.references().map(|reference| reference.descriptor.clone()).collect()
}

// === the tags ===

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl TagStore for Witnessed {
    async fn get(&self, tag: &Tag) -> Result<Digest> {
        self.inner.tags().get(tag).await
    }

    async fn tag(&self, tag: &Tag, digest: &Digest) -> Result<()> {
        self.inner.tags().tag(tag, digest).await
    }

    async fn untag(&self, tag: &Tag) -> Result<()> {
        self.inner.tags().untag(tag).await?;
        let target = Target::untagged(&self.scope.name, tag);
        self.scope.tell(Action::Delete, vec![target]).await
    }

    async fn list(&self, page: PageRequest) -> Result<Page<Tag>> {
        self.inner.tags().list(page).await
    }

    async fn lookup(&self, digest: &Digest) -> Result<Vec<Tag>> {
        self.inner.tags().lookup(digest).await
    }

    async fn history(&self, tag: &Tag) -> Result<Vec<Digest>> {
        self.inner.tags().history(tag).await
    }
}

fn unsupported() -> wharf_core::Error {
    wharf_core::ErrorKind::Unsupported("this registry does not delete blobs").into()
}

// === impl Scope ===

impl Scope {
    pub(crate) async fn tell(&self, action: Action, targets: Vec<Target>) -> Result<()> {
        match self.notifier.wants(action) {
            true => self.notifier.tell(action, targets, &self.context).await,
            false => Ok(()),
        }
    }

    /// A blob of this repository.
    pub(crate) fn blob(&self, descriptor: &Descriptor) -> Target {
        let place = Place::Blob { name: self.name.clone(), digest: descriptor.digest };
        Target::content(&self.name, descriptor, self.url(&place))
    }

    /// A manifest of this repository.
    fn manifest(&self, descriptor: &Descriptor, tag: Option<&Tag>) -> Target {
        let reference = descriptor.digest.into();
        let place = Place::Manifest { name: self.name.clone(), reference };
        Target {
            tag: tag.map(Tag::to_string),
            ..Target::content(&self.name, descriptor, self.url(&place))
        }
    }

    fn url(&self, place: &Place) -> String {
        let base = self.context.origin.as_ref().map_or("", |origin| origin.base.as_str());
        format!("{base}{place}")
    }
}
