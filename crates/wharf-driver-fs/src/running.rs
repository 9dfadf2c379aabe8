//! Which sessions are being worked on right now by this process.
//!
//! A caller who gives up drops its writer at once, but the blocking thread that works for it has to
//! come to its end before the next writer can have the session. That one waits here, instead of being
//! told that the session is busy.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

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
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    running: HashMap<StoragePath, u64>,
}

/// No single operation takes longer on a disk that works.
const PATIENCE: Duration = Duration::from_secs(30);

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

    /// Waits for the end of the operation that is running now, but not of those that follow it.
    pub(crate) fn wait(&self, session: &StoragePath) {
        let state = self.lock();
        let Some(number) = state.running.get(session).copied() else {
            return;
        };
        let runs = |state: &mut State| state.running.get(session) == Some(&number);
        let waited = self.0.ended.wait_timeout_while(state, PATIENCE, runs);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
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
        self.running.0.ended.notify_all();
    }
}
