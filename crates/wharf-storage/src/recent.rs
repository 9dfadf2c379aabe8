//! Where this process last saw a blob linked, and what it last saw a tag point to.

use std::collections::VecDeque;

use wharf_digest::Digest;
use wharf_reference::{RepositoryName, Tag};

use crate::hints::Hints;

/// How many repositories of a blob are remembered.
const REPOSITORIES: usize = 4;

/// The repositories that linked or served a blob last.
#[derive(Default)]
pub(crate) struct Recent(Hints<Digest, VecDeque<RepositoryName>>);

/// What tags pointed to when they were read last.
#[derive(Default)]
pub(crate) struct Pointed(Hints<(RepositoryName, Tag), Digest>);

// === impl Recent ===

impl Recent {
    /// Remembers that a repository links a blob.
    pub(crate) fn note(&self, digest: &Digest, name: &RepositoryName) {
        self.0.note(digest, VecDeque::from([name.clone()]), |known, _| {
            if !known.contains(name) {
                known.push_front(name.clone());
                known.truncate(REPOSITORIES);
            }
        });
    }

    /// The repositories that may link a blob, the last seen first.
    pub(crate) fn repositories(&self, digest: &Digest) -> Vec<RepositoryName> {
        self.0.get(digest).into_iter().flatten().collect()
    }
}

// === impl Pointed ===

impl Pointed {
    /// Remembers what a tag points to.
    pub(crate) fn note(&self, name: &RepositoryName, tag: &Tag, digest: &Digest) {
        let key = (name.clone(), tag.clone());
        self.0.note(&key, *digest, |known, digest| *known = digest);
    }

    /// What a tag may point to.
    pub(crate) fn last(&self, name: &RepositoryName, tag: &Tag) -> Option<Digest> {
        self.0.get(&(name.clone(), tag.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repositories_of_a_blob_are_few_and_the_newest_first() {
        let name = |number| RepositoryName::parse(&format!("a/r{number}")).unwrap();
        let (recent, digest) = (Recent::default(), Digest::sha256(b""));
        for number in [0, 1, 2, 3, 9, 8, 9, 7, 6] {
            recent.note(&digest, &name(number));
        }
        assert_eq!(recent.repositories(&digest), [6, 7, 8, 9].map(name));
    }
}
