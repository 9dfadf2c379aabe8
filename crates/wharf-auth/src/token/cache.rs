//! Tokens that were found genuine.

use std::sync::Arc;

use moka::sync;
use wharf_digest::Digest;

use super::claims::Verified;

/// Tokens that were found genuine, by their hash. A change of the keys makes them strangers.
pub(crate) struct Cache(sync::Cache<Digest, (u64, Arc<Verified>)>);

/// The most tokens that are remembered. Each is as large as what it grants.
const MOST: u64 = 10_000;

// === impl Cache ===

impl Cache {
    pub(crate) fn hash(token: &str) -> Digest {
        Digest::sha256(token.as_bytes())
    }

    /// What was found, with keys of this generation.
    pub(crate) fn get(&self, hash: &Digest, generation: u64) -> Option<Arc<Verified>> {
        let (of, verified) = self.0.get(hash)?;
        (of == generation).then_some(verified)
    }

    pub(crate) fn put(&self, hash: Digest, generation: u64, verified: &Arc<Verified>) {
        self.0.insert(hash, (generation, Arc::clone(verified)));
    }
}

impl Default for Cache {
    fn default() -> Self {
        Self(sync::Cache::new(MOST))
    }
}
