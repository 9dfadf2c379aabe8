//! What a user means: `docker.io` and `library/` go without saying.

use crate::{Reference, ReferenceError, scan, text::shown};

/// The registry that is meant where none is named.
pub(crate) const DEFAULT_DOMAIN: &str = "docker.io";

/// The part of the default registry whose images have names without a slash.
pub(crate) const OFFICIAL: &str = "library";

/// What the default registry was called once.
const LEGACY_DOMAIN: &str = "index.docker.io";

// === impl Reference ===

impl Reference {
    /// Reads what a user types: `ubuntu` is `docker.io/library/ubuntu`.
    ///
    /// The part before the first slash is a domain only if it is `localhost`, has a dot, a colon or
    /// an upper-case letter; otherwise the image is in `docker.io`. A bare 64-digit identifier is
    /// refused ([`Identifier`](ReferenceError::Identifier)).
    ///
    /// ```
    /// use wharf_reference::Reference;
    ///
    /// let check = |text, expected: &str| {
    ///     assert_eq!(Reference::parse_normalized(text).unwrap().to_string(), expected);
    /// };
    /// check("ubuntu", "docker.io/library/ubuntu");
    /// check("grafana/grafana:11", "docker.io/grafana/grafana:11");
    /// check("localhost/ubuntu", "localhost/ubuntu");
    /// check("quay.io/ubuntu", "quay.io/ubuntu");
    /// ```
    pub fn parse_normalized(text: &str) -> Result<Self, ReferenceError> {
        if scan::is_identifier(text) {
            return Err(ReferenceError::Identifier(shown(text)));
        }
        let (domain, rest) = split_domain(text);
        let official = domain == DEFAULT_DOMAIN && !rest.contains('/');
        let rest = if official { format!("{OFFICIAL}/{rest}") } else { rest.to_owned() };
        let name = rest.split(':').next().unwrap_or_default();
        if name.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(ReferenceError::uppercase(text));
        }
        Self::parse(&format!("{domain}/{rest}"))
    }

    /// Reads a reference that is spelled in full already;
    /// [`NameNotCanonical`](ReferenceError::NameNotCanonical) for any other spelling.
    pub fn parse_named(text: &str) -> Result<Self, ReferenceError> {
        let reference = Self::parse_normalized(text)?;
        if reference.to_string() == text {
            Ok(reference)
        } else {
            Err(ReferenceError::not_canonical(text))
        }
    }

    /// Reads what a user types, as something to pull: the digest counts more than the tag, which is
    /// dropped then, and `latest` is meant where there is neither.
    pub fn parse_docker(text: &str) -> Result<Self, ReferenceError> {
        Ok(Self::parse_normalized(text)?.without_redundant_tag().or_latest())
    }
}

/// The registry that is meant, and the rest.
fn split_domain(text: &str) -> (&str, &str) {
    match text.split_once('/') {
        Some((LEGACY_DOMAIN, rest)) => (DEFAULT_DOMAIN, rest),
        Some((first, rest)) if looks_like_domain(first) => (first, rest),
        _ => (DEFAULT_DOMAIN, text),
    }
}

fn looks_like_domain(first: &str) -> bool {
    first == "localhost" || first.bytes().any(|b| matches!(b, b'.' | b':' | b'A'..=b'Z'))
}
