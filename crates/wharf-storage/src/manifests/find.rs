//! Finds a manifest, and never hands out other bytes than its digest names.

use std::sync::Arc;

use bytes::Bytes;
use wharf_core::{Error, ErrorKind, ManifestBytes, Result};
use wharf_digest::Digest;
use wharf_driver::{Metadata, StoragePath};

use crate::{error, layout, links, store::Scope};

/// A manifest in memory, and the file that it was read from.
pub(crate) struct Kept {
    manifest: ManifestBytes,
    file: Metadata,
}

/// A manifest, and the files that say so.
pub(crate) struct Found {
    pub(crate) manifest: ManifestBytes,
    /// What makes it one of the repository.
    pub(crate) link: StoragePath,
    /// The blob that holds its bytes.
    pub(crate) target: Digest,
}

/// The largest manifest that is read: more than any that was ever taken.
const LIMIT: u64 = 64 << 20;

/// The largest blob that is tried as a manifest.
const BLOB_LIMIT: u64 = 4 << 20;

/// Manifests from this size on are read into types, and hashed, on a blocking thread.
const LARGE: usize = 256 << 10;

// === impl Kept ===

impl Kept {
    /// The manifest.
    pub(crate) fn manifest(&self) -> ManifestBytes {
        self.manifest.clone()
    }

    /// How many bytes it holds.
    pub(crate) fn size(self: &Arc<Self>) -> usize {
        self.manifest.bytes().len()
    }
}

/// The manifest of this digest, `None` if it is not there; `Corrupt` if what is there is damaged.
pub(crate) async fn manifest(scope: &Scope, digest: &Digest) -> Result<Option<ManifestBytes>> {
    Ok(find(scope, digest).await?.map(|found| found.manifest))
}

/// As [`manifest`].
pub(crate) async fn find(scope: &Scope, digest: &Digest) -> Result<Option<Found>> {
    match by_revision(scope, digest).await? {
        Some(found) => Ok(Some(found)),
        None => by_layer(scope, digest).await,
    }
}

/// Looks where manifests are. The link is read each time: it says whether the manifest is there. The
/// file is looked at too where a look costs nothing, and is read only if it is not the one that is in
/// memory.
async fn by_revision(scope: &Scope, digest: &Digest) -> Result<Option<Found>> {
    let link = layout::revision_link(&scope.name, digest);
    let Some(target) = links::resolve(scope.driver(), &link, digest).await? else {
        return Ok(None);
    };
    if let Some(kept) = scope.store.manifests.get(digest)
        && (scope.store.remote || scope.vault().describe(&target).await? == Some(kept.file))
    {
        return Ok(Some(Found { manifest: kept.manifest(), link, target }));
    }
    let Some((file, bytes)) = scope.vault().read(&target, LIMIT).await? else {
        tracing::warn!(repository = %scope.name, %digest, "manifest is linked, but its bytes are gone");
        return Ok(None);
    };
    let manifest = read(scope, digest, bytes).await?;
    let kept = Kept { manifest: manifest.clone(), file };
    scope.store.manifests.insert(*digest, Arc::new(kept));
    Ok(Some(Found { manifest, link, target }))
}

/// Looks among the blobs, where distribution 2.1 linked manifests; one that is no manifest is not
/// found here.
async fn by_layer(scope: &Scope, digest: &Digest) -> Result<Option<Found>> {
    let link = layout::layer_link(&scope.name, digest);
    let Some((target, size)) = scope.vault().locate(&link, digest).await? else {
        return Ok(None);
    };
    if size > BLOB_LIMIT {
        return Ok(None);
    }
    let Some((_, bytes)) = scope.vault().read(&target, LIMIT).await? else { return Ok(None) };
    if scope.options().schemas.detect(&bytes).is_err() {
        return Ok(None);
    }
    let manifest = read(scope, digest, bytes).await?;
    Ok(Some(Found { manifest, link, target }))
}

/// What bytes are, if they are those of the digest.
async fn read(scope: &Scope, digest: &Digest, bytes: Bytes) -> Result<ManifestBytes> {
    if bytes.len() < LARGE {
        return read_here(scope, digest, bytes);
    }
    let (scope, digest) = (scope.clone(), *digest);
    let read = tokio::task::spawn_blocking(move || read_here(&scope, &digest, bytes)).await;
    read.unwrap_or_else(|error| {
        Err(Error::from(ErrorKind::Other("read a manifest".into())).because(error))
    })
}

fn read_here(scope: &Scope, digest: &Digest, bytes: Bytes) -> Result<ManifestBytes> {
    let repository = &scope.name;
    if !digest.matches(&bytes) {
        tracing::error!(%repository, %digest, "stored manifest is damaged; a push of it repairs it");
        return Err(error::damaged(format!("manifest {repository}@{digest}")));
    }
    let media_type = scope.options().schemas.detect(&bytes)?;
    Ok(ManifestBytes::new(media_type, bytes, digest.algorithm()))
}

/// Whether an error says that the manifest itself is damaged or strange, and not that reading it
/// failed.
pub(crate) fn is_bad(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Corrupt(_) | ErrorKind::ManifestInvalid(_))
}

#[cfg(test)]
mod tests {
    use crate::{Options, fixture::Fixture};

    #[tokio::test]
    async fn memory_is_bounded_however_many_there_are() {
        const MOST: u64 = 1 << 20;
        let fixture = Fixture::with(Options { manifest_memory: MOST, ..Options::default() });
        let image = fixture.image(b"layer").await;
        for number in 0..200 {
            let padding = "x".repeat(number * 300);
            let built = image.clone().annotation("number", format!("{number} {padding}")).build();
            let digest = fixture.stored(&built, &[]).await;
            for _ in 0..2 {
                assert_eq!(fixture.get(digest).await.unwrap().bytes(), &built.bytes);
            }
            assert!(fixture.scope.store.manifests.size() <= MOST);
        }
        assert!(fixture.scope.store.manifests.size() > MOST / 2);
    }

    /// Such a manifest is hashed and read into types elsewhere.
    #[tokio::test]
    async fn a_large_manifest_is_found_too() {
        let fixture = Fixture::new();
        let image = fixture.image(b"layer").await.annotation("a", "x".repeat(super::LARGE));
        let digest = fixture.stored(&image.build(), &[]).await;
        for _ in 0..2 {
            assert_eq!(fixture.get(digest).await.unwrap().bytes(), &image.build().bytes);
        }
        crate::fixture::damage(&fixture.driver, &digest, b"{}").await;
        assert!(fixture.get(digest).await.is_err());
    }
}
