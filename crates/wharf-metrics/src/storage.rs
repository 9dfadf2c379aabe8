//! Operations of the store.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use crate::{
    Action, Histogram, Operation, Page, Watch,
    striped::{Striped, Sum},
};

/// What is counted of a store.
#[derive(Debug, Default)]
pub struct Storage {
    actions: Striped<Times>,
    /// How many upload sessions are being written.
    writing: AtomicI64,
}

/// How long each of [`Action::ALL`] took.
#[derive(Debug)]
struct Times(Vec<Histogram>);

/// In seconds, as the original's.
const DURATIONS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

// === impl Storage ===

impl Storage {
    pub(crate) fn write(&self, page: &mut Page, driver: &str) {
        let name = "registry_storage_action_seconds";
        page.family(name, "histogram", "The time that operations of the store take.");
        let times = self.actions.total();
        let actions = Action::ALL.iter().zip(&times.0).filter(|(_, times)| times.count() > 0);
        for (action, times) in actions {
            page.histogram(name, &[("driver", driver), ("action", action.name())], times);
        }
        let name = "wharf_uploads_in_progress";
        page.family(name, "gauge", "The upload sessions that are being written.");
        page.sample(name, &[], self.writing.load(Relaxed) as f64);
    }
}

impl Default for Times {
    fn default() -> Self {
        Self(Action::ALL.iter().map(|_| Histogram::of_seconds(DURATIONS)).collect())
    }
}

impl Sum for Times {
    fn add(&self, other: &Self) {
        self.0.iter().zip(&other.0).for_each(|(times, more)| times.add(more));
    }
}

impl Watch for Storage {
    fn done(&self, operation: &Operation<'_>) {
        self.actions.mine().0[operation.action as usize].observe(operation.took.as_secs_f64());
    }

    fn writing(&self, change: i64) {
        self.writing.fetch_add(change, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use wharf_driver::{Driver, MemoryDriver, PutMode, StoragePath};

    use super::*;
    use crate::MeasuredDriver;

    #[tokio::test]
    async fn what_is_asked_of_a_store_is_timed() {
        let storage = Arc::new(Storage::default());
        let watches = vec![Arc::clone(&storage) as _];
        let driver = MeasuredDriver::new(Arc::new(MemoryDriver::new()), watches);
        let path = StoragePath::parse("a/b").unwrap();
        driver.put(&path, "x".into(), PutMode::Overwrite).await.unwrap();
        driver.get(&path, 10).await.unwrap();
        let lost = driver.stat(&StoragePath::parse("c").unwrap()).await;
        assert!(lost.unwrap_err().is_not_found());
        let upload = driver.begin_upload(&StoragePath::parse("u").unwrap(), None).await.unwrap();
        let text = |storage: &Storage| {
            let mut page = Page::default();
            storage.write(&mut page, "inmemory");
            page.into_text()
        };
        let page = text(&storage);
        for action in ["PutContent", "GetContent", "Stat", "Writer"] {
            let line = format!(
                "registry_storage_action_seconds_count{{driver=\"inmemory\",action=\"{action}\"}} 1\n"
            );
            assert!(page.contains(&line), "{page}");
        }
        assert!(page.contains("wharf_uploads_in_progress 1\n") && !page.contains("Delete"));
        drop(upload);
        assert!(text(&storage).contains("wharf_uploads_in_progress 0\n"));
    }
}
