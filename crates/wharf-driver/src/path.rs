//! Where content lives.

use std::{fmt, sync::Arc};

/// A path below the root of a driver: components joined by `/`, none at all for the root itself.
///
/// A component is 1 to 255 bytes of `[A-Za-z0-9._+-]`, and neither `.` nor `..`: a path that leaves
/// the root cannot be written down.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoragePath(Arc<str>);

/// A text that is no path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid storage path component {0:?}")]
pub struct InvalidPath(String);

// === impl StoragePath ===

impl StoragePath {
    /// The root of the driver.
    pub fn root() -> Self {
        Self("".into())
    }

    /// Reads `a/b/c`; leading, trailing or double slashes are refused, and the empty text is the root.
    pub fn parse(text: &str) -> Result<Self, InvalidPath> {
        if !text.is_empty() {
            text.split('/').try_for_each(check)?;
        }
        Ok(Self(text.into()))
    }

    /// The path of what lies at `relative`, itself one or several components, below this one.
    pub fn join(&self, relative: &str) -> Result<Self, InvalidPath> {
        relative.split('/').try_for_each(check)?;
        Ok(match self.is_root() {
            true => Self(relative.into()),
            false => Self(format!("{self}/{relative}").into()),
        })
    }

    /// The path with the components of `below` appended.
    pub fn append(&self, below: &StoragePath) -> Self {
        match (self.is_root(), below.is_root()) {
            (true, _) => below.clone(),
            (_, true) => self.clone(),
            _ => Self(format!("{self}/{below}").into()),
        }
    }

    /// The folder that holds it, `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        match self.0.rsplit_once('/') {
            Some((parent, _)) => Some(Self(parent.into())),
            None => (!self.is_root()).then(Self::root),
        }
    }

    /// The last component, `None` for the root.
    pub fn name(&self) -> Option<&str> {
        self.0.rsplit('/').next().filter(|name| !name.is_empty())
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The components from the root down.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|component| !component.is_empty())
    }

    /// The path as text, without a leading slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StoragePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StoragePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.0)
    }
}

fn check(component: &str) -> Result<(), InvalidPath> {
    let well_formed = (1..=255).contains(&component.len())
        && !matches!(component, "." | "..")
        && component.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b));
    well_formed.then_some(()).ok_or_else(|| InvalidPath(component.to_owned()))
}
