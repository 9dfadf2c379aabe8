//! What each parser makes of the texts that the tests of docker/distribution, oras-go and other
//! clients use, and of edge cases of our own.
//!
//! A column of `vectors/references.tsv` holds the parts with ` | ` in between, `-` where one is
//! absent, or `!` and why the text is refused.

use std::fmt;

use wharf_digest::DigestError;
use wharf_reference::{Reference, ReferenceError, RepositoryName, oras};

const VECTORS: &str = include_str!("vectors/references.tsv");

/// Holds one column against what `parse` makes of the first.
fn check(column: usize, parse: impl Fn(&str) -> Result<String, String>) {
    let mut rows = 0;
    for row in VECTORS.lines().skip(1) {
        let columns: Vec<_> = row.split('\t').collect();
        let input = columns[1];
        let actual = parse(input).unwrap_or_else(|reason| format!("!{reason}"));
        assert_eq!(actual, columns[column], "{input}");
        rows += 1;
    }
    assert_eq!(rows, 249);
}

#[test]
fn parse() {
    check(2, |input| Reference::parse(input).map(parts).map_err(reason));
}

#[test]
fn parse_normalized() {
    check(3, |input| Reference::parse_normalized(input).map(parts).map_err(normalized_reason));
}

#[test]
fn parse_any() {
    check(4, |input| Reference::parse_any(input).map(text).map_err(normalized_reason));
}

#[test]
fn parse_docker() {
    check(5, |input| Reference::parse_docker(input).map(text).map_err(normalized_reason));
}

#[test]
fn familiar_string() {
    check(6, |input| {
        let reference = Reference::parse_normalized(input).map_err(normalized_reason)?;
        Ok(reference.familiar_string())
    });
}

#[test]
fn oras_reference() {
    check(7, |input| {
        let reference = oras::Reference::parse(input).map_err(oras_reason)?;
        let (registry, repository) = (reference.registry(), reference.repository());
        Ok(format!("{registry} | {repository} | {}", or_dash(reference.reference())))
    });
}

#[test]
fn oci_name() {
    // The grammar alone has no limit of length.
    check(8, |input| match RepositoryName::parse(input) {
        Ok(_) | Err(ReferenceError::NameTooLong(_)) => Ok("ok".into()),
        Err(_) => Ok("no".into()),
    });
}

#[test]
fn parse_named() {
    let digest = "sha256:dbcc1c35ac38df41fd2f5e4130b32ffdb93ebae8b3dbe638c23575912276fc9c";
    let digested = format!("test.com/foo@{digest}");
    for text in ["test.com/foo", "test:8080/foo", "docker.io/library/foo", "a.b/c:d", &digested] {
        assert_eq!(Reference::parse_named(text).unwrap().to_string(), text);
    }
    for text in ["foo", "test.com", "test_com/foo", "library/foo", "docker.io/foo"] {
        let error = Reference::parse_named(text).unwrap_err();
        assert_eq!(error, ReferenceError::NameNotCanonical(text.into()));
    }
}

#[test]
fn errors_come_in_order() {
    let check = |text: &str, expected: &str| {
        assert_eq!(Reference::parse(text).map_err(reason), Err(expected.to_owned()), "{text}");
    };
    let long = "a".repeat(256);
    check("", "NameEmpty");
    check("Upper", "NameContainsUppercase");
    check("Upper case", "ReferenceInvalidFormat");
    check(&long.to_uppercase(), "NameContainsUppercase");
    check(&format!("{long}@sha256:{}", "f".repeat(32)), "NameTooLong");
    check(&format!("example.com/{long}:tag"), "NameTooLong");
    check(&format!("{}@sha256:{}", &long[..255], "f".repeat(32)), "DigestInvalidLength");
    check(&format!("a@sha256:{}", "f".repeat(31)), "ReferenceInvalidFormat");
    assert!(Reference::parse(&format!("example.com/{}:tag", &long[..255])).is_ok());
}

#[test]
fn tags_and_digests_come_and_go() {
    let reference = Reference::parse("example.com/a").unwrap();
    let digest = wharf_digest::Digest::sha256(b"");
    let tagged = reference.clone().with_tag("v1".parse().unwrap());
    let both = tagged.clone().with_digest(digest);
    assert!(reference.is_name_only() && !tagged.is_name_only() && !both.is_name_only());
    assert_eq!(reference.clone().or_latest().to_string(), "example.com/a:latest");
    assert_eq!(tagged.clone().or_latest(), tagged);
    assert_eq!(both.to_string(), format!("example.com/a:v1@{digest}"));
    assert_eq!(both.trimmed(), reference);
    assert_eq!(both.name(), "example.com/a");
    assert_eq!(both.target(), Some(digest.into()));
    assert_eq!(tagged.target().unwrap().to_string(), "v1");
    assert_eq!(reference.target(), None);
}

fn parts(reference: Reference) -> String {
    let domain = or_dash(reference.domain());
    let (tag, digest) = (or_dash(reference.tag()), or_dash(reference.digest()));
    format!("{domain} | {} | {tag} | {digest}", reference.path())
}

fn or_dash(part: Option<impl fmt::Display>) -> String {
    part.map_or_else(|| "-".into(), text)
}

fn text(value: impl fmt::Display) -> String {
    value.to_string()
}

fn reason(error: ReferenceError) -> String {
    let reason = match error {
        ReferenceError::NameEmpty => "NameEmpty",
        ReferenceError::NameContainsUppercase(_) => "NameContainsUppercase",
        ReferenceError::NameTooLong(_) => "NameTooLong",
        ReferenceError::InvalidFormat(_) => "ReferenceInvalidFormat",
        ReferenceError::Identifier(_) => "Identifier64Hex",
        ReferenceError::Digest(DigestError::InvalidFormat(_)) => "DigestInvalidFormat",
        ReferenceError::Digest(DigestError::InvalidLength(_)) => "DigestInvalidLength",
        ReferenceError::Digest(DigestError::Unsupported(_)) => "DigestUnsupported",
        other => panic!("unexpected: {other:?}"),
    };
    reason.into()
}

/// Where a name is filled in, upper case in it is found before the grammar is looked at.
fn normalized_reason(error: ReferenceError) -> String {
    match error {
        ReferenceError::NameContainsUppercase(_) => "MustBeLowercase".into(),
        other => reason(other),
    }
}

fn oras_reason(error: ReferenceError) -> String {
    match error {
        ReferenceError::RegistryMissing(_) => "missing registry or repository".into(),
        ReferenceError::RegistryInvalid(_) => "invalid registry".into(),
        ReferenceError::InvalidFormat(_) => "invalid repository".into(),
        ReferenceError::TagInvalidFormat(_) => "invalid tag".into(),
        ReferenceError::Digest(_) => format!("invalid digest: {}", reason(error)),
        other => panic!("unexpected: {other:?}"),
    }
}
