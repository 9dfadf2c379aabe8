//! `storage.gcs`: a bucket of Google Cloud Storage.

use std::path::PathBuf;

use super::client::{Client, optional, required};
use crate::{
    ConfigError, Secret,
    schema::{Key, Shape, key, value},
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
    value("bucket"),
    value("keyfile"),
    key("credentials", Shape::Map(&Shape::Value)),
    value("endpoint"),
    value("chunksize").ignored("parts grow with what is uploaded"),
    value("maxconcurrency"),
    value("rootdirectory"),
    value("useragent"),
    value("skipverify"),
    key("rootcas", Shape::List(&Shape::Value)),
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
