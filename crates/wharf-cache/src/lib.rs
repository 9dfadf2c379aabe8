//! Bounded caches of blob descriptors and of small content, which never decide whether a blob exists.
//!
//! Asking a backend for the size of a blob is a round trip to an object store, or a system call;
//! [`MokaDescriptorCache`] remembers the answer in this process. Whoever asks it has just read the
//! link of the blob, and whoever unlinks one clears it: see
//! [`BlobDescriptorService`](wharf_core::BlobDescriptorService).
//!
//! [`ContentCache`] keeps what small content was made into, and answers that were made of several files, for
//! those who have just been told by the store that all of it is there.
//!
//! ```
//! use wharf_cache::MokaDescriptorCache;
//! use wharf_core::BlobDescriptorService;
//! use wharf_digest::Digest;
//! use wharf_manifest::{Descriptor, MediaType};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let cache = MokaDescriptorCache::new(10_000);
//! let digest = Digest::sha256(b"hello");
//! let found = async { Ok(Descriptor::new(MediaType::octet_stream(), digest, 5)) };
//! assert_eq!(cache.get_or_load(&digest, Box::pin(found)).await?.size, 5);
//! assert!(cache.get(&digest).await.is_some());
//! # Ok::<(), wharf_core::Error>(())
//! # });
//! ```

mod content;
mod epochs;
mod memory;

pub use content::ContentCache;
pub use memory::MokaDescriptorCache;
