//! What a list of all the links of tags says of them. `current` comes before `index` in it.

use async_trait::async_trait;
use wharf_core::Result;
use wharf_driver::{Driver, StoragePath};
use wharf_reference::Tag;

use crate::{error::StorageResult, flat::Signs, layout, links};

/// A tag counts whose current link is there.
pub(super) struct Current<'a> {
    pub(super) driver: &'a dyn Driver,
    pub(super) folder: &'a StoragePath,
}

/// A tag counts that may point to a manifest: since it once did, for its history is written first, or
/// since there is none.
pub(super) struct Pointing {
    /// The link of the manifest in the history of a tag.
    pub(super) history: StoragePath,
}

/// The links of one tag.
#[derive(Default)]
pub(super) struct Links {
    current: bool,
    /// To the manifest.
    this: bool,
    /// To any manifest.
    any: bool,
}

const CURRENT: &str = "current/link";

/// A tag that has moved once has so many links.
const FILES: usize = 3;

/// Tags that move each night have more.
const SPARE: usize = 64;

// === impl Current ===

#[async_trait]
impl Signs for Current<'_> {
    type Known = bool;

    const FILES: usize = FILES;
    const SPARE: usize = SPARE;

    fn begins_after(&self, name: &str) -> bool {
        Tag::parse(name).is_ok()
    }

    fn note(&self, known: &mut bool, rest: &str, size: u64) {
        *known |= rest == CURRENT && links::may_be(size);
    }

    fn counts(&self, known: &bool) -> bool {
        *known
    }

    fn known_at(&self, name: &str) -> String {
        format!("{name}/{CURRENT}")
    }

    async fn ask(&self, name: &str) -> Result<bool> {
        let Ok(tag) = Tag::parse(name) else { return Ok(false) };
        let link = self.folder.append(&layout::tag_current_below(&tag));
        Ok(self.driver.stat(&link).await.found()?.is_some_and(|link| links::may_be(link.size)))
    }
}

// === impl Pointing ===

#[async_trait]
impl Signs for Pointing {
    type Known = Links;

    const FILES: usize = FILES;
    const SPARE: usize = SPARE;

    fn begins_after(&self, name: &str) -> bool {
        Tag::parse(name).is_ok()
    }

    fn note(&self, known: &mut Links, rest: &str, _size: u64) {
        known.current |= rest == CURRENT;
        known.this |= rest == self.history.as_str();
        known.any |= rest.starts_with("index/");
    }

    fn counts(&self, known: &Links) -> bool {
        known.current && (known.this || !known.any)
    }

    fn known_at(&self, name: &str) -> String {
        format!("{name}/{}", self.history)
    }

    /// Its current link will tell.
    async fn ask(&self, name: &str) -> Result<bool> {
        Ok(Tag::parse(name).is_ok())
    }
}
