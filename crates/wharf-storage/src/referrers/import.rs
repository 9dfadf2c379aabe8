//! Enters the referrers of a repository that was written without them: once, on first need.
//!
//! The marker says that everything that was there before has its entry. Whatever is pushed while the
//! manifests are read enters itself, so nothing is missed; and what is deleted meanwhile leaves an
//! entry that no list shows.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use wharf_core::{Error, ErrorKind, PageRequest, Result};
use wharf_digest::Digest;
use wharf_driver::PutMode;
use wharf_manifest::Descriptor;

use crate::{
    children::PAGE,
    digests::{self, CONCURRENCY},
    error::StorageResult,
    layout,
    manifests::find,
    store::Scope,
};

/// Sees to it that every referrer has an entry. Returns those of `subject` that cannot get one
/// because nothing may be written.
///
/// The import goes on when whoever asked for it has gone: a large repository would otherwise be
/// begun again and again by clients that do not wait long enough.
pub(super) async fn complete(
    scope: &Scope,
    subject: &Digest,
) -> Result<BTreeMap<Digest, Descriptor>> {
    if is_complete(scope).await? {
        return Ok(BTreeMap::new());
    }
    let (scope, subject) = (scope.clone(), *subject);
    let import = tokio::spawn(async move {
        let _one_at_a_time = scope.store.import.lock().await;
        match is_complete(&scope).await? {
            true => Ok(BTreeMap::new()),
            false => import(&scope, &subject).await,
        }
    });
    import.await.unwrap_or_else(|error| {
        Err(Error::from(ErrorKind::Other("import of referrers".into())).because(error))
    })
}

/// What a manifest refers to, and how it is listed there; `None` if it is no referrer, or cannot be
/// read as a manifest.
pub(super) async fn referrer(
    scope: &Scope,
    digest: &Digest,
) -> Result<Option<(Digest, Descriptor)>> {
    let found = match find::manifest(scope, digest).await {
        Err(error) if find::is_bad(&error) => return Ok(None),
        found => found?,
    };
    Ok(found.and_then(|found| {
        let view = scope.options().schemas.parse(None, found.bytes()).ok()?;
        let subject = view.subject()?.digest;
        Some((subject, view.referrer(*digest, found.bytes().len() as u64)))
    }))
}

async fn is_complete(scope: &Scope) -> Result<bool> {
    let marker = layout::referrers_marker(&scope.name);
    Ok(scope.driver().stat(&marker).await.found()?.is_some())
}

async fn import(scope: &Scope, subject: &Digest) -> Result<BTreeMap<Digest, Descriptor>> {
    let mut writable = !scope.options().read_only.is_on();
    let mut unwritten = BTreeMap::new();
    let mut request = PageRequest::first(PAGE);
    let mut is_empty = true;
    loop {
        let folder = |algorithm| layout::revisions(&scope.name, algorithm);
        let page = digests::page(scope.driver(), folder, &request).await?;
        is_empty &= page.items.is_empty();
        let reads =
            stream::iter(page.items).map(|digest| async move { referrer(scope, &digest).await });
        let mut reads = reads.buffer_unordered(CONCURRENCY);
        while let Some(read) = reads.try_next().await? {
            let Some((of, descriptor)) = read else { continue };
            writable = writable && taken(scope, super::record(scope, &of, &descriptor).await)?;
            if !writable && of == *subject {
                unwritten.insert(descriptor.digest, descriptor);
            }
        }
        match page.next {
            Some(next) => request.after = Some(next),
            None => break,
        }
    }
    // A repository that does not exist must not begin to because someone asked for it.
    if writable && !is_empty {
        let marker = layout::referrers_marker(&scope.name);
        let marked = scope.driver().put(&marker, Bytes::new(), PutMode::Overwrite).await;
        taken(scope, marked.stored().map(drop))?;
    }
    Ok(unwritten)
}

/// Whether something was written. A disk that is full or read-only can still be read from, so that
/// the list does not fail for it.
fn taken(scope: &Scope, written: Result<()>) -> Result<bool> {
    match written {
        Err(error) if matches!(error.kind(), ErrorKind::Full(_) | ErrorKind::Unavailable(_)) => {
            let repository = &scope.name;
            tracing::warn!(%repository, %error, "referrers cannot be imported, and are read each time");
            Ok(false)
        }
        written => written.map(|()| true),
    }
}
