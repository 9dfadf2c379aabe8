//! From the keys of a configuration to the options of each crate, one file for each.
//!
//! Each file names the keys it reads; a test holds them against the schema, so that no key is read by
//! nobody.

pub(crate) mod acme;
pub(crate) mod auth;
pub(crate) mod cache;
pub(crate) mod debug;
pub(crate) mod driver;
pub(crate) mod health;
pub(crate) mod http;
mod identities;
pub(crate) mod issuer;
pub(crate) mod middleware;
pub(crate) mod notifications;
mod published;
pub(crate) mod purge;
pub(crate) mod server;
pub(crate) mod storage;
pub(crate) mod stores;
pub(crate) mod tls;

pub use driver::open as open_driver;

/// The paths of all keys that take effect in here. What is missing is for the program: how it logs.
pub fn keys() -> impl Iterator<Item = &'static str> {
    [
        &["version"],
        acme::KEYS,
        auth::KEYS,
        cache::KEYS,
        debug::KEYS,
        driver::KEYS,
        health::KEYS,
        http::KEYS,
        issuer::KEYS,
        middleware::KEYS,
        notifications::KEYS,
        purge::KEYS,
        server::KEYS,
        storage::KEYS,
        stores::KEYS,
        stores::S3_KEYS,
        tls::KEYS,
    ]
    .into_iter()
    .flatten()
    .copied()
}
