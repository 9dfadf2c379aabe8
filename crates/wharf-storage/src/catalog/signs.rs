//! What a list of everything in all repositories says of them. What belongs to a repository itself lies
//! in folders whose names begin with `_`, which no component of a name does.

use async_trait::async_trait;
use wharf_core::Result;
use wharf_driver::Driver;
use wharf_reference::RepositoryName;

use crate::{flat::Signs, layout};

use super::has_manifests;

/// A repository counts that holds manifests or tags.
pub(super) struct Own<'a> {
    pub(super) driver: &'a dyn Driver,
}

/// What is above `/` in the order of bytes.
const PAST_SLASH: char = '0';

// === impl Own ===

#[async_trait]
impl Signs for Own<'_> {
    type Known = bool;

    /// A tag, a manifest, two or three layers.
    const FILES: usize = 8;

    /// A repository may have many layers.
    const SPARE: usize = 256;

    fn split<'p>(&self, path: &'p str) -> Option<(&'p str, &'p str)> {
        let at = path.find("/_")?;
        Some((&path[..at], &path[at + 1..]))
    }

    /// After `a-b`, a store may leave out all that is below `a`, of which `a/c` comes after it.
    fn begins_after(&self, name: &str) -> bool {
        RepositoryName::parse(name).is_ok() && !name.contains(['-', '.'])
    }

    fn note(&self, known: &mut bool, rest: &str, _size: u64) {
        let below = rest.strip_prefix(layout::MANIFESTS).and_then(|rest| rest.strip_prefix('/'));
        let first = below.and_then(|below| below.split('/').next());
        *known |= first.is_some_and(|first| first > layout::REFERRERS);
    }

    fn counts(&self, known: &bool) -> bool {
        *known
    }

    fn known_at(&self, name: &str) -> String {
        format!("{name}/{}{PAST_SLASH}", layout::MANIFESTS)
    }

    async fn ask(&self, name: &str) -> Result<bool> {
        match RepositoryName::parse(name) {
            Ok(name) => has_manifests(self.driver, &name).await,
            Err(_) => Ok(false),
        }
    }
}
