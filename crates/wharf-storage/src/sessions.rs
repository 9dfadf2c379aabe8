//! How many upload sessions a repository may have.
//!
//! To count them is to list them. So that is done only now and then, by whoever begins the next
//! session after many, and a repository that is full is so for a moment without another look. A limit
//! may be exceeded by as many sessions as are begun between two looks, by each server.

use std::{
    hash::{BuildHasher, RandomState},
    sync::Mutex,
    time::Duration,
};

use tokio::time::Instant;
use wharf_core::{ErrorKind, Result};
use wharf_driver::{Driver, ListRequest};
use wharf_reference::RepositoryName;

use crate::{error::StorageResult, layout};

/// What is known of the sessions of repositories. Strangers may share a slot; their sessions are only
/// looked at more often then.
pub(crate) struct Sessions {
    slots: Box<[Mutex<Slot>]>,
    hasher: RandomState,
}

#[derive(Default)]
struct Slot {
    /// How many were begun since the last look.
    begun: usize,
    /// Which repository is full, and until when nobody looks again.
    full: Option<(u64, Instant)>,
}

const SLOTS: u64 = 256;

/// The most sessions that are begun between two looks.
const STEP: usize = 256;

/// How long a repository that is full counts as full.
const FULL: Duration = Duration::from_secs(10);

// === impl Sessions ===

impl Sessions {
    /// Fails if a repository has as many sessions as it may.
    pub(crate) async fn admit(
        &self,
        driver: &dyn Driver,
        name: &RepositoryName,
        most: usize,
    ) -> Result<()> {
        let key = self.hasher.hash_one(name);
        let slot = &self.slots[usize::try_from(key % SLOTS).unwrap_or_default()];
        let full = || ErrorKind::TooManyUploads { repository: name.clone(), limit: most }.into();
        match slot.lock().expect("nobody panics with it").begin(key, most) {
            Next::Go => return Ok(()),
            Next::Full => return Err(full()),
            Next::Look => {}
        }
        let all = ListRequest { after: None, limit: most.max(1) };
        let listing = driver.list(&layout::uploads(name), all).await.stored()?;
        if listing.entries.len() < most {
            return Ok(());
        }
        slot.lock().expect("nobody panics with it").full = Some((key, Instant::now() + FULL));
        Err(full())
    }
}

impl Default for Sessions {
    fn default() -> Self {
        let slots = (0..SLOTS).map(|_| Mutex::default()).collect();
        Self { slots, hasher: RandomState::new() }
    }
}

// === impl Slot ===

/// What to do about a new session.
enum Next {
    Go,
    Look,
    Full,
}

impl Slot {
    fn begin(&mut self, key: u64, most: usize) -> Next {
        if self.full.is_some_and(|(full, until)| full == key && Instant::now() < until) {
            return Next::Full;
        }
        self.begun += 1;
        if self.begun < (most / 8).clamp(1, STEP) {
            return Next::Go;
        }
        // Who comes while this one looks need not look as well.
        self.begun = 0;
        Next::Look
    }
}

#[cfg(test)]
mod tests {
    use wharf_driver::{MemoryDriver, PutMode};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_repository_that_is_full_takes_no_more_until_it_is_not() {
        let (driver, sessions) = (MemoryDriver::new(), Sessions::default());
        let [name, other] = ["a", "b"].map(|name| RepositoryName::parse(name).unwrap());
        let begin = async |most| sessions.admit(&driver, &name, most).await;
        let mut begun = 0;
        while begin(20).await.is_ok() {
            let file = layout::uploads(&name).join(&begun.to_string()).unwrap();
            let file = file.join("startedat").unwrap();
            driver.put(&file, "".into(), PutMode::Overwrite).await.unwrap();
            begun += 1;
            assert!(begun < 100);
        }
        assert!((20..24).contains(&begun), "{begun}");
        assert!(sessions.admit(&driver, &other, 20).await.is_ok());
        driver.delete_below(&layout::uploads(&name)).await.unwrap();
        let error = begin(20).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::TooManyUploads { limit: 20, .. }));
        tokio::time::advance(FULL).await;
        assert!(begin(20).await.is_ok());
    }
}
