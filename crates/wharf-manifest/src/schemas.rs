//! The manifest types that a registry takes, and the one way in for bytes.

use crate::{
    Kind, Limits, Manifest, ManifestError, MediaType, Role,
    json::{self, Object, Unique},
    manifest, media_types,
};

/// The types of manifest that are known.
///
/// By default these are the Docker image manifest (schema 2), the Docker manifest list, the OCI
/// image manifest and the OCI image index.
#[derive(Clone, Debug)]
pub struct Schemas {
    schemas: Vec<Schema>,
    limits: Limits,
}

/// One type of manifest.
#[derive(Clone, Debug)]
pub struct Schema {
    /// Its media type.
    pub media_type: MediaType,
    /// What such a manifest is.
    pub kind: Kind,
    /// What `schemaVersion` has to be, `None` if it does not matter.
    pub version: Option<u32>,
    /// Whether the body has to name its media type.
    pub names_itself: bool,
    /// Whether `subject` and `artifactType` and `annotations` mean anything.
    pub oci: bool,
    /// Where its references stand.
    pub fields: &'static [Field],
}

/// A key whose value refers to content.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The key.
    pub key: &'static str,
    /// What the content is to the manifest.
    pub role: Role,
    /// Whether the value is a list of descriptors, and not just one.
    pub many: bool,
    /// Whether it has to be there.
    pub required: bool,
}

/// Keys that decide what a manifest is or refers to: there must not be two opinions about them.
const ESSENTIAL: &[&str] = &[
    "schemaVersion",
    "mediaType",
    "config",
    "layers",
    "manifests",
    "fsLayers",
    "history",
    "blobs",
    "subject",
    "artifactType",
    "signatures",
    "annotations",
];

/// The keys by which a reader may tell what a manifest is. One that does not belong to a schema
/// must not stand in it (CVE-2021-41190).
const TELLING: &[&str] = &["config", "layers", "manifests", "fsLayers", "history"];

const IMAGE: &[Field] = &[
    Field { key: "config", role: Role::Config, many: false, required: true },
    Field { key: "layers", role: Role::Layer, many: true, required: true },
];

const INDEX: &[Field] =
    &[Field { key: "manifests", role: Role::Manifest, many: true, required: true }];

const ARTIFACT: &[Field] = &[Field { key: "blobs", role: Role::Blob, many: true, required: false }];

// === impl Schemas ===

impl Default for Schemas {
    fn default() -> Self {
        let mut schemas = Self::none();
        schemas
            .register(Schema {
                names_itself: true,
                oci: false,
                ..Schema::image(MediaType::docker_manifest())
            })
            .register(Schema {
                names_itself: true,
                oci: false,
                ..Schema::index(MediaType::docker_manifest_list())
            })
            .register(Schema::image(MediaType::oci_manifest()))
            .register(Schema::index(MediaType::oci_index()));
        schemas
    }
}

impl Schemas {
    /// No type at all.
    pub fn none() -> Self {
        Self { schemas: Vec::new(), limits: Limits::default() }
    }

    /// Takes one more type; it replaces the one of the same media type.
    pub fn register(&mut self, schema: Schema) -> &mut Self {
        self.schemas.retain(|known| known.media_type != schema.media_type);
        self.schemas.push(schema);
        self
    }

    /// The same types with other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The types, in the order of their registration.
    pub fn media_types(&self) -> impl Iterator<Item = &MediaType> {
        self.schemas.iter().map(|schema| &schema.media_type)
    }

    /// Whether a type is known.
    pub fn contains(&self, media_type: &MediaType) -> bool {
        self.get(media_type.as_str()).is_some()
    }

    /// Reads a manifest that was sent as `content_type`. Without one, what the body says decides: its
    /// `mediaType`, or else an index if it has `manifests`, or else an OCI image.
    ///
    /// A key of the manifest's own that is `null` where the specification wants a list or an object
    /// (`"layers": null`) is refused; a `null` elsewhere is as good as absent, for every reader.
    pub fn parse(
        &self,
        content_type: Option<&MediaType>,
        bytes: &[u8],
    ) -> Result<Manifest, ManifestError> {
        let body = self.body(bytes)?;
        let schema = self.schema(content_type, &body)?;
        check_version(schema, &body)?;
        check_media_type(schema, &body)?;
        check_telling_keys(schema, &body)?;
        self.view(schema, &body)
    }

    /// The media type of a manifest that is stored already, told from the body as docker/distribution
    /// tells it. Nothing else of the body is checked: what was taken once is served.
    pub fn detect(&self, bytes: &[u8]) -> Result<MediaType, ManifestError> {
        let body = self.body(bytes)?;
        let schema = self.schema(None, &body)?;
        check_version(schema, &body)?;
        Ok(schema.media_type.clone())
    }

    fn get(&self, media_type: &str) -> Option<&Schema> {
        self.schemas.iter().find(|schema| schema.media_type == media_type)
    }

