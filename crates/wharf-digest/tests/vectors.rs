//! The texts that go-digest's own tests use, and what its version 1.0.0 says of them.

use wharf_digest::{Digest, DigestError};

const VECTORS: &str = include_str!("vectors/digests.tsv");

#[test]
fn every_text_is_judged_like_go_digest_does() {
    let mut rows = 0;
    for row in VECTORS.lines().skip(1) {
        let mut columns = row.split('\t');
        let input = unquoted(columns.next().unwrap());
        let expected = columns.next().unwrap();
        assert_eq!(verdict(&input), expected, "{input:?}");
        rows += 1;
    }
    assert_eq!(rows, 29);
}

fn verdict(text: &str) -> &'static str {
    match Digest::parse(text) {
        Ok(_) => "ok",
        Err(DigestError::InvalidFormat(_)) => "DigestInvalidFormat",
        Err(DigestError::InvalidLength(_)) => "DigestInvalidLength",
        Err(DigestError::Unsupported(_)) => "DigestUnsupported",
    }
}

/// Inputs stand in single quotes, so that spaces show, with `\n` for a line feed.
fn unquoted(column: &str) -> String {
    let text = column.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
    text.expect("an input stands in quotes").replace("\\n", "\n")
}
