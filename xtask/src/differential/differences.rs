//! The differences that are meant to be.

use super::{answer::Difference, script::Step};

/// Differences of one kind. In every pattern, `*` stands for anything.
#[derive(Debug)]
pub(super) struct Intended {
    /// The script.
    script: &'static str,
    /// The request: method, path and what is special about it.
    request: &'static str,
    /// `status`, `codes`, `messages`, `details`, `body`, or the name of a header.
    aspect: &'static str,
    theirs: &'static str,
    ours: &'static str,
    /// What docs/parity.md says about it.
    pub(super) parity: &'static str,
}

// === impl Intended ===

impl Intended {
    /// The place of the row that explains a difference.
    pub(super) fn find(script: &str, step: &Step, difference: &Difference) -> Option<usize> {
        let label = step.label();
        Self::TABLE.iter().position(|row| {
            fits(row.script, script)
                && fits(row.request, &label)
                && fits(row.aspect, &difference.aspect)
                && fits(row.theirs, &difference.theirs)
                && fits(row.ours, &difference.ours)
        })
    }

    pub(super) const TABLE: &'static [Self] = &[
        row(
            "*",
            "*",
            "status",
            "404",
            "400*",
            "| names, tags and digests in a path that are none |",
        ),
        row(
            "*",
            "*",
            "status",
            "301",
            "400 NAME_INVALID",
            "| names, tags and digests in a path that are none |",
        ),
        row(
            "*",
            "*",
            "status",
            "500",
            "400 NAME_INVALID",
            "| names, tags and digests in a path that are none |",
        ),
        row(
            "*",
            "*",
            "status",
            "500 UNKNOWN",
            "400 DIGEST_INVALID",
            "| names, tags and digests in a path that are none |",
        ),
        row(
            "*",
            "PUT /v2/app/manifests/a:b *",
            "codes",
            "*",
            "DIGEST_INVALID",
            "| names, tags and digests in a path that are none |",
        ),
        row(
            "*",
            "* /v2/app/manifests/*",
            "body",
            "404 page not found",
            "MANIFEST_UNKNOWN",
            "| names, tags and digests in a path that are none |",
        ),
        row(
            "*",
            "* /v2/app/blobs/uploads/a%2Fb",
            "body",
            "404 page not found",
            "BLOB_UPLOAD_UNKNOWN",
            "| names, tags and digests in a path that are none |",
        ),
        row(
            "*",
            "* /v2/Example.com/app/*",
            "status",
            "*",
            "400 NAME_INVALID",
            "| names with an upper-case domain part in the path |",
        ),
        row(
            "*",
            "* /v2/app%2Fnested/*",
            "status",
            "*",
            "400 NAME_INVALID",
            "| slashes that are escaped in the path |",
        ),
        row("*", "* /v2*", "status", "301", "200", "| 301 for a missing slash |"),
        row("*", "* /v2/app/blobs/uploads", "status", "301", "405*", "| 301 for a missing slash |"),
        row(
            "*",
            "POST /v2/app/blobs/uploads",
            "status",
            "301",
            "202",
            "| 301 for a missing slash |",
        ),
        row(
            "*",
            "*",
            "content-type",
            "text/plain; charset=utf-8",
            "application/json",
            "| answers to what is not there and to wrong methods |",
        ),
        row(
            "*",
            "*",
            "x-content-type-options",
            "nosniff",
            "(none)",
            "| answers to what is not there and to wrong methods |",
        ),
        row(
            "*",
            "*",
            "body",
            "404 page not found",
            "UNSUPPORTED",
            "| answers to what is not there and to wrong methods |",
        ),
        row(
            "*",
            "*",
            "body",
            "Method not allowed",
            "UNSUPPORTED",
            "| answers to what is not there and to wrong methods |",
        ),
        row("*", "*", "messages", "*", "*", "| messages and details of errors |"),
        row("*", "*", "details", "*", "*", "| messages and details of errors |"),
        row(
            "*",
            "* /",
            "status",
            "200",
            "405 UNSUPPORTED",
            "| methods that a route does not have |",
        ),
        row(
            "*",
            "* /v2/app/blobs/uploads/*",
            "status",
            "404*",
            "405*",
            "| methods that a route does not have |",
        ),
        row(
            "*",
            "POST {up}",
            "status",
            "202",
            "405 UNSUPPORTED",
            "| methods that a route does not have |",
        ),
        row("*", "*", "allow", "*", "*OPTIONS*", "| OPTIONS, and `Allow` |"),
        row(
            "*",
            "OPTIONS /v2/app/blobs/uploads/none",
            "status",
            "404 BLOB_UPLOAD_INVALID",
            "200",
            "| OPTIONS, and `Allow` |",
        ),
        row("*", "OPTIONS /v2/", "body", "{}", "", "| OPTIONS, and `Allow` |"),
        row(
            "*",
            "OPTIONS /v2/",
            "content-type",
            "application/json",
            "(none)",
            "| OPTIONS, and `Allow` |",
        ),
        row("*", "OPTIONS /", "cache-control", "no-cache", "(none)", "| OPTIONS, and `Allow` |"),
        row("*", "HEAD /", "content-length", "(none)", "0", "| `/` alive answer |"),
        row("prefix", "GET /registry/", "status", "404", "200", "| `/` alive answer |"),
        row(
            "*",
            "* /v2/app/referrers/*",
            "status",
            "404",
            "200",
            "| `OCI-Subject`, referrers with filter and paging |",
        ),
        row(
            "*",
            "* /v2/app/referrers/*",
            "status",
            "404",
            "405 UNSUPPORTED",
            "| `OCI-Subject`, referrers with filter and paging |",
        ),
        row(
            "*",
            "GET /v2/app/manifests/oci*",
            "status",
            "404 MANIFEST_UNKNOWN",
            "200",
            "| manifests: GET, HEAD, PUT, DELETE by tag and digest |",
        ),
        row(
            "*",
            "GET /v2/app/manifests/* If-None-Match=sha256:*",
            "status",
            "304",
            "404 MANIFEST_UNKNOWN",
            "| `If-None-Match` of manifests and blobs |",
        ),
        row(
            "*",
            "GET /v2/app/manifests/* If-None-Match=*",
            "status",
            "200",
            "304",
            "| `If-None-Match` of manifests and blobs |",
        ),
        row(
            "*",
            "GET /v2/app/blobs/* If-None-Match=sha256:*",
            "status",
            "200",
            "304",
            "| `If-None-Match` of manifests and blobs |",
        ),
        row(
            "*",
            "GET /v2/app/manifests/* If-None-Match=*",
            "docker-content-digest",
            "(none)",
            "sha256:*",
            "| `If-None-Match` of manifests and blobs |",
        ),
        row(
            "*",
            "GET /v2/app/manifests/* If-None-Match=*",
            "etag",
            "(none)",
            "\"sha256:*",
            "| `If-None-Match` of manifests and blobs |",
        ),
        row(
            "*",
            "GET /v2/app/blobs/* If-None-Match=*",
            "accept-ranges",
            "(none)",
            "bytes",
            "| `If-None-Match` of manifests and blobs |",
        ),
        row(
            "*",
            "GET /v2/app/manifests/list*",
            "status",
            "400 MANIFEST_INVALID",
            "200",
            "| docker manifest list rewritten to its linux/amd64 child |",
        ),
        row(
            "*",
            "GET /v2/app/manifests/list*",
            "body",
            "*",
            "*manifest.list.v2+json*",
            "| docker manifest list rewritten to its linux/amd64 child |",
        ),
        row(
            "*",
            "GET /v2/app/manifests/list*",
            "content-type",
            "*",
            "*manifest.list.v2+json",
            "| docker manifest list rewritten to its linux/amd64 child |",
        ),
        row(
            "*",
            "GET /v2/app/manifests/list*",
            "docker-content-digest",
            "*",
            "*",
            "| docker manifest list rewritten to its linux/amd64 child |",
        ),
        row(
            "*",
            "GET /v2/app/manifests/list*",
            "etag",
            "*",
            "*",
            "| docker manifest list rewritten to its linux/amd64 child |",
        ),
        row(
            "*",
            "PUT * too large",
            "status",
            "400 MANIFEST_INVALID",
            "413 MANIFEST_INVALID",
            "| manifest limit of 4 MiB |",
        ),
        row(
            "*",
            "PUT /v2/app/manifests/bad *",
            "status",
            "500 UNKNOWN",
            "400 MANIFEST_INVALID",
            "| manifests that are no manifests |",
        ),
        row(
            "*",
            "PUT /v2/app/manifests/sha512:*",
            "status",
            "400 DIGEST_INVALID",
            "201",
            "| sha512 and sha384 manifests and blobs |",
        ),
        row(
            "*",
            "* sha512*",
            "docker-content-digest",
            "sha256:*",
            "sha512:*",
            "| sha512 and sha384 manifests and blobs |",
        ),
        row(
            "*",
            "PUT {up}&digest=sha512:*",
            "location",
            "*",
            "*sha512:*",
            "| sha512 and sha384 manifests and blobs |",
        ),
        row(
            "*",
            "GET /v2/app/blobs/sha512:*",
            "docker-content-digest",
            "sha256:*",
            "sha512:*",
            "| sha512 and sha384 manifests and blobs |",
        ),
        row(
            "*",
            "GET /v2/app/blobs/sha512:*",
            "etag",
            "*",
            "\"sha512:*",
            "| sha512 and sha384 manifests and blobs |",
        ),
        row(
            "*",
            "GET /v2/app/blobs/* Range=*",
            "body",
            "invalid range*",
            "RANGE_INVALID",
            "| blobs: GET, HEAD, DELETE, ranges, `If-Range`, `If-None-Match` |",
        ),
        row(
            "*",
            "GET /v2/app/blobs/* Range=bytes=0-1,4-5",
            "body",
            "--BOUNDARY*",
            "--BOUNDARY*",
            "| blobs: GET, HEAD, DELETE, ranges, `If-Range`, `If-None-Match` |",
        ),
        row(
            "*",
            "GET /v2/app/blobs/* Range=*",
            "content-range",
            "(none)",
            "bytes */20",
            "| blobs: GET, HEAD, DELETE, ranges, `If-Range`, `If-None-Match` |",
        ),
        row(
            "*",
            "GET /v2/app/blobs/* Range=*",
            "docker-content-digest",
            "sha256:*",
            "(none)",
            "| blobs: GET, HEAD, DELETE, ranges, `If-Range`, `If-None-Match` |",
        ),
        row(
            "*",
            "GET /v2/app/blobs/* Range=bytes=-0",
            "status",
            "206",
            "416 RANGE_INVALID",
            "| blobs: GET, HEAD, DELETE, ranges, `If-Range`, `If-None-Match` |",
        ),
        row(
            "*",
            "GET /v2/app/blobs/* Range=bytes=",
            "status",
            "200",
            "416 RANGE_INVALID",
            "| blobs: GET, HEAD, DELETE, ranges, `If-Range`, `If-None-Match` |",
        ),
        row(
            "*",
            "GET /v2/app/blobs/* Range=items=0-1",
            "status",
            "416",
            "200",
            "| blobs: GET, HEAD, DELETE, ranges, `If-Range`, `If-None-Match` |",
        ),
        row(
            "*",
            "HEAD /v2/app/blobs/* Range=*",
            "status",
            "206",
            "200",
            "| blobs: GET, HEAD, DELETE, ranges, `If-Range`, `If-None-Match` |",
        ),
        row(
            "uploads",
            "PATCH {up} *",
            "range",
            "(none)",
            "0-*",
            "| uploads: POST, PATCH, PUT, GET, HEAD, DELETE |",
        ),
        row(
            "uploads",
            "PATCH {up} *",
            "location",
            "(none)",
            "*/blobs/uploads/UPLOAD",
            "| uploads: POST, PATCH, PUT, GET, HEAD, DELETE |",
        ),
        row(
            "uploads",
            "PATCH {up} *",
            "docker-upload-uuid",
            "(none)",
            "UUID",
            "| uploads: POST, PATCH, PUT, GET, HEAD, DELETE |",
        ),
        row(
            "uploads",
            "PATCH {up} * of HTTP",
            "status",
            "500 UNKNOWN",
            "202",
            "| `Content-Range` of PATCH |",
        ),
        row(
            "uploads",
            "PATCH {up} * no numbers",
            "status",
            "500 UNKNOWN",
            "416 RANGE_INVALID",
            "| `Content-Range` of PATCH |",
        ),
        row(
            "uploads",
            "GET {up} after the wrong digest",
            "range",
            "0-4",
            "0-0",
            "| an upload after a wrong digest |",
        ),
        row(
            "uploads",
            "DELETE {up} after the wrong digest",
            "status",
            "416 RANGE_INVALID",
            "204",
            "| an upload after a wrong digest |",
        ),
        row(
            "uploads",
            "PATCH {up} Content-Type=text/plain",
            "status",
            "500 UNKNOWN",
            "415 UNSUPPORTED",
            "| PATCH with another `Content-Type` than octet-stream |",
        ),
        row(
            "uploads",
            "POST /v2/app/blobs/uploads/?digest=*",
            "status",
            "202",
            "201",
            "| monolithic `POST ?digest=` |",
        ),
        row(
            "uploads",
            "POST /v2/app/blobs/uploads/?digest=*",
            "status",
            "202",
            "400 DIGEST_INVALID",
            "| monolithic `POST ?digest=` |",
        ),
        row("content", "POST * from anywhere", "status", "202", "201", "| mount without `from` |"),
        row(
            "content",
            "POST *mount=sha256:abc&*",
            "status",
            "202",
            "400 DIGEST_INVALID",
            "| mount with `from` |",
        ),
        row(
            "*",
            "HEAD /v2/*/tags/list",
            "status",
            "405",
            "*",
            "| tags/list with `n`, `last`, `Link` |",
        ),
        row(
            "*",
            "GET /v2/*/tags/list*",
            "body",
            "*\"tags\":null}",
            "*\"tags\":[]}",
            "| tags/list with `n`, `last`, `Link` |",
        ),
        row(
            "*",
            "GET /v2/*/tags/list*",
            "status",
            "400 PAGINATION_NUMBER_INVALID",
            "200",
            "| tags/list with `n`, `last`, `Link` |",
        ),
        row(
            "*",
            "GET /v2/*/tags/list*",
            "link",
            "*rel=\"next\"",
            "*",
            "| tags/list with `n`, `last`, `Link` |",
        ),
        row(
            "*",
            "HEAD /v2/_catalog",
            "status",
            "405",
            "200",
            "| catalog with `n`, `last`, `Link` |",
        ),
        row(
            "*",
            "GET /v2/_catalog*",
            "link",
            "*rel=\"next\"",
            "*rel=\"next\"",
            "| catalog with `n`, `last`, `Link` |",
        ),
        row(
            "auth",
            "*",
            "www-authenticate",
            "Bearer realm=*",
            "Bearer realm=*",
            "| `auth.silly` |",
        ),
    ];
}

/// Script, request, aspect, theirs, ours, and where it stands in docs/parity.md.
const fn row(
    script: &'static str,
    request: &'static str,
    aspect: &'static str,
    theirs: &'static str,
    ours: &'static str,
    parity: &'static str,
) -> Intended {
    Intended { script, request, aspect, theirs, ours, parity }
}

/// Whether a text is what a pattern says.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "abc", true),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "a1c", false),
            ("ab*bc", "abc", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}
