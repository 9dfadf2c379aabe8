//! References as users write them, in every way that they are read.

use wharf_reference::{AnyReference, Reference, RepositoryName, Tag, oras, sort};

use crate::input::{expect_message, text};

/// What is read prints as it was, and the normalized, the familiar and the pulled form lead back to
/// themselves.
pub fn check(data: &[u8]) {
    let Some(text) = text(data) else { return };
    match Reference::parse(text) {
        Ok(reference) => accepted(text, &reference),
        Err(error) => expect_message(&error),
    }
    match Reference::parse_normalized(text) {
        Ok(normalized) => canonical(&normalized),
        Err(error) => expect_message(&error),
    }
    pulled(text);
    any(text);
    if let Ok(named) = Reference::parse_named(text) {
        assert_eq!(named.to_string(), text);
    }
}

fn accepted(text: &str, reference: &Reference) {
    assert_eq!(reference.to_string(), text);
    assert_eq!(Reference::parse(text).as_ref(), Ok(reference));
    assert_eq!(RepositoryName::parse(reference.path().as_str()).as_ref(), Ok(reference.path()));
    assert!(reference.tag().is_none_or(|tag| Tag::parse(tag.as_str()).is_ok()));
    let trimmed = reference.trimmed();
    assert!(trimmed.is_name_only() && text.starts_with(&reference.name()));
    assert_eq!(trimmed.to_string(), reference.name());
    assert_eq!(reference.target().is_none(), reference.is_name_only());
}

fn canonical(normalized: &Reference) {
    let text = normalized.to_string();
    assert_eq!(Reference::parse(&text).as_ref(), Ok(normalized));
    assert_eq!(Reference::parse_named(&text).as_ref(), Ok(normalized));
    let first = normalized.path().components().next().unwrap_or_default();
    let Some(domain) = normalized.domain() else {
        // As in the original, `a_b.c/d` begins too much like a domain to be in docker.io, and too
        // little like one to have it.
        return assert!(first.contains('_') && first.contains('.'), "{text:?}");
    };
    // In the original, too, the familiar form of `docker.io/quay.io/a` is an image of quay.io.
    let ambiguous = domain == "docker.io" && (first.contains('.') || first == "localhost");
    let familiar = Reference::parse_normalized(&normalized.familiar_string());
    // That of `docker.io/library/` and 64 digits is an identifier, and refused.
    assert!(ambiguous || familiar.is_err() || familiar.as_ref() == Ok(normalized), "{familiar:?}");
    // What is in brackets is only shaped like an address here, and has to be one there.
    if !domain.starts_with('[') {
        let oras = oras::Reference::parse(&text).expect("oras reads what is spelled in full");
        assert_eq!((oras.registry(), oras.repository()), (domain, normalized.path().as_str()));
        assert_eq!(oras.reference().cloned(), normalized.target());
    }
}

fn pulled(text: &str) {
    let docker = Reference::parse_docker(text);
    assert_eq!(docker.is_ok(), Reference::parse_normalized(text).is_ok());
    let Ok(docker) = docker else { return };
    assert!(docker.target().is_some() && (docker.tag().is_none() || docker.digest().is_none()));
    assert_eq!(Reference::parse_docker(&docker.to_string()).as_ref(), Ok(&docker));
}

fn any(text: &str) {
    match Reference::parse_any(text) {
        Ok(AnyReference::Named(named)) => {
            assert_eq!(Reference::parse_normalized(text).as_ref(), Ok(&named));
        }
        Ok(AnyReference::Digest(digest)) => assert!(digest.to_string().ends_with(text)),
        Err(error) => expect_message(&error),
    }
    let sorted = sort(text.lines());
    assert_eq!(sorted.len(), text.lines().count());
}
