//! Link files: `<algorithm>:<hex>`, without a newline.
//!
//! A link that cannot be read as one is reported and counts as absent; a store that was damaged goes
//! on serving the rest.

use bytes::Bytes;
use wharf_core::Result;
use wharf_digest::Digest;
use wharf_driver::{Driver, ErrorKind, PutMode, StoragePath};

use crate::error::StorageResult;

/// No link is longer: the longest digest has 135 bytes.
const LIMIT: u64 = 1024;

/// What a link points to, `None` if it is absent or damaged.
pub(crate) async fn read(driver: &dyn Driver, link: &StoragePath) -> Result<Option<Digest>> {
    match driver.get(link, LIMIT).await {
        Err(error) if is_damage(error.kind()) => Ok(skip(link, "no readable file")),
        result => Ok(result.found()?.and_then(|content| parse(link, &content))),
    }
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
    Ok(target.and_then(|target| match target.algorithm() == digest.algorithm() {
        true if target != *digest => skip(link, "leads to other content"),
        _ => Some(target),
    }))
}

/// Writes a link; durable when it returns.
pub(crate) async fn write(driver: &dyn Driver, link: &StoragePath, target: &Digest) -> Result<()> {
    let content = Bytes::from(target.to_string());
    driver.put(link, content, PutMode::Overwrite).await.stored()?;
    Ok(())
}

/// Removes a link with its folder, durably; `false` if it was not there.
pub(crate) async fn remove(driver: &dyn Driver, link: &StoragePath) -> Result<bool> {
    let folder = link.parent().expect("a link lies in a folder of its own");
    driver.delete_below(&folder).await.stored()
}

/// Whether small content is there, but can never be read: too long, or not even a file.
pub(crate) fn is_damage(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::TooLarge { .. } | ErrorKind::InvalidPath | ErrorKind::Corrupt)
}

fn parse(link: &StoragePath, content: &[u8]) -> Option<Digest> {
    let digest = std::str::from_utf8(content).ok().and_then(|text| Digest::parse(text).ok());
    digest.or_else(|| skip(link, "no digest"))
}

fn skip<T>(link: &StoragePath, reason: &str) -> Option<T> {
    tracing::warn!(%link, reason, "damaged link is skipped");
    None
}
