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

/// Which bytes a component may have.
const ALLOWED: [bool; 256] = {
    let mut allowed = [false; 256];
    let mut byte: u8 = 0;
    while byte < 128 {
        allowed[byte as usize] =
            byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'+' | b'-');
        byte += 1;
    }
    allowed
};

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

    /// Whether a text is one component, as a child of a folder is called.
    pub fn is_name(text: &str) -> bool {
        is_well_formed(text)
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
    let well_formed = is_well_formed(component);
    well_formed.then_some(()).ok_or_else(|| InvalidPath(component.to_owned()))
}

fn is_well_formed(component: &str) -> bool {
    (1..=255).contains(&component.len())
        && !matches!(component, "." | "..")
        && component.bytes().all(|byte| ALLOWED[usize::from(byte)])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(text: &str) -> StoragePath {
        StoragePath::parse(text).expect("a valid path")
    }

    #[test]
    fn well_formed_paths_are_taken_as_they_are() {
        let longest = "x".repeat(255);
        for text in ["", "a", "a/b/c", "1.0", "...", "..a", "a..", "-", "_", "+", "A/a", &longest] {
            assert_eq!(path(text).as_str(), text);
        }
    }

    #[test]
    fn what_could_leave_the_root_cannot_be_written_down() {
        let too_long = "x".repeat(256);
        for text in [
            "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "a/./b", "a b", "a\\b", "a\0",
            "a:b", "a%2fb", "ä", "a\n", "~", "*", &too_long,
        ] {
            assert!(StoragePath::parse(text).is_err(), "{text:?}");
            assert!(path("base").join(text).is_err(), "{text:?}");
            assert!(!StoragePath::is_name(text), "{text:?}");
        }
        assert!(path("base").join("").is_err());
    }

    #[test]
    fn the_message_names_the_component() {
        let error = StoragePath::parse("a/b c/d").expect_err("a space");
        assert_eq!(error.to_string(), r#"invalid storage path component "b c""#);
    }

    #[test]
    fn paths_are_put_together_and_taken_apart() {
        let root = StoragePath::root();
        assert_eq!(root.join("a/b").expect("valid"), path("a/b"));
        assert_eq!(path("a").join("b").expect("valid"), path("a/b"));
        assert_eq!(path("a").append(&path("b/c")), path("a/b/c"));
        assert_eq!(root.append(&path("a")), path("a"));
        assert_eq!(path("a").append(&root), path("a"));
        assert_eq!(path("a/b").parent(), Some(path("a")));
        assert_eq!(path("a").parent(), Some(root.clone()));
        assert_eq!(root.parent(), None);
        assert_eq!((path("a/b").name(), root.name()), (Some("b"), None));
        assert_eq!(path("a/b/c").components().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(root.components().count(), 0);
        assert!(root.is_root() && !path("a").is_root());
        assert_eq!(format!("{:?}", path("a/b")), "/a/b");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_none_leaves(text in "[./a-c+_%\\\\ \u{0}-\u{ff}]{0,40}") {
            if let Ok(path) = StoragePath::parse(&text) {
                prop_assert_eq!(path.as_str(), &text);
                prop_assert!(path.components().all(|it| !matches!(it, "" | "." | "..")));
                let rebuilt = path.parent().zip(path.name()).map(|(parent, name)| {
                    parent.join(name).expect("its parts are well formed")
                });
                prop_assert!(path.is_root() || rebuilt == Some(path));
            }
        }
    }
}
