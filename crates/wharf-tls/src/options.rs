//! What a server wants of TLS.

use std::path::PathBuf;

/// What a server wants of TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// A PEM file with the certificate of the server, and those of the authorities between it and the
    /// root behind it.
    pub certificate: PathBuf,
    /// A PEM file with the private key of the certificate; it may be the same file.
    pub key: PathBuf,
    /// Whether the files may be missing at first. Nobody is served before they are there.
    pub awaited: bool,
    /// The oldest version that is spoken.
    pub minimum: Version,
    /// The cipher suites that are offered, by the names that Go has for them; all that there are if
    /// none is named. Their order has no meaning. TLS 1.3 keeps all of its own unless one of them is
    /// named.
    pub suites: Vec<String>,
    /// Whose certificates clients are to show.
    pub clients: Option<Clients>,
    /// Whether HTTP/2 can be agreed on, besides HTTP/1.1.
    pub http2: bool,
}

/// Whose certificates clients are to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clients {
    /// PEM files with the certificates of authorities.
    pub authorities: Vec<PathBuf>,
    /// Whether clients can do without.
    pub demand: Demand,
}

/// Whether clients can do without a certificate. One that is shown has to be right in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Demand {
    /// They can.
    IfGiven,
    /// They cannot.
    #[default]
    Always,
}

/// A version of the protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// TLS 1.2.
    #[default]
    Tls12,
    /// TLS 1.3.
    Tls13,
}

// === impl Options ===

impl Options {
    /// Everything that is safe, with this certificate and key.
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self {
            certificate: certificate.into(),
            key: key.into(),
            awaited: false,
            minimum: Version::default(),
            suites: Vec::new(),
            clients: None,
            http2: true,
        }
    }
}
