//! What an operator may choose.

use std::{fmt, time::Duration};

use wharf_driver_cloud::Client;

/// A container, and how it is used. The names of the parameters are those of docker/distribution.
#[derive(Clone, Debug)]
pub struct Options {
    /// `accountname`.
    pub account: String,
    /// `container`.
    pub container: String,
    /// `serviceurl`, or what `accountname` and `realm` make of it.
    pub service_url: String,
    /// `accountkey`, `credentials`.
    pub credentials: Credentials,
    /// `retry_delay`: how long is waited before the status of a copy is asked for again; each wait is
    /// longer than the last.
    pub copy_poll_delay: Duration,
    /// How the store is talked to.
    pub client: Client,
    /// `rootdirectory`: the folder that everything is kept in, without slashes around it.
    pub root: String,
    /// Nothing is written, not even to find out whether that is possible.
    pub read_only: bool,
    /// The variables of the environment.
    pub environment: Vec<(String, String)>,
}

/// How an account is opened.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// With the account's own key.
    SharedKey(String),
    /// As an application.
    ClientSecret {
        /// Which application.
        client: String,
        /// Of whom.
        tenant: String,
        /// The proof.
        secret: String,
    },
    /// As the environment says: workload identity, an application, the identity of the machine.
    Default,
}

// === impl Options ===

impl Options {
    /// A variable of the environment; an empty one is none.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        let found = self.environment.iter().find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    /// What must not be told to anybody.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        let own = match &self.credentials {
            Credentials::SharedKey(secret) | Credentials::ClientSecret { secret, .. } => {
                Some(secret.as_str())
            }
            Credentials::Default => None,
        };
        own.into_iter().chain(self.variable("AZURE_CLIENT_SECRET"))
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            account: String::new(),
            container: String::new(),
            service_url: String::new(),
            credentials: Credentials::Default,
            copy_poll_delay: Duration::from_millis(100),
            client: Client::default(),
            root: String::new(),
            read_only: false,
            environment: Vec::new(),
        }
    }
}

// === impl Credentials ===

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SharedKey(_) => f.write_str("SharedKey(…)"),
            Self::ClientSecret { client, tenant, .. } => {
                write!(f, "ClientSecret({client}, {tenant}, …)")
            }
            Self::Default => f.write_str("Default"),
        }
    }
}
