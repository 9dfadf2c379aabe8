//! How much of the server its clients may take up.

/// How much of the server its clients may take up. `None` and 0 stand for no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most connections at a time. Whoever comes when there are as many waits for a place, and
    /// connections without a request make room.
    pub connections: Option<usize>,
    /// The most connections of one address, which proxies that are trusted may exceed. Others are
    /// closed at once.
    pub connections_per_address: Option<usize>,
    /// The most requests that are answered at a time.
    pub requests: Option<usize>,
    /// The most requests of one address: that of the client, where a trusted proxy tells it.
    pub requests_per_address: Option<usize>,
    /// The most requests of one user.
    pub requests_per_principal: Option<usize>,
    /// The least that a client has to send of a body, in bytes per second, over the time of
    /// [`Timeouts::body_stall`](crate::Timeouts::body_stall).
    pub upload_rate: u64,
    /// The least that a client has to take of answers, in bytes per second, over the time of
    /// [`Timeouts::write_stall`](crate::Timeouts::write_stall).
    pub download_rate: u64,
    /// The most requests at a time of one connection that speaks HTTP/2.
    pub streams: u32,
    /// The most headers of a request.
    pub headers: usize,
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: Some(10_000),
            connections_per_address: Some(2000),
            requests: Some(10_000),
            requests_per_address: Some(1000),
            requests_per_principal: Some(5000),
            upload_rate: 512,
            download_rate: 512,
            streams: 128,
            headers: 100,
        }
    }
}
