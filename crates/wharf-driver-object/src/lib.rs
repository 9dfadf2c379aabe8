//! Storage of a registry in an object store: S3, Azure Blob, Google Cloud Storage, or memory.
//!
//! An [`ObjectDriver`] is a [`Driver`](wharf_driver::Driver) over a [`Store`]: an
//! [`ObjectStore`](object_store::ObjectStore), and what that leaves out as small seams, each of which
//! may be absent: pages of a list, [`Assemble`] (make one object of several, inside of the store),
//! [`Orphans`] (multipart uploads that nobody finished), and a signer. What a cloud's crate has to do
//! is to build the store from its parameters and to implement the seams.
//!
//! ```
//! use std::sync::Arc;
//!
//! use object_store::memory::InMemory;
//! use wharf_driver::{Driver, Error, PutMode, StoragePath};
//! use wharf_driver_object::{ObjectDriver, Options, Store};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Error> {
//! let store = Store::new(Arc::new(InMemory::new()));
//! let driver = ObjectDriver::new("memory", store, Options::default())?;
//! let path = StoragePath::parse("a/link").expect("a valid path");
//! driver.put(&path, "hello".into(), PutMode::Create).await?;
//! assert_eq!(driver.get(&path, 64).await?, "hello");
//! # Ok(())
//! # }
//! ```
//!
//! An upload is a chain of records in the store, of which each is created if it is absent: any process
//! takes up any session, and of several that do so the first to save goes on (`chain.rs`). Its bytes
//! are objects of the session until they are assembled at their place. This was preferred to one
//! multipart upload that writers hand on: there, a writer that wakes up late replaces a part of its
//! successor, as parts are known by number only; and what is abandoned is billed without being seen.
//!
//! Keys are the prefix, then the path: exactly what docker/distribution writes.

// What is asked of a store, and how.
mod error;
mod objects;
mod options;
mod probe;
mod seams;

// Uploads.
mod assemble;
mod buffer;
mod chain;
mod direct;
mod hashed;
mod orphans;
mod pieces;
mod record;
mod upload;

// The driver.
mod driver;
mod flat;
mod listing;
mod tap;

pub use assemble::ReadBack;
pub use driver::ObjectDriver;
pub use error::kind_of;
pub use hashed::{Hashed, sending};
pub use options::Options;
pub use probe::{Act, Unusable, probe};
pub use seams::{Assemble, Orphan, OrphanPage, Orphans, Piece, Sign, Store};
