//! Why an exchange did not take place.

use std::{fmt, net::IpAddr, time::Duration};

use http::Uri;

/// Why an exchange did not take place. The text names the server and never holds a secret.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URL is not one that can be asked.
    #[error("{0} is no URL of http or https")]
    Url(Server),
    /// The address is private, and nobody has allowed it.
    #[error("{server} is at the private address {address}, which may not be reached")]
    Private {
        /// Which server.
        server: Server,
        /// Where it is.
        address: IpAddr,
    },
    /// The name leads nowhere.
    #[error("cannot find {server}: {problem}")]
    Resolve {
        /// Which server.
        server: Server,
        /// What the system says.
        problem: String,
    },
    /// No connection was made.
    #[error("cannot connect to {server}: {problem}")]
    Connect {
        /// Which server.
        server: Server,
        /// What went wrong.
        problem: String,
    },
    /// The server was asked, and something broke.
    #[error("{server}: {problem}")]
    Exchange {
        /// Which server.
        server: Server,
        /// What went wrong.
        problem: String,
    },
    /// It took too long.
    #[error("{server} did not answer within {limit:?}")]
    TimedOut {
        /// Which server.
        server: Server,
        /// What it was given.
        limit: Duration,
    },
    /// The answer is larger than is taken.
    #[error("the answer of {server} is larger than {limit} bytes")]
    TooLarge {
        /// Which server.
        server: Server,
        /// The limit.
        limit: usize,
    },
    /// The server sends us somewhere that we do not go.
    #[error("{server} redirects to {to}: {problem}")]
    Redirect {
        /// Which server.
        server: Server,
        /// Where to.
        to: Server,
        /// Why not.
        problem: &'static str,
    },
    /// The client itself could not be made.
    #[error("TLS: {0}")]
    Tls(String),
    /// The proxy cannot be used.
    #[error("proxy: {0}")]
    Proxy(String),
}

/// A server as a message names it: scheme, host and port of a URL, and nothing else of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server(String);

// === impl Error ===

impl Error {
    pub(crate) fn exchange(url: &Uri, problem: impl fmt::Display) -> Self {
        Self::Exchange { server: Server::of(url), problem: problem.to_string() }
    }
}

// === impl Server ===

impl Server {
    pub(crate) fn of(url: &Uri) -> Self {
        let host = url.host().unwrap_or("a URL without a host");
        let scheme = url.scheme_str().map_or(String::new(), |scheme| format!("{scheme}://"));
        let port = url.port_u16().map_or(String::new(), |port| format!(":{port}"));
        Self(format!("{scheme}{host}{port}"))
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
