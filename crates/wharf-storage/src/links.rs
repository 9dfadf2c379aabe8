//! Link files: `<algorithm>:<hex>`, without a newline.
//!
//! A link that cannot be read as one is reported and counts as absent; a store that was damaged goes
//! on serving the rest.

use bytes::Bytes;
use wharf_core::Result;
use wharf_digest::{Algorithm, Digest};
use wharf_driver::{Driver, ErrorKind, Put, PutMode, StoragePath};

use crate::{error::StorageResult, layout};

/// No link is longer: the longest digest has 135 bytes.
const LIMIT: u64 = 1024;

/// What a link points to, `None` if it is absent or damaged.
pub(crate) async fn read(driver: &dyn Driver, link: &StoragePath) -> Result<Option<Digest>> {
    target(driver.get(link, LIMIT).await, || link.clone())
}

/// What each of many links points to, at `paths` below `folder` and in their order.
pub(crate) async fn read_each(
    driver: &dyn Driver,
    folder: &StoragePath,
    paths: &[StoragePath],
) -> Result<Vec<Option<Digest>>> {
    let read = driver.get_each(folder, paths, LIMIT).await;
    let links = paths.iter().zip(read);
    links.map(|(path, read)| target(read, || folder.append(path))).collect()
}

/// Where the content of `digest` lies according to a link that bears its name, `None` if the link is
/// absent or damaged.
///
/// distribution stores sha512 content under its sha256 and leaves an alias, so a link may lead to
/// another algorithm; to another digest of the same algorithm it cannot.
pub(crate) async fn resolve(
    driver: &dyn Driver,
    link: &StoragePath,
    digest: &Digest,
) -> Result<Option<Digest>> {
    let target = read(driver, link).await?;
    Ok(target.and_then(|target| checked(target, digest, || link.clone())))
}

/// As [`resolve`], for the links of many digests: those of one algorithm lie in `folder` of it.
pub(crate) async fn resolve_each(
    driver: &dyn Driver,
    folder: impl Fn(Algorithm) -> StoragePath,
    digests: &[Digest],
) -> Result<Vec<Option<Digest>>> {
    let mut targets = Vec::with_capacity(digests.len());
    for digests in digests.chunk_by(|one, next| one.algorithm() == next.algorithm()) {
        let folder = folder(digests[0].algorithm());
        let paths: Vec<_> = digests.iter().map(layout::link_by_hex).collect();
        let read = read_each(driver, &folder, &paths).await?;
        let links = digests.iter().zip(&paths).zip(read);
        targets.extend(links.map(|((digest, path), target)| {
            target.and_then(|target| checked(target, digest, || folder.append(path)))
        }));
    }
    Ok(targets)
}

/// Writes a link; durable when it returns.
pub(crate) async fn write(driver: &dyn Driver, link: &StoragePath, target: &Digest) -> Result<()> {
    let content = Bytes::from(target.to_string());
    driver.put(link, content, PutMode::Overwrite).await.stored()?;
    Ok(())
}

/// A link that is to be written with others.
pub(crate) fn put(link: StoragePath, target: &Digest) -> Put {
    Put::new(link, target.to_string())
}

/// Removes a link with its folder, durably; `false` if it was not there.
pub(crate) async fn remove(driver: &dyn Driver, link: &StoragePath) -> Result<bool> {
    let folder = link.parent().expect("a link lies in a folder of its own");
    driver.delete_below(&folder).await.stored()
}

/// Whether content of this size may be a link: it is all that can be known without reading it.
pub(crate) fn may_be(size: u64) -> bool {
    let length = |algorithm: &Algorithm| algorithm.name().len() + 1 + 2 * algorithm.size();
    Algorithm::ALL.iter().any(|algorithm| length(algorithm) as u64 == size)
}

/// Whether small content is there, but can never be read: too long, or not even a file.
pub(crate) fn is_damage(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::TooLarge { .. } | ErrorKind::InvalidPath | ErrorKind::Corrupt)
}

/// What was read of a link.
fn target(
    read: wharf_driver::Result<Bytes>,
    link: impl Fn() -> StoragePath,
) -> Result<Option<Digest>> {
    match read {
        Err(error) if is_damage(error.kind()) => Ok(skip(&link(), "no readable file")),
        read => Ok(read.found()?.and_then(|content| parse(&content, link))),
    }
}

/// The target of a link that bears the name of a digest, if it can be that.
fn checked(target: Digest, digest: &Digest, link: impl Fn() -> StoragePath) -> Option<Digest> {
    match target.algorithm() == digest.algorithm() {
        true if target != *digest => skip(&link(), "leads to other content"),
        _ => Some(target),
    }
}

fn parse(content: &[u8], link: impl Fn() -> StoragePath) -> Option<Digest> {
    let digest = std::str::from_utf8(content).ok().and_then(|text| Digest::parse(text).ok());
    digest.or_else(|| skip(&link(), "no digest"))
}

fn skip<T>(link: &StoragePath, reason: &str) -> Option<T> {
    tracing::warn!(%link, reason, "damaged link is skipped");
    None
}
