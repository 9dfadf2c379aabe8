//! The manifests of a repository.
//!
//! The bytes of a manifest are a blob; its *revision link* makes it a manifest of the repository.
//! The link is written after everything that the manifest stands on, and before everything that
//! stands on it; it is removed last. So whatever a crash interrupts, what can be found is whole.

mod delete;
pub(crate) mod find;
mod put;
mod references;

use async_trait::async_trait;
use futures_util::{FutureExt, future::join};
use wharf_core::{
    Error, Fetched, GetOptions, ManifestBytes, ManifestEnumerator, ManifestStore, Page,
    PageRequest, PutOptions, Result, Stored,
};
use wharf_digest::Digest;
use wharf_manifest::Descriptor;
use wharf_reference::{Tag, TagOrDigest};

use self::find::Found;
use crate::{digests, layout, store::Scope, tags::Tags};

/// The manifests of one repository.
pub(crate) struct Manifests {
    scope: Scope,
    tags: Tags,
}

// === impl Manifests ===

impl Manifests {
    pub(crate) fn new(scope: Scope) -> Self {
        Self { tags: Tags::new(scope.clone()), scope }
    }

    /// What a reference leads to. A tag whose manifest is gone is as good as no tag.
    async fn found(&self, reference: &TagOrDigest) -> Result<ManifestBytes> {
        let found = match reference {
            TagOrDigest::Tag(tag) if self.scope.store.remote => self.tagged_as_before(tag).await?,
            _ => match self.proven(reference) {
                Some(found) => Some(found),
                None => self.looked_up(reference).await?,
            },
        };
        found.ok_or_else(|| Error::manifest_unknown(&self.scope.name, reference.clone()))
    }

    /// What a reference led to last time, if it still does and the manifest is in memory.
    fn proven(&self, reference: &TagOrDigest) -> Option<ManifestBytes> {
        let store = &self.scope.store;
        let digest = store.proven_manifests.get(&self.scope.name, reference)?;
        store.manifests.get(&digest).map(|kept| kept.manifest())
    }

    /// What the files say, and whether they will tell when they say something else.
    async fn looked_up(&self, reference: &TagOrDigest) -> Result<Option<ManifestBytes>> {
        let Some(found) = self.look_up(reference).await? else { return Ok(None) };
        let (store, digest) = (&self.scope.store, found.manifest.digest());
        let tag = reference.tag().map(|tag| layout::tag_current(&self.scope.name, tag));
        let links = tag.into_iter().chain([found.link.clone()]).collect();
        // To know that a manifest is there spares nothing if its bytes have to be read.
        if store.manifests.get(&digest).is_some()
            && let Some(unchanged) = store.vault.watch(links, &found.target)
        {
            let is_same = |again: &Found| again.link == found.link && again.target == found.target;
            let again = self
                .look_up(reference)
                .map(|again| again.ok()?.filter(is_same).map(|again| again.manifest.digest()));
            let asked = (&self.scope.name, reference);
            store.proven_manifests.keep(asked, digest, unchanged, again).await;
        }
        Ok(Some(found.manifest))
    }

    async fn look_up(&self, reference: &TagOrDigest) -> Result<Option<Found>> {
        let digest = match reference {
            TagOrDigest::Digest(digest) => Some(*digest),
            TagOrDigest::Tag(tag) => self.tags.current(tag).await?,
        };
        match digest {
            Some(digest) => find::find(&self.scope, &digest).await,
            None => Ok(None),
        }
    }

    /// [`Manifests::look_up`] of a tag where each request takes long: what the tag pointed to when it was read
    /// last is looked for while the tag is read, since it hardly ever points elsewhere.
    async fn tagged_as_before(&self, tag: &Tag) -> Result<Option<ManifestBytes>> {
        let (name, pointed) = (&self.scope.name, &self.scope.store.pointed);
        let Some(before) = pointed.last(name, tag) else {
            let found = self.look_up(&tag.clone().into()).await?.map(|found| found.manifest);
            found.iter().for_each(|found| pointed.note(name, tag, &found.digest()));
            return Ok(found);
        };
        let looks = join(self.tags.current(tag), find::manifest(&self.scope, &before));
        match looks.await {
            (Ok(Some(now)), found) if now == before => found,
            (Ok(Some(now)), _) => {
                pointed.note(name, tag, &now);
                find::manifest(&self.scope, &now).await
            }
            (gone, _) => gone.map(|_| None),
        }
    }
}

#[async_trait]
impl ManifestStore for Manifests {
    async fn resolve(&self, reference: &TagOrDigest) -> Result<Descriptor> {
        Ok(self.found(reference).await?.descriptor())
    }

    async fn get(&self, reference: &TagOrDigest, options: GetOptions) -> Result<Fetched> {
        let found = self.found(reference).await?;
        Ok(match options.if_none_match.contains(&found.digest()) {
            true => Fetched::NotModified(found.descriptor()),
            false => Fetched::Manifest(found),
        })
    }

    async fn put(&self, manifest: ManifestBytes, options: PutOptions) -> Result<Stored> {
        put::manifest(&self.scope, &self.tags, manifest, options).await
    }

    async fn delete(&self, digest: &Digest) -> Result<()> {
        delete::manifest(&self.scope, &self.tags, digest).await
    }

    fn enumerator(&self) -> Option<&dyn ManifestEnumerator> {
        Some(self)
    }
}

#[async_trait]
impl ManifestEnumerator for Manifests {
    async fn enumerate(&self, page: PageRequest) -> Result<Page<Digest>> {
        let folder = |algorithm| layout::revisions(&self.scope.name, algorithm);
        digests::linked(self.scope.driver(), folder, &page).await
    }
}

#[cfg(test)]
mod tests;
