//! Media types: an open set, of which we know some by name.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The media types that registries speak of.
pub mod media_types {
    /// An OCI image manifest.
    pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// An OCI image index.
    pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// The configuration of an OCI image.
    pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    /// The two bytes `{}`.
    pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
    /// A layer of an OCI image, not compressed.
    pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
    /// A layer of an OCI image, compressed with gzip.
    pub const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    /// A layer of an OCI image, compressed with zstd.
    pub const OCI_LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
    /// What layers that may not be handed on begin with (`+gzip` and `+zstd` may follow).
    pub const OCI_LAYER_NONDISTRIBUTABLE: &str =
        "application/vnd.oci.image.layer.nondistributable.v1.tar";
    /// An OCI artifact manifest, which was withdrawn before OCI 1.1.
    pub const OCI_ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";

    /// A Docker image manifest, schema 2.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// A Docker manifest list.
    pub const DOCKER_MANIFEST_LIST: &str =
        "application/vnd.docker.distribution.manifest.list.v2+json";
    /// A Docker image manifest, schema 1, with signatures.
    pub const DOCKER_SCHEMA1_SIGNED: &str =
        "application/vnd.docker.distribution.manifest.v1+prettyjws";
    /// A Docker image manifest, schema 1.
    pub const DOCKER_SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+json";
    /// The configuration of a Docker image.
    pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    /// A layer of a Docker image, compressed with gzip.
    pub const DOCKER_LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    /// What layers of a Docker image that lie elsewhere begin with (`.gzip` may follow).
    pub const DOCKER_LAYER_FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar";

    /// Bytes of which nothing is known.
    pub const OCTET_STREAM: &str = "application/octet-stream";
}

/// A media type: `type/subtype` of RFC 6838. Inside of a descriptor, parameters may follow; they
/// are kept as they stand.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MediaType(Arc<str>);

/// A text that is no media type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid media type {0:?}")]
pub struct InvalidMediaType(String);

// === impl MediaType ===

impl MediaType {
    /// Reads `type/subtype`; parameters are refused.
    pub fn parse(text: &str) -> Result<Self, InvalidMediaType> {
        is_essence(text).then(|| Self(text.into())).ok_or_else(|| InvalidMediaType::new(text))
    }

    /// Reads the value of a `Content-Type` header: parameters are dropped, and the case, which does
    /// not matter there, becomes lower.
    pub fn from_content_type(value: &str) -> Result<Self, InvalidMediaType> {
        let essence = value.split(';').next().unwrap_or_default().trim();
        Self::parse(essence)
            .map(|_| Self(essence.to_ascii_lowercase().into()))
            .map_err(|_| InvalidMediaType::new(value))
    }

    /// Reads what may stand in a descriptor: parameters are taken as they are.
    pub(crate) fn with_parameters(text: &str) -> Result<Self, InvalidMediaType> {
        let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
        let printable = parameters.bytes().all(|b| (b' '..=b'~').contains(&b));
        (is_essence(essence.trim_end()) && printable && text.len() <= 1024)
            .then(|| Self(text.into()))
            .ok_or_else(|| InvalidMediaType::new(text))
    }

    /// An OCI image manifest.
    pub fn oci_manifest() -> Self {
        Self(media_types::OCI_MANIFEST.into())
    }

    /// An OCI image index.
    pub fn oci_index() -> Self {
        Self(media_types::OCI_INDEX.into())
    }

    /// A Docker image manifest, schema 2.
    pub fn docker_manifest() -> Self {
        Self(media_types::DOCKER_MANIFEST.into())
    }

    /// A Docker manifest list.
    pub fn docker_manifest_list() -> Self {
        Self(media_types::DOCKER_MANIFEST_LIST.into())
    }

    /// Bytes of which nothing is known.
    pub fn octet_stream() -> Self {
        Self(media_types::OCTET_STREAM.into())
    }

    /// The media type as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the type of a layer that its maker may not let a registry hand on, or that
    /// lies elsewhere: such a layer need not be in the registry.
    pub fn is_non_distributable(&self) -> bool {
        [media_types::OCI_LAYER_NONDISTRIBUTABLE, media_types::DOCKER_LAYER_FOREIGN]
            .iter()
            .filter_map(|prefix| self.0.strip_prefix(prefix))
            .any(|rest| rest.is_empty() || rest.starts_with(['+', '.']))
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for MediaType {
    type Err = InvalidMediaType;

    fn from_str(text: &str) -> Result<Self, InvalidMediaType> {
        Self::parse(text)
    }
}

impl PartialEq<str> for MediaType {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for MediaType {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

impl Serialize for MediaType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for MediaType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::with_parameters(&text).map_err(de::Error::custom)
    }
}

// === impl InvalidMediaType ===

impl InvalidMediaType {
    fn new(text: &str) -> Self {
        Self(crate::error::excerpt(text))
    }
}

fn is_essence(text: &str) -> bool {
    text.split_once('/').is_some_and(|(kind, sub)| is_restricted(kind) && is_restricted(sub))
}

/// `restricted-name` of RFC 6838, section 4.2.
fn is_restricted(name: &str) -> bool {
    (1..=127).contains(&name.len())
        && name.as_bytes()[0].is_ascii_alphanumeric()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn essence_only() {
        for good in ["a/b", "application/vnd.oci.image.index.v1+json", "text/plain", "x-y/z!#$&^_"]
        {
            assert_eq!(MediaType::parse(good).map(|m| m.to_string()), Ok(good.into()));
        }
        let long = format!("a/{}", "b".repeat(128));
        for bad in
            ["", "a", "/", "a/", "/b", "a/b/c", "a/b;c=d", " a/b", "a/b ", "+a/b", "ä/b", &long]
        {
            assert!(MediaType::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn content_type_loses_parameters_and_case() {
        for (value, expected) in [
            ("Application/JSON; charset=utf-8", Some("application/json")),
            ("  text/plain  ", Some("text/plain")),
            ("", None),
            (";", None),
            ("nonsense", None),
        ] {
            let parsed = MediaType::from_content_type(value).ok();
            assert_eq!(parsed.as_ref().map(MediaType::as_str), expected, "{value}");
        }
    }

    #[test]
    fn descriptors_keep_parameters() {
        let text = "text/plain; charset=utf-8";
        assert_eq!(MediaType::with_parameters(text).map(|m| m.to_string()), Ok(text.into()));
        assert!(MediaType::with_parameters("text/plain;\n").is_err());
        assert!(MediaType::with_parameters("; a=b").is_err());
    }

    #[test]
    fn non_distributable_layers() {
        for (text, expected) in [
            ("application/vnd.oci.image.layer.nondistributable.v1.tar", true),
            ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", true),
            ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", true),
            ("application/vnd.docker.image.rootfs.foreign.diff.tarball", false),
            ("application/vnd.oci.image.layer.v1.tar", false),
        ] {
            assert_eq!(MediaType::parse(text).unwrap().is_non_distributable(), expected, "{text}");
        }
    }
}
