//! References that may be nothing but a digest.

use std::{fmt, str::FromStr};

use wharf_digest::{Algorithm, Digest};

use crate::{Reference, ReferenceError, scan};

/// What a user may give where an image is asked for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum AnyReference {
    /// A repository, with a tag, a digest, both or neither.
    Named(Reference),
    /// An image without the repository it is in.
    Digest(Digest),
}

// === impl AnyReference ===

impl AnyReference {
    /// Reads a 64-digit identifier as a SHA-256 digest, a digest as one, and everything else like
    /// [`Reference::parse_normalized`].
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        if scan::is_identifier(text) {
            return Ok(Self::Digest(Digest::from_parts(Algorithm::Sha256, text)?));
        }
        match Digest::parse(text) {
            Ok(digest) => Ok(Self::Digest(digest)),
            Err(_) => Reference::parse_normalized(text).map(Self::Named),
        }
    }

    /// The more it says, the earlier it comes.
    fn rank(&self) -> u8 {
        match self {
            Self::Digest(_) => 4,
            Self::Named(reference) => match (reference.tag(), reference.digest()) {
                (Some(_), Some(_)) => 0,
                (Some(_), None) => 1,
                (None, Some(_)) => 2,
                (None, None) => 3,
            },
        }
    }
}

impl fmt::Display for AnyReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(reference) => reference.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

impl FromStr for AnyReference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        Self::parse(text)
    }
}

// === impl Reference ===

impl Reference {
    /// Reads a name or a bare digest: [`AnyReference::parse`].
    pub fn parse_any(text: &str) -> Result<AnyReference, ReferenceError> {
        AnyReference::parse(text)
    }
}

/// Spells references in full and sorts them: those with tag and digest first, then with a tag, with
/// a digest, names, digests, and last, as they stand, the texts that are no references. Equals are
/// sorted by their text.
///
/// ```
/// let sorted = wharf_reference::sort(["b", "a", "?", "b:1"]);
/// assert_eq!(sorted, ["docker.io/library/b:1", "docker.io/library/a", "docker.io/library/b", "?"]);
/// ```
pub fn sort<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    const NO_REFERENCE: u8 = u8::MAX;
    let key = |text| match AnyReference::parse(text) {
        Ok(reference) => (reference.rank(), reference.to_string()),
        Err(_) => (NO_REFERENCE, text.to_owned()),
    };
    let mut keys: Vec<_> = texts.into_iter().map(key).collect();
    keys.sort();
    keys.into_iter().map(|(_, text)| text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "dbcc1c35ac38df41fd2f5e4130b32ffdb93ebae8b3dbe638c23575912276fc9c";

    #[test]
    fn what_says_more_comes_first() {
        let both = format!("redis:6@sha256:{HEX}");
        let digested = format!("redis@sha256:{HEX}");
        let texts = ["redis", "-", HEX, &digested, "redis:7", "alpine", &both, "!"];
        let expected = [
            format!("docker.io/library/{both}"),
            "docker.io/library/redis:7".into(),
            format!("docker.io/library/{digested}"),
            "docker.io/library/alpine".into(),
            "docker.io/library/redis".into(),
            format!("sha256:{HEX}"),
            "!".into(),
            "-".into(),
        ];
        assert_eq!(sort(texts), expected);
    }

    #[test]
    fn only_64_lower_case_digits_are_an_identifier() {
        let check = |text: &str, expected| {
            let is_digest = matches!(AnyReference::parse(text), Ok(AnyReference::Digest(_)));
            assert_eq!(is_digest, expected, "{text}");
        };
        check(HEX, true);
        check(&format!("sha256:{HEX}"), true);
        check(&HEX.to_uppercase(), false);
        check(&HEX[..60], false);
        check(&HEX[..63], false);
        check(&format!("{HEX}abcd"), false);
        check(&format!("redis@sha256:{HEX}"), false);
    }
}
