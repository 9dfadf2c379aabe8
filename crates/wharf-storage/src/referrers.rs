//! The referrers of a repository.
//!
//! Every manifest with a subject has an entry in the folder of that subject, whose content is the
//! descriptor that lists show: listing reads no manifests. Two other sources are merged in: the
//! index that clients keep under a tag where a registry has no list of referrers, and, once, the
//! manifests of a repository that such a registry wrote.
//!
//! An entry counts as long as its manifest is there. So it can be written before the manifest, and
//! nothing has to be undone.

mod import;
mod tagged;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use wharf_core::{Page, PageRequest, ReferrerLister, Result};
use wharf_digest::Digest;
use wharf_driver::PutMode;
use wharf_manifest::Descriptor;

use crate::{
    digests::{self, CONCURRENCY},
    error::StorageResult,
    layout, links,
    store::Scope,
};

/// The referrers of one repository.
pub(crate) struct Referrers {
    scope: Scope,
}

/// A page that is being filled.
struct Filling {
    items: Vec<Descriptor>,
    bytes: usize,
    limit: usize,
}

/// The most JSON of a page: 4 MiB, less what surrounds the descriptors.
const PAGE_BYTES: usize = (4 << 20) - 1024;

/// The largest entry that is read: a manifest's annotations, and a little more.
const ENTRY_LIMIT: u64 = 64 << 20;

/// How many entries are looked at together.
const BATCH: usize = 128;

// === entries ===

/// Enters a manifest among the referrers of its subject, durably.
pub(crate) async fn record(scope: &Scope, subject: &Digest, referrer: &Descriptor) -> Result<()> {
    let link = layout::referrer_link(&scope.name, subject, &referrer.digest);
    let entry = serde_json::to_vec(referrer).expect("strings and numbers are JSON");
    scope.driver().put(&link, Bytes::from(entry), PutMode::Overwrite).await.stored()?;
    Ok(())
}

/// Removes a manifest from among the referrers of its subject.
pub(crate) async fn forget(scope: &Scope, subject: &Digest, referrer: &Digest) -> Result<()> {
    let link = layout::referrer_link(&scope.name, subject, referrer);
    links::remove(scope.driver(), &link).await?;
    Ok(())
}

// === impl Referrers ===

impl Referrers {
    pub(crate) fn new(scope: Scope) -> Self {
        Self { scope }
    }

    /// What the folder does not say: from the tagged index, and from manifests that could not be
    /// entered.
    async fn elsewhere(&self, subject: &Digest) -> Result<BTreeMap<Digest, Descriptor>> {
        let mut known = tagged::referrers(&self.scope, subject).await?;
        known.extend(import::complete(&self.scope, subject).await?);
        Ok(known)
    }

    /// The descriptor of a referrer, `None` if it is not there (any more).
    async fn load(
        &self,
        subject: &Digest,
        digest: Digest,
        known: Option<Descriptor>,
    ) -> Result<Option<Descriptor>> {
        let revision = layout::revision_link(&self.scope.name, &digest);
        if links::resolve(self.scope.driver(), &revision, &digest).await?.is_none() {
            return Ok(None);
        }
        match self.entry(subject, &digest).await? {
            Some(entry) => Ok(Some(entry)),
            None => Ok(known),
        }
    }

    /// What the folder says about a referrer, `None` if there is no entry. One that is damaged is
    /// made anew from the manifest.
    async fn entry(&self, subject: &Digest, digest: &Digest) -> Result<Option<Descriptor>> {
        let link = layout::referrer_link(&self.scope.name, subject, digest);
        let Some(entry) = self.scope.driver().get(&link, ENTRY_LIMIT).await.found()? else {
            return Ok(None);
        };
        let parsed = serde_json::from_slice::<Descriptor>(&entry);
        if let Some(descriptor) = parsed.ok().filter(|entry| entry.digest == *digest) {
            return Ok(Some(descriptor));
        }
        tracing::warn!(%link, "damaged entry of a referrer is skipped");
        let referrer = import::referrer(&self.scope, digest).await?;
        Ok(referrer.filter(|(of, _)| of == subject).map(|(_, descriptor)| descriptor))
    }
}

#[async_trait]
impl ReferrerLister for Referrers {
    async fn referrers(
        &self,
        subject: &Digest,
        artifact_type: Option<&str>,
        mut page: PageRequest,
    ) -> Result<Page<Descriptor>> {
        let known = self.elsewhere(subject).await?;
        let folder = |algorithm| layout::referrers(&self.scope.name, subject, algorithm);
        let mut filling = Filling { items: Vec::new(), bytes: 0, limit: page.limit };
        loop {
            let request = PageRequest { after: page.after.clone(), limit: BATCH };
            let entries = digests::page(self.scope.driver(), folder, &request).await?;
            let digests =
                merged(&known, entries.items, page.after.as_deref(), entries.next.as_deref());
            let loads = stream::iter(digests)
                .map(|digest| self.load(subject, digest, known.get(&digest).cloned()));
            let mut loads = loads.buffered(CONCURRENCY);
            while let Some(loaded) = loads.try_next().await? {
                let wanted = loaded.filter(|referrer| is_of_type(referrer, artifact_type));
                if wanted.is_some_and(|referrer| !filling.takes(referrer)) {
                    return Ok(filling.page(true));
                }
            }
            match entries.next {
                Some(next) => page.after = Some(next),
                None => return Ok(filling.page(false)),
            }
        }
    }
}

// === impl Filling ===

impl Filling {
    /// Adds a descriptor, unless the page is full. A page has room for one, however long.
    fn takes(&mut self, referrer: Descriptor) -> bool {
        let json = serde_json::to_vec(&referrer).expect("strings and numbers are JSON");
        let bytes = self.bytes + json.len() + 1;
        let fits = self.items.is_empty() || bytes <= PAGE_BYTES;
        if self.items.len() >= self.limit || !fits {
            return false;
        }
        self.bytes = bytes;
        self.items.push(referrer);
        true
    }

    fn page(self, more: bool) -> Page<Descriptor> {
        let next = self.items.last().filter(|_| more).map(|last| last.digest.to_string());
        Page { items: self.items, next }
    }
}

/// The digests of both sources that lie after `after` and not after `until`, in order.
fn merged(
    known: &BTreeMap<Digest, Descriptor>,
    entries: Vec<Digest>,
    after: Option<&str>,
    until: Option<&str>,
) -> BTreeSet<Digest> {
    let is_here = |digest: &&Digest| {
        let text = digest.to_string();
        after.is_none_or(|after| *text > *after) && until.is_none_or(|until| *text <= *until)
    };
    known.keys().filter(is_here).copied().chain(entries).collect()
}

fn is_of_type(referrer: &Descriptor, artifact_type: Option<&str>) -> bool {
    artifact_type.is_none_or(|wanted| referrer.artifact_type.as_deref() == Some(wanted))
}

#[cfg(test)]
mod tests;
