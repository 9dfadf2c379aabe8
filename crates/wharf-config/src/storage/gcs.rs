//! `storage.gcs`: a bucket of Google Cloud Storage.

use std::path::PathBuf;

use super::client::{Client, optional, required};
use crate::{
    ConfigError, Secret,
    schema::{Key, bytes, flag, number, path, text, url},
    section::{Scalar, Section},
};

/// A bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gcs {
    /// `bucket`.
    pub bucket: String,
    /// `keyfile`, `credentials`.
    pub credentials: Credentials,
    /// `endpoint`, which the original does not have: where the service is, if not at Google's public
    /// address. Without TLS nothing is signed, as emulators have it.
    pub endpoint: Option<String>,
    /// `maxconcurrency`: how many operations run at once; at least 25.
    pub max_operations: u32,
    /// What all object stores have.
    pub client: Client,
}

/// Who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// `keyfile`: the file of a service account's key.
    File(PathBuf),
    /// `credentials`: what stands in such a file.
    Key(Vec<(String, Secret)>),
    /// What the environment offers: `GOOGLE_APPLICATION_CREDENTIALS`, the file of `gcloud`, the
    /// metadata of the machine.
    Default,
}

pub(crate) const KEYS: &[Key] = &[
    text("bucket", "Its name; it has to be there."),
    path("keyfile", "The file of a service account's key; from the environment if not given."),
    text("credentials", "What stands in such a file.").map().secret(),
    url("endpoint", "Where the service is, if not at Google's public address.").ours(),
    bytes("chunksize", "The size of parts.").ignored("parts grow with what is uploaded"),
    number("maxconcurrency", "How many operations run at once; at least 25.").or("50"),
    text("rootdirectory", "The folder below which everything is kept."),
    text("useragent", "What is said to be talking, before our own name."),
    flag("skipverify", "The store's certificate is not checked: anybody may pretend to be it.")
        .ours(),
    path("rootcas", "PEM files of authorities for the store, besides those of the system.")
        .list()
        .ours(),
];

const OPERATIONS: u32 = 50;
const FEWEST_OPERATIONS: u32 = 25;

struct Endpoint(String);

// === impl Gcs ===

impl Gcs {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let operations: u32 = section.value_or("maxconcurrency", OPERATIONS)?;
        Ok(Self {
            bucket: required(section, "bucket")?,
            credentials: Credentials::read(section)?,
            endpoint: optional(section, "endpoint")?.map(|Endpoint(url)| url),
            max_operations: operations.max(FEWEST_OPERATIONS),
            client: Client::read(section)?,
        })
    }
}

// === impl Credentials ===

impl Credentials {
    fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        if let Some(file) = optional(section, "keyfile")? {
            return Ok(Self::File(file));
        }
        let mut key = Vec::new();
        for (name, value) in section.made_up("credentials")? {
            key.push((name.to_owned(), value.scalar()?));
        }
        Ok(if key.is_empty() { Self::Default } else { Self::Key(key) })
    }
}

// === impl Endpoint ===

impl Scalar for Endpoint {
    const EXPECTED: &'static str = "http://HOST:PORT or https://HOST";

    fn read(text: &str) -> Option<Self> {
        let (scheme, host) = text.split_once("://")?;
        let host = host.strip_suffix('/').unwrap_or(host);
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
        let well_formed =
            matches!(scheme, "http" | "https") && !host.is_empty() && host.bytes().all(is_host);
        well_formed.then(|| Self(format!("{scheme}://{host}")))
    }
}
