//! Answers that are right for as long as the files stay as they are that they were made of.
//!
//! To find a manifest by its tag takes three files, and each of them has to be looked at, each time. Where
//! the driver watches files ([`wharf_driver::Driver::watch`]), one question is enough to know that the
//! answer of last time is that of now.

use std::{hash::Hash, sync::Arc};

use wharf_cache::ContentCache;
use wharf_driver::Unchanged;
use wharf_reference::RepositoryName;

/// What was found in repositories, by what was asked for.
pub(crate) struct Proven<A, V>(ContentCache<Answer<V>, (RepositoryName, A)>);

#[derive(Clone)]
struct Answer<V> {
    value: V,
    unchanged: Arc<dyn Unchanged>,
}

/// How many bytes are used, about, the kernel's included.
const ROOM: u64 = 16 << 20;
/// What it takes to watch the files of an answer.
const WATCHES: usize = 6 << 10;

// === impl Proven ===

impl<A, V> Proven<A, V>
where
    A: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Eq + Send + Sync + 'static,
{
    /// `size` tells how many bytes an answer holds.
    pub(crate) fn new(size: fn(&V) -> usize) -> Self {
        Self(ContentCache::new(ROOM, move |answer: &Answer<V>| WATCHES + size(&answer.value)))
    }

    /// What was found last time, if that is what would be found now.
    pub(crate) fn get(&self, name: &RepositoryName, asked: &A) -> Option<V> {
        let key = (name.clone(), asked.clone());
        let Answer { value, unchanged } = self.0.get(&key)?;
        if unchanged.holds() {
            return Some(value);
        }
        self.0.remove(&key);
        None
    }

    /// Keeps what was found, if it is found again while its files are watched: what was read before may
    /// have changed until then.
    pub(crate) async fn keep(
        &self,
        (name, asked): (&RepositoryName, &A),
        value: V,
        unchanged: Arc<dyn Unchanged>,
        again: impl Future<Output = Option<V>>,
    ) {
        if again.await.as_ref() == Some(&value) {
            self.0.insert((name.clone(), asked.clone()), Answer { value, unchanged });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::ready,
        sync::atomic::{AtomicBool, Ordering::Relaxed},
    };

    use super::*;

    #[derive(Debug, Default)]
    struct Switch(AtomicBool);

    impl Unchanged for Switch {
        fn holds(&self) -> bool {
            !self.0.load(Relaxed)
        }
    }

    #[tokio::test]
    async fn an_answer_is_kept_until_its_files_change() {
        let (proven, name) = (Proven::new(|_| 0), RepositoryName::parse("a/b").unwrap());
        let switch = Arc::new(Switch::default());
        proven.keep((&name, &1), "one", switch.clone(), ready(Some("one"))).await;
        assert_eq!((proven.get(&name, &1), proven.get(&name, &2)), (Some("one"), None));
        switch.0.store(true, Relaxed);
        assert_eq!(proven.get(&name, &1), None);
        switch.0.store(false, Relaxed);
        assert_eq!(proven.get(&name, &1), None, "nothing stays watched for it");
    }

    #[tokio::test]
    async fn what_is_not_found_again_is_not_kept() {
        let (proven, name) = (Proven::new(|_| 0), RepositoryName::parse("a/b").unwrap());
        for again in [None, Some("two")] {
            proven.keep((&name, &1), "one", Arc::new(Switch::default()), ready(again)).await;
            assert_eq!(proven.get(&name, &1), None);
        }
    }
}
