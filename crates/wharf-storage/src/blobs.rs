//! The blobs of a repository: those that it links.

use std::{future::Future, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt;
use wharf_content::{ByteRange, Content};
use wharf_core::{
    BlobDeleter, BlobEnumerator, BlobIngester, BlobProvider, BlobReader, BlobRedirector,
    BlobStatter, BlobStore, BlobWriter, CreateOptions, CreateOutcome, Error, Page, PageRequest,
    Result, UploadId, UploadStatus,
};
use wharf_digest::Digest;
use wharf_driver::{Opened, PresignRequest};
use wharf_manifest::{Descriptor, MediaType};

use crate::{digests, layout, links, mount, store::Scope, uploads::Uploads};

/// What is known of a blob of a repository.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Known {
    size: u64,
    /// All of it, if that is short and was read.
    content: Option<Bytes>,
}

/// Longer content is not kept.
const SHORT: usize = 16 << 10;

/// For how long a URL of the backend is good.
const REDIRECT_FOR: Duration = Duration::from_secs(20 * 60);

/// The blobs of one repository.
pub(crate) struct Blobs {
    scope: Scope,
    uploads: Uploads,
}

// === impl Blobs ===

impl Blobs {
    pub(crate) fn new(scope: Scope) -> Self {
        Self { uploads: Uploads::new(scope.clone()), scope }
    }

    /// Where the content of a linked blob lies.
    async fn target(&self, digest: &Digest) -> Result<Digest> {
        let link = layout::layer_link(&self.scope.name, digest);
        let target = links::resolve(self.scope.driver(), &link, digest).await?;
        target.ok_or_else(|| Error::blob_unknown(digest))
    }

    /// What is remembered of a blob where each request takes long. Its link says whether the
    /// repository has it; that the bytes are there is taken for granted as long as nobody misses
    /// them, and is looked at whenever a manifest that needs them is pushed. Elsewhere the store
    /// itself is asked: a collection by another program may have taken the bytes and left the link.
    async fn known(&self, digest: &Digest) -> Option<Descriptor> {
        match self.scope.cache().filter(|_| self.scope.store.remote) {
            Some(cache) => cache.get(digest).await,
            None => None,
        }
    }

    /// What the store says of a blob.
    async fn located(&self, digest: &Digest) -> Result<Descriptor> {
        let link = layout::layer_link(&self.scope.name, digest);
        let locate = || self.scope.vault().locate(&link, digest);
        let (target, size) = locate().await?.ok_or_else(|| Error::blob_unknown(digest))?;
        let located = descriptor(digest, size);
        if self.scope.store.remote {
            if let Some(cache) = self.scope.cache() {
                cache.set(digest, located.clone()).await;
            }
            return Ok(located);
        }
        let known = |size| Known { size, content: None };
        let again = locate()
            .map(|again| again.ok()?.filter(|again| again.0 == target).map(|again| known(again.1)));
        self.prove(digest, &target, known(size), again).await;
        Ok(located)
    }

    /// Opens what the link of a blob leads to, and says where that is.
    async fn opened(
        &self,
        digest: &Digest,
        range: Option<ByteRange>,
    ) -> Result<Option<(Digest, Opened)>> {
        let target = self.target(digest).await?;
        Ok(self.scope.vault().open(&target, range).await?.map(|opened| (target, opened)))
    }

    /// Keeps what was found, if the store tells when that changes.
    async fn prove(
        &self,
        digest: &Digest,
        target: &Digest,
        known: Known,
        again: impl Future<Output = Option<Known>>,
    ) {
        let link = layout::layer_link(&self.scope.name, digest);
        if let Some(unchanged) = self.scope.vault().watch(vec![link], target) {
            let asked = (&self.scope.name, digest);
            self.scope.store.proven_blobs.keep(asked, known, unchanged, again).await;
        }
    }

    /// Says that a blob is not there, and has the cache forget it if it knows it. Blobs that nobody has are
    /// asked for before each push: to forget each of them would cost more than to answer.
    async fn missed(&self, digest: &Digest) -> Error {
        if let Some(cache) = self.scope.cache()
            && cache.get(digest).await.is_some()
        {
            cache.clear(digest).await;
        }
        Error::blob_unknown(digest)
    }

    /// Describes a blob whose link was just read, without a word about its existence.
    async fn describe(&self, digest: &Digest, target: Digest) -> Result<Descriptor> {
        let load = async move {
            let size = self.scope.vault().present(&target).await?;
            size.map(|size| descriptor(digest, size)).ok_or_else(|| Error::blob_unknown(digest))
        };
        match self.scope.cache() {
            Some(cache) => cache.get_or_load(digest, load.boxed()).await,
            None => load.await,
        }
    }
}

#[async_trait]
impl BlobStatter for Blobs {
    async fn stat(&self, digest: &Digest) -> Result<Descriptor> {
        if let Some(known) = self.scope.store.proven_blobs.get(&self.scope.name, digest) {
            return Ok(descriptor(digest, known.size));
        }
        let known = self.known(digest).await;
        let may_be_cached = known.is_some() || !self.scope.store.remote;
        let described = match known {
            Some(known) => self.target(digest).await.map(|_| known),
            None => self.located(digest).await,
        };
        match described {
            Ok(_) => self.scope.store.recent.note(digest, &self.scope.name),
            Err(ref error) if error.is_unknown() && may_be_cached => {
                return Err(self.missed(digest).await);
            }
            Err(_) => {}
        }
        described
    }
}

