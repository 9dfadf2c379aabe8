//! The contract of descriptor caches.

use wharf_cache::MokaDescriptorCache;

wharf_testkit::cache_suite!(bounded, new: async { MokaDescriptorCache::default() });
wharf_testkit::cache_suite!(unbounded, new: async { MokaDescriptorCache::new(0) });
