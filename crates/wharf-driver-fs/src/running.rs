//! Which sessions are being worked on right now by this process.
//!
//! A caller who gives up drops its writer at once, but the blocking thread that works for it has to
//! come to its end before the next writer can have the session. That one waits here, instead of being
//! told that the session is busy.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::timeout};
use wharf_driver::StoragePath;

/// The operations that are running, at most one for each session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Running(Arc<Inner>);

/// An operation that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Operation {
    running: Running,
    session: StoragePath,
    number: u64,
}

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    ended: Notify,
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    running: HashMap<StoragePath, u64>,
}

/// Hardly an operation takes longer on a disk that works.
const PATIENCE: Duration = Duration::from_secs(5);

// === impl Running ===

impl Running {
    /// Says that an operation on a session begins.
    pub(crate) fn start(&self, session: &StoragePath) -> Operation {
        let mut state = self.lock();
        state.last += 1;
        let number = state.last;
        state.running.insert(session.clone(), number);
        Operation { running: self.clone(), session: session.clone(), number }
    }

    /// Waits for the end of the operation that is running now, but not of those that follow it. No
    /// thread waits with it.
    pub(crate) async fn wait(&self, session: &StoragePath) {
        let Some(number) = self.number(session) else {
            return;
        };
        let ended = async {
            loop {
                // Listens before it looks: an end in between is heard.
                let mut heard = pin!(self.0.ended.notified());
                heard.as_mut().enable();
                if self.number(session) != Some(number) {
                    return;
                }
                heard.await;
            }
        };
        // Whoever runs out of patience finds out that the session is busy.
        timeout(PATIENCE, ended).await.ok();
    }

    fn number(&self, session: &StoragePath) -> Option<u64> {
        self.lock().running.get(session).copied()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Operation ===

impl Drop for Operation {
    fn drop(&mut self) {
        let mut state = self.running.lock();
        if state.running.get(&self.session) == Some(&self.number) {
            state.running.remove(&self.session);
        }
        drop(state);
        self.running.0.ended.notify_waiters();
    }
}
