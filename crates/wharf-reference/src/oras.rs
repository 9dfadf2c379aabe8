//! References as oras-go (version 2) reads them.
//!
//! They name a registry always, and nothing goes without saying. After the repository stands
//!
//! | form | what | read as |
//! |---|---|---|
//! | A | `@digest` | the digest |
//! | B | `:tag@digest` | the digest; the tag is not even looked at |
//! | C | `:tag` | the tag |
//! | D | nothing | no reference |
//!
//! ```
//! use wharf_reference::oras::Reference;
//!
//! let reference = Reference::parse("docker.io/library/alpine:3")?;
//! assert_eq!(reference.host(), "registry-1.docker.io");
//! assert_eq!(reference.reference_or_default().to_string(), "3");
//! # Ok::<(), wharf_reference::ReferenceError>(())
//! ```

use std::{fmt, net::Ipv6Addr, str::FromStr};

use wharf_digest::Digest;

use crate::{ReferenceError, Tag, TagOrDigest, scan};

/// A registry, a repository in it, and a tag or digest in that.
///
/// Invariants: each part passes its `validate_…` function.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Reference {
    registry: String,
    repository: String,
    reference: Option<TagOrDigest>,
}

// === impl Reference ===

impl Reference {
    /// Reads one of the forms A to D.
    ///
    /// Reports [`RegistryMissing`](ReferenceError::RegistryMissing) if there is no slash, and then
    /// what the `validate_…` functions report, in this order: registry, repository, reference.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let (registry, path) =
            text.split_once('/').ok_or_else(|| ReferenceError::registry_missing(text))?;
        match path.split_once('@') {
            Some((tagged, digest)) => {
                let repository = tagged.split(':').next().unwrap_or_default();
                Self::read(registry, repository, digest, validate_reference_as_digest)
            }
            None => {
                let (repository, tag) = path.split_once(':').unwrap_or((path, ""));
                Self::read(registry, repository, tag, validate_reference_as_tag)
            }
        }
    }

    /// Joins the parts; an empty `reference` is none.
    pub fn new(registry: &str, repository: &str, reference: &str) -> Result<Self, ReferenceError> {
        Self::read(registry, repository, reference, TagOrDigest::parse)
    }

    /// The registry as it was written.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag or digest, if there is one.
    pub fn reference(&self) -> Option<&TagOrDigest> {
        self.reference.as_ref()
    }

    /// The host to connect to: that of `docker.io` has another name.
    pub fn host(&self) -> &str {
        if self.registry == "docker.io" { "registry-1.docker.io" } else { &self.registry }
    }

    /// The tag or digest, `latest` if there is none.
    pub fn reference_or_default(&self) -> TagOrDigest {
        self.reference.clone().unwrap_or_else(|| Tag::latest().into())
    }

    /// The digest, if there is one.
    pub fn digest(&self) -> Option<&Digest> {
        self.reference.as_ref().and_then(TagOrDigest::digest)
    }

    fn read<T: Into<TagOrDigest>>(
        registry: &str,
        repository: &str,
        reference: &str,
        validate: fn(&str) -> Result<T, ReferenceError>,
    ) -> Result<Self, ReferenceError> {
        validate_registry(registry)?;
        validate_repository(repository)?;
        let reference = if reference.is_empty() { None } else { Some(validate(reference)?.into()) };
        Ok(Self { registry: registry.to_owned(), repository: repository.to_owned(), reference })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        match &self.reference {
            Some(TagOrDigest::Tag(tag)) => write!(f, ":{tag}"),
            Some(TagOrDigest::Digest(digest)) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        Self::parse(text)
    }
}

/// Checks the address of a registry: a host and perhaps a port, as they may stand in a URL. The
/// port may be empty; in brackets stands an IPv6 address without a zone.
pub fn validate_registry(text: &str) -> Result<(), ReferenceError> {
    let valid = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']').is_some_and(|(address, port)| {
            address.parse::<Ipv6Addr>().is_ok() && is_optional_port(port)
        }),
        None => {
            let port = text.rfind(':').map_or("", |colon| &text[colon..]);
            !text.is_empty() && text.bytes().all(may_stand_in_host) && is_optional_port(port)
        }
    };
    if valid { Ok(()) } else { Err(ReferenceError::registry(text)) }
}

