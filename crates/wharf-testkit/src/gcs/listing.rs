//! Lists of objects.

use std::{
    collections::BTreeMap,
    fmt::Write,
    ops::Bound::{Excluded, Unbounded},
};

use super::Object;
use crate::double::{Request, Response};

/// A page has no more, whatever is asked for.
const PAGE: usize = 1000;

/// An entry: the key of an object, or what several of them begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Object(String),
    Prefix(String),
}

pub(super) fn list(objects: &BTreeMap<String, Object>, request: &Request) -> Response {
    let prefix = request.query("prefix").unwrap_or_default();
    let delimiter = request.query("delimiter").filter(|delimiter| !delimiter.is_empty());
    let after = request.query("continuation-token").or(request.query("start-after"));
    let limit = request.query("max-keys").and_then(|limit| limit.parse().ok());
    let limit = limit.unwrap_or(PAGE).clamp(1, PAGE);

    let mut entries = Vec::new();
    let mut last = after.unwrap_or_default().to_owned();
    let mut more = false;
    for key in
        objects.range((after.map_or(Unbounded, |after| Excluded(after.to_owned())), Unbounded))
    {
        let Some(rest) = key.0.strip_prefix(prefix) else { continue };
        let end = delimiter.and_then(|delimiter| Some(rest.find(delimiter)? + delimiter.len()));
        let entry = match end {
            Some(end) => Entry::Prefix(format!("{prefix}{}", &rest[..end])),
            None => Entry::Object(key.0.clone()),
        };
        let known = entries.last() == Some(&entry);
        if entries.len() == limit && !known {
            more = true;
            break;
        }
        // A page goes on after all that a prefix stands for.
        last.clone_from(key.0);
        if !known {
            entries.push(entry);
        }
    }
    Response::of(200)
        .with("Content-Type", "application/xml")
        .body(page(objects, &entries, more, &last))
}

fn page(objects: &BTreeMap<String, Object>, entries: &[Entry], more: bool, last: &str) -> String {
    let mut xml = format!("<ListBucketResult><IsTruncated>{more}</IsTruncated>");
    for entry in entries {
        // Writing to a string does not fail. No key of a registry has to be escaped.
        match entry {
            Entry::Prefix(prefix) => {
                write!(xml, "<CommonPrefixes><Prefix>{prefix}</Prefix></CommonPrefixes>").ok();
            }
            Entry::Object(key) => {
                let object = &objects[key];
                write!(
                    xml,
                    "<Contents><Key>{key}</Key><Size>{}</Size><ETag>{}</ETag>\
                     <LastModified>2026-01-02T03:04:05.000Z</LastModified></Contents>",
                    object.content.len(),
                    object.tag()
                )
                .ok();
            }
        }
    }
    if more {
        write!(xml, "<NextContinuationToken>{last}</NextContinuationToken>").ok();
    }
    xml + "</ListBucketResult>"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(query: &[(&str, &str)]) -> String {
        let keys = ["a", "a/x", "a/y", "b", "b/z", "c"];
        let object = Object { content: vec![1], generation: 7 };
        let objects = keys.map(|key| (key.to_owned(), object.clone())).into();
        let query = query.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        let response = list(&objects, &Request { query, ..Request::default() });
        String::from_utf8(response.body).expect("text")
    }

    #[test]
    fn folders_are_listed_once_and_pages_go_on_after_them() {
        let first = listed(&[("delimiter", "/"), ("max-keys", "2")]);
        assert!(first.contains("<Key>a</Key>") && first.contains("<Prefix>a/</Prefix>"), "{first}");
        assert!(first.contains("<NextContinuationToken>a/y</NextContinuationToken>"), "{first}");
        let second = listed(&[("delimiter", "/"), ("continuation-token", "a/y")]);
        assert!(
            second.contains("<Key>b</Key>") && second.contains("<Prefix>b/</Prefix>"),
            "{second}"
        );
        assert!(second.contains("<IsTruncated>false"), "{second}");
        let below = listed(&[("prefix", "a/"), ("start-after", "a/x")]);
        assert!(below.contains("<Key>a/y</Key>") && !below.contains("<Key>a/x</Key>"), "{below}");
    }
}
