//! Counts what is under way, so that the end can wait for it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
};

use tokio::sync::Notify;

/// Things under way.
#[derive(Clone, Default)]
pub(crate) struct Running(Arc<Count>);

/// One of them, until it is dropped.
pub(crate) struct Guard(Arc<Count>);

#[derive(Default)]
struct Count {
    now: AtomicUsize,
    ever: AtomicU64,
    /// Told when none is left.
    none: Notify,
}

// === impl Running ===

impl Running {
    pub(crate) fn enter(&self) -> Guard {
        self.0.now.fetch_add(1, SeqCst);
        self.0.ever.fetch_add(1, SeqCst);
        Guard(Arc::clone(&self.0))
    }

    /// How many are under way.
    pub(crate) fn now(&self) -> usize {
        self.0.now.load(SeqCst)
    }

    /// How many there have been.
    pub(crate) fn ever(&self) -> u64 {
        self.0.ever.load(SeqCst)
    }

    /// Waits until none is under way.
    pub(crate) async fn settled(&self) {
        loop {
            // Whoever ends after this line tells us.
            let none = self.0.none.notified();
            if self.now() == 0 {
                return;
            }
            none.await;
        }
    }
}

// === impl Guard ===

impl Drop for Guard {
    fn drop(&mut self) {
        if self.0.now.fetch_sub(1, SeqCst) == 1 {
            self.0.none.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn the_end_waits_for_the_last() {
        let running = Running::default();
        running.settled().await;
        let guards = [running.enter(), running.enter()];
        assert_eq!((running.now(), running.ever()), (2, 2));
        let settled = tokio::spawn({
            let running = running.clone();
            async move { running.settled().await }
        });
        for guard in guards {
            assert!(!settled.is_finished());
            drop(guard);
            tokio::task::yield_now().await;
        }
        timeout(Duration::from_secs(20), settled).await.unwrap().unwrap();
    }
}
