//! Names of repositories within a registry.

use std::sync::Arc;

use crate::{ReferenceError, scan, text::checked_text};

/// The name of a repository within a registry: the `<name>` of the OCI distribution specification,
/// of at most 255 bytes. Cheap to clone.
///
/// Its components are `[a-z0-9]+` joined by `.`, `_`, `__` or any number of `-`, so that none is
/// empty, `.` or `..`, and none begins with `_`.
///
/// ```
/// use wharf_reference::RepositoryName;
///
/// let name = RepositoryName::parse("library/alpine")?;
/// assert_eq!(name.components().collect::<Vec<_>>(), ["library", "alpine"]);
/// # Ok::<(), wharf_reference::ReferenceError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepositoryName(Arc<str>);

// === impl RepositoryName ===

impl RepositoryName {
    /// The longest name, in bytes.
    pub const MAX_LEN: usize = 255;

    /// Reads a name.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        if text.is_empty() {
            return Err(ReferenceError::NameEmpty);
        }
        // Upper case is worth its own answer: it is what people get wrong most.
        if !scan::is_path(text) {
            let lower = text.to_ascii_lowercase();
            let error = if scan::is_path(&lower) {
                ReferenceError::uppercase
            } else {
                ReferenceError::format
            };
            return Err(error(text));
        }
        if text.len() > Self::MAX_LEN {
            return Err(ReferenceError::too_long(text));
        }
        Ok(Self(text.into()))
    }

    /// The parts between the slashes; there is at least one.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }
}

checked_text!(RepositoryName);
