//! How a registry is to be served.

use std::time::Duration;

use ipnet::IpNet;
use wharf_core::Switch;

use crate::Limits;

/// The options of an [`App`](crate::App) and of the connections that [`serve`](crate::serve())
/// accepts for it.
#[derive(Clone)]
pub struct Options {
    /// The key of the upload state; whoever knows it can forge one. Replicas share it.
    pub upload_key: Vec<u8>,
    /// The base of every URL that is handed out (`https://registry.example.com`), prefix included.
    /// Without it the base is taken from the request.
    pub host: Option<String>,
    /// The path below which the API is served; empty or `/` for the root.
    pub prefix: String,
    /// Hand out paths instead of URLs. Ignored if `host` is set.
    pub relative_urls: bool,
    /// The networks of the proxies that may say, by `Forwarded` or `X-Forwarded-*`, where a client
    /// believes to be; `None` for anybody. Clients of a socket file always may.
    pub trusted_proxies: Option<Vec<IpNet>>,
    /// Headers that every answer of the API carries.
    pub headers: Vec<(String, String)>,
    /// Whether manifests, tags and blobs can be deleted.
    pub delete: bool,
    /// Refuse everything that changes the registry, as long as this is on.
    pub read_only: Switch,
    /// Say in the context of each request that changes something how its client came, as long as this
    /// is on.
    pub origins: Switch,
    /// The same for requests that read.
    pub origins_of_reads: Switch,
    /// Send clients to the backend for blobs, where it offers that.
    pub redirect: bool,
    /// The largest manifest that is taken, in bytes.
    pub max_manifest_bytes: u64,
    /// The largest `n` of a page of tags; a larger one counts as this.
    pub max_tags: usize,
    /// The largest `n` of a page of the catalog; a larger one is refused.
    pub catalog_max_entries: usize,
    /// The memory that all readers of files share, in bytes. What one of them may use shrinks as
    /// their number grows.
    pub read_memory: u64,
    /// Whether HTTP/2 is spoken besides HTTP/1.1, by clients who know that or agreed on it by TLS.
    pub http2: bool,
    /// The most bytes of a request's line and headers.
    pub max_header_bytes: usize,
    /// The time-outs of a connection.
    pub timeouts: Timeouts,
    /// How much clients may take up.
    pub limits: Limits,
}

/// How long a client may let us wait.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For the whole header of a request; over HTTP/1.1 also for the next request.
    pub header: Duration,
    /// For the next request, on a connection without one.
    pub idle: Duration,
    /// For the next byte of a request's body.
    pub body_stall: Duration,
    /// For the client to take the next byte of an answer.
    pub write_stall: Duration,
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self {
            upload_key: Vec::new(),
            host: None,
            prefix: String::new(),
            relative_urls: false,
            trusted_proxies: None,
            headers: Vec::new(),
            delete: false,
            read_only: Switch::default(),
            origins: Switch::default(),
            origins_of_reads: Switch::default(),
            redirect: true,
            max_manifest_bytes: 4 << 20,
            max_tags: 1000,
            catalog_max_entries: 1000,
            read_memory: 64 << 20,
            http2: true,
            max_header_bytes: 64 << 10,
            timeouts: Timeouts::default(),
            limits: Limits::default(),
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("host", &self.host)
            .field("prefix", &self.prefix)
            .field("delete", &self.delete)
            .field("read_only", &self.read_only)
            .field("http2", &self.http2)
            .field("timeouts", &self.timeouts)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

// === impl Timeouts ===

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(30),
            idle: Duration::from_secs(120),
            body_stall: Duration::from_secs(60),
            write_stall: Duration::from_secs(60),
        }
    }
}
