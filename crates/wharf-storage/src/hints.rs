//! Bounded maps of what was seen last: hints, each of which is checked before it counts.

use std::{
    collections::{HashMap, VecDeque, hash_map::RandomState},
    hash::{BuildHasher, Hash},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// How many shelves there are, so that requests for different things hardly wait for each other.
const SHELVES: usize = 16;
/// How many things are remembered on each.
const THINGS: usize = 512;

/// A map that forgets what it was told first.
pub(crate) struct Hints<K, V> {
    shelves: [Mutex<Shelf<K, V>>; SHELVES],
    hasher: RandomState,
}

struct Shelf<K, V> {
    values: HashMap<K, V>,
    /// The keys, in the order in which they are forgotten.
    order: VecDeque<K>,
}

// === impl Hints ===

impl<K: Clone + Eq + Hash, V: Clone> Hints<K, V> {
    /// What was seen of a thing.
    pub(crate) fn get(&self, key: &K) -> Option<V> {
        self.shelf(key).values.get(key).cloned()
    }

    /// Remembers `value`, or has `change` bring up to date what is remembered.
    pub(crate) fn note(&self, key: &K, value: V, change: impl FnOnce(&mut V, V)) {
        let mut shelf = self.shelf(key);
        if let Some(known) = shelf.values.get_mut(key) {
            return change(known, value);
        }
        if shelf.order.len() >= THINGS
            && let Some(oldest) = shelf.order.pop_front()
        {
            shelf.values.remove(&oldest);
        }
        shelf.order.push_back(key.clone());
        shelf.values.insert(key.clone(), value);
    }

    /// How many things are remembered.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.shelves.iter().map(|shelf| shelf.lock().unwrap().values.len()).sum()
    }

    fn shelf(&self, key: &K) -> MutexGuard<'_, Shelf<K, V>> {
        let number = self.hasher.hash_one(key) % SHELVES as u64;
        self.shelves[number as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, V> Default for Hints<K, V> {
    fn default() -> Self {
        Self { shelves: Default::default(), hasher: RandomState::new() }
    }
}

impl<K, V> Default for Shelf<K, V> {
    fn default() -> Self {
        Self { values: HashMap::new(), order: VecDeque::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_and_forgets_the_first() {
        let hints = Hints::default();
        for number in 0..4 * THINGS * SHELVES {
            hints.note(&number, number, |known, value| *known = value);
        }
        // So many more than there is room for that every shelf is full.
        assert_eq!(hints.len(), THINGS * SHELVES);
        assert_eq!(hints.get(&0), None);
        let last = 4 * THINGS * SHELVES - 1;
        assert_eq!(hints.get(&last), Some(last));
        hints.note(&last, 1, |known, value| *known += value);
        assert_eq!(hints.get(&last), Some(last + 1));
    }
}