/// Checks the path of a repository: the grammar of
/// [`RepositoryName`](crate::RepositoryName), of any length.
pub fn validate_repository(text: &str) -> Result<(), ReferenceError> {
    if scan::is_path(text) { Ok(()) } else { Err(ReferenceError::format(text)) }
}

/// Checks a reference: nothing, a digest if there is a colon in it, a tag otherwise.
pub fn validate_reference(text: &str) -> Result<Option<TagOrDigest>, ReferenceError> {
    if text.is_empty() { Ok(None) } else { TagOrDigest::parse(text).map(Some) }
}

/// Checks a reference that is to be a tag.
pub fn validate_reference_as_tag(text: &str) -> Result<Tag, ReferenceError> {
    Tag::parse(text)
}

/// Checks a reference that is to be a digest.
pub fn validate_reference_as_digest(text: &str) -> Result<Digest, ReferenceError> {
    Ok(Digest::parse(text)?)
}

/// Nothing, or a colon and any number of digits.
fn is_optional_port(text: &str) -> bool {
    text.is_empty()
        || text.strip_prefix(':').is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()))
}

/// What Go's `net/url` leaves alone in a host; brackets are for IPv6 addresses only.
fn may_stand_in_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"-_.~!$&'()*+,;=:<>\"".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:6c3c624b58dbbcd3c0dd82b4c53f04194d1247c6eebdaab7c610cf7d66709b3b";

    #[test]
    fn the_four_forms() {
        let check = |suffix: &str, expected: Option<&str>| {
            let reference = Reference::parse(&format!("localhost:5000/hello{suffix}")).unwrap();
            assert_eq!(reference.registry(), "localhost:5000");
            assert_eq!(reference.repository(), "hello");
            assert_eq!(
                reference.reference().map(|r| r.to_string()).as_deref(),
                expected,
                "{suffix}"
            );
        };
        check(&format!("@{DIGEST}"), Some(DIGEST));
        check(&format!(":v1@{DIGEST}"), Some(DIGEST));
        check(&format!(":not a tag@{DIGEST}"), Some(DIGEST));
        check(&format!(":@{DIGEST}"), Some(DIGEST));
        check(":v1", Some("v1"));
        check("", None);
        check(":", None);
        check("@", None);
    }

    #[test]
    fn registries() {
        let check = |text: &str, expected| {
            assert_eq!(validate_registry(text).is_ok(), expected, "{text}");
        };
        for text in ["a", "a:", "a:5000", "127.0.0.1", "[::1]", "[::1]:5000", "::1", "a_b", "é"] {
            check(text, true);
        }
        for text in
            ["", "a:b", "a b", "a?b", "a#b", "a%41", "u@a", "[::1", "[::1%eth0]", "[1.2.3.4]"]
        {
            check(text, false);
        }
        for text in ["[::1]x", "[::1]:x", "x[::1]", "\u{7f}", "a\nb", "a\\b"] {
            check(text, false);
        }
    }

    #[test]
    fn parts_are_checked_in_order() {
        let check = |registry, repository, reference, expected: &str| {
            let error = Reference::new(registry, repository, reference).unwrap_err();
            assert!(format!("{error:?}").starts_with(expected), "{error:?}");
        };
        check("a b", "A", "-", "RegistryInvalid");
        check("a", "A", "-", "InvalidFormat");
        check("a", "", "-", "InvalidFormat");
        check("a", "b", "-", "TagInvalidFormat");
        check("a", "b", "sha256:c", "Digest(InvalidLength");
    }

    #[test]
    fn text_and_host() {
        let check = |text: &str, host: &str, default: &str| {
            let reference = Reference::parse(text).unwrap();
            assert_eq!(reference.to_string(), text);
            assert_eq!(reference.host(), host);
            assert_eq!(reference.reference_or_default().to_string(), default);
        };
        check("docker.io/a", "registry-1.docker.io", "latest");
        check("quay.io/a/b:c", "quay.io", "c");
        check(&format!("[::1]:5000/a@{DIGEST}"), "[::1]:5000", DIGEST);
    }
}
