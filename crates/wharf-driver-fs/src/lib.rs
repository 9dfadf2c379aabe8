//! A storage driver over a directory that survives crashes and power cuts.
//!
//! [`FsDriver`] keeps content as plain files below one folder, at the paths that it is given, so
//! that the tree can be read, copied and backed up with ordinary tools.
//!
//! - Small content is written to a temporary file, synced, and renamed or linked to its name; then
//!   the folder, and every folder above it that may be new, is synced.
//! - An upload grows in its session folder and is linked to its target, so that publishing four
//!   gigabytes costs as much as publishing four bytes.
//! - The folder `.wharf` below the root holds temporary files, what is being removed, and a marker for
//!   each driver that writes. It is hidden, and may be deleted while no driver runs.
//! - A list is current, however many drivers write below the root. A program that writes without a
//!   driver, in the same moments and the same folder as a driver, may be seen some seconds later.
//! - What is read again and again is kept, while the kernel tells of every change (inotify(7)): what
//!   another program removes or replaces is gone for the next read all the same. Whoever has made
//!   something of several files can have them watched together.
//! - What the kernel has in memory is read at once, on the thread that asks; whatever may wait for a
//!   disk goes to a blocking thread.
//! - No symlink leads out of the root.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use wharf_driver::{Driver, PutMode, StoragePath};
//! use wharf_driver_fs::{FsDriver, Options};
//!
//! # let folder = tempfile::tempdir()?;
//! # let root = folder.path();
//! let driver = FsDriver::new(root, Options::default())?;
//! let path = StoragePath::parse("notes/hello")?;
//! driver.put(&path, "hello".into(), PutMode::Overwrite).await?;
//! assert_eq!(std::fs::read(root.join("notes/hello"))?, b"hello");
//! # Ok(())
//! # }
//! ```

mod checkpoint;
mod crowd;
mod direct;
mod disk;
mod driver;
mod durable;
mod each;
mod fault;
mod folder;
mod identity;
mod kept;
mod listing;
mod names;
mod order;
mod place;
mod private;
mod ready;
mod remove;
mod running;
mod session;
mod shared;
pub mod trace;
mod unsettled;
mod upload;
mod watch;
mod writable;
mod writers;

pub use driver::{FsDriver, Options};
