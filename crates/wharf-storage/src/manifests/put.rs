//! Takes a manifest.

use wharf_core::{ErrorKind, ManifestBytes, PutOptions, Result, Stored};
use wharf_digest::Digest;
use wharf_manifest::Manifest;

use crate::{layout, referrers, store::Scope, tags::Tags};

use super::references;

/// Checks and stores a manifest, then points the tags to it.
///
/// Each step is durable before the next begins, but for the history of a tag, which is written while
/// the manifest is linked. If the process dies in between, there is a blob that nobody links, or an
/// entry of a referrer that is not there, which lists leave out, or a manifest without its tags; none
/// of that was acknowledged, and none of it is false.
pub(super) async fn manifest(
    scope: &Scope,
    tags: &Tags,
    manifest: ManifestBytes,
    options: PutOptions,
) -> Result<Stored> {
    scope.store.check_writable()?;
    let view = read(scope, &manifest)?;
    // What is found now is still there when the manifest is.
    let _stay = scope.store.turns.stay(&scope.name).await;
    if !options.skip_reference_checks {
        references::check(scope, &view).await?;
    }

    let (descriptor, digest) = (manifest.descriptor(), manifest.digest());
    let _turn = scope.store.turns.keep(&scope.name, &digest).await;
    scope.vault().put(&digest, manifest.bytes().clone()).await?;
    let subject = view.subject().map(|subject| subject.digest);
    let linked = link(scope, &manifest, &view);
    match options.tags.split_first() {
        None => linked.await?,
        Some((first, others)) => {
            tags.point_after(first, &digest, linked).await?;
            for tag in others {
                tags.point(tag, &digest).await?;
            }
        }
    }
    Ok(Stored { descriptor, subject, tags: options.tags })
}

/// Makes bytes that are there a manifest of the repository.
async fn link(scope: &Scope, manifest: &ManifestBytes, view: &Manifest) -> Result<()> {
    let (digest, size) = (manifest.digest(), manifest.descriptor().size);
    if let Some(subject) = view.subject() {
        referrers::record(scope, &subject.digest, &view.referrer(digest, size)).await?;
    }
    let link = layout::revision_link(&scope.name, &digest);
    scope.vault().link_root(&link, &digest, &dependencies(view, digest)).await
}

fn read(scope: &Scope, manifest: &ManifestBytes) -> Result<Manifest> {
    let options = scope.options();
    let limit = options.manifests.max_bytes;
    if manifest.bytes().len() as u64 > limit {
        return Err(ErrorKind::ManifestTooLarge { limit }.into());
    }
    Ok(options.schemas.parse(Some(manifest.media_type()), manifest.bytes())?)
}

/// Everything that has to stay as long as the manifest does.
fn dependencies(view: &Manifest, digest: Digest) -> Vec<Digest> {
    let references = view.references().map(|reference| reference.descriptor.digest);
    references.chain([digest]).collect()
}
