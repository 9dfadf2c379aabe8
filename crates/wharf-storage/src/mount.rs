//! Finds a repository from which a blob can be linked instead of being sent.

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use wharf_core::{Mount, PageRequest, RepositoryEnumerator, Result};
use wharf_digest::Digest;
use wharf_reference::RepositoryName;

use crate::{catalog::Catalog, digests::CONCURRENCY, layout, store::Scope};

/// In how many repositories a blob is looked for.
const SCAN: usize = 1_000;

/// A repository that links a blob and from which the caller may pull.
pub(crate) struct Source {
    pub(crate) from: RepositoryName,
    /// Where the content lies.
    pub(crate) target: Digest,
    pub(crate) size: u64,
}

/// A source for the blob, `None` if it has to be sent.
pub(crate) async fn find(scope: &Scope, mount: &Mount) -> Result<Option<Source>> {
    if let Some(from) = &mount.from {
        return check(scope, mount, from.clone()).await;
    }
    let recent = scope.store.recent.repositories(&mount.digest);
    for name in [scope.name.clone()].into_iter().chain(recent) {
        if let Some(source) = check(scope, mount, name).await? {
            return Ok(Some(source));
        }
    }
    // Most blobs are new to the whole registry.
    match scope.vault().present(&mount.digest).await? {
        Some(_) => scan(scope, mount).await,
        None => Ok(None),
    }
}

/// Looks into the first repositories, in the order of their names.
async fn scan(scope: &Scope, mount: &Mount) -> Result<Option<Source>> {
    let catalog = Catalog::new(Arc::clone(&scope.store));
    let mut request = PageRequest::first(SCAN);
    while request.limit > 0 {
        let page = catalog.enumerate(request.clone()).await?;
        request.limit = request.limit.saturating_sub(page.items.len());
        request.after = page.next;
        let checks = stream::iter(page.items).map(|name| check(scope, mount, name));
        let mut sources =
            checks.buffered(CONCURRENCY).try_filter_map(async |found| Ok(found)).boxed();
        if let Some(source) = sources.try_next().await? {
            return Ok(Some(source));
        }
        if request.after.is_none() {
            break;
        }
    }
    Ok(None)
}

async fn check(scope: &Scope, mount: &Mount, from: RepositoryName) -> Result<Option<Source>> {
    if !mount.allowed.may_pull(&from).await {
        return Ok(None);
    }
    let link = layout::layer_link(&from, &mount.digest);
    let located = scope.vault().locate(&link, &mount.digest).await?;
    Ok(located.map(|(target, size)| Source { from, target, size }))
}
