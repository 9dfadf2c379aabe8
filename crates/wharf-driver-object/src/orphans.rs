//! What nobody finished.

use std::time::SystemTime;

use wharf_driver::{Result, StoragePath};

use crate::{Orphan, OrphanPage, objects::Objects};

/// Aborts the unfinished uploads below a folder that began before a time, and says how many those are.
/// One that cannot be aborted does not stop the others.
pub(crate) async fn abort(
    objects: &Objects,
    folder: &StoragePath,
    before: SystemTime,
    dry_run: bool,
) -> Result<u64> {
    let Some(orphans) = &objects.store.orphans else { return Ok(0) };
    let prefix = objects.below(folder);
    let (mut count, mut token) = (0, None);
    loop {
        let page = objects.within(&prefix, orphans.list(&prefix, token)).await?;
        let OrphanPage { orphans: found, token: next } = page;
        // A store may know a part of a prefix only.
        let ours = |orphan: &&Orphan| orphan.location.as_ref().starts_with(&prefix);
        for orphan in found.iter().filter(ours).filter(|orphan| orphan.begun < before) {
            let aborted = match dry_run {
                true => Ok(()),
                false => objects.within(&orphan.location, orphans.abort(orphan)).await,
            };
            match aborted {
                Ok(()) => count += 1,
                Err(error) => {
                    let key = &orphan.location;
                    tracing::warn!(%key, %error, "an unfinished multipart upload stays behind");
                }
            }
        }
        match next {
            Some(next) => token = Some(next),
            None => return Ok(count),
        }
    }
}
