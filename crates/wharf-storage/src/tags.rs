//! The tags of a repository.
//!
//! A tag is a folder with a link to what it points to (`current`) and one link for everything that
//! it ever pointed to (`index`). It exists as long as its current link can be read: the current link
//! is written last and removed first.

mod signs;

use async_trait::async_trait;
use wharf_core::{Error, ErrorKind, Page, PageRequest, Result, TagStore};
use wharf_digest::Digest;
use wharf_driver::{EntryKind, ListRequest};
use wharf_reference::Tag;

use crate::{
    catalog,
    children::PAGE,
    digests,
    error::StorageResult,
    flat::{self, Rest},
    layout, links,
    manifests::find,
    page::cut,
    store::Scope,
    vault::TagLinks,
};

use self::signs::{Current, Pointing};

/// The tags of one repository.
pub(crate) struct Tags {
    scope: Scope,
}

/// Tags with what they point to.
struct Batch {
    tags: Vec<(Tag, Digest)>,
    /// Where the next batch begins, `None` at the end.
    next: Option<String>,
}

// === impl Tags ===

impl Tags {
    pub(crate) fn new(scope: Scope) -> Self {
        Self { scope }
    }

    /// What a tag points to, `None` if there is no such tag, or only leftovers of one.
    pub(crate) async fn current(&self, tag: &Tag) -> Result<Option<Digest>> {
        links::read(self.scope.driver(), &layout::tag_current(&self.scope.name, tag)).await
    }

    /// Points a tag to a manifest that is there; durable when it returns.
    pub(crate) async fn point(&self, tag: &Tag, digest: &Digest) -> Result<()> {
        let _turn = self.scope.store.turns.tag(&self.scope.name, tag).await;
        let TagLinks { history, current } = self.links(tag, digest);
        self.scope.vault().link_in_order([history, current], digest).await
    }

    /// What has to be written to point a tag to a manifest. The caller has the tag's turn.
    pub(crate) fn links(&self, tag: &Tag, digest: &Digest) -> TagLinks {
        TagLinks {
            history: layout::tag_history_link(&self.scope.name, tag, digest),
            current: layout::tag_current(&self.scope.name, tag),
        }
    }

    /// Removes a tag and what is left of it; `false` if there was none.
    async fn remove(&self, tag: &Tag) -> Result<bool> {
        let _turn = self.scope.store.turns.tag(&self.scope.name, tag).await;
        let current = layout::tag_current(&self.scope.name, tag);
        let existed = self.scope.vault().unlink(&current).await?;
        self.drop_history(tag).await?;
        Ok(existed)
    }

    /// Removes a tag, unless it points to something else by now.
    pub(crate) async fn remove_from(&self, tag: &Tag, digest: &Digest) -> Result<()> {
        let _turn = self.scope.store.turns.tag(&self.scope.name, tag).await;
        if self.current(tag).await? == Some(*digest) {
            self.scope.vault().forget(&layout::tag_current(&self.scope.name, tag)).await?;
            self.drop_history(tag).await?;
        }
        Ok(())
    }

    async fn drop_history(&self, tag: &Tag) -> Result<()> {
        let folder = layout::tag(&self.scope.name, tag);
        self.scope.driver().delete_below(&folder).await.stored().map(drop)
    }

    /// Every tag that points to a manifest, and perhaps some that do not.
    pub(crate) async fn pointing(&self, digest: &Digest) -> Result<Vec<Tag>> {
        let (mut tags, sure) = self.pointers(digest).await?;
        tags.extend(sure);
        Ok(tags)
    }

    /// The tags that may point to a manifest, and those after them that do.
    async fn pointers(&self, digest: &Digest) -> Result<(Vec<Tag>, Vec<Tag>)> {
        let links = Pointing { history: layout::tag_history_below(digest) };
        let folder = layout::tags(&self.scope.name);
        let found = flat::names(self.scope.driver(), &folder, &links, None, usize::MAX).await?;
        let (mut sure, mut rest) = (Vec::new(), found.rest);
        while let Rest::After(after) = rest {
            let batch = self.batch(after.as_deref(), PAGE).await?;
            let pointing = batch.tags.into_iter().filter(|(_, target)| target == digest);
            sure.extend(pointing.map(|(tag, _)| tag));
            rest = batch.next.into();
        }
        Ok((parsed(found.names), sure))
    }

