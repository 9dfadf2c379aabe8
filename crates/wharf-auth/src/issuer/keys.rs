//! The keys that sign tokens: one for each stretch of time, made by whoever needs it first.
//!
//! A key has the number of its time as its name, and is created only if it is absent: replicas agree
//! on it without talking to each other. It signs for as long as its time lasts, and verifies for as
//! long as something that it has signed may be good.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use wharf_digest::hmac;
use wharf_driver::PutMode;

use super::Drawer;
use crate::{
    Rejection,
    token::{Signer, TokenError, key::Key},
};

/// The keys.
pub(crate) struct Keys {
    drawer: Drawer,
    rotation: Duration,
    longest: Duration,
    known: Mutex<HashMap<u64, Known>>,
}

/// A key.
pub(crate) struct Pair {
    pub(crate) epoch: u64,
    pub(crate) signer: Signer,
    pub(crate) public: Key,
    /// Binds tokens to passwords.
    secret: [u8; 32],
}

/// What is known of a key, `None` if there is none.
struct Known {
    pair: Option<Arc<Pair>>,
    read: Instant,
}

/// How long nobody looks whether a key is still there. A key that is removed counts no more then.
const AGAIN: Duration = Duration::from_secs(60);

/// The same, for a key that was not there.
const MISSING_AGAIN: Duration = Duration::from_secs(5);

// === impl Keys ===

impl Keys {
    /// Keys in this drawer, each of which signs for a time; nothing that they sign is good for longer
    /// than `longest`.
    pub(crate) fn new(drawer: Drawer, rotation: Duration, longest: Duration) -> Self {
        Self { drawer, rotation, longest, known: Mutex::default() }
    }

    /// The key that signs now; made if it is not there.
    pub(crate) async fn current(&self, now: SystemTime) -> Result<Arc<Pair>, Rejection> {
        let epoch = self.epoch(now);
        if let Some(pair) = self.find(epoch, now).await? {
            return Ok(pair);
        }
        let key = Signer::generate().map_err(|error| unavailable(&error))?;
        let name = name(epoch);
        let made = self.drawer.put(&name, Bytes::from(key), PutMode::Create).await;
        made.map_err(|error| unavailable(&error))?;
        tracing::info!(name, "a key for tokens was made");
        self.known().remove(&epoch);
        // Another replica may have been first.
        let pair = self.find(epoch, now).await?;
        self.forget_old(epoch).await;
        pair.ok_or_else(|| unavailable(&"the key for tokens vanished"))
    }

    /// The key of a time, if something that it has signed may be good.
    pub(crate) async fn find(
        &self,
        epoch: u64,
        now: SystemTime,
    ) -> Result<Option<Arc<Pair>>, Rejection> {
        // The clock of a replica may be ahead of ours.
        let present = self.epoch(now);
        if epoch < self.oldest(present) || epoch > present + 1 {
            return Ok(None);
        }
        if let Some(known) = self.known().get(&epoch) {
            let again = if known.pair.is_some() { AGAIN } else { MISSING_AGAIN };
            if known.read.elapsed() < again {
                return Ok(known.pair.clone());
            }
        }
        let key = self.drawer.get(&name(epoch)).await.map_err(|error| unavailable(&error))?;
        let pair = key.map(|key| Pair::read(epoch, &key).map(Arc::new)).transpose()?;
        let known = Known { pair: pair.clone(), read: Instant::now() };
        let mut all = self.known();
        all.retain(|other, _| *other >= self.oldest(present));
        all.insert(epoch, known);
        Ok(pair)
    }

    /// Removes the keys that verify nothing any more, as far as that is done easily.
    async fn forget_old(&self, present: u64) {
        let oldest = self.oldest(present);
        for epoch in oldest.saturating_sub(4)..oldest {
            let _ = self.drawer.forget(&name(epoch)).await;
        }
    }

    fn epoch(&self, now: SystemTime) -> u64 {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        now.as_secs() / self.rotation.as_secs().max(1)
    }

    /// The oldest key that may have signed something that is good.
    fn oldest(&self, present: u64) -> u64 {
        let others = self.longest.as_secs().div_ceil(self.rotation.as_secs().max(1)) + 1;
        present.saturating_sub(others)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Pair ===

impl Pair {
    fn read(epoch: u64, key: &[u8]) -> Result<Self, Rejection> {
        let damaged = |_: TokenError| unavailable(&format!("{} is damaged", name(epoch)));
        let signer = Signer::new(key).map_err(damaged)?;
        let public = signer.public().map_err(damaged)?;
        let secret = hmac::sign(key, &[b"wharf token stamp 1"]);
        Ok(Self { epoch, signer, public, secret })
    }

    /// The name of the key in a token.
    pub(crate) fn id(&self) -> String {
        format!("{}.{}", self.epoch, self.signer.id())
    }

    /// The time of the key that has this name.
    pub(crate) fn epoch_of(id: &str) -> Option<u64> {
        id.split_once('.')?.0.parse().ok()
    }

    pub(crate) fn secret(&self) -> &[u8] {
        &self.secret
    }
}

fn name(epoch: u64) -> String {
    format!("key-{epoch}")
}

fn unavailable(problem: &dyn std::fmt::Display) -> Rejection {
    Rejection::Unavailable(format!("the keys for tokens are not to be had: {problem}"))
}
