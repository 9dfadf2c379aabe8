//! The one place that publishes blobs, finds them and links them.
//!
//! A blob is a *folder*; which file in it holds the bytes is known here only. Online garbage
//! collection will put the bytes of a blob that was collected and pushed again under another name
//! (a generation), and will have the writer of a root look around after the root is written. Hence
//! two rules for the rest of the crate: no path of a blob's bytes is made elsewhere, and no link to
//! content is written but through [`Vault::publish`], [`Vault::link`], [`Vault::link_in_order`] and
//! [`Vault::put_root`].

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, future::join, stream};
use wharf_content::ByteRange;
use wharf_core::{BlobEnumerator, BlobStatter, Error, Page, PageRequest, Result};
use wharf_digest::{Algorithm, Digest};
use wharf_driver::{
    Driver, Metadata, Opened, PresignRequest, Published, Put, StoragePath, Unchanged, Upload,
};
use wharf_manifest::{Descriptor, MediaType};

use crate::{
    children::{Children, PAGE},
    digests::{self, CONCURRENCY},
    error::StorageResult,
    layout, links,
    page::cut,
};

/// The blobs of all repositories.
pub(crate) struct Vault {
    driver: Arc<dyn Driver>,
}

/// A manifest on its way into a repository.
pub(crate) struct Root<'a> {
    pub(crate) digest: &'a Digest,
    pub(crate) bytes: Bytes,
    /// Its entry among the referrers of its subject, which may be there without it.
    pub(crate) entry: Option<Put>,
    /// The link that makes it one of the repository.
    pub(crate) link: StoragePath,
    pub(crate) tag: Option<TagLinks>,
}

/// The links that point a tag to something.
pub(crate) struct TagLinks {
    /// Says that it ever did: there before the tag is.
    pub(crate) history: StoragePath,
    pub(crate) current: StoragePath,
}

// === impl Vault: existence ===

impl Vault {
    pub(crate) fn new(driver: Arc<dyn Driver>) -> Self {
        Self { driver }
    }

    /// The size of a blob, `None` if it is not there. Always asks the store: this is what decides
    /// about existence.
    pub(crate) async fn present(&self, digest: &Digest) -> Result<Option<u64>> {
        Ok(self.describe(digest).await?.map(|metadata| metadata.size))
    }

    /// The same, with the age of the bytes: bytes that are written again have another one.
    pub(crate) async fn describe(&self, digest: &Digest) -> Result<Option<Metadata>> {
        self.driver.stat(&live(digest)).await.found()
    }

    /// The size of a blob that a link leads to, `None` if the link or the blob is not there. This is
    /// the check that a reference to a blob of a repository has to pass.
    pub(crate) async fn linked(&self, link: &StoragePath, digest: &Digest) -> Result<Option<u64>> {
        Ok(self.locate(link, digest).await?.map(|(_, size)| size))
    }

    /// [`Vault::linked`] for many, a bounded number at a time; the answers come in order.
    pub(crate) async fn linked_all(
        &self,
        wanted: Vec<(StoragePath, Digest)>,
    ) -> Result<Vec<Option<u64>>> {
        let checks = stream::iter(wanted)
            .map(|(link, digest)| async move { self.linked(&link, &digest).await });
        checks.buffered(CONCURRENCY).try_collect().await
    }

    /// Where the bytes are that a link leads to, and how many.
    pub(crate) async fn locate(
        &self,
        link: &StoragePath,
        digest: &Digest,
    ) -> Result<Option<(Digest, u64)>> {
        if self.driver.capabilities().remote {
            return self.locate_at_once(link, digest).await;
        }
        let Some(target) = links::resolve(&*self.driver, link, digest).await? else {
            return Ok(None);
        };
        Ok(self.present(&target).await?.map(|size| (target, size)))
    }

