//! The referrers of a repository.
//!
//! Every manifest with a subject has an entry in the folder of that subject, whose content is the
//! descriptor that lists show: listing reads no manifests. Two other sources are merged in: the
//! index that clients keep under a tag where a registry has no list of referrers, and, once, the
//! manifests of a repository that such a registry wrote.
//!
//! An entry counts as long as its manifest is there. So it can be written before the manifest, and
//! nothing has to be undone.

mod entries;
mod import;
mod tagged;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;
use wharf_core::{Page, PageRequest, ReferrerLister, Result};
use wharf_digest::Digest;
use wharf_manifest::Descriptor;

use crate::{digests, layout, links, store::Scope};

pub(crate) use self::entries::{Entries, entry, forget};

use self::entries::{Entry, record};

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

/// How many names are listed together.
const BATCH: usize = 128;

/// How many entries are looked at together, and may have to be held.
const GROUP: usize = 16;

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

    /// Those of some digests, in their order, that are listed as referrers of a type and are there.
    async fn listed(
        &self,
        subject: &Digest,
        digests: &[Digest],
        known: &BTreeMap<Digest, Descriptor>,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Arc<Entry>>> {
        let entries = entries::load(&self.scope, subject, digests).await?;
        let wanted = digests.iter().zip(entries).filter_map(|(digest, entry)| {
            let known = || Some(Arc::new(Entry::new(known.get(digest)?.clone())));
            let entry = entry.or_else(known)?;
            is_of_type(&entry.descriptor, artifact_type).then_some((*digest, entry))
        });
        let (digests, entries): (Vec<Digest>, Vec<_>) = wanted.unzip();
        let folder = |algorithm| layout::revisions(&self.scope.name, algorithm);
        let targets = links::resolve_each(self.scope.driver(), folder, &digests).await?;
        let there = entries.into_iter().zip(targets).filter(|(_, target)| target.is_some());
        Ok(there.map(|(entry, _)| entry).collect())
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
            for digests in digests.chunks(GROUP) {
                let listed = self.listed(subject, digests, &known, artifact_type).await?;
                if !listed.into_iter().all(|entry| filling.takes(&entry)) {
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
    fn takes(&mut self, entry: &Entry) -> bool {
        let bytes = self.bytes + entry.length + 1;
        let fits = self.items.is_empty() || bytes <= PAGE_BYTES;
        if self.items.len() >= self.limit || !fits {
            return false;
        }
        self.bytes = bytes;
        self.items.push(entry.descriptor.clone());
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
) -> Vec<Digest> {
    let is_here = |digest: &&Digest| {
        let text = digest.to_string();
        after.is_none_or(|after| *text > *after) && until.is_none_or(|until| *text <= *until)
    };
    let digests: BTreeSet<_> = known.keys().filter(is_here).copied().chain(entries).collect();
    digests.into_iter().collect()
}

fn is_of_type(referrer: &Descriptor, artifact_type: Option<&str>) -> bool {
    artifact_type.is_none_or(|wanted| referrer.artifact_type.as_deref() == Some(wanted))
}

#[cfg(test)]
mod tests;
