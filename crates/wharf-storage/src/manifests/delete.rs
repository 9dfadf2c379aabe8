//! Removes a manifest.

use futures_util::{StreamExt, TryStreamExt, stream};
use wharf_core::{Error, Result};
use wharf_digest::Digest;
use wharf_driver::StoragePath;
use wharf_manifest::Manifest;

use crate::{
    digests::CONCURRENCY, error::StorageResult, layout, referrers, store::Scope, tags::Tags,
};

use super::find;

/// Removes the tags that point to a manifest, the manifest itself, and its entry among the referrers
/// of its subject, in this order: a tag never outlives what it points to, and a delete that was cut
/// off before the manifest went can be sent again.
pub(super) async fn manifest(scope: &Scope, tags: &Tags, digest: &Digest) -> Result<()> {
    scope.store.check_deletes()?;
    let _stay = scope.store.turns.stay(&scope.name).await;
    let _turn = scope.store.turns.delete(&scope.name, digest).await;
    let revision = layout::revision_link(&scope.name, digest);
    let found = view(scope, digest).await?;
    // A damaged manifest, or a link that says nothing, can be deleted too.
    if found.is_none() && !exists(scope, &revision).await? {
        return Err(Error::manifest_unknown(&scope.name, *digest));
    }

    untag(tags, digest).await?;
    if found.is_some() {
        // Where distribution 2.1 linked it; otherwise it could still be found there.
        scope.vault().forget(&layout::layer_link(&scope.name, digest)).await?;
    }
    scope.vault().forget(&revision).await?;
    // What was acknowledged is listed as long as it is there; an entry that stays is in no list.
    if let Some(View::Readable(view)) = &found
        && let Some(subject) = view.subject()
    {
        referrers::forget(scope, &subject.digest, digest).await?;
    }
    Ok(())
}

/// A manifest that is to go.
enum View {
    Readable(Box<Manifest>),
    Obscure,
}

/// What is known of the manifest, `None` if its bytes cannot be found.
async fn view(scope: &Scope, digest: &Digest) -> Result<Option<View>> {
    match find::manifest(scope, digest).await {
        Ok(None) => Ok(None),
        Ok(Some(found)) => Ok(Some(match scope.options().schemas.parse(None, found.bytes()) {
            Ok(view) => View::Readable(Box::new(view)),
            Err(_) => View::Obscure,
        })),
        Err(error) if find::is_bad(&error) => Ok(Some(View::Obscure)),
        Err(error) => Err(error),
    }
}

async fn exists(scope: &Scope, link: &StoragePath) -> Result<bool> {
    Ok(scope.driver().stat(link).await.found()?.is_some())
}

async fn untag(tags: &Tags, digest: &Digest) -> Result<()> {
    let pointing = tags.pointing(digest).await?;
    let removals = stream::iter(pointing)
        .map(Ok)
        .map_ok(|tag| async move { tags.remove_from(&tag, digest).await });
    removals.try_buffer_unordered(CONCURRENCY).try_collect().await
}
