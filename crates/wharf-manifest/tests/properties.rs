//! What holds for every body.

use proptest::prelude::*;
use wharf_digest::Algorithm;
use wharf_manifest::{
    Descriptor, ImageBuilder, IndexBuilder, ManifestError, MediaType, Platform, Schemas,
};

fn descriptors() -> impl Strategy<Value = Descriptor> {
    (
        prop::sample::select(vec![Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512]),
        prop::collection::vec(any::<u8>(), 0..32),
        prop::collection::vec(".{0,12}", 0..3),
        prop::collection::btree_map(".{0,12}", ".{0,12}", 0..3),
        prop::option::of("[a-z]{1,8}"),
    )
        .prop_map(|(algorithm, content, urls, annotations, os)| Descriptor {
            urls,
            annotations,
            platform: os.map(|os| Platform { os, ..Platform::default() }),
            ..Descriptor::of(MediaType::octet_stream(), algorithm, &content)
        })
}

/// JSON that is more like a manifest than arbitrary bytes are.
fn fragments() -> impl Strategy<Value = String> {
    let pieces = vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "2",
        "-1",
        "null",
        "\"schemaVersion\":2",
        "\"mediaType\":",
        "\"layers\":[",
        "\"config\":{",
        "\"manifests\":[",
        "\"digest\":\"sha256:",
        "\"size\":1e400",
        "\"subject\":{",
        "\u{0}",
        "é",
    ];
    prop::collection::vec(prop::sample::select(pieces), 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        let _ = Schemas::default().parse(None, &bytes);
        let _ = Schemas::default().detect(&bytes);
    }

    #[test]
    fn arbitrary_fragments_never_panic(text in fragments()) {
        let _ = Schemas::default().parse(Some(&MediaType::oci_manifest()), text.as_bytes());
        let _ = Schemas::default().parse(Some(&MediaType::oci_index()), text.as_bytes());
        let _ = Schemas::default().detect(text.as_bytes());
    }

    #[test]
    fn what_is_built_parses_back(
        config in descriptors(),
        layers in prop::collection::vec(descriptors(), 0..4),
        subject in prop::option::of(descriptors()),
    ) {
        let image = layers.iter().cloned().fold(ImageBuilder::new(config.clone()), ImageBuilder::layer);
        let image = subject.iter().cloned().fold(image, ImageBuilder::subject).build();
        let manifest = Schemas::default().parse(Some(&image.media_type), &image.bytes).unwrap();
        prop_assert_eq!(manifest.config(), Some(&config));
        prop_assert!(manifest.layers().eq(&layers));
        prop_assert_eq!(manifest.subject(), subject.as_ref());

        let index = layers.iter().cloned().fold(IndexBuilder::new(), IndexBuilder::manifest).build();
        let manifest = Schemas::default().parse(Some(&index.media_type), &index.bytes).unwrap();
        prop_assert!(manifest.manifests().eq(&layers));
        prop_assert_eq!(Schemas::default().detect(&index.bytes).unwrap(), MediaType::oci_index());
    }

    #[test]
    fn descriptors_survive_serde(descriptor in descriptors()) {
        let text = serde_json::to_string(&descriptor).unwrap();
        prop_assert_eq!(serde_json::from_str::<Descriptor>(&text).unwrap(), descriptor);
    }

    #[test]
    fn shuffled_case_is_refused(
        key in prop::sample::select(vec!["schemaVersion", "mediaType", "config", "layers", "manifests",
            "fsLayers", "history", "blobs", "subject", "artifactType", "signatures"]),
        flips in prop::collection::vec(any::<bool>(), 16),
    ) {
        let flipped: String = key
            .chars()
            .zip(flips.iter().cycle())
            .map(|(c, flip)| match flip {
                true if c.is_ascii_lowercase() => c.to_ascii_uppercase(),
                true => c.to_ascii_lowercase(),
                false => c,
            })
            .collect();
        prop_assume!(flipped != key);
        let mut body = ImageBuilder::new(Descriptor::empty()).build().bytes.to_vec();
        body.pop();
        body.extend(format!(",\"{flipped}\":null}}").bytes());
        let refused = Schemas::default().parse(None, &body);
        let variant = matches!(refused, Err(ManifestError::CaseVariant { .. }));
        prop_assert!(variant, "{:?}", refused);
    }
}
