//! The `Link` header of a page.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::Query;

/// Everything but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The value of the `Link` header that leads to the page after `last`: the same path, `n` if there
/// is one, `last`, and every other parameter of the request as it was.
///
/// ```
/// let query = wharf_api::Query::parse("n=1&artifactType=a%2Bb").unwrap();
/// let link = wharf_api::next_link("/v2/app/tags/list", &query, Some(1), "v1");
/// assert_eq!(link, "</v2/app/tags/list?n=1&last=v1&artifactType=a%2Bb>; rel=\"next\"");
/// ```
pub fn next_link(path: &str, query: &Query<'_>, n: Option<u64>, last: &str) -> String {
    let encode = |text| utf8_percent_encode(text, RESERVED);
    let mut link = format!("<{path}?");
    if let Some(n) = n {
        let _ = write!(link, "n={n}&");
    }
    let _ = write!(link, "last={}", encode(last));
    for (name, value) in query.iter().filter(|(name, _)| !matches!(*name, "n" | "last")) {
        let _ = write!(link, "&{}={}", encode(name), encode(value));
    }
    link.push_str(">; rel=\"next\"");
    link
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_parameters_are_kept_and_nothing_breaks_out() {
        let query = Query::parse("last=old&ns=docker.io&x=%3E%22%2C&n=7").unwrap();
        assert_eq!(
            next_link("/v2/_catalog", &query, Some(5), "a/b"),
            "</v2/_catalog?n=5&last=a%2Fb&ns=docker.io&x=%3E%22%2C>; rel=\"next\""
        );
        assert_eq!(
            next_link("/p", &Query::default(), None, "v1.0_x-y"),
            "</p?last=v1.0_x-y>; rel=\"next\""
        );
    }
}
