//! References as docker/distribution reads them.

use std::{fmt, str::FromStr, sync::Arc};

use wharf_digest::Digest;

use crate::{ReferenceError, RepositoryName, Tag, TagOrDigest, scan};

/// Names an image: `[domain/]path[:tag][@digest]`. Cheap to clone.
///
/// Invariants: the domain, if there is one, is a host with or without a port (IPv6 addresses in
/// brackets); path, tag and digest are what their types say. Tag and digest may both be there.
///
/// [`parse`](Self::parse) takes the text as it stands. What a user types is read by
/// [`parse_normalized`](Self::parse_normalized), which fills in `docker.io` and `library/`, and
/// shown again by [`familiar_string`](Self::familiar_string), which leaves them out.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    domain: Option<Arc<str>>,
    path: RepositoryName,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

// === impl Reference ===

impl Reference {
    /// Reads a reference as it stands. In `foo/bar`, `foo` is the domain.
    ///
    /// Reports, in this order: [`NameEmpty`](ReferenceError::NameEmpty),
    /// [`NameContainsUppercase`](ReferenceError::NameContainsUppercase) or else
    /// [`InvalidFormat`](ReferenceError::InvalidFormat),
    /// [`NameTooLong`](ReferenceError::NameTooLong), [`Digest`](ReferenceError::Digest).
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        if text.is_empty() {
            return Err(ReferenceError::NameEmpty);
        }
        let parts = scan::Parts::of(text).ok_or_else(|| misshapen(text))?;
        let path = RepositoryName::parse(parts.path)?;
        let tag = parts.tag.map(Tag::parse).transpose()?;
        let digest = parts.digest.map(Digest::parse).transpose()?;
        Ok(Self { domain: parts.domain.map(Arc::from), path, tag, digest })
    }

    /// The host, with the port if there is one.
    pub fn domain(&self) -> Option<&str> {
        self.domain.as_deref()
    }

    /// The name of the repository within its registry.
    pub fn path(&self) -> &RepositoryName {
        &self.path
    }

    /// The tag.
    pub fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// The digest.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// What to ask the registry for: the digest if there is one, else the tag.
    pub fn target(&self) -> Option<TagOrDigest> {
        let digest = self.digest.map(TagOrDigest::from);
        digest.or_else(|| self.tag.clone().map(TagOrDigest::from))
    }

    /// Domain and path, without tag and digest.
    pub fn name(&self) -> String {
        self.trimmed().to_string()
    }

    /// Whether there is neither a tag nor a digest (`IsNameOnly` of docker/distribution).
    pub fn is_name_only(&self) -> bool {
        self.tag.is_none() && self.digest.is_none()
    }

    /// The same repository, without tag and digest (`TrimNamed`).
    #[must_use]
    pub fn trimmed(&self) -> Self {
        Self { tag: None, digest: None, ..self.clone() }
    }

    /// The same with this tag (`WithTag`); a digest stays.
    #[must_use]
    pub fn with_tag(self, tag: Tag) -> Self {
        Self { tag: Some(tag), ..self }
    }

    /// The same with this digest (`WithDigest`); a tag stays.
    #[must_use]
    pub fn with_digest(self, digest: Digest) -> Self {
        Self { digest: Some(digest), ..self }
    }

    /// The same with the tag `latest`, if there is neither a tag nor a digest (`TagNameOnly`).
    #[must_use]
    pub fn or_latest(self) -> Self {
        if self.is_name_only() { self.with_tag(Tag::latest()) } else { self }
    }

    /// The same without the tag, if there is a digest.
    #[must_use]
    pub(crate) fn without_redundant_tag(self) -> Self {
        if self.digest.is_some() { Self { tag: None, ..self } } else { self }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(domain) = &self.domain {
            write!(f, "{domain}/")?;
        }
        f.write_str(self.path.as_str())?;
        self.fmt_suffix(f)
    }
}

impl Reference {
    /// Writes what follows the name.
    pub(crate) fn fmt_suffix(&self, f: &mut impl fmt::Write) -> fmt::Result {
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        Self::parse(text)
    }
}

/// Says why a text does not follow the grammar. Upper case is worth its own answer: it is what
/// people get wrong most.
fn misshapen(text: &str) -> ReferenceError {
    match scan::Parts::of(&text.to_ascii_lowercase()) {
        Some(_) => ReferenceError::uppercase(text),
        None => ReferenceError::format(text),
    }
}
