#![doc = include_str!("../README.md")]

mod blobs;
mod catalog;
mod children;
mod digests;
mod error;
#[cfg(test)]
mod fixture;
mod flat;
mod hints;
mod key;
mod layout;
mod links;
mod manifests;
mod mount;
mod namespace;
mod options;
mod page;
mod proven;
pub mod purge;
mod recent;
mod referrers;
mod sessions;
mod store;
mod tags;
pub mod tree;
mod turns;
mod uploads;
mod vault;

pub use key::upload_key;
pub use namespace::StorageNamespace;
pub use options::{ManifestPolicy, Options, PlatformFilter, Platforms, UrlPattern, UrlPolicy};
