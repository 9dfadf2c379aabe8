//! What an operator may choose.

use std::fmt;

use wharf_driver_cloud::Client;

/// A bucket, and how it is used. The names of the parameters are those of docker/distribution.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `bucket`.
    pub bucket: String,
    /// `region`; without one, that of the environment.
    pub region: Option<String>,
    /// `regionendpoint`: scheme and host of the service, if it is not Amazon's.
    pub endpoint: Option<String>,
    /// `redirectendpoint`: scheme and host that clients are sent to, if it is another one.
    pub redirect_endpoint: Option<String>,
    /// `forcepathstyle`: the bucket stands in the path, and not in the name of the host.
    pub path_style: bool,
    /// `accesskey`, `secretkey`, `sessiontoken`; without them they are looked for in the environment.
    pub keys: Option<Keys>,
    /// `accelerate`: Amazon's endpoint for clients far away.
    pub accelerate: bool,
    /// `usedualstack`: Amazon's endpoint with IPv6.
    pub dual_stack: bool,
    /// `usefipsendpoint`: Amazon's endpoint with certified cryptography.
    pub fips: bool,
    /// `encrypt`, `keyid`.
    pub encryption: Encryption,
    /// `storageclass`, unless it is the bucket's own.
    pub storage_class: Option<&'static str>,
    /// `objectacl`, unless it is the bucket's own.
    pub acl: Option<&'static str>,
    /// How copies inside of the store are made.
    pub copies: Copies,
    /// How the store is talked to.
    pub client: Client,
    /// `rootdirectory`: the folder that everything is kept in, without slashes around it.
    pub root: String,
    /// Nothing is written, not even to find out whether that is possible.
    pub read_only: bool,
    /// The variables of the environment.
    pub environment: Vec<(String, String)>,
}

/// The long-lived credentials of a user, or the temporary ones of a role.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    /// Who.
    pub access: String,
    /// The proof.
    pub secret: String,
    /// For temporary credentials.
    pub session_token: Option<String>,
}

/// What the store is asked to do before it writes to a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Encryption {
    /// What the bucket does by itself.
    #[default]
    Bucket,
    /// With a key of the store's.
    Store,
    /// With this key of its key management.
    Kms(String),
}

/// How copies inside of the store are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copies {
    /// `multipartcopythresholdsize`: what is larger is copied in parts, in bytes.
    pub threshold: u64,
    /// `multipartcopychunksize`: about how large these are, in bytes; at least 5 MiB.
    pub part: u64,
    /// `multipartcopymaxconcurrency`: how many are copied at a time.
    pub concurrency: usize,
}

// === impl Options ===

impl Options {
    /// A variable of the environment; an empty one is none.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        let found = self.environment.iter().find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    /// Who we say we are, if that is not left to the machine.
    pub(crate) fn access(&self) -> Option<&str> {
        self.keys.as_ref().map(|keys| keys.access.as_str()).filter(|key| !key.is_empty())
    }

    /// What must not be told to anybody.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        let keys = self.keys.iter();
        keys.flat_map(|keys| [Some(keys.secret.as_str()), keys.session_token.as_deref()]).flatten()
    }
}

// === impl Keys ===

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({}, …)", self.access)
    }
}

// === impl Copies ===

impl Default for Copies {
    /// Parts that one request copies in a few seconds.
    fn default() -> Self {
        Self { threshold: 256 << 20, part: 256 << 20, concurrency: 16 }
    }
}
