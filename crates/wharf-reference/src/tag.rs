//! What follows the name of a repository: a tag, or a digest.

use std::{fmt, str::FromStr, sync::Arc};

use wharf_digest::Digest;

use crate::{ReferenceError, scan, text::checked_text};

/// A tag: the `<tag>` of the OCI distribution specification, 1 to 128 of `[a-zA-Z0-9._-]` that does
/// not begin with `.` or `-`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(Arc<str>);

/// What names a manifest within a repository. A text with a colon is a digest, any other one a tag.
///
/// ```
/// use wharf_reference::TagOrDigest;
///
/// assert!(matches!(TagOrDigest::parse("latest"), Ok(TagOrDigest::Tag(_))));
/// assert!(TagOrDigest::parse("sha256:cafe").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum TagOrDigest {
    /// A name that may point elsewhere tomorrow.
    Tag(Tag),
    /// Exactly this content.
    Digest(Digest),
}

// === impl Tag ===

impl Tag {
    /// The longest tag, in bytes.
    pub const MAX_LEN: usize = scan::TAG_MAX;

    /// Reads a tag.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        if scan::is_tag(text) { Ok(Self(text.into())) } else { Err(ReferenceError::tag(text)) }
    }

    /// The tag that is meant where none is given: `latest`.
    pub fn latest() -> Self {
        Self("latest".into())
    }
}

checked_text!(Tag);

// === impl TagOrDigest ===

impl TagOrDigest {
    /// Reads a tag or a digest.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        if text.contains(':') {
            Ok(Self::Digest(Digest::parse(text)?))
        } else {
            Ok(Self::Tag(Tag::parse(text)?))
        }
    }

    /// The tag, if it is one.
    pub fn tag(&self) -> Option<&Tag> {
        match self {
            Self::Tag(tag) => Some(tag),
            Self::Digest(_) => None,
        }
    }

    /// The digest, if it is one.
    pub fn digest(&self) -> Option<&Digest> {
        match self {
            Self::Tag(_) => None,
            Self::Digest(digest) => Some(digest),
        }
    }
}

impl fmt::Display for TagOrDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

impl FromStr for TagOrDigest {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        Self::parse(text)
    }
}

impl From<Tag> for TagOrDigest {
    fn from(tag: Tag) -> Self {
        Self::Tag(tag)
    }
}

impl From<Digest> for TagOrDigest {
    fn from(digest: Digest) -> Self {
        Self::Digest(digest)
    }
}