    /// [`Vault::locate`] where each request takes long: a link leads elsewhere in old stores only.
    async fn locate_at_once(
        &self,
        link: &StoragePath,
        digest: &Digest,
    ) -> Result<Option<(Digest, u64)>> {
        let (target, size) =
            join(links::resolve(&*self.driver, link, digest), self.present(digest)).await;
        let Some(target) = target? else { return Ok(None) };
        let size = match target == *digest {
            true => size?,
            false => self.present(&target).await?,
        };
        Ok(size.map(|size| (target, size)))
    }
}

// === impl Vault: reading ===

impl Vault {
    /// Watches links that lead to a blob, and its bytes; `None` if that is not done here, or not yet.
    pub(crate) fn watch(
        &self,
        mut links: Vec<StoragePath>,
        digest: &Digest,
    ) -> Option<Arc<dyn Unchanged>> {
        links.push(live(digest));
        self.driver.watch(&links)
    }

    /// Opens a blob, or a range of it, `None` if it is not there.
    pub(crate) async fn open(
        &self,
        digest: &Digest,
        range: Option<ByteRange>,
    ) -> Result<Option<Opened>> {
        self.driver.open(&live(digest), range).await.found()
    }

    /// A whole blob of at most `limit` bytes, with its description, `None` if it is not there.
    pub(crate) async fn read(
        &self,
        digest: &Digest,
        limit: u64,
    ) -> Result<Option<(Metadata, Bytes)>> {
        let Some(opened) = self.open(digest, None).await? else { return Ok(None) };
        let bytes = opened.content.collect(limit).await.stored()?;
        Ok(Some((opened.metadata, bytes)))
    }

    /// A URL under which the backend serves a blob, if it does that.
    pub(crate) async fn presign(
        &self,
        digest: &Digest,
        request: &PresignRequest<'_>,
    ) -> Result<Option<String>> {
        self.driver.presign(&live(digest), request).await.stored()
    }
}

// === impl Vault: writing ===

impl Vault {
    /// Stores a small blob and links it, each durably before the next. Bytes that are there already are
    /// written again: whatever they were, they are right and durable afterwards.
    pub(crate) async fn put(&self, digest: &Digest, bytes: Bytes, link: StoragePath) -> Result<()> {
        let steps = vec![vec![Put::new(live(digest), bytes)], vec![links::put(link, digest)]];
        self.driver.put_in_order(steps).await.stored()
    }

    /// Begins a blob that goes straight to its place, if the driver has such a way.
    pub(crate) async fn begin_direct(
        &self,
        digest: &Digest,
        size_hint: Option<u64>,
    ) -> Result<Option<Box<dyn Upload>>> {
        self.driver.begin_direct(&live(digest), size_hint).await.stored()
    }

    /// Makes what a session holds a blob, durably. The caller has verified the digest. If the driver can
    /// do that at the same time, the blob is linked then; the result is whether it was.
    pub(crate) async fn publish(
        &self,
        digest: &Digest,
        upload: &mut dyn Upload,
        link: &StoragePath,
    ) -> wharf_driver::Result<bool> {
        let links = vec![links::put(link.clone(), digest)];
        let (published, left) = upload.publish_with(&live(digest), links).await?;
        if published == Published::Repaired {
            tracing::warn!(%digest, "blob had the wrong size and is repaired");
        }
        Ok(left.is_empty())
    }

    /// Links a blob into a repository, durably. The blob must be there.
    pub(crate) async fn link(&self, link: &StoragePath, digest: &Digest) -> Result<()> {
        links::write(&*self.driver, link, digest).await
    }

    /// Links a blob at several places, each durably before the next.
    pub(crate) async fn link_in_order(
        &self,
        links: impl IntoIterator<Item = StoragePath>,
        digest: &Digest,
    ) -> Result<()> {
        let steps = links.into_iter().map(|link| vec![links::put(link, digest)]);
        self.driver.put_in_order(steps.collect()).await.stored()
    }

