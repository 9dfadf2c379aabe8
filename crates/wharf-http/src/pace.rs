//! Holds a client that we wait for against a least rate.
//!
//! Only time counts in which it is the client that lets us wait, and only over a window that is long
//! enough for a bad line: who sends little for a while and then more is none to be cut.

use std::time::Duration;

/// What a client has sent in the time that we waited for it.
#[derive(Debug)]
pub(crate) struct Pace {
    window: Duration,
    least: u64,
    waited: Duration,
    came: u64,
}

// === impl Pace ===

impl Pace {
    /// At least `rate` bytes per second, over a window.
    pub(crate) fn new(rate: u64, window: Duration) -> Self {
        Self { window, least: least(rate, window), waited: Duration::ZERO, came: 0 }
    }

    /// So many bytes came after so long. Whether that is fast enough.
    pub(crate) fn keeps(&mut self, came: usize, waited: Duration) -> bool {
        self.came = self.came.saturating_add(came as u64);
        self.waited = self.waited.saturating_add(waited);
        if self.waited < self.window {
            return true;
        }
        let fast = self.came >= self.least;
        (self.waited, self.came) = (Duration::ZERO, 0);
        fast
    }
}

/// The bytes that a rate comes to in a window.
pub(crate) fn least(rate: u64, window: Duration) -> u64 {
    let bytes = u128::from(rate) * window.as_millis() / 1000;
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn drips(rate: u64, bytes: usize, every: Duration) -> bool {
        let mut pace = Pace::new(rate, MINUTE);
        (0..1000).all(|_| pace.keeps(bytes, every))
    }

    #[test]
    fn a_slow_client_is_served_and_one_that_drips_is_not() {
        assert!(drips(512, 3000, Duration::from_secs(1)));
        assert!(drips(512, 40_000, Duration::from_secs(59)));
        assert!(!drips(512, 1, Duration::from_secs(10)));
        assert!(!drips(512, 1000, Duration::from_secs(59)));
        assert!(drips(0, 1, Duration::from_secs(59)));
    }

    #[test]
    fn our_own_time_does_not_count() {
        let mut pace = Pace::new(512, MINUTE);
        assert!((0..1_000_000).all(|_| pace.keeps(1, Duration::ZERO)));
    }
}
