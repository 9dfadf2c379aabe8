//! Why a registry could not be put together.

use std::io;

use wharf_config::ConfigError;
use wharf_driver_cloud::Refused;

/// Why a registry could not be put together. The message names what was configured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value of the configuration cannot be used.
    #[error(transparent)]
    Configuration(#[from] ConfigError),
    /// The store cannot be opened.
    #[error("cannot open the store {place}: {source}")]
    Store {
        /// What it is called in the configuration.
        place: String,
        /// What the system says.
        source: io::Error,
    },
    /// The object store cannot be used as it is configured.
    #[error("storage.{driver}.{refused}")]
    Refused {
        /// What it is called in the configuration.
        driver: &'static str,
        /// The parameter, and what the store answered.
        refused: Refused,
    },
    /// Clients cannot be sent where the configuration says.
    #[error("middleware.{key}: {problem}")]
    Middleware {
        /// What of the section is wrong.
        key: String,
        /// Why.
        problem: String,
    },
    /// The store can be opened, but not used.
    #[error("cannot use the store: {0}")]
    Storage(#[from] wharf_core::Error),
    /// Garbage is being collected, which nobody may write to meanwhile.
    #[error(
        "garbage is being collected in the store by {holder}: wait for its end, or serve with \
         storage.maintenance.readonly.enabled"
    )]
    Collecting {
        /// Who does it.
        holder: String,
    },
    /// A health check cannot be made.
    #[error("the health check of {check} cannot be made: {problem}")]
    Health {
        /// What is checked.
        check: String,
        /// Why not.
        problem: String,
    },
    /// Redis cannot be used as it is configured.
    #[error("redis: {0}")]
    Redis(String),
    /// Nobody can be told of what happens.
    #[error("notifications.{key}: {problem}")]
    Notifications {
        /// What of the section is wrong.
        key: String,
        /// Why.
        problem: String,
    },
    /// The certificate or anything else of `http.tls` cannot be used.
    #[error("http.tls: {0}")]
    Tls(#[from] wharf_tls::Error),
    /// Nobody can be asked for a certificate.
    #[error("http.tls.letsencrypt: {0}")]
    Acme(#[from] wharf_acme::Error),
    /// A file of `auth` cannot be used.
    #[error("{section}: {problem}")]
    Auth {
        /// Which section of the configuration names it.
        section: &'static str,
        /// What is wrong, with its place.
        problem: String,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// As it was configured.
        address: String,
        /// What the system says.
        source: io::Error,
    },
}