    /// Stores a manifest that needs `dependencies`, its own bytes included, links it, and points a tag to
    /// it: from now on none of them may be collected. Durable when it returns, and each step before the
    /// next. Bytes that are there already are written again, as by [`Vault::put`].
    pub(crate) async fn put_root(&self, root: Root<'_>, dependencies: &[Digest]) -> Result<()> {
        let Root { digest, bytes, entry, link, tag } = root;
        let mut content = vec![Put::new(live(digest), bytes)];
        content.extend(entry);
        let mut links = vec![links::put(link, digest)];
        let mut last = Vec::new();
        if let Some(TagLinks { history, current }) = tag {
            links.push(links::put(history, digest));
            last.push(links::put(current, digest));
        }
        self.driver.put_in_order(vec![content, links, last]).await.stored()?;
        // Here the writer will look whether a collection has begun, and rescue what it needs.
        let _ = dependencies;
        Ok(())
    }

    /// Removes a link, durably; `false` if it was not there.
    pub(crate) async fn unlink(&self, link: &StoragePath) -> Result<bool> {
        links::remove(&*self.driver, link).await
    }

    /// Removes a link that may be there, durably. Where each request is a journey, nothing but the link
    /// is looked for.
    pub(crate) async fn forget(&self, link: &StoragePath) -> Result<()> {
        match self.driver.capabilities().remote {
            true => self.driver.forget(link).await.stored(),
            false => self.unlink(link).await.map(drop),
        }
    }
}

// === impl Vault: the blobs of all repositories ===

#[async_trait]
impl BlobStatter for Vault {
    async fn stat(&self, digest: &Digest) -> Result<Descriptor> {
        let size = self.present(digest).await?.ok_or_else(|| Error::blob_unknown(digest))?;
        Ok(Descriptor::new(MediaType::octet_stream(), *digest, size))
    }
}

#[async_trait]
impl BlobEnumerator for Vault {
    async fn enumerate(&self, page: PageRequest) -> Result<Page<Digest>> {
        let limit = page.limit.min(PAGE);
        let (mut found, mut after) = (Vec::new(), page.after);
        // One more than asked for tells whether there is another page.
        while found.len() <= limit {
            let wanted = limit.saturating_add(1) - found.len();
            let mut folders = Vec::new();
            for algorithm in Algorithm::ALL {
                if let Some(after) = digests::start(after.as_deref(), algorithm) {
                    self.folders(algorithm, after, wanted, &mut folders).await?;
                }
            }
            let full = folders.len() >= wanted;
            after = folders.last().filter(|_| full).map(Digest::to_string);
            let checks = stream::iter(folders).map(|digest| async move {
                self.present(&digest).await.map(|size| size.map(|_| digest))
            });
            let present = checks.buffered(CONCURRENCY).try_filter_map(async |blob| Ok(blob));
            found.extend(present.try_collect::<Vec<_>>().await?);
            if after.is_none() {
                break;
            }
        }
        Ok(cut(found, limit))
    }
}

impl Vault {
    /// Adds the digests that have a folder, until there are `limit` of them.
    async fn folders(
        &self,
        algorithm: Algorithm,
        after: Option<&str>,
        limit: usize,
        found: &mut Vec<Digest>,
    ) -> Result<()> {
        let root = layout::blobs(algorithm);
        // Folders of two digits, of which the first one to look at is entered in the middle.
        let first = after.and_then(|hex| hex.get(..2)).unwrap_or_default();
        let mut shards = Children::of(&*self.driver, root.clone());
        while let Some(shard) = shards.next().await? {
            let Ok(folder) = root.join(&shard.name) else { continue };
            if shard.name.as_str() < first {
                continue;
            }
            let after = after.filter(|_| shard.name == first).map(str::to_owned);
            let mut entries = Children::after(&*self.driver, folder, after);
            while found.len() < limit
                && let Some(entry) = entries.next().await?
            {
                found.extend(Digest::from_parts(algorithm, &entry.name));
            }
        }
        Ok(())
    }
}

/// The file that holds the bytes of a blob: its live generation, which is the first one as long as
/// nothing is collected online.
pub(crate) fn live(digest: &Digest) -> StoragePath {
    layout::in_blob(digest, "data")
}
