//! The tags of a repository.

use async_trait::async_trait;
use wharf_digest::Digest;
use wharf_reference::Tag;

use crate::{Page, PageRequest, Result};

/// The tags of one repository.
#[async_trait]
pub trait TagStore: Send + Sync {
    /// The manifest that a tag points to; `TagUnknown` if there is no such tag.
    async fn get(&self, tag: &Tag) -> Result<Digest>;

    /// Points a tag to a manifest of this repository; `ManifestUnknown` if it is not there.
    async fn tag(&self, tag: &Tag, digest: &Digest) -> Result<()>;

    /// Removes a tag and its history, but no manifest; `TagUnknown` if there is no such tag,
    /// `Unsupported` if deletes are off.
    async fn untag(&self, tag: &Tag) -> Result<()>;

    /// One page of the tags, in byte order. `RepositoryUnknown` if the repository does not exist.
    async fn list(&self, page: PageRequest) -> Result<Page<Tag>>;

    /// Every tag that points to this manifest, in byte order.
    async fn lookup(&self, digest: &Digest) -> Result<Vec<Tag>>;

    /// Every manifest that the tag ever pointed to, in byte order; `TagUnknown` if there is no such
    /// tag.
    async fn history(&self, tag: &Tag) -> Result<Vec<Digest>>;
}
