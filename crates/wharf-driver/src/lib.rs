#![doc = include_str!("../README.md")]

mod adapters;
mod driver;
mod error;
mod memory;
mod path;
mod upload;

pub use adapters::{Checked, Limited, Named, Prefixed};
pub use driver::{
    Capabilities, Contents, Driver, Entry, EntryKind, File, ListRequest, Listing, Metadata, Opened,
    PresignRequest, Put, PutMode, PutOutcome, Ready, Unchanged, put_each_in_order,
};
pub use error::{Error, ErrorKind, Result};
pub use memory::MemoryDriver;
pub use path::{InvalidPath, StoragePath};
pub use upload::{Checkpoint, Published, Upload, append_beside, hash, hashing};
