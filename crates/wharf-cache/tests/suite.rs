//! The contract of descriptor caches, and the bounds of this one.

use wharf_cache::MokaDescriptorCache;
use wharf_core::BlobDescriptorService;
use wharf_digest::Digest;
use wharf_manifest::{Descriptor, MediaType};

wharf_testkit::cache_suite!(bounded, new: async { MokaDescriptorCache::default() });
wharf_testkit::cache_suite!(unbounded, new: async { MokaDescriptorCache::new(0) });
