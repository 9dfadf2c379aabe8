//! What an operator may choose.

use std::{fmt, path::PathBuf};

use wharf_driver_cloud::Client;

/// A bucket, and how it is used. The names of the parameters are those of docker/distribution.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `bucket`.
    pub bucket: String,
    /// `keyfile`, `credentials`.
    pub credentials: Credentials,
    /// `endpoint`: where the service is, if not at Google's public address. Without TLS nothing is
    /// signed, as emulators have it. Without a value that of `STORAGE_EMULATOR_HOST` counts.
    pub endpoint: Option<String>,
    /// How the store is talked to.
    pub client: Client,
    /// `rootdirectory`: the folder that everything is kept in, without slashes around it.
    pub root: String,
    /// Nothing is written, not even to find out whether that is possible.
    pub read_only: bool,
    /// The variables of the environment.
    pub environment: Vec<(String, String)>,
}

/// Who we are.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    /// The file of a key: of a service account, or of a user.
    File(PathBuf),
    /// The key of a service account, in JSON.
    Key(String),
    /// As the environment says: a file, that of `gcloud`, the metadata of the machine.
    #[default]
    Default,
}

// === impl Options ===

impl Options {
    /// A variable of the environment; an empty one is none.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        let found = self.environment.iter().find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    /// Scheme and host of a service that is not Google's own.
    pub(crate) fn place(&self) -> Option<String> {
        let emulator = || {
            let host = self.variable("STORAGE_EMULATOR_HOST")?.trim_end_matches('/');
            let scheme = if host.contains("://") { "" } else { "http://" };
            Some(format!("{scheme}{host}"))
        };
        self.endpoint.clone().or_else(emulator)
    }
}

// === impl Credentials ===

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => write!(f, "File({})", file.display()),
            Self::Key(_) => f.write_str("Key(…)"),
            Self::Default => f.write_str("Default"),
        }
    }
}