#[async_trait]
impl BlobProvider for Blobs {
    async fn open(&self, digest: &Digest, range: Option<ByteRange>) -> Result<BlobReader> {
        let proven = self.scope.store.proven_blobs.get(&self.scope.name, digest);
        if let Some(reader) = proven.and_then(|known| known.reader(digest, range)) {
            return Ok(reader);
        }
        let Some((target, opened)) = self.opened(digest, range).await? else {
            return Err(self.missed(digest).await);
        };
        self.scope.store.recent.note(digest, &self.scope.name);
        if let Some(known) = Known::of(&opened) {
            let again = self.opened(digest, range);
            let again = again.map(|again| {
                again.ok()?.filter(|again| again.0 == target).and_then(|again| Known::of(&again.1))
            });
            self.prove(digest, &target, known, again).await;
        }
        Ok(BlobReader {
            descriptor: descriptor(digest, opened.metadata.size),
            range: opened.range,
            content: opened.content,
        })
    }
}

#[async_trait]
impl BlobIngester for Blobs {
    async fn put(&self, media_type: &MediaType, bytes: Bytes) -> Result<Descriptor> {
        self.scope.store.check_writable()?;
        let digest = Digest::sha256(&bytes);
        let size = bytes.len() as u64;
        let link = layout::layer_link(&self.scope.name, &digest);
        self.scope.vault().put(&digest, bytes, link).await?;
        self.scope.store.recent.note(&digest, &self.scope.name);
        Ok(Descriptor::new(media_type.clone(), digest, size))
    }

    async fn create(&self, options: CreateOptions) -> Result<CreateOutcome> {
        self.scope.store.check_writable()?;
        if let Some(wanted) = &options.mount
            && let Some(source) = mount::find(&self.scope, wanted).await?
        {
            let link = layout::layer_link(&self.scope.name, &wanted.digest);
            self.scope.vault().link(&link, &source.target).await?;
            self.scope.store.recent.note(&wanted.digest, &self.scope.name);
            let descriptor = descriptor(&wanted.digest, source.size);
            return Ok(CreateOutcome::Mounted { from: source.from, descriptor });
        }
        let writer = self.uploads.begin(&options).await?;
        Ok(CreateOutcome::Upload(Box::new(writer)))
    }

    async fn resume(&self, id: &UploadId) -> Result<Box<dyn BlobWriter>> {
        self.scope.store.check_writable()?;
        Ok(Box::new(self.uploads.resume(id).await?))
    }

    async fn status(&self, id: &UploadId) -> Result<UploadStatus> {
        self.uploads.status(id).await
    }
}

#[async_trait]
impl BlobDeleter for Blobs {
    async fn delete(&self, digest: &Digest) -> Result<()> {
        self.scope.store.check_deletes()?;
        let unlinked =
            self.scope.vault().unlink(&layout::layer_link(&self.scope.name, digest)).await?;
        if let Some(cache) = self.scope.cache() {
            cache.clear(digest).await;
        }
        unlinked.then_some(()).ok_or_else(|| Error::blob_unknown(digest))
    }
}

#[async_trait]
impl BlobEnumerator for Blobs {
    async fn enumerate(&self, page: PageRequest) -> Result<Page<Digest>> {
        let folder = |algorithm| layout::layers(&self.scope.name, algorithm);
        digests::linked(self.scope.driver(), folder, &page).await
    }
}

#[async_trait]
impl BlobRedirector for Blobs {
    async fn redirect(&self, digest: &Digest, method: &str) -> Result<Option<String>> {
        let target = self.target(digest).await?;
        if !matches!(method, "GET" | "HEAD") {
            return Ok(None);
        }
        // Where it is a journey to look, the backend itself says that it has no such blob.
        if !self.scope.store.remote {
            self.describe(digest, target).await?;
        }
        let request = PresignRequest { method, valid_for: REDIRECT_FOR };
        self.scope.vault().presign(&target, &request).await
    }
}

impl BlobStore for Blobs {
    fn deleter(&self) -> Option<&dyn BlobDeleter> {
        self.scope.store.check_deletes().is_ok().then_some(self as _)
    }

    fn redirector(&self) -> Option<&dyn BlobRedirector> {
        let possible = self.scope.options().redirect && self.scope.driver().capabilities().presign;
        possible.then_some(self as _)
    }

    fn enumerator(&self) -> Option<&dyn BlobEnumerator> {
        Some(self)
    }
}

// === impl Known ===

impl Known {
    /// What was opened, if it is short and all of it.
    fn of(opened: &Opened) -> Option<Self> {
        match &opened.content {
            Content::Bytes(content) if content.len() <= SHORT => {
                let size = opened.metadata.size;
                let content = (content.len() as u64 == size).then(|| content.clone())?;
                Some(Self { size, content: Some(content) })
            }
            _ => None,
        }
    }

    /// How many bytes it holds.
    pub(crate) fn size(&self) -> usize {
        self.content.as_ref().map_or(0, Bytes::len)
    }

    /// Reads it, or a range of it; `None` if it holds no content, or none in the range.
    fn reader(&self, digest: &Digest, range: Option<ByteRange>) -> Option<BlobReader> {
        let content = self.content.as_ref()?;
        let range = range.map_or(Some(0..self.size), |range| range.resolve(self.size))?;
        let content = content.slice(range.start as usize..range.end as usize);
        let descriptor = descriptor(digest, self.size);
        Some(BlobReader { descriptor, range, content: Content::Bytes(content) })
    }
}

/// The content of an alias has the digest that was asked for, too.
fn descriptor(digest: &Digest, size: u64) -> Descriptor {
    Descriptor::new(MediaType::octet_stream(), *digest, size)
}
