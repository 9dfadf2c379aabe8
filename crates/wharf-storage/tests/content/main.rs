//! Blobs and upload sessions of a local registry, over the in-memory and the filesystem driver.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod blobs;
mod faults;
mod memory;
mod model;
mod mount;
mod purge;
mod sessions;
mod support;
