//! Descriptors: what content is, how long it is, and its digest.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use wharf_digest::{Algorithm, Digest};

use crate::{MediaType, media_types};

/// Points to content (OCI image specification, "Content Descriptors").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the content is.
    pub media_type: MediaType,
    /// Its digest.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// Where else it can be had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// Notes about it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The content itself in base64, exactly as it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// What kind of artifact the content is, if it is a manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// What the content runs on, if it is an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

/// What an image runs on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// The processor, in the words of Go: `amd64`, `arm64`.
    #[serde(default)]
    pub architecture: String,
    /// The operating system, in the words of Go: `linux`.
    #[serde(default)]
    pub os: String,
    /// The least version of the operating system.
    #[serde(default, rename = "os.version", skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    /// What the operating system has to have.
    #[serde(
        default,
        rename = "os.features",
        deserialize_with = "or_null",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub os_features: Vec<String>,
    /// The variant of the processor: `v7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Reserved by the specification.
    #[serde(default, deserialize_with = "or_null", skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
}

// === impl Descriptor ===

impl Descriptor {
    /// A descriptor with nothing but what every descriptor has.
    pub fn new(media_type: MediaType, digest: Digest, size: u64) -> Self {
        Self {
            media_type,
            digest,
            size,
            urls: Vec::new(),
            annotations: BTreeMap::new(),
            data: None,
            artifact_type: None,
            platform: None,
        }
    }

    /// Describes content.
    pub fn of(media_type: MediaType, algorithm: Algorithm, content: &[u8]) -> Self {
        Self::new(media_type, Digest::of(algorithm, content), content.len() as u64)
    }

    /// The descriptor of `{}`, the configuration of an artifact that has none.
    pub fn empty() -> Self {
        let media_type =
            MediaType::parse(media_types::OCI_EMPTY).expect("the constant is a media type");
        Self::of(media_type, Algorithm::Sha256, b"{}")
    }
}

/// Go writes an empty list as `null`.
fn or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
