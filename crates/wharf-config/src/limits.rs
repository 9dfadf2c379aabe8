//! How much of the server its clients may take up: the keys of `http.limits` that count.

use std::num::NonZeroU32;

use crate::{ConfigError, section::Section};

/// How much of the server its clients may take up. Where a key is 0, there is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientLimits {
    /// `connections`: how many there may be at a time; idle ones make room for others.
    pub connections: Option<NonZeroU32>,
    /// `connectionsperaddress`: how many a client may have that is no trusted proxy.
    pub connections_per_address: Option<NonZeroU32>,
    /// `requests`: how many there may be at a time.
    pub requests: Option<NonZeroU32>,
    /// `requestsperaddress`: how many of one client.
    pub requests_per_address: Option<NonZeroU32>,
    /// `requestsperprincipal`: how many of one user.
    pub requests_per_principal: Option<NonZeroU32>,
    /// `uploadrate`: the bytes per second that a client has to send at least.
    pub upload_rate: u64,
    /// `downloadrate`: the bytes per second that a client has to take at least.
    pub download_rate: u64,
    /// `streams`: how many requests at a time one connection with HTTP/2 may have.
    pub streams: NonZeroU32,
    /// `headers`: how many a request may have.
    pub headers: NonZeroU32,
    /// `uploads`: how many upload sessions a repository may have.
    pub uploads: Option<NonZeroU32>,
}

// === impl ClientLimits ===

const fn number(number: u32) -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(number - 1)
}

impl ClientLimits {
    pub(crate) fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let most = |key, default| match section.value::<u32>(key)? {
            Some(most) => Ok(NonZeroU32::new(most)),
            None => Ok(default),
        };
        let some = |key, default| section.value_or(key, default);
        let default = Self::default();
        Ok(Self {
            connections: most("connections", default.connections)?,
            connections_per_address: most(
                "connectionsperaddress",
                default.connections_per_address,
            )?,
            requests: most("requests", default.requests)?,
            requests_per_address: most("requestsperaddress", default.requests_per_address)?,
            requests_per_principal: most("requestsperprincipal", default.requests_per_principal)?,
            upload_rate: section.value_or("uploadrate", default.upload_rate)?,
            download_rate: section.value_or("downloadrate", default.download_rate)?,
            streams: some("streams", default.streams)?,
            headers: some("headers", default.headers)?,
            uploads: most("uploads", default.uploads)?,
        })
    }
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            connections: Some(number(10_000)),
            connections_per_address: Some(number(2000)),
            requests: Some(number(10_000)),
            requests_per_address: Some(number(1000)),
            requests_per_principal: Some(number(5000)),
            upload_rate: 512,
            download_rate: 512,
            streams: number(128),
            headers: number(100),
            uploads: Some(number(10_000)),
        }
    }
}
