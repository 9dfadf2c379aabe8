//! The parsed view of a manifest.

use std::collections::BTreeMap;

use wharf_digest::Digest;

use crate::{Descriptor, ManifestError, MediaType, json, json::Object, json::Unique};

/// What a manifest says. The bytes that it was read from are what counts; this is a view of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    pub(crate) media_type: MediaType,
    pub(crate) kind: Kind,
    pub(crate) references: Vec<(Role, Descriptor)>,
    pub(crate) subject: Option<Descriptor>,
    pub(crate) artifact_type: Option<String>,
    pub(crate) annotations: BTreeMap<String, String>,
}

/// What a manifest is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It describes one thing: an image, or another artifact.
    Image,
    /// It lists manifests.
    Index,
}

/// What a manifest refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference<'a> {
    /// What it is to the manifest.
    pub role: Role,
    /// Which content it is.
    pub descriptor: &'a Descriptor,
}

/// What content is to the manifest that refers to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The configuration of an image.
    Config,
    /// A layer of an image.
    Layer,
    /// An entry of an index. BuildKit lists layers there.
    Manifest,
    /// A blob of an artifact.
    Blob,
    /// The manifest that this one is about.
    Subject,
}

// === impl Manifest ===

impl Manifest {
    /// Its media type: what it was sent as, or what it says of itself.
    pub fn media_type(&self) -> &MediaType {
        &self.media_type
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Everything that it is made of, in the order of the body. The subject is not among it.
    pub fn references(&self) -> impl Iterator<Item = Reference<'_>> {
        self.references.iter().map(|(role, descriptor)| Reference { role: *role, descriptor })
    }

    /// The configuration, if it has one.
    pub fn config(&self) -> Option<&Descriptor> {
        self.of(Role::Config).next()
    }

    /// The layers of an image.
    pub fn layers(&self) -> impl Iterator<Item = &Descriptor> {
        self.of(Role::Layer)
    }

    /// The entries of an index.
    pub fn manifests(&self) -> impl Iterator<Item = &Descriptor> {
        self.of(Role::Manifest)
    }

    /// The manifest that this one is about. That one need not exist.
    pub fn subject(&self) -> Option<&Descriptor> {
        self.subject.as_ref()
    }

    /// What kind of artifact it is: what it says, and for an image that says nothing the type of
    /// its configuration.
    pub fn artifact_type(&self) -> Option<&str> {
        let declared = self.artifact_type.as_deref();
        declared.or_else(|| self.config().map(|config| config.media_type.as_str()))
    }

    /// Its annotations.
    pub fn annotations(&self) -> &BTreeMap<String, String> {
        &self.annotations
    }

    /// How it appears in a list of referrers.
    pub fn referrer(&self, digest: Digest, size: u64) -> Descriptor {
        Descriptor {
            artifact_type: self.artifact_type().map(str::to_owned),
            annotations: self.annotations.clone(),
            ..Descriptor::new(self.media_type.clone(), digest, size)
        }
    }

    fn of(&self, role: Role) -> impl Iterator<Item = &Descriptor> {
        self.references.iter().filter(move |(is, _)| *is == role).map(|(_, descriptor)| descriptor)
    }
}

// === reading descriptors ===

const DESCRIPTOR_KEYS: &[&str] =
    &["mediaType", "digest", "size", "urls", "annotations", "data", "artifactType", "platform"];

/// Reads the descriptor that stands at `place`.
pub(crate) fn descriptor(text: &str, place: &str) -> Result<Descriptor, ManifestError> {
    if !text.starts_with('{') {
        let reason = format!("must be a descriptor, is {}", json::kind(text));
        return Err(ManifestError::invalid(place, reason));
    }
    let object = Object::read(text, place, DESCRIPTOR_KEYS, Unique::Known)?;
    let descriptor = Descriptor {
        media_type: media_type(&object)?,
        digest: digest(&object)?,
        size: size(&object)?,
        urls: object.optional("urls", "a list of strings")?.unwrap_or_default(),
        annotations: annotations(&object)?,
        data: object.optional("data", "a string")?,
        artifact_type: artifact_type(&object)?,
        platform: object.optional("platform", "a platform")?,
    };
    check_data(&descriptor, &object)?;
    Ok(descriptor)
}

/// The annotations of a manifest or a descriptor.
pub(crate) fn annotations(object: &Object<'_>) -> Result<BTreeMap<String, String>, ManifestError> {
    let annotations = object.optional("annotations", "an object of strings")?;
    Ok(annotations.unwrap_or_default())
}

/// The artifact type of a manifest or a descriptor; an empty one is none.
pub(crate) fn artifact_type(object: &Object<'_>) -> Result<Option<String>, ManifestError> {
    let artifact_type = object.optional::<String>("artifactType", "a string")?;
    Ok(artifact_type.filter(|artifact_type| !artifact_type.is_empty()))
}

fn media_type(object: &Object<'_>) -> Result<MediaType, ManifestError> {
    let text: String = object.required("mediaType", "a string")?;
    MediaType::with_parameters(&text)
        .map_err(|error| ManifestError::invalid(object.place("mediaType"), error))
}

fn digest(object: &Object<'_>) -> Result<Digest, ManifestError> {
    let text: String = object.required("digest", "a string")?;
    Digest::parse(&text)
        .map_err(|source| ManifestError::Digest { place: object.place("digest"), source })
}

fn size(object: &Object<'_>) -> Result<u64, ManifestError> {
    const EXPECTED: &str = "a whole number from 0 to 2^63-1";
    let size: i64 = object.required("size", EXPECTED)?;
    u64::try_from(size).map_err(|_| {
        ManifestError::invalid(object.place("size"), format!("must be {EXPECTED}, is {size}"))
    })
}

/// Embedded content has to be the content that the descriptor describes.
fn check_data(descriptor: &Descriptor, object: &Object<'_>) -> Result<(), ManifestError> {
    let Some(data) = &descriptor.data else { return Ok(()) };
    let refuse = |reason: String| Err(ManifestError::invalid(object.place("data"), reason));
    let Some(content) = crate::base64::decode(data) else {
        return refuse("is not base64".into());
    };
    if content.len() as u64 != descriptor.size {
        return refuse(format!("has {} bytes, size says {}", content.len(), descriptor.size));
    }
    if !descriptor.digest.matches(&content) {
        return refuse(format!("is not {}", descriptor.digest));
    }
    Ok(())
}
