//! `storage.cache` → the descriptor cache.

use std::sync::Arc;

use wharf_cache::MokaDescriptorCache;
use wharf_config::{CacheSize, Storage};
use wharf_core::BlobDescriptorCache;

pub(crate) const KEYS: &[&str] = &[
    "storage.cache.blobdescriptor",
    "storage.cache.layerinfo",
    "storage.cache.blobdescriptorsize",
];

/// The cache that is configured, if one is.
pub(crate) fn cache(storage: &Storage) -> Option<Arc<dyn BlobDescriptorCache>> {
    let entries = match storage.cache? {
        CacheSize::Entries(entries) => i64::try_from(entries.get()).unwrap_or(i64::MAX),
        CacheSize::Unlimited => 0,
    };
    Some(Arc::new(MokaDescriptorCache::new(entries)))
}
