//! What stands in link files.

use std::sync::Arc;

use bytes::Bytes;
use wharf_digest::Digest;
use wharf_driver::{Driver, ErrorKind, Result, StoragePath};
use wharf_storage::tree;

/// What a link says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// Where the content lies. That is another digest than the link's name if distribution stored
    /// content of one algorithm under another one.
    To(Digest),
    /// It is not there.
    Absent,
    /// It can be read, and says nothing, or what it cannot say.
    Damaged,
}

/// No link is longer.
const LIMIT: u64 = 1024;

/// How many links are read at once.
const MANY: usize = 1_000;

/// Reads the link that bears the name of a digest.
pub(crate) async fn read(
    driver: &Arc<dyn Driver>,
    folder: &StoragePath,
    digest: &Digest,
) -> Result<Link> {
    let text = driver.get(&tree::link(folder, digest), LIMIT).await;
    Ok(meaning(text)?.named(digest))
}

/// Reads the links that bear the names of digests, in their order.
pub(crate) async fn read_each(
    driver: &Arc<dyn Driver>,
    folder: &StoragePath,
    digests: &[Digest],
) -> Result<Vec<Link>> {
    let root = StoragePath::root();
    let paths: Vec<_> = digests.iter().map(|digest| tree::link(&root, digest)).collect();
    let links = at_each(driver, folder, &paths).await?;
    Ok(links.into_iter().zip(digests).map(|(link, digest)| link.named(digest)).collect())
}

/// Reads links at paths below a folder, in their order.
pub(crate) async fn at_each(
    driver: &Arc<dyn Driver>,
    folder: &StoragePath,
    paths: &[StoragePath],
) -> Result<Vec<Link>> {
    let mut links = Vec::with_capacity(paths.len());
    for paths in paths.chunks(MANY) {
        for text in driver.get_each(folder, paths, LIMIT).await {
            links.push(meaning(text)?);
        }
    }
    Ok(links)
}

fn meaning(text: Result<Bytes>) -> Result<Link> {
    match text {
        Ok(text) => Ok(std::str::from_utf8(&text)
            .ok()
            .and_then(|text| Digest::parse(text).ok())
            .map_or(Link::Damaged, Link::To)),
        Err(error) => match error.kind() {
            ErrorKind::NotFound => Ok(Link::Absent),
            ErrorKind::TooLarge { .. } | ErrorKind::InvalidPath | ErrorKind::Corrupt => {
                Ok(Link::Damaged)
            }
            _ => Err(error),
        },
    }
}

// === impl Link ===

impl Link {
    /// What it says if it bears the name of `digest`: to other content of the same algorithm it
    /// cannot lead.
    fn named(self, digest: &Digest) -> Self {
        match self {
            Self::To(target) if target.algorithm() == digest.algorithm() && target != *digest => {
                Self::Damaged
            }
            link => link,
        }
    }
}
