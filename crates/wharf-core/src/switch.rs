//! What can be turned on and off while a registry runs.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// A switch; its clones are the same one. It is off by default.
///
/// ```
/// use wharf_core::Switch;
///
/// let read_only = Switch::default();
/// let same = read_only.clone();
/// same.turn(true);
/// assert!(read_only.is_on());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Switch(Arc<AtomicBool>);

// === impl Switch ===

impl Switch {
    /// Whether it is on.
    pub fn is_on(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Turns it on or off.
    pub fn turn(&self, on: bool) {
        self.0.store(on, Ordering::Release);
    }
}

impl From<bool> for Switch {
    fn from(on: bool) -> Self {
        Self(Arc::new(AtomicBool::new(on)))
    }
}
