//! Counts what is under way, so that the end can wait for it.

use std::sync::Arc;

use tokio::sync::watch;

/// Things under way.
#[derive(Clone)]
pub(crate) struct Running(Arc<watch::Sender<Count>>);

/// One of them, until it is dropped.
pub(crate) struct Guard(Arc<watch::Sender<Count>>);

#[derive(Clone, Copy, Default)]
struct Count {
    now: usize,
    ever: u64,
}

// === impl Running ===

impl Running {
    pub(crate) fn enter(&self) -> Guard {
        self.0.send_modify(|count| {
            count.now += 1;
            count.ever += 1;
        });
        Guard(Arc::clone(&self.0))
    }

    /// How many are under way.
    pub(crate) fn now(&self) -> usize {
        self.0.borrow().now
    }

    /// How many there have been.
    pub(crate) fn ever(&self) -> u64 {
        self.0.borrow().ever
    }

    /// Waits until none is under way.
    pub(crate) async fn settled(&self) {
        let _ = self.0.subscribe().wait_for(|count| count.now == 0).await;
    }
}

impl Default for Running {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Count::default())))
    }
}

// === impl Guard ===

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.send_modify(|count| count.now -= 1);
    }
}
