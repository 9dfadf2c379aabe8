//! Walks folders whose children are named by digests: `<folder>/<algorithm>/<hex>/`.

use wharf_core::{Page, PageRequest, Result};
use wharf_digest::{Algorithm, Digest};
use wharf_driver::{Driver, EntryKind, ListRequest, StoragePath};

use crate::{children::PAGE, error::StorageResult, links, page::cut};

/// How many small reads one request has under way.
pub(crate) const CONCURRENCY: usize = 16;

/// One page of the digests that name a folder in `folder(algorithm)`, in the byte order of their
/// text. What lies in these folders is not looked at.
pub(crate) async fn page<F>(
    driver: &dyn Driver,
    folder: F,
    request: &PageRequest,
) -> Result<Page<Digest>>
where
    F: Fn(Algorithm) -> StoragePath + Send + Sync,
{
    let limit = request.limit.min(PAGE);
    let mut found = Vec::new();
    // In the order of their names, which is that of the texts.
    for algorithm in Algorithm::ALL {
        let Some(after) = start(request.after.as_deref(), algorithm) else { continue };
        let (folder, mut after) = (folder(algorithm), after.map(str::to_owned));
        let mut more = true;
        // One more than asked for tells whether there is another page.
        while more && found.len() <= limit {
            let wanted = ListRequest {
                after: after.as_deref(),
                limit: limit.saturating_add(1) - found.len(),
            };
            let listing = driver.list(&folder, wanted).await.stored()?;
            more = listing.more;
            after = listing.entries.last().map(|entry| entry.name.clone()).or(after);
            let folders = listing.entries.iter().filter(|entry| entry.kind == EntryKind::Folder);
            found.extend(
                folders.filter_map(|entry| Digest::from_parts(algorithm, &entry.name).ok()),
            );
        }
    }
    Ok(cut(found, limit))
}

/// Like [`page`], without the digests whose link is absent or damaged.
pub(crate) async fn linked<F>(
    driver: &dyn Driver,
    folder: F,
    request: &PageRequest,
) -> Result<Page<Digest>>
where
    F: Fn(Algorithm) -> StoragePath + Send + Sync,
{
    let limit = request.limit.min(PAGE);
    let (mut found, mut after) = (Vec::new(), request.after.clone());
    loop {
        let wanted = PageRequest { after, limit: limit.saturating_add(1) - found.len() };
        let listed = page(driver, &folder, &wanted).await?;
        let targets = links::resolve_each(driver, &folder, &listed.items).await?;
        let linked = listed.items.into_iter().zip(targets);
        found.extend(linked.filter_map(|(digest, target)| target.map(|_| digest)));
        match listed.next {
            Some(next) if found.len() <= limit => after = Some(next),
            _ => return Ok(cut(found, limit)),
        }
    }
}

/// Where the names of `algorithm` begin after the text `after`; `None` if all of them lie before it.
pub(crate) fn start(after: Option<&str>, algorithm: Algorithm) -> Option<Option<&str>> {
    let Some(after) = after else { return Some(None) };
    let prefix = format!("{}:", algorithm.name());
    match after.strip_prefix(&prefix) {
        Some(hex) => Some(Some(hex).filter(|hex| !hex.is_empty())),
        None => (after < prefix.as_str()).then_some(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_tells_where_each_algorithm_begins() {
        let check = |after, algorithm, expected| assert_eq!(start(after, algorithm), expected);
        check(None, Algorithm::Sha256, Some(None));
        check(Some("sha256:ab"), Algorithm::Sha256, Some(Some("ab")));
        check(Some("sha256:"), Algorithm::Sha256, Some(None));
        check(Some("sha256:ab"), Algorithm::Sha512, Some(None));
        check(Some("sha512:ab"), Algorithm::Sha256, None);
        check(Some("a"), Algorithm::Sha256, Some(None));
        check(Some("z"), Algorithm::Sha512, None);
    }
}
