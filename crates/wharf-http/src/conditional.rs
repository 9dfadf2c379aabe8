//! Conditional requests (RFC 9110 section 13). The tag of content is its digest in quotes.

use http::{HeaderMap, HeaderValue, header};
use wharf_digest::Digest;

use crate::answer::value;

/// The `If-None-Match` of a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum IfNoneMatch {
    /// It has none.
    #[default]
    Absent,
    /// `*`: anything that exists matches.
    Any,
    /// These digests match; tags that are none of our digests never do.
    Digests(Vec<Digest>),
}

/// The most tags of a list that are looked at.
const MOST: usize = 64;

// === impl IfNoneMatch ===

impl IfNoneMatch {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        if !headers.contains_key(header::IF_NONE_MATCH) {
            return Self::Absent;
        }
        let lines = headers.get_all(header::IF_NONE_MATCH);
        let lines: Vec<_> = lines.iter().filter_map(|line| line.to_str().ok()).collect();
        if lines.iter().any(|line| line.trim() == "*") {
            return Self::Any;
        }
        Self::Digests(lines.into_iter().flat_map(tags).take(MOST).filter_map(digest).collect())
    }

    /// Whether the client has this content already.
    pub(crate) fn matches(&self, digest: &Digest) -> bool {
        match self {
            Self::Absent => false,
            Self::Any => true,
            Self::Digests(digests) => digests.contains(digest),
        }
    }
}

/// The entity tag of content.
pub(crate) fn etag(digest: &Digest) -> HeaderValue {
    value(format_args!("\"{digest}\""))
}

/// Whether a `Range` may be served: there is no `If-Range`, or it is the strong tag of this content.
/// A date never matches, for content has none.
pub(crate) fn if_range(headers: &HeaderMap, digest: &Digest) -> bool {
    headers.get(header::IF_RANGE).is_none_or(|condition| *condition == etag(digest))
}

/// The tags of a list, each still with its quotes. A comma inside quotes separates nothing.
fn tags(list: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    list.split(move |character| {
        quoted ^= character == '"';
        character == ',' && !quoted
    })
}

/// The comparison is weak, so `W/` does not count; and a digest without quotes, which docker's own
/// tools have sent, is understood.
fn digest(tag: &str) -> Option<Digest> {
    let tag = tag.trim();
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    let tag = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).unwrap_or(tag);
    Digest::parse(tag).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request(name: header::HeaderName, lines: &[&str]) -> HeaderMap {
        let value = |line: &&str| HeaderValue::from_bytes(line.as_bytes()).unwrap();
        lines.iter().map(|line| (name.clone(), value(line))).collect()
    }

    #[test]
    fn lists_weak_tags_and_stars_match() {
        let digest = Digest::sha256(b"x");
        let check = |lines: &[&str], expected: bool| {
            let condition = IfNoneMatch::of(&request(header::IF_NONE_MATCH, lines));
            assert_eq!(condition.matches(&digest), expected, "{lines:?}");
        };
        check(&[], false);
        check(&["*"], true);
        check(&[&format!("\"{digest}\"")], true);
        check(&[&format!("{digest}")], true);
        check(&[&format!("W/\"{digest}\"")], true);
        check(&[&format!("\"a,b\", \"{digest}\"")], true);
        check(&["\"a\"", &format!("\"{digest}\"")], true);
        check(&[&format!("\"{}\"", Digest::sha256(b"y"))], false);
        check(&["\"", ",,", "W/"], false);
    }

    #[test]
    fn only_the_strong_tag_continues_a_range() {
        let digest = Digest::sha256(b"x");
        let check = |lines: &[&str], expected: bool| {
            assert_eq!(if_range(&request(header::IF_RANGE, lines), &digest), expected, "{lines:?}");
        };
        check(&[], true);
        check(&[&format!("\"{digest}\"")], true);
        check(&[&format!("W/\"{digest}\"")], false);
        check(&["Sat, 21 Nov 2026 14:00:00 GMT"], false);
    }

    proptest! {
        #[test]
        fn no_header_is_too_strange(line in "[\\t -~]*") {
            let condition = IfNoneMatch::of(&request(header::IF_NONE_MATCH, &[&line]));
            prop_assert!(!condition.matches(&Digest::sha256(b"x")) || line.trim() == "*");
        }
    }
}
