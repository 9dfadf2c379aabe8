//! Finds digests by the first digits of them.

use std::collections::BTreeSet;

use crate::{Algorithm, Digest};

/// A set of digests that are found by any unambiguous start of their hex.
///
/// ```
/// use wharf_digest::{Digest, DigestSet, LookupError};
///
/// let digest = Digest::sha256(b"hello");
/// let set = DigestSet::from_iter([digest]);
/// assert_eq!(set.lookup("2cf2"), Ok(digest));
/// assert_eq!(set.lookup("sha256:2cf2"), Ok(digest));
/// assert_eq!(set.lookup("ffff"), Err(LookupError::NotFound));
/// ```
#[derive(Clone, Debug, Default)]
pub struct DigestSet {
    /// By hex first, so that everything with a common start stands together.
    entries: BTreeSet<(String, Digest)>,
}

/// Why a short text does not name a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// No digest of the set starts with it.
    #[error("digest not found")]
    NotFound,
    /// Several digests of the set start with it.
    #[error("ambiguous digest")]
    Ambiguous,
}

// === impl DigestSet ===

impl DigestSet {
    /// The set without digests.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a digest; `false` if it was in the set.
    pub fn insert(&mut self, digest: Digest) -> bool {
        self.entries.insert((digest.encoded(), digest))
    }

    /// Takes a digest out; `false` if it was not in the set.
    pub fn remove(&mut self, digest: &Digest) -> bool {
        self.entries.remove(&(digest.encoded(), *digest))
    }

    /// How many digests there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no digest.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The digests, in the order of their hex.
    pub fn iter(&self) -> impl Iterator<Item = Digest> {
        self.entries.iter().map(|(_, digest)| *digest)
    }

    /// The digest that `text` is the start of: hex, or an algorithm, a colon and hex.
    ///
    /// A whole digest is never ambiguous.
    pub fn lookup(&self, text: &str) -> Result<Digest, LookupError> {
        let (algorithm, start) = wanted(text)?;
        let mut found = self.starting_with(algorithm, start);
        let first = found.next().ok_or(LookupError::NotFound)?;
        let whole = algorithm.is_some() && first.encoded().len() == start.len();
        if !whole && found.next().is_some() {
            return Err(LookupError::Ambiguous);
        }
        Ok(first)
    }

    /// Every digest with the shortest code of at least `least` digits that is not the start of
    /// another one. Where the whole hex is needed, the code is the whole digest.
    pub fn short_codes(&self, least: usize) -> Vec<(Digest, String)> {
        let all: Vec<_> = self.entries.iter().collect();
        let shared = |encoded: &str, neighbour: Option<usize>| {
            let neighbour = neighbour.and_then(|i| all.get(i));
            neighbour.map_or(0, |(other, _)| common_start(encoded, other))
        };
        let code = |(i, (encoded, digest)): (usize, &&(String, Digest))| {
            let before = shared(encoded, i.checked_sub(1));
            let after = shared(encoded, i.checked_add(1));
            match encoded.get(..least.max(before.max(after) + 1)) {
                Some(short) if short.len() < encoded.len() => (*digest, short.to_owned()),
                _ => (*digest, digest.to_string()),
            }
        };
        all.iter().enumerate().map(code).collect()
    }

    fn starting_with<'a>(
        &'a self,
        algorithm: Option<Algorithm>,
        start: &'a str,
    ) -> impl Iterator<Item = Digest> + 'a {
        let least = Digest::from_hash(Algorithm::Sha256, &[0; 32]);
        self.entries
            .range((start.to_owned(), least)..)
            .take_while(move |(encoded, _)| encoded.starts_with(start))
            .map(|(_, digest)| *digest)
            .filter(move |digest| algorithm.is_none_or(|wanted| wanted == digest.algorithm()))
    }
}

impl FromIterator<Digest> for DigestSet {
    fn from_iter<I: IntoIterator<Item = Digest>>(digests: I) -> Self {
        Self { entries: digests.into_iter().map(|digest| (digest.encoded(), digest)).collect() }
    }
}

impl Extend<Digest> for DigestSet {
    fn extend<I: IntoIterator<Item = Digest>>(&mut self, digests: I) {
        self.entries.extend(digests.into_iter().map(|digest| (digest.encoded(), digest)));
    }
}

/// Reads what a lookup asks for: an algorithm, if one is named, and a start of the hex.
fn wanted(text: &str) -> Result<(Option<Algorithm>, &str), LookupError> {
    match text.split_once(':') {
        None => Ok((None, text)),
        Some((name, start)) => {
            let algorithm = Algorithm::named(name).ok_or(LookupError::NotFound)?;
            Ok((Some(algorithm), start))
        }
    }
}

fn common_start(a: &str, b: &str) -> usize {
    a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count()
}