    fn body<'a>(&self, bytes: &'a [u8]) -> Result<Object<'a>, ManifestError> {
        let text =
            std::str::from_utf8(bytes).map_err(|error| ManifestError::Syntax(error.to_string()))?;
        json::check_depth(text, self.limits.depth)?;
        Object::read(text, "", ESSENTIAL, Unique::All { limit: self.limits.keys })
    }

    fn schema(
        &self,
        content_type: Option<&MediaType>,
        body: &Object<'_>,
    ) -> Result<&Schema, ManifestError> {
        let own = body.optional::<String>("mediaType", "a string")?.unwrap_or_default();
        let name = match content_type {
            Some(media_type) => media_type.as_str(),
            None if !own.is_empty() => &own,
            None if body.some("manifests").is_some() => media_types::OCI_INDEX,
            None => media_types::OCI_MANIFEST,
        };
        let schema1 = [media_types::DOCKER_SCHEMA1, media_types::DOCKER_SCHEMA1_SIGNED];
        if schema1.contains(&name) || is_schema1(body) {
            return Err(ManifestError::Schema1);
        }
        self.get(name).ok_or_else(|| ManifestError::UnknownMediaType(crate::error::excerpt(name)))
    }

    fn view(&self, schema: &Schema, body: &Object<'_>) -> Result<Manifest, ManifestError> {
        let mut references = Vec::new();
        for field in schema.fields {
            self.references(field, body, &mut references)?;
        }
        let mut view = Manifest {
            media_type: schema.media_type.clone(),
            kind: schema.kind,
            references,
            subject: None,
            artifact_type: None,
            annotations: Default::default(),
        };
        if schema.oci {
            let subject = body.some("subject");
            view.subject = subject.map(|text| manifest::descriptor(text, "subject")).transpose()?;
            view.artifact_type = manifest::artifact_type(body)?;
            view.annotations = manifest::annotations(body)?;
        }
        Ok(view)
    }

    fn references(
        &self,
        field: &Field,
        body: &Object<'_>,
        found: &mut Vec<(Role, crate::Descriptor)>,
    ) -> Result<(), ManifestError> {
        let Some(text) = body.raw(field.key) else {
            return match field.required {
                true => Err(ManifestError::Missing { place: field.key.into() }),
                false => Ok(()),
            };
        };
        if !field.many {
            found.push((field.role, manifest::descriptor(text, field.key)?));
            return Ok(());
        }
        for (index, text) in
            json::list(text, field.key, self.limits.descriptors)?.iter().enumerate()
        {
            let place = format!("{}[{index}]", field.key);
            found.push((field.role, manifest::descriptor(text, &place)?));
        }
        Ok(())
    }
}

// === impl Schema ===

impl Schema {
    /// A type that is laid out like an OCI image manifest.
    pub fn image(media_type: MediaType) -> Self {
        Self {
            media_type,
            kind: Kind::Image,
            version: Some(2),
            names_itself: false,
            oci: true,
            fields: IMAGE,
        }
    }

    /// A type that is laid out like an OCI image index.
    pub fn index(media_type: MediaType) -> Self {
        Self { kind: Kind::Index, fields: INDEX, ..Self::image(media_type) }
    }

    /// The OCI artifact manifest, which was withdrawn before OCI 1.1. Not known by default.
    pub fn oci_artifact() -> Self {
        let media_type =
            MediaType::parse(media_types::OCI_ARTIFACT).expect("the constant is a media type");
        Self { version: None, names_itself: true, fields: ARTIFACT, ..Self::image(media_type) }
    }
}

fn is_schema1(body: &Object<'_>) -> bool {
    match body.some("schemaVersion") {
        Some(version) => version == "1",
        None => body.some("fsLayers").is_some(),
    }
}

fn check_version(schema: &Schema, body: &Object<'_>) -> Result<(), ManifestError> {
    let Some(expected) = schema.version else { return Ok(()) };
    match body.raw("schemaVersion") {
        None => Err(ManifestError::Missing { place: "schemaVersion".into() }),
        Some(found) if found == expected.to_string() => Ok(()),
        Some(found) => Err(ManifestError::SchemaVersion { expected, found: json::kind(found) }),
    }
}

fn check_media_type(schema: &Schema, body: &Object<'_>) -> Result<(), ManifestError> {
    let own = body.optional::<String>("mediaType", "a string")?.unwrap_or_default();
    match own.as_str() {
        "" if schema.names_itself => Err(ManifestError::Missing { place: "mediaType".into() }),
        "" => Ok(()),
        own if schema.media_type == own => Ok(()),
        own => Err(ManifestError::MediaTypeMismatch {
            content_type: schema.media_type.clone(),
            body: crate::error::excerpt(own),
        }),
    }
}

fn check_telling_keys(schema: &Schema, body: &Object<'_>) -> Result<(), ManifestError> {
    let foreign = |key: &&str| schema.fields.iter().all(|field| field.key != *key);
    match TELLING.iter().copied().filter(foreign).find(|key| body.some(key).is_some()) {
        Some(key) => Err(ManifestError::Ambiguous { key, media_type: schema.media_type.clone() }),
        None => Ok(()),
    }
}
