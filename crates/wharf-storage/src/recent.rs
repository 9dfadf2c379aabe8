//! Where this process last saw a blob linked: hints, each of which is checked before it counts.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use wharf_digest::Digest;
use wharf_reference::RepositoryName;

/// How many shelves there are, so that requests for different blobs hardly wait for each other.
const SHELVES: usize = 16;
/// How many blobs are remembered on each.
const BLOBS: usize = 512;
/// How many repositories of each.
const REPOSITORIES: usize = 4;

/// A bounded map from blobs to the repositories that linked or served them last.
#[derive(Default)]
pub(crate) struct Recent([Mutex<Seen>; SHELVES]);

#[derive(Default)]
struct Seen {
    repositories: HashMap<Digest, VecDeque<RepositoryName>>,
    /// The blobs, in the order in which they are forgotten.
    order: VecDeque<Digest>,
}

// === impl Recent ===

impl Recent {
    /// Remembers that a repository links a blob.
    pub(crate) fn note(&self, digest: &Digest, name: &RepositoryName) {
        let mut seen = self.shelf(digest);
        if let Some(names) = seen.repositories.get_mut(digest) {
            return remember(names, name);
        }
        if seen.order.len() >= BLOBS
            && let Some(oldest) = seen.order.pop_front()
        {
            seen.repositories.remove(&oldest);
        }
        seen.order.push_back(*digest);
        seen.repositories.insert(*digest, VecDeque::from([name.clone()]));
    }

    /// The repositories that may link a blob, the last seen first.
    pub(crate) fn repositories(&self, digest: &Digest) -> Vec<RepositoryName> {
        let seen = self.shelf(digest);
        seen.repositories.get(digest).into_iter().flatten().cloned().collect()
    }

    fn shelf(&self, digest: &Digest) -> MutexGuard<'_, Seen> {
        let number = usize::from(digest.as_bytes()[0]) % SHELVES;
        self.0[number].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remember(names: &mut VecDeque<RepositoryName>, name: &RepositoryName) {
    if names.contains(name) {
        return;
    }
    names.push_front(name.clone());
    names.truncate(REPOSITORIES);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: usize) -> RepositoryName {
        RepositoryName::parse(&format!("a/r{number}")).unwrap()
    }

    #[test]
    fn both_sides_are_bounded() {
        let recent = Recent::default();
        let digest = |number: usize| Digest::sha256(&number.to_be_bytes());
        for number in 0..2 * BLOBS * SHELVES {
            recent.note(&digest(number), &name(0));
        }
        assert!(recent.0.iter().all(|shelf| shelf.lock().unwrap().repositories.len() == BLOBS));
        assert_eq!(recent.repositories(&digest(0)), []);

        for number in 0..10 {
            recent.note(&digest(0), &name(number));
        }
        let newest_first: Vec<_> = [9, 8, 7, 6].map(name).into();
        assert_eq!(recent.repositories(&digest(0)), newest_first);
    }
}
