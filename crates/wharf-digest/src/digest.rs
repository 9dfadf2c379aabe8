//! The digest itself.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{Algorithm, DigestError, Digester, Hex, grammar, hex};

/// The size of the largest hash, in bytes.
pub(crate) const MAX_SIZE: usize = 64;

/// The digest of some content: an algorithm and the hash that it computes.
///
/// Invariants: the algorithm is supported, the hash has exactly its size, and the text
/// (`sha256:` and lower-case hex) is the only one for this digest. Digests are ordered as their
/// texts are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest {
    // The derived order is that of the texts: algorithms sort like their names, which are equally
    // long, and hex keeps the order of the bytes it stands for.
    algorithm: Algorithm,
    // Zero after the first `algorithm.size()` bytes, so that the derived comparisons hold.
    hash: [u8; MAX_SIZE],
}

// === impl Digest ===

impl Digest {
    /// Reads a digest.
    ///
    /// The rules are checked in the order that go-digest checks them: the colon with something on
    /// both sides, the algorithm, the length, the digits.
    pub fn parse(text: &str) -> Result<Self, DigestError> {
        match text.split_once(':') {
            Some((name, encoded)) if !name.is_empty() && !encoded.is_empty() => {
                match Algorithm::named(name) {
                    Some(algorithm) => Self::decode(algorithm, encoded, text),
                    None => Err(grammar::split(text)
                        .map_or_else(|error| error, |_| DigestError::unsupported(text))),
                }
            }
            _ => Err(DigestError::format(text)),
        }
    }

    /// Joins an algorithm and the hex of a hash.
    pub fn from_parts(algorithm: Algorithm, encoded: &str) -> Result<Self, DigestError> {
        Self::decode(algorithm, encoded, encoded)
    }

    /// Computes the digest of content at hand.
    pub fn of(algorithm: Algorithm, content: &[u8]) -> Self {
        let mut digester = Digester::new(algorithm);
        digester.update(content);
        digester.finish()
    }

    /// Computes the SHA-256 digest of content at hand.
    pub fn sha256(content: &[u8]) -> Self {
        Self::of(Algorithm::Sha256, content)
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The hash.
    pub fn as_bytes(&self) -> &[u8] {
        &self.hash[..self.algorithm.size()]
    }

    /// The hash in lower-case hex: what stands after the colon.
    pub fn encoded(&self) -> String {
        self.hex().to_string()
    }

    /// The same, without an allocation.
    pub fn hex(&self) -> Hex {
        Hex::of(self.as_bytes())
    }

    /// Whether this is the digest of `content`.
    pub fn matches(&self, content: &[u8]) -> bool {
        Self::of(self.algorithm, content) == *self
    }

    /// Takes a hash as it was computed; `hash` has the size of the algorithm.
    pub(crate) fn from_hash(algorithm: Algorithm, hash: &[u8]) -> Self {
        let mut padded = [0; MAX_SIZE];
        padded[..algorithm.size()].copy_from_slice(hash);
        Self { algorithm, hash: padded }
    }

    /// Decodes the hash; errors name `text`.
    fn decode(algorithm: Algorithm, encoded: &str, text: &str) -> Result<Self, DigestError> {
        let size = algorithm.size();
        if encoded.len() != 2 * size {
            return Err(DigestError::length(text));
        }
        let mut hash = [0; MAX_SIZE];
        hex::decode(encoded, &mut hash[..size]).ok_or_else(|| DigestError::format(text))?;
        Ok(Self { algorithm, hash })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.algorithm.name())?;
        f.write_str(":")?;
        f.write_str(&self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        Self::parse(text)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Visitor)
    }
}

struct Visitor;

impl de::Visitor<'_> for Visitor {
    type Value = Digest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a digest")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Digest, E> {
        Digest::parse(text).map_err(E::custom)
    }
}
