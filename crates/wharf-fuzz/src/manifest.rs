//! Manifests, as they are pushed and as they are found in a store.

use std::sync::LazyLock;

use wharf_digest::Digest;
use wharf_manifest::{
    Descriptor, ImageBuilder, IndexBuilder, Kind, Limits, Manifest, MediaType, Schema, Schemas,
};

use crate::input::expect_message;

static DEFAULT: LazyLock<Schemas> = LazyLock::new(Schemas::default);

static EXTENDED: LazyLock<Schemas> = LazyLock::new(|| {
    let mut schemas = Schemas::default();
    schemas.register(Schema::oci_artifact());
    schemas
});

/// A body is one type of manifest at most, whoever names the type; what it says can be said again.
pub fn check(data: &[u8]) {
    check_with(&DEFAULT, data);
    check_with(&EXTENDED, data);
}

fn check_with(schemas: &Schemas, body: &[u8]) {
    let derived = schemas.parse(None, body);
    assert_eq!(derived, schemas.parse(None, body));
    if let Err(error) = &derived {
        expect_message(error);
    }
    let detected = schemas.detect(body);
    let mut taken = 0;
    for media_type in schemas.media_types() {
        match schemas.parse(Some(media_type), body) {
            Ok(manifest) => {
                taken += 1;
                assert_eq!(manifest.media_type(), media_type);
                assert_eq!(detected.as_ref(), Ok(media_type));
                assert_eq!(derived.as_ref(), Ok(&manifest));
                accepted(schemas, body, &manifest);
            }
            Err(error) => expect_message(&error),
        }
    }
    assert!(taken <= 1, "a body of {taken} types");
    assert_eq!(derived.is_ok(), taken == 1);
    let stranger = MediaType::octet_stream();
    assert!(schemas.parse(Some(&stranger), body).is_err());
}

fn accepted(schemas: &Schemas, body: &[u8], manifest: &Manifest) {
    let json = serde_json::from_slice::<serde_json::Value>(body);
    assert!(json.is_ok_and(|json| json.is_object()));
    // A list, a configuration.
    assert!(manifest.references().count() <= Limits::default().descriptors + 1);
    manifest.references().for_each(|reference| described(reference.descriptor));
    manifest.subject().into_iter().for_each(described);
    match manifest.kind() {
        Kind::Image => assert_eq!(manifest.manifests().count(), 0),
        Kind::Index => assert_eq!((manifest.config(), manifest.layers().count()), (None, 0)),
    }
    described(&manifest.referrer(Digest::sha256(body), body.len() as u64));
    rebuilt(schemas, manifest);
}

fn described(descriptor: &Descriptor) {
    let json = serde_json::to_string(descriptor).expect("a descriptor is JSON");
    assert_eq!(serde_json::from_str::<Descriptor>(&json).ok().as_ref(), Some(descriptor));
}

/// Writes the manifest anew, from nothing but what was understood of it.
fn rebuilt(schemas: &Schemas, manifest: &Manifest) {
    // What the builders build has a configuration, or entries.
    if !DEFAULT.contains(manifest.media_type()) {
        return;
    }
    macro_rules! finish {
        ($builder:expr) => {{
            let mut builder = $builder.media_type(manifest.media_type().clone());
            builder = manifest.subject().cloned().into_iter().fold(builder, |b, it| b.subject(it));
            for (key, value) in manifest.annotations() {
                builder = builder.annotation(key, value);
            }
            builder.build()
        }};
    }
    let built = match manifest.config() {
        Some(config) => {
            let image = ImageBuilder::new(config.clone());
            finish!(manifest.layers().cloned().fold(image, ImageBuilder::layer))
        }
        None => {
            let index = IndexBuilder::new();
            finish!(manifest.manifests().cloned().fold(index, IndexBuilder::manifest))
        }
    };
    let again = schemas.parse(Some(manifest.media_type()), &built.bytes);
    let again = again.unwrap_or_else(|error| panic!("what was read is not written: {error}"));
    assert!(again.references().eq(manifest.references()));
    assert_eq!(
        (again.subject(), again.annotations()),
        (manifest.subject(), manifest.annotations())
    );
}
