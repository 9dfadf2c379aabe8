//! The manifests of a repository, and what refers to them.

use async_trait::async_trait;
use wharf_digest::Digest;
use wharf_manifest::{Descriptor, Manifest, Role};
use wharf_reference::TagOrDigest;

use super::{Contents, Kept, MemoryRepository, Pointer, page};
use crate::{
    Error, ErrorKind, Fetched, GetOptions, ManifestBytes, ManifestEnumerator, ManifestStore, Page,
    PageRequest, PutOptions, ReferrerLister, Result, Stored,
};

/// The most bytes of descriptors in one page of referrers.
const REFERRERS: usize = 4 * 1024 * 1024;

/// More than a descriptor of a referrer has beyond what its manifest says.
const FRAME: usize = 1024;

// === impl MemoryRepository ===

#[async_trait]
impl ManifestStore for MemoryRepository {
    async fn resolve(&self, reference: &TagOrDigest) -> Result<Descriptor> {
        self.find(reference).map(|manifest| manifest.descriptor())
    }

    async fn get(&self, reference: &TagOrDigest, options: GetOptions) -> Result<Fetched> {
        let manifest = self.find(reference)?;
        if options.if_none_match.contains(&manifest.digest()) {
            return Ok(Fetched::NotModified(manifest.descriptor()));
        }
        Ok(Fetched::Manifest(manifest))
    }

    async fn put(&self, manifest: ManifestBytes, options: PutOptions) -> Result<Stored> {
        let view = self.shared.schemas.parse(Some(manifest.media_type()), manifest.bytes())?;
        let mut state = self.shared.state();
        let missing = match state.repository(&self.name) {
            _ if options.skip_reference_checks => Vec::new(),
            Some(contents) => missing(&view, contents),
            None => missing(&view, &Contents::default()),
        };
        if !missing.is_empty() {
            return Err(ErrorKind::ManifestReferencesUnknown(missing).into());
        }
        let descriptor = manifest.descriptor();
        let subject = view.subject().map(|subject| subject.digest);
        let contents = state.repository_mut(&self.name);
        contents.manifests.insert(descriptor.digest, Kept { manifest, view });
        for tag in &options.tags {
            contents.point(tag, descriptor.digest);
        }
        Ok(Stored { descriptor, subject, tags: options.tags })
    }

    async fn delete(&self, digest: &Digest) -> Result<()> {
        let mut state = self.shared.state();
        let unknown = || Error::manifest_unknown(&self.name, *digest);
        let contents = state.repositories.get_mut(&self.name).ok_or_else(unknown)?;
        contents.manifests.remove(digest).ok_or_else(unknown)?;
        contents.tags.retain(|_, pointer| pointer.current != *digest);
        Ok(())
    }

    fn enumerator(&self) -> Option<&dyn ManifestEnumerator> {
        Some(self)
    }
}

#[async_trait]
impl ManifestEnumerator for MemoryRepository {
    async fn enumerate(&self, request: PageRequest) -> Result<Page<Digest>> {
        let state = self.shared.state();
        let Some(contents) = state.repository(&self.name) else { return Ok(Page::empty()) };
        Ok(page(contents.manifests.keys().copied(), Digest::to_string, &request))
    }
}

#[async_trait]
impl ReferrerLister for MemoryRepository {
    async fn referrers(
        &self,
        subject: &Digest,
        artifact_type: Option<&str>,
        request: PageRequest,
    ) -> Result<Page<Descriptor>> {
        let state = self.shared.state();
        let Some(contents) = state.repository(&self.name) else { return Ok(Page::empty()) };
        let wanted = |kept: &&Kept| {
            let about = kept.view.subject().is_some_and(|about| about.digest == *subject);
            about && artifact_type.is_none_or(|wanted| kept.view.artifact_type() == Some(wanted))
        };
        let referrers = contents.manifests.values().filter(wanted);
        let mut found = page(referrers, |kept| kept.manifest.digest().to_string(), &request);
        shorten(&mut found);
        Ok(Page { items: found.items.into_iter().map(Kept::referrer).collect(), next: found.next })
    }
}

impl MemoryRepository {
    fn find(&self, reference: &TagOrDigest) -> Result<ManifestBytes> {
        let state = self.shared.state();
        let find = |contents: &Contents| {
            let digest = match reference {
                TagOrDigest::Tag(tag) => contents.tags.get(tag)?.current,
                TagOrDigest::Digest(digest) => *digest,
            };
            contents.manifests.get(&digest).map(|kept| kept.manifest.clone())
        };
        let found = state.repository(&self.name).and_then(find);
        found.ok_or_else(|| Error::manifest_unknown(&self.name, reference.clone()))
    }
}

// === impl Contents ===

impl Contents {
    /// Points a tag to a manifest.
    pub(super) fn point(&mut self, tag: &wharf_reference::Tag, digest: Digest) {
        let pointer = self.tags.entry(tag.clone());
        let pointer =
            pointer.or_insert_with(|| Pointer { current: digest, history: [digest].into() });
        pointer.current = digest;
        pointer.history.insert(digest);
    }
}

// === impl Kept ===

impl Kept {
    fn referrer(&self) -> Descriptor {
        self.view.referrer(self.manifest.digest(), self.manifest.bytes().len() as u64)
    }
}

/// What a manifest needs and the repository does not have, each once.
fn missing(view: &Manifest, contents: &Contents) -> Vec<Digest> {
    let mut missing = Vec::new();
    for reference in view.references() {
        let digest = reference.descriptor.digest;
        let there = contents.blobs.contains(&digest)
            || reference.role == Role::Manifest && contents.manifests.contains_key(&digest)
            || reference.descriptor.media_type.is_non_distributable();
        if !there && !missing.contains(&digest) {
            missing.push(digest);
        }
    }
    missing
}

/// Ends a page of referrers before it gets too long. A descriptor is not longer than the manifest
/// that it was taken from, but for its frame.
fn shorten(page: &mut Page<&Kept>) {
    let mut bytes = 0;
    let fits = |kept: &&&Kept| {
        bytes += kept.manifest.bytes().len() + FRAME;
        bytes <= REFERRERS
    };
    let fitting = page.items.iter().take_while(fits).count().max(1);
    if fitting < page.items.len() {
        page.items.truncate(fitting);
        page.next = page.items.last().map(|kept| kept.manifest.digest().to_string());
    }
}
