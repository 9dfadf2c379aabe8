//! Computes digests piece by piece.

use std::fmt;

use sha2::{Digest as _, Sha256, Sha384, Sha512};

#[cfg(target_arch = "x86_64")]
use crate::pair;
use crate::{Algorithm, Digest, StateError, state};

/// Computes the digest of content that comes in pieces, and can be put aside in between.
///
/// ```
/// use wharf_digest::{Algorithm, Digest, Digester};
///
/// let mut digester = Digester::new(Algorithm::Sha512);
/// digester.update(b"a");
/// digester.update(b"b");
/// assert_eq!(digester.len(), 2);
/// assert_eq!(digester.finish(), Digest::of(Algorithm::Sha512, b"ab"));
/// ```
#[derive(Clone)]
pub struct Digester {
    pub(crate) hasher: Hasher,
    pub(crate) len: u64,
}

/// A hash under way.
#[derive(Clone)]
pub(crate) enum Hasher {
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

// === impl Digester ===

impl Digester {
    /// Begins with no content.
    pub fn new(algorithm: Algorithm) -> Self {
        let hasher = match algorithm {
            Algorithm::Sha256 => Hasher::Sha256(Sha256::new()),
            Algorithm::Sha384 => Hasher::Sha384(Sha384::new()),
            Algorithm::Sha512 => Hasher::Sha512(Sha512::new()),
        };
        Self { hasher, len: 0 }
    }

    /// Goes on where a stored [`state`](Self::state) stood.
    ///
    /// A state that is damaged, or of another version, is an error: hash the content again then.
    pub fn resume(state: &[u8]) -> Result<Self, StateError> {
        state::read(state)
    }

    /// Takes the next bytes of the content.
    pub fn update(&mut self, bytes: &[u8]) {
        self.len += bytes.len() as u64;
        match &mut self.hasher {
            Hasher::Sha256(hasher) => hasher.update(bytes),
            Hasher::Sha384(hasher) => hasher.update(bytes),
            Hasher::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// Takes the next bytes of the content, and lets another digester take the same.
    ///
    /// Two of SHA-256 that stand equally far into a block take long pieces in little more time than
    /// one does, where the processor has instructions for SHA-256.
    ///
    /// ```
    /// use wharf_digest::{Algorithm, Digest, Digester};
    ///
    /// let mut blob = Digester::new(Algorithm::Sha256);
    /// blob.update(b"first part, ");
    /// let mut part = Digester::new(Algorithm::Sha256);
    /// blob.update_with(&mut part, b"second part");
    /// assert_eq!(blob.finish(), Digest::sha256(b"first part, second part"));
    /// assert_eq!(part.finish(), Digest::sha256(b"second part"));
    /// ```
    pub fn update_with(&mut self, other: &mut Digester, bytes: &[u8]) {
        #[cfg(target_arch = "x86_64")]
        if pair::update(self, other, bytes) {
            return;
        }
        self.update(bytes);
        other.update(bytes);
    }

    /// How many bytes it has taken, those before a resumption included.
    #[expect(clippy::len_without_is_empty, reason = "a count of bytes taken, not a collection")]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        match self.hasher {
            Hasher::Sha256(_) => Algorithm::Sha256,
            Hasher::Sha384(_) => Algorithm::Sha384,
            Hasher::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// The digest of everything taken.
    pub fn finish(self) -> Digest {
        let algorithm = self.algorithm();
        match self.hasher {
            Hasher::Sha256(hasher) => Digest::from_hash(algorithm, &hasher.finalize()),
            Hasher::Sha384(hasher) => Digest::from_hash(algorithm, &hasher.finalize()),
            Hasher::Sha512(hasher) => Digest::from_hash(algorithm, &hasher.finalize()),
        }
    }

    /// The state as bytes, to be stored: version, algorithm, length, hash state and a checksum.
    pub fn state(&self) -> Vec<u8> {
        state::write(self)
    }
}

impl fmt::Debug for Digester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Digester")
            .field("algorithm", &self.algorithm())
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}
