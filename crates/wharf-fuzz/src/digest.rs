//! Digests: their grammar, their text, and the start of one that is looked up.

use std::sync::LazyLock;

use wharf_digest::{Algorithm, Digest, DigestError, DigestSet, split};

use crate::input::{expect_message, text};

static KNOWN: LazyLock<DigestSet> = LazyLock::new(|| {
    let contents = (0..64u8).map(|n| [n]);
    let digests = Algorithm::ALL.map(|algorithm| {
        contents.clone().map(move |content| Digest::of(algorithm, &content)).collect::<Vec<_>>()
    });
    digests.into_iter().flatten().collect()
});

/// A digest prints as it was read; what is refused is refused for the reason that the grammar gives.
pub fn check(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let parsed = Digest::parse(text);
    assert_eq!(parsed, Digest::parse(text));
    match parsed {
        Ok(digest) => accepted(text, &digest),
        Err(error) => refused(text, &error),
    }
    if let Ok((algorithm, encoded)) = split(text) {
        assert_eq!(format!("{algorithm}:{encoded}"), text);
        assert_eq!(Algorithm::parse(algorithm).is_ok(), algorithm.parse::<Algorithm>().is_ok());
    }
    looked_up(text);
}

fn accepted(text: &str, digest: &Digest) {
    let algorithm = digest.algorithm();
    assert_eq!(digest.to_string(), text);
    assert_eq!(digest.as_bytes().len(), algorithm.size());
    assert_eq!(split(text), Ok((algorithm.name(), digest.encoded().as_str())));
    assert_eq!(Digest::from_parts(algorithm, &digest.encoded()), Ok(*digest));
    let json = serde_json::to_string(digest).expect("a text is JSON");
    assert_eq!(serde_json::from_str::<Digest>(&json).ok(), Some(*digest));
    // Ordered as their texts are.
    let other = Digest::sha256(b"");
    assert_eq!(digest.cmp(&other), text.cmp(&other.to_string()));
}

fn refused(text: &str, error: &DigestError) {
    expect_message(error);
    match error {
        DigestError::Unsupported(_) => assert!(split(text).is_ok(), "{text:?}"),
        DigestError::InvalidLength(_) => {
            let (name, encoded) = text.split_once(':').expect("the length is that of a part");
            let algorithm = Algorithm::parse(name).expect("only a known one has a length");
            assert_ne!(encoded.len(), 2 * algorithm.size());
        }
        DigestError::InvalidFormat(_) => {}
    }
}

fn looked_up(text: &str) {
    if let Ok(found) = KNOWN.lookup(text) {
        let start = text.split_once(':').map_or(text, |(_, start)| start);
        assert!(found.encoded().starts_with(start), "{found} for {text:?}");
    }
}
