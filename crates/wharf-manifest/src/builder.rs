//! Makes manifests: one body for one content, always the same bytes.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;
use wharf_digest::Algorithm;

use crate::{Descriptor, MediaType};

/// The bytes of a new manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// What they are.
    pub media_type: MediaType,
    /// The body.
    pub bytes: Bytes,
}

/// Makes an image manifest, an OCI one unless another type is asked for.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageBuilder {
    schema_version: u32,
    media_type: MediaType,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<String>,
    config: Descriptor,
    layers: Vec<Descriptor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Descriptor>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

/// Makes an index, an OCI one unless another type is asked for.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IndexBuilder {
    schema_version: u32,
    media_type: MediaType,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<String>,
    manifests: Vec<Descriptor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Descriptor>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

// === impl Built ===

impl Built {
    /// Media type, digest and size.
    pub fn descriptor(&self, algorithm: Algorithm) -> Descriptor {
        Descriptor::of(self.media_type.clone(), algorithm, &self.bytes)
    }
}

/// What both builders can do.
macro_rules! common {
    ($builder:ident) => {
        impl $builder {
            /// Makes another type of manifest, with the same layout.
            #[must_use]
            pub fn media_type(mut self, media_type: MediaType) -> Self {
                self.media_type = media_type;
                self
            }

            /// Says what kind of artifact it is.
            #[must_use]
            pub fn artifact_type(mut self, artifact_type: impl Into<String>) -> Self {
                self.artifact_type = Some(artifact_type.into());
                self
            }

            /// Says which manifest it is about.
            #[must_use]
            pub fn subject(mut self, subject: Descriptor) -> Self {
                self.subject = Some(subject);
                self
            }

            /// Adds a note.
            #[must_use]
            pub fn annotation(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
                self.annotations.insert(key.into(), value.into());
                self
            }

            /// The manifest.
            pub fn build(&self) -> Built {
                let bytes = serde_json::to_vec(self).expect("strings and numbers are JSON");
                Built { media_type: self.media_type.clone(), bytes: bytes.into() }
            }
        }
    };
}

// === impl ImageBuilder ===

common!(ImageBuilder);

impl ImageBuilder {
    /// An image with this configuration and no layers.
    pub fn new(config: Descriptor) -> Self {
        Self {
            schema_version: 2,
            media_type: MediaType::oci_manifest(),
            artifact_type: None,
            config,
            layers: Vec::new(),
            subject: None,
            annotations: BTreeMap::new(),
        }
    }

    /// Adds a layer on top.
    #[must_use]
    pub fn layer(mut self, layer: Descriptor) -> Self {
        self.layers.push(layer);
        self
    }
}

// === impl IndexBuilder ===

common!(IndexBuilder);

impl Default for IndexBuilder {
    fn default() -> Self {
        Self {
            schema_version: 2,
            media_type: MediaType::oci_index(),
            artifact_type: None,
            manifests: Vec::new(),
            subject: None,
            annotations: BTreeMap::new(),
        }
    }
}

impl IndexBuilder {
    /// An index without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry.
    #[must_use]
    pub fn manifest(mut self, manifest: Descriptor) -> Self {
        self.manifests.push(manifest);
        self
    }
}
