//! The tags of a repository.

use async_trait::async_trait;
use wharf_digest::Digest;
use wharf_reference::Tag;

use super::{MemoryRepository, Pointer, page};
use crate::{Error, ErrorKind, Page, PageRequest, Result, TagStore};

// === impl MemoryRepository ===

#[async_trait]
impl TagStore for MemoryRepository {
    async fn get(&self, tag: &Tag) -> Result<Digest> {
        self.pointer(tag, |pointer| pointer.current)
    }

    async fn tag(&self, tag: &Tag, digest: &Digest) -> Result<()> {
        let mut state = self.shared.state();
        let contents = state.repositories.get_mut(&self.name);
        let contents = contents.filter(|contents| contents.manifests.contains_key(digest));
        let contents = contents.ok_or_else(|| Error::manifest_unknown(&self.name, *digest))?;
        contents.point(tag, *digest);
        Ok(())
    }

    async fn untag(&self, tag: &Tag) -> Result<()> {
        let mut state = self.shared.state();
        let contents = state.repositories.get_mut(&self.name);
        match contents.and_then(|contents| contents.tags.remove(tag)) {
            Some(_) => Ok(()),
            None => Err(ErrorKind::TagUnknown(tag.clone()).into()),
        }
    }

    async fn list(&self, request: PageRequest) -> Result<Page<Tag>> {
        let state = self.shared.state();
        let contents = state.repository(&self.name);
        let contents = contents.ok_or_else(|| ErrorKind::RepositoryUnknown(self.name.clone()))?;
        Ok(page(contents.tags.keys().cloned(), Tag::to_string, &request))
    }

    async fn lookup(&self, digest: &Digest) -> Result<Vec<Tag>> {
        let state = self.shared.state();
        let Some(contents) = state.repository(&self.name) else { return Ok(Vec::new()) };
        let pointing = contents.tags.iter().filter(|(_, pointer)| pointer.current == *digest);
        Ok(pointing.map(|(tag, _)| tag.clone()).collect())
    }

    async fn history(&self, tag: &Tag) -> Result<Vec<Digest>> {
        self.pointer(tag, |pointer| pointer.history.iter().copied().collect())
    }
}

impl MemoryRepository {
    fn pointer<T>(&self, tag: &Tag, read: impl FnOnce(&Pointer) -> T) -> Result<T> {
        let state = self.shared.state();
        let pointer = state.repository(&self.name).and_then(|contents| contents.tags.get(tag));
        pointer.map(read).ok_or_else(|| ErrorKind::TagUnknown(tag.clone()).into())
    }
}
