//! What a client may do.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use crate::{Proxy, Reach, Resolve, SystemResolver};

/// What a [`Client`](crate::Client) may do.
#[derive(Clone)]
pub struct Options {
    /// Which addresses it may connect to.
    pub reach: Reach,
    /// How long a connection may take to be made, its TLS included.
    pub connect_timeout: Duration,
    /// How long a whole exchange may take, redirects and the body of the answer included.
    pub timeout: Duration,
    /// The largest body of an answer, in bytes.
    pub max_body: usize,
    /// How many redirects are followed.
    pub max_redirects: usize,
    /// Through which proxy it goes, if through any. Names are then resolved by the proxy, so that
    /// only the addresses in URLs are held against `reach`.
    pub proxy: Option<Proxy>,
    /// PEM files of certificate authorities that are trusted besides those of the system.
    pub authorities: Vec<PathBuf>,
    /// Finds the addresses of names.
    pub resolver: Arc<dyn Resolve>,
    /// What it calls itself.
    pub user_agent: String,
    /// Whether it speaks HTTP/2 only, without asking whether the server does: as gRPC wants it.
    pub http2_only: bool,
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self {
            reach: Reach::public(),
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
            max_body: 1 << 20,
            max_redirects: 3,
            proxy: None,
            authorities: Vec::new(),
            resolver: Arc::new(SystemResolver),
            user_agent: concat!("wharf/", env!("CARGO_PKG_VERSION")).to_owned(),
            http2_only: false,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("reach", &self.reach)
            .field("connect_timeout", &self.connect_timeout)
            .field("timeout", &self.timeout)
            .field("max_body", &self.max_body)
            .field("max_redirects", &self.max_redirects)
            .field("proxy", &self.proxy)
            .field("authorities", &self.authorities)
            .field("http2_only", &self.http2_only)
            .finish_non_exhaustive()
    }
}
