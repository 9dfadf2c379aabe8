//! The entries of referrers: how each is listed.
//!
//! An entry says nothing that does not follow from the bytes of its manifest, and so it is the same
//! wherever it stands and whenever it is read: it can be remembered by the digest alone. Whether a
//! manifest *is* a referrer, and is there, is never remembered; the names in the folder of the
//! subject and the links of the repository say that each time.

use std::sync::Arc;

use wharf_cache::ContentCache;
use wharf_core::Result;
use wharf_digest::Digest;
use wharf_driver::{Put, PutMode};
use wharf_manifest::Descriptor;
use wharf_reference::RepositoryName;

use crate::{
    error::StorageResult,
    layout, links,
    store::{Scope, Store},
};

use super::import;

/// Descriptors of referrers that were read, as many as there is room for.
#[derive(Debug)]
pub(crate) struct Entries(ContentCache<Arc<Entry>>);

/// How a referrer is listed.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) descriptor: Descriptor,
    /// The length of its JSON.
    pub(super) length: usize,
}

/// How much is remembered, in bytes.
const ROOM: u64 = 32 << 20;

/// What an entry takes beside its texts, which it holds in pieces.
const OVERHEAD: usize = 1024;

/// The largest entry that is read: a manifest's annotations, and a little more.
const LIMIT: u64 = 64 << 20;

/// What enters a manifest among the referrers of its subject.
pub(crate) fn entry(name: &RepositoryName, subject: &Digest, referrer: &Descriptor) -> Put {
    Put::new(layout::referrer_link(name, subject, &referrer.digest), json(referrer))
}

/// Enters a manifest among the referrers of its subject, durably.
pub(super) async fn record(scope: &Scope, subject: &Digest, referrer: &Descriptor) -> Result<()> {
    let Put { path, content } = entry(&scope.name, subject, referrer);
    scope.driver().put(&path, content, PutMode::Overwrite).await.stored()?;
    Ok(())
}

/// Removes a manifest from among the referrers of its subject.
pub(crate) async fn forget(scope: &Scope, subject: &Digest, referrer: &Digest) -> Result<()> {
    let link = layout::referrer_link(&scope.name, subject, referrer);
    links::remove(scope.driver(), &link).await?;
    Ok(())
}

/// What the folder of a subject says about referrers, in their order; `None` where it has no entry.
pub(super) async fn load(
    scope: &Scope,
    subject: &Digest,
    digests: &[Digest],
) -> Result<Vec<Option<Arc<Entry>>>> {
    let Store { entries, .. } = &*scope.store;
    let mut loaded: Vec<_> = digests.iter().map(|digest| entries.0.get(digest)).collect();
    let missing = || digests.iter().zip(&loaded).filter(|(_, entry)| entry.is_none());
    let missing: Vec<Digest> = missing().map(|(digest, _)| *digest).collect();
    if missing.is_empty() {
        return Ok(loaded);
    }
    let paths: Vec<_> = missing.iter().map(layout::referrer_link_below).collect();
    let folder = layout::all_referrers(&scope.name, subject);
    let read = scope.driver().get_each(&folder, &paths, LIMIT).await;
    let mut read = missing.iter().zip(read);
    for entry in loaded.iter_mut().filter(|entry| entry.is_none()) {
        let Some((digest, read)) = read.next() else { break };
        *entry = match read.found()? {
            Some(bytes) => take(scope, subject, digest, &bytes).await?,
            None => None,
        };
    }
    Ok(loaded)
}

/// Reads an entry, and remembers it. One that is damaged is made anew from the manifest.
async fn take(
    scope: &Scope,
    subject: &Digest,
    digest: &Digest,
    bytes: &[u8],
) -> Result<Option<Arc<Entry>>> {
    let parsed = serde_json::from_slice::<Descriptor>(bytes).ok();
    if let Some(descriptor) = parsed.filter(|entry| entry.digest == *digest) {
        let entry = Arc::new(Entry::new(descriptor));
        scope.store.entries.0.insert(*digest, Arc::clone(&entry));
        return Ok(Some(entry));
    }
    let repository = &scope.name;
    tracing::warn!(%repository, %subject, referrer = %digest, "damaged entry of a referrer is skipped");
    let referrer = import::referrer(scope, digest).await?;
    let listed = referrer.filter(|(of, _)| of == subject);
    Ok(listed.map(|(_, descriptor)| Arc::new(Entry::new(descriptor))))
}

// === impl Entries ===

impl Default for Entries {
    fn default() -> Self {
        Self(ContentCache::new(ROOM, |entry: &Arc<Entry>| entry.weight()))
    }
}

// === impl Entry ===

impl Entry {
    pub(super) fn new(descriptor: Descriptor) -> Self {
        Self { length: json(&descriptor).len(), descriptor }
    }

    fn weight(&self) -> usize {
        self.length.saturating_mul(2).saturating_add(OVERHEAD)
    }
}

fn json(descriptor: &Descriptor) -> Vec<u8> {
    serde_json::to_vec(descriptor).expect("strings and numbers are JSON")
}

#[cfg(test)]
mod tests {
    use wharf_digest::Algorithm;
    use wharf_manifest::MediaType;

    use super::*;

    #[test]
    fn what_is_remembered_is_bounded() {
        let entries = Entries::default();
        let text = "x".repeat(1 << 20);
        for number in 0..100_u32 {
            let bytes = number.to_be_bytes();
            let mut descriptor =
                Descriptor::of(MediaType::oci_manifest(), Algorithm::Sha256, &bytes);
            descriptor.annotations.insert("text".into(), text.clone());
            entries.0.insert(descriptor.digest, Arc::new(Entry::new(descriptor)));
        }
        let size = entries.0.size();
        assert!((ROOM / 2..=ROOM).contains(&size), "{size}");
    }
}
