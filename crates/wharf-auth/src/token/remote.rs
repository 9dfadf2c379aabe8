//! A set of keys that somebody else publishes, fetched again and again.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::jwks::Jwks;

/// Fetches a JWK set.
#[async_trait]
pub trait KeySource: Send + Sync {
    /// The set, in JSON. The error says what went wrong, and holds no secret.
    async fn fetch(&self) -> Result<Vec<u8>, String>;
}

/// The set as it was fetched last.
pub(crate) struct Remote {
    source: Arc<dyn KeySource>,
    refresh: Duration,
    current: RwLock<Current>,
    /// When it was tried last; held by whoever fetches.
    tried: Mutex<Option<Instant>>,
}

#[derive(Clone, Default)]
struct Current {
    keys: Option<Arc<Jwks>>,
    fetched: Option<Instant>,
    generation: u64,
}

/// How long a set is used if it cannot be fetched again.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// The least time between two attempts, whoever asks for whatever key.
const PAUSE: Duration = Duration::from_secs(10);

// === impl Remote ===

impl Remote {
    pub(crate) fn new(source: Arc<dyn KeySource>, refresh: Duration) -> Self {
        let (current, tried) = (RwLock::default(), Mutex::default());
        Self { source, refresh, current, tried }
    }

    /// Grows with every change of the keys.
    pub(crate) fn generation(&self) -> u64 {
        self.current.read().unwrap_or_else(PoisonError::into_inner).generation
    }

    /// Whether it is time to fetch the set again.
    pub(crate) fn is_due(&self) -> bool {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.fetched.is_none_or(|fetched| fetched.elapsed() >= self.refresh)
    }

    /// The set, fetched if it is too old; `None` if there is none that could still be used.
    pub(crate) async fn keys(&self) -> Option<Arc<Jwks>> {
        if self.is_due() {
            self.fetch_again().await;
        }
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let usable = current.fetched.is_some_and(|at| at.elapsed() < LONGEST.max(self.refresh));
        current.keys.clone().filter(|_| usable)
    }

    /// Fetches the set, unless that was tried a moment ago: also because a key is not in it.
    pub(crate) async fn fetch_again(&self) {
        let mut tried = self.tried.lock().await;
        if tried.is_some_and(|tried| tried.elapsed() < PAUSE) {
            return;
        }
        let fetched = self.source.fetch().await.and_then(|json| Jwks::parse(&json));
        *tried = Some(Instant::now());
        match fetched {
            Ok(mut keys) => {
                // A secret that is published is none.
                keys.0.retain(|(_, key)| !key.is_secret());
                self.replace(keys);
            }
            Err(problem) => {
                tracing::error!("the keys of the token server are not to be had: {problem}")
            }
        }
    }

    /// A key that is no longer in the set is no longer trusted.
    fn replace(&self, keys: Jwks) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        current.fetched = Some(Instant::now());
        if current.keys.as_deref() != Some(&keys) {
            current.keys = Some(Arc::new(keys));
            current.generation += 1;
        }
    }
}
