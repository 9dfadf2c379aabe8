//! Where redis is, and how long it is waited for.

use std::{fmt, path::PathBuf, time::Duration};

/// Where redis is, and how long it is waited for.
#[derive(Clone, PartialEq)]
pub struct Options {
    /// `HOST:PORT` of the server; of the sentinels, if there is a `master_name`; of some nodes of a
    /// cluster, if there are several without one.
    pub addresses: Vec<String>,
    /// What the sentinels call the server.
    pub master_name: Option<String>,
    /// The number of the database; a cluster has none but 0.
    pub db: u32,
    /// Who we are to redis.
    pub username: Option<String>,
    /// Its proof.
    pub password: Option<String>,
    /// Who we are to the sentinels.
    pub sentinel_username: Option<String>,
    /// Its proof.
    pub sentinel_password: Option<String>,
    /// `Some` to speak TLS.
    pub tls: Option<Tls>,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// How many descriptors are kept in memory besides; not positive for any number of them.
    pub memory: i64,
}

/// The files of TLS, in PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// The certificate and the key by which we prove who we are.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Who vouches for redis, instead of those whom the system trusts.
    pub authorities: Vec<PathBuf>,
}

/// Why redis cannot be used as it was configured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No address is given.
    #[error("no address of redis is given")]
    NoAddress,
    /// An address is none.
    #[error("{0:?} is no address of redis, expected HOST:PORT")]
    Address(String),
    /// A file cannot be read.
    #[error("cannot read {file}: {source}")]
    File {
        /// Which.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Anything else.
    #[error("{0}")]
    Refused(String),
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            master_name: None,
            db: 0,
            username: None,
            password: None,
            sentinel_username: None,
            sentinel_password: None,
            tls: None,
            connect_timeout: Duration::from_secs(2),
            timeout: Duration::from_millis(500),
            memory: 10_000,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("addresses", &self.addresses)
            .field("master_name", &self.master_name)
            .field("db", &self.db)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}
