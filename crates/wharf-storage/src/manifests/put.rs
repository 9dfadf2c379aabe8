//! Takes a manifest.

use wharf_core::{ErrorKind, ManifestBytes, PutOptions, Result, Stored};
use wharf_digest::Digest;
use wharf_manifest::Manifest;
use wharf_reference::Tag;

use crate::{layout, referrers, store::Scope, tags::Tags, vault::Root};

use super::references;

/// Checks and stores a manifest, then points the tags to it.
///
/// It goes in steps: the bytes, and the entry among the referrers of its subject; the link, and the
/// history of the first tag; that tag. Each is durable before the next one begins. If the process dies in
/// between, there is a blob that nobody links, or an entry of a referrer that is not there, which lists
/// leave out, or a manifest without its tags; none of that was acknowledged, and none of it is false.
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
    let subject = view.subject().map(|subject| subject.digest);
    store(scope, tags, &manifest, &view, options.tags.first()).await?;
    for tag in options.tags.iter().skip(1) {
        tags.point(tag, &digest).await?;
    }
    Ok(Stored { descriptor, subject, tags: options.tags })
}

/// Makes a manifest one of the repository, and points a tag to it.
async fn store(
    scope: &Scope,
    tags: &Tags,
    manifest: &ManifestBytes,
    view: &Manifest,
    tag: Option<&Tag>,
) -> Result<()> {
    let (digest, size) = (&manifest.digest(), manifest.descriptor().size);
    let entry = view.subject().map(|subject| {
        referrers::entry(&scope.name, &subject.digest, &view.referrer(*digest, size))
    });
    let _turn = match tag {
        Some(tag) => Some(scope.store.turns.tag(&scope.name, tag).await),
        None => None,
    };
    let root = Root {
        digest,
        bytes: manifest.bytes().clone(),
        entry,
        link: layout::revision_link(&scope.name, digest),
        tag: tag.map(|tag| tags.links(tag, digest)),
    };
    scope.vault().put_root(root, &dependencies(view, *digest)).await
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
