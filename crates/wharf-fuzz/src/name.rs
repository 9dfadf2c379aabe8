//! The words of the API: repository names, tags, upload ids, and patterns for names.

use wharf_core::UploadId;
use wharf_driver::StoragePath;
use wharf_reference::{Pattern, Reference, RepositoryName, Tag, TagOrDigest, oras};

use crate::input::{expect_message, split, text};

/// A word prints as it was read, and can be stored under its own name.
pub fn check(data: &[u8]) {
    let Some(text) = text(data) else { return };
    match RepositoryName::parse(text) {
        Ok(name) => repository(text, &name),
        Err(error) => expect_message(&error),
    }
    match Tag::parse(text) {
        Ok(tag) => {
            assert_eq!((tag.as_str(), StoragePath::root().join(text).is_ok()), (text, true));
            assert!(text.len() <= Tag::MAX_LEN);
        }
        Err(error) => expect_message(&error),
    }
    match TagOrDigest::parse(text) {
        Ok(TagOrDigest::Tag(tag)) => assert_eq!(Tag::parse(text).as_ref(), Ok(&tag)),
        Ok(TagOrDigest::Digest(digest)) => assert_eq!(digest.to_string(), text),
        Err(error) => expect_message(&error),
    }
    if let Some(id) = UploadId::parse(text) {
        assert_eq!((id.as_str(), StoragePath::root().join(text).is_ok()), (text, true));
    }
    pattern(data);
}

fn repository(text: &str, name: &RepositoryName) {
    assert_eq!(name.as_str(), text);
    assert!(text.len() <= RepositoryName::MAX_LEN);
    assert_eq!(name.components().collect::<Vec<_>>().join("/"), text);
    let path = StoragePath::parse(text).expect("a name is a path");
    assert!(path.components().eq(name.components()));
    assert!(name.components().all(|component| !component.starts_with(['_', '.', '-'])));
    oras::validate_repository(text).expect("a name is a repository of oras");
    assert_eq!(Reference::parse(text).map(|reference| reference.to_string()), Ok(text.to_owned()));
}

/// The pattern stands on the first line, what it is held against below.
fn pattern(data: &[u8]) {
    let (pattern, subject) = split(data, b"\n");
    let (Some(pattern), Some(subject)) = (text(pattern), text(subject)) else { return };
    match Pattern::parse(pattern) {
        Ok(parsed) => {
            let matches = parsed.matches(subject);
            if !pattern.contains(['*', '?', '[', '\\']) {
                assert_eq!(matches, pattern == subject);
            }
        }
        Err(error) => expect_message(&error),
    }
}
