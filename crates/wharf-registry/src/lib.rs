#![doc = include_str!("../README.md")]

mod check;
mod control;
mod debug;
mod error;
mod health;
pub mod mapping;
mod named;
mod namespace;
mod purger;
mod server;
mod store;
#[cfg(feature = "otel")]
mod traces;
#[cfg(not(feature = "otel"))]
#[path = "traces/off.rs"]
mod traces;

pub use wharf_api as api;
pub use wharf_auth as auth;
pub use wharf_cache as cache;
pub use wharf_config as config;
pub use wharf_content as content;
pub use wharf_core as core;
pub use wharf_digest as digest;
pub use wharf_driver as driver;
pub use wharf_driver_fs as driver_fs;
pub use wharf_http as http;
pub use wharf_maintenance as maintenance;
pub use wharf_manifest as manifest;
pub use wharf_metrics as metrics;
pub use wharf_notifications as notifications;
pub use wharf_reference as reference;
pub use wharf_storage as storage;
pub use wharf_tls as tls;

pub use check::check;
pub use control::Control;
pub use error::Error;
pub use mapping::issuer::robots;
pub use named::{unfit, unusable};
pub use namespace::NamespaceBuilder;
pub use server::{Server, ServerBuilder};
pub use store::open_store;

/// The examples of the project's front page compile.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct FrontPage;
