//! Looks after the store of a registry: collects its garbage, checks it, and sees to it that nobody
//! does so while a server writes.
//!
//! ```
//! use std::sync::Arc;
//!
//! use wharf_driver::MemoryDriver;
//! use wharf_maintenance::gc::{self, Finding, Options, Progress, Watch};
//!
//! struct Nobody;
//!
//! impl Watch for Nobody {
//!     fn is_verbose(&self) -> bool {
//!         false
//!     }
//!     fn lines(&self, _: &str) {}
//!     fn finding(&self, _: &Finding) {}
//!     fn progress(&self, _: Progress) {}
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = Arc::new(MemoryDriver::new());
//! let report = gc::collect(store, Options::default(), Arc::new(Nobody)).await?;
//! assert_eq!(report.blobs, 0);
//! # Ok(())
//! # }
//! ```

mod folders;
pub mod fsck;
pub mod gc;
pub mod lease;
mod links;
mod manifests;
mod marks;
mod work;
