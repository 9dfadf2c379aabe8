//! Objects and errors as answers.

use std::ops::Range;

use super::Object;
use crate::double::{Request, Response};

/// When everything was written: nobody compares these times.
const MODIFIED: &str = "Fri, 02 Jan 2026 03:04:05 GMT";

pub(super) fn error(status: u16, code: &str) -> Response {
    let body = format!("<Error><Code>{code}</Code><Message>{code}.</Message></Error>");
    Response::of(status).with("Content-Type", "application/xml").body(body)
}

/// An object, or the range of it that was asked for.
pub(super) fn found(request: &Request, object: &Object) -> Response {
    if request.header("if-match").is_some_and(|tag| tag != object.tag()) {
        return error(412, "PreconditionFailed");
    }
    let size = object.content.len();
    let response = |status| {
        Response::of(status)
            .with("ETag", object.tag())
            .with("Last-Modified", MODIFIED)
            .with("x-goog-generation", object.generation)
    };
    match request.header("range").map(|range| cut(range, size)) {
        None => response(200).body(object.content.clone()),
        Some(None) => error(416, "InvalidRange"),
        Some(Some(Range { start, end })) => response(206)
            .with("Content-Range", format!("bytes {start}-{}/{size}", end - 1))
            .body(object.content[start..end].to_vec()),
    }
}

/// `bytes=a-b`, `bytes=a-` or `bytes=-n`; nothing, if no byte lies in it.
fn cut(range: &str, size: usize) -> Option<Range<usize>> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let range = match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) => first..size.min(last.saturating_add(1)),
        (Ok(first), Err(_)) => first..size,
        (Err(_), Ok(length)) => size.saturating_sub(length)..size,
        _ => return None,
    };
    (range.start < range.end).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn ranges_are_cut_to_what_is_there() {
        for (range, expected) in [
            ("bytes=0-0", Some(0..1)),
            ("bytes=3-", Some(3..10)),
            ("bytes=8-99", Some(8..10)),
            ("bytes=-4", Some(6..10)),
            ("bytes=-99", Some(0..10)),
            ("bytes=10-", None),
            ("bytes=-0", None),
            ("lines=1-2", None),
        ] {
            assert_eq!(cut(range, 10), expected, "{range}");
        }
    }
}