    /// The tags among the next `limit` folders.
    async fn batch(&self, after: Option<&str>, limit: usize) -> Result<Batch> {
        let request = ListRequest { after, limit: limit.min(PAGE) };
        let folder = layout::tags(&self.scope.name);
        let listing = self.scope.driver().list(&folder, request).await.stored()?;
        let next = listing.entries.last().filter(|_| listing.more).map(|last| last.name.clone());
        let folders = listing.entries.into_iter().filter(|entry| entry.kind == EntryKind::Folder);
        let names: Vec<Tag> = folders.filter_map(|entry| Tag::parse(&entry.name).ok()).collect();
        let links: Vec<_> = names.iter().map(layout::tag_current_below).collect();
        let read = links::read_each(self.scope.driver(), &folder, &links).await?;
        let tags = names.into_iter().zip(read).filter_map(|(tag, current)| Some((tag, current?)));
        Ok(Batch { tags: tags.collect(), next })
    }
}

#[async_trait]
impl TagStore for Tags {
    async fn get(&self, tag: &Tag) -> Result<Digest> {
        self.current(tag).await?.ok_or_else(|| unknown(tag))
    }

    async fn tag(&self, tag: &Tag, digest: &Digest) -> Result<()> {
        self.scope.store.check_writable()?;
        let _turn = self.scope.store.turns.keep(&self.scope.name, digest).await;
        if find::manifest(&self.scope, digest).await?.is_none() {
            return Err(Error::manifest_unknown(&self.scope.name, *digest));
        }
        self.point(tag, digest).await
    }

    async fn untag(&self, tag: &Tag) -> Result<()> {
        self.scope.store.check_deletes()?;
        self.remove(tag).await?.then_some(()).ok_or_else(|| unknown(tag))
    }

    async fn list(&self, page: PageRequest) -> Result<Page<Tag>> {
        // One more than asked for tells whether there is another page.
        let wanted = page.limit.saturating_add(1);
        let (driver, folder) = (self.scope.driver(), layout::tags(&self.scope.name));
        let links = Current { driver, folder: &folder };
        let listed = flat::names(driver, &folder, &links, page.after, wanted).await?;
        let (mut found, mut rest) = (parsed(listed.names), listed.rest);
        while found.len() < wanted
            && let Rest::After(after) = rest
        {
            let batch = self.batch(after.as_deref(), wanted - found.len()).await?;
            found.extend(batch.tags.into_iter().map(|(tag, _)| tag));
            rest = batch.next.into();
        }
        if found.is_empty()
            && !catalog::has_manifests(self.scope.driver(), &self.scope.name).await?
        {
            return Err(ErrorKind::RepositoryUnknown(self.scope.name.clone()).into());
        }
        Ok(cut(found, page.limit))
    }

    async fn lookup(&self, digest: &Digest) -> Result<Vec<Tag>> {
        let (tags, sure) = self.pointers(digest).await?;
        let links: Vec<_> = tags.iter().map(layout::tag_current_below).collect();
        let folder = layout::tags(&self.scope.name);
        let read = links::read_each(self.scope.driver(), &folder, &links).await?;
        let current = tags.into_iter().zip(read).filter(|(_, target)| *target == Some(*digest));
        Ok(current.map(|(tag, _)| tag).chain(sure).collect())
    }

    async fn history(&self, tag: &Tag) -> Result<Vec<Digest>> {
        self.get(tag).await?;
        let mut found = Vec::new();
        let mut request = PageRequest::first(PAGE);
        loop {
            let folder = |algorithm| layout::tag_history(&self.scope.name, tag, algorithm);
            let page = digests::linked(self.scope.driver(), folder, &request).await?;
            found.extend(page.items);
            match page.next {
                Some(next) => request.after = Some(next),
                None => return Ok(found),
            }
        }
    }
}

fn parsed(names: Vec<String>) -> Vec<Tag> {
    names.iter().filter_map(|name| Tag::parse(name).ok()).collect()
}

fn unknown(tag: &Tag) -> Error {
    ErrorKind::TagUnknown(tag.clone()).into()
}

#[cfg(test)]
mod tests;
