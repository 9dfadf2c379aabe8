//! Finds a manifest, and never hands out other bytes than its digest names.

use bytes::Bytes;
use wharf_core::{Error, ErrorKind, ManifestBytes, Result};
use wharf_digest::Digest;
use wharf_manifest::{Descriptor, MediaType};

use crate::{error, layout, links, store::Scope};

/// A manifest of the repository.
pub(crate) struct Found {
    pub(crate) digest: Digest,
    pub(crate) media_type: MediaType,
    pub(crate) bytes: Bytes,
}

/// The largest manifest that is read: more than any that was ever taken.
const LIMIT: u64 = 64 << 20;

/// The largest blob that is tried as a manifest.
const BLOB_LIMIT: u64 = 4 << 20;

// === impl Found ===

impl Found {
    pub(crate) fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.media_type.clone(), self.digest, self.bytes.len() as u64)
    }

    pub(super) fn into_manifest(self) -> ManifestBytes {
        ManifestBytes::new(self.media_type, self.bytes, self.digest.algorithm())
    }
}

/// The manifest of this digest, `None` if it is not there; `Corrupt` if what is there is damaged.
pub(crate) async fn manifest(scope: &Scope, digest: &Digest) -> Result<Option<Found>> {
    match by_revision(scope, digest).await? {
        Some(found) => Ok(Some(found)),
        None => by_layer(scope, digest).await,
    }
}

/// Looks where manifests are.
async fn by_revision(scope: &Scope, digest: &Digest) -> Result<Option<Found>> {
    let link = layout::revision_link(&scope.name, digest);
    let Some(target) = links::resolve(scope.driver(), &link, digest).await? else {
        return Ok(None);
    };
    let Some(bytes) = scope.vault().read(&target, LIMIT).await? else {
        tracing::warn!(repository = %scope.name, %digest, "manifest is linked, but its bytes are gone");
        return Ok(None);
    };
    verify(scope, digest, &bytes)?;
    let media_type = scope.options().schemas.detect(&bytes)?;
    Ok(Some(Found { digest: *digest, media_type, bytes }))
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
    let Some(bytes) = scope.vault().read(&target, LIMIT).await? else { return Ok(None) };
    let Ok(media_type) = scope.options().schemas.detect(&bytes) else { return Ok(None) };
    verify(scope, digest, &bytes)?;
    Ok(Some(Found { digest: *digest, media_type, bytes }))
}

fn verify(scope: &Scope, digest: &Digest, bytes: &[u8]) -> Result<()> {
    if digest.matches(bytes) {
        return Ok(());
    }
    let repository = &scope.name;
    tracing::error!(%repository, %digest, "stored manifest is damaged; a push of it repairs it");
    Err(error::damaged(format!("manifest {repository}@{digest}")))
}

/// Whether an error says that the manifest itself is damaged or strange, and not that reading it
/// failed.
pub(crate) fn is_bad(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Corrupt(_) | ErrorKind::ManifestInvalid(_))
}
