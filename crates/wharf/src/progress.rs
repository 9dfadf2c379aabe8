//! One line on a terminal that says how far something is.

use std::{
    io::{self, IsTerminal, Write},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// A line at the bottom of a terminal; nothing where there is none.
pub(crate) struct Line {
    /// When it was last written, `None` before that.
    written: Option<Mutex<Option<Instant>>>,
}

/// Nobody reads faster.
const PAUSE: Duration = Duration::from_millis(100);

// === impl Line ===

impl Line {
    /// A line on stderr, if that is a terminal and the line is wanted.
    pub(crate) fn new(wanted: bool) -> Self {
        Self { written: (wanted && io::stderr().is_terminal()).then(Mutex::default) }
    }

    /// Shows a text, unless another one was shown just now.
    pub(crate) fn show(&self, text: impl FnOnce() -> String) {
        let Some(written) = &self.written else { return };
        let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.is_none_or(|written| written.elapsed() >= PAUSE) {
            *written = Some(Instant::now());
            write!(io::stderr(), "\r\x1b[K{}", text()).ok();
        }
    }

    /// Makes room for other output.
    pub(crate) fn clear(&self) {
        if self.written.is_some() {
            write!(io::stderr(), "\r\x1b[K").ok();
        }
    }
}
