//! Checks content that comes in pieces.

use crate::{Digest, Digester};

/// Checks content that comes in pieces against a digest.
///
/// ```
/// use wharf_digest::{Digest, Verifier};
///
/// let mut verifier = Verifier::new(Digest::sha256(b"hello"));
/// verifier.update(b"hel");
/// assert!(!verifier.verified());
/// verifier.update(b"lo");
/// assert!(verifier.verified());
/// ```
#[derive(Clone, Debug)]
pub struct Verifier {
    expected: Digest,
    digester: Digester,
}

// === impl Verifier ===

impl Verifier {
    /// Expects the content of this digest.
    pub fn new(expected: Digest) -> Self {
        Self { expected, digester: Digester::new(expected.algorithm()) }
    }

    /// Takes the next bytes of the content.
    pub fn update(&mut self, bytes: &[u8]) {
        self.digester.update(bytes);
    }

    /// Whether the bytes taken so far are the content. More bytes may follow.
    pub fn verified(&self) -> bool {
        self.digester.clone().finish() == self.expected
    }
}
