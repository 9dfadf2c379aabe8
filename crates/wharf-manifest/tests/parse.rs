//! What is taken and what is refused, case by case.

use wharf_digest::{Algorithm, Digest};
use wharf_manifest::{
    Descriptor, ImageBuilder, IndexBuilder, Kind, Limits, ManifestError, MediaType, Role, Schema,
    Schemas, media_types as types,
};

const D: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

fn descriptor() -> String {
    format!(r#"{{"mediaType":"a/b","digest":"{D}","size":2}}"#)
}

/// Puts a descriptor wherever `@` stands.
fn body(template: &str) -> Vec<u8> {
    template.replace('@', &descriptor()).into_bytes()
}

fn parse(content_type: &str, template: &str) -> Result<wharf_manifest::Manifest, ManifestError> {
    let content_type =
        (!content_type.is_empty()).then(|| MediaType::parse(content_type).expect("a media type"));
    Schemas::default().parse(content_type.as_ref(), &body(template))
}

#[track_caller]
fn accepts(content_type: &str, template: &str) {
    if let Err(error) = parse(content_type, template) {
        panic!("refused {template}: {error}");
    }
}

#[track_caller]
fn refuses(content_type: &str, template: &str, message: &str) {
    match parse(content_type, template) {
        Ok(_) => panic!("accepted {template}"),
        Err(error) => assert_eq!(error.to_string(), message, "{template}"),
    }
}

#[test]
fn ordinary_manifests() {
    let image = r#"{"schemaVersion":2,"config":@,"layers":[@,@]}"#;
    let index = r#"{"schemaVersion":2,"manifests":[@]}"#;
    accepts(types::OCI_MANIFEST, image);
    accepts(types::OCI_INDEX, index);
    accepts("", image);
    accepts("", index);
    for (media_type, rest) in [
        (types::OCI_MANIFEST, r#""config":@,"layers":[]"#),
        (types::OCI_INDEX, r#""manifests":[]"#),
        (types::DOCKER_MANIFEST, r#""config":@,"layers":[@]"#),
        (types::DOCKER_MANIFEST_LIST, r#""manifests":[@]"#),
    ] {
        let text = format!(r#"{{"schemaVersion":2,"mediaType":"{media_type}",{rest}}}"#);
        accepts(media_type, &text);
        accepts("", &text);
        let manifest = parse("", &text).unwrap();
        assert_eq!(manifest.media_type(), &media_type);
    }
}

#[test]
fn unknown_fields_are_welcome() {
    accepts(
        types::OCI_MANIFEST,
        r#"{"schemaVersion":2,"config":@,"layers":[@],"org.x":{"a":[1]},"blobs":1,"signatures":[]}"#,
    );
    accepts(
        types::OCI_INDEX,
        &format!(
            r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"a/b","digest":"{D}","size":2,"x":1,"x":2,"platform":{{"architecture":"amd64","os":"linux","os.features":null,"y":3}}}}]}}"#
        ),
    );
    // Docker has no subject: the field is unknown there, and whatever it holds is ignored.
    let docker = format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","config":@,"layers":[],"subject":7,"annotations":[]}}"#,
        types::DOCKER_MANIFEST
    );
    accepts(types::DOCKER_MANIFEST, &docker);
    assert!(parse("", &docker).unwrap().subject().is_none());
}

#[test]
fn buildkit_cache_index_lists_layers() {
    let text = format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[
            {{"mediaType":"{}","digest":"{D}","size":2,"annotations":{{"buildkit/createdat":"now"}}}},
            {{"mediaType":"application/vnd.buildkit.cacheconfig.v0","digest":"{D}","size":2}}]}}"#,
        types::OCI_INDEX,
        types::OCI_LAYER_GZIP
    );
    assert_eq!(parse(types::OCI_INDEX, &text).unwrap().manifests().count(), 2);
}

#[test]
fn two_readings_are_refused() {
    const IMAGE: &str = r#""schemaVersion":2,"config":@,"layers":[@]"#;
    for (extra, message) in [
        (
            r#""manifests":[]"#,
            "manifests: has no place in application/vnd.oci.image.manifest.v1+json",
        ),
        (
            r#""fsLayers":[]"#,
            "fsLayers: has no place in application/vnd.oci.image.manifest.v1+json",
        ),
        (r#""history":[]"#, "history: has no place in application/vnd.oci.image.manifest.v1+json"),
        (r#""layers":[]"#, "layers: key appears more than once"),
        (r#""config":null"#, "config: key appears more than once"),
        (r#""schemaVersion":2"#, "schemaVersion: key appears more than once"),
        (r#""x":1,"x":2"#, "x: key appears more than once"),
        (r#""Layers":[]"#, r#"Layers: key differs from "layers" by case only"#),
        (r#""MANIFESTS":[]"#, r#"MANIFESTS: key differs from "manifests" by case only"#),
        (r#""mediatype":"""#, r#"mediatype: key differs from "mediaType" by case only"#),
        (r#""Subject":{}"#, r#"Subject: key differs from "subject" by case only"#),
        (
            r#""\u006dediaType":"x/y""#,
            r#"mediaType: the body says "x/y", it was sent as application/vnd.oci.image.manifest.v1+json"#,
        ),
    ] {
        refuses(types::OCI_MANIFEST, &format!("{{{IMAGE},{extra}}}"), message);
    }
    for key in ["config", "layers"] {
        refuses(
            types::OCI_INDEX,
            &format!(r#"{{"schemaVersion":2,"manifests":[],"{key}":@}}"#),
            &format!("{key}: has no place in application/vnd.oci.image.index.v1+json"),
        );
    }
    // No reader makes anything of a null there.
    accepts(types::OCI_MANIFEST, &format!(r#"{{{IMAGE},"manifests":null,"subject":null}}"#));
}

#[test]
fn media_type_and_version() {
    let image = |head: &str| format!(r#"{{{head}"config":@,"layers":[@]}}"#);
    for (content_type, head, message) in [
        (types::OCI_MANIFEST, "", "schemaVersion: missing"),
        (types::OCI_MANIFEST, r#""schemaVersion":3,"#, "schemaVersion: must be 2, is 3"),
        (types::OCI_MANIFEST, r#""schemaVersion":2.0,"#, "schemaVersion: must be 2, is 2.0"),
        (types::OCI_MANIFEST, r#""schemaVersion":"2","#, r#"schemaVersion: must be 2, is "2""#),
        (types::DOCKER_MANIFEST, r#""schemaVersion":2,"#, "mediaType: missing"),
        (
            types::OCI_MANIFEST,
            r#""schemaVersion":2,"mediaType":7,"#,
            "mediaType: must be a string, is 7",
        ),
        (
            "application/json",
            r#""schemaVersion":2,"#,
            r#"unknown manifest media type "application/json""#,
        ),
        ("", r#""schemaVersion":2,"mediaType":"x/y","#, r#"unknown manifest media type "x/y""#),
    ] {
        refuses(content_type, &image(head), message);
    }
    let docker = format!(r#""schemaVersion":2,"mediaType":"{}","#, types::DOCKER_MANIFEST);
    assert!(matches!(
        parse(types::OCI_MANIFEST, &image(&docker)),
        Err(ManifestError::MediaTypeMismatch { .. })
    ));
}

#[test]
fn schema_1_says_what_to_do() {
    for (content_type, text) in [
        ("", r#"{"schemaVersion":1,"name":"a","fsLayers":[],"history":[]}"#),
        ("", r#"{"fsLayers":[]}"#),
        (types::DOCKER_SCHEMA1, "{}"),
        (types::DOCKER_SCHEMA1_SIGNED, r#"{"schemaVersion":1}"#),
        (types::OCI_MANIFEST, r#"{"schemaVersion":1,"config":@,"layers":[]}"#),
    ] {
        assert_eq!(parse(content_type, text), Err(ManifestError::Schema1), "{text}");
    }
}

#[test]
fn own_keys_have_to_be_there_and_not_null() {
    for (content_type, text, message) in [
        (types::OCI_MANIFEST, r#"{"schemaVersion":2,"layers":[]}"#, "config: missing"),
        (types::OCI_MANIFEST, r#"{"schemaVersion":2,"config":@}"#, "layers: missing"),
        (types::OCI_INDEX, r#"{"schemaVersion":2}"#, "manifests: missing"),
        (
            types::OCI_MANIFEST,
            r#"{"schemaVersion":2,"config":null,"layers":[]}"#,
            "config: must be a descriptor, is null",
        ),
        (
            types::OCI_MANIFEST,
            r#"{"schemaVersion":2,"config":@,"layers":null}"#,
            "layers: must be a list, is null",
        ),
        (
            types::OCI_INDEX,
            r#"{"schemaVersion":2,"manifests":null}"#,
            "manifests: must be a list, is null",
        ),
        (
            types::OCI_INDEX,
            r#"{"schemaVersion":2,"manifests":{}}"#,
            "manifests: must be a list, is an object",
        ),
        (
            types::OCI_INDEX,
            r#"{"schemaVersion":2,"manifests":[@,null]}"#,
            "manifests[1]: must be a descriptor, is null",
        ),
        (
            types::OCI_INDEX,
            r#"{"schemaVersion":2,"manifests":[@,[]]}"#,
            "manifests[1]: must be a descriptor, is a list",
        ),
    ] {
        refuses(content_type, text, message);
    }
}

#[test]
fn descriptors_are_checked_where_they_stand() {
    let other = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
    for (descriptor, message) in [
        (format!(r#"{{"digest":"{D}","size":2}}"#), "layers[0].mediaType: missing"),
        (format!(r#"{{"mediaType":"ab","digest":"{D}","size":2}}"#), r#"layers[0].mediaType: invalid media type "ab""#),
        (r#"{"mediaType":"a/b","size":2}"#.into(), "layers[0].digest: missing"),
        (format!(r#"{{"mediaType":"a/b","digest":"{D}"}}"#), "layers[0].size: missing"),
        (format!(r#"{{"mediaType":"a/b","digest":"{D}","size":-1}}"#), "layers[0].size: must be a whole number from 0 to 2^63-1, is -1"),
        (format!(r#"{{"mediaType":"a/b","digest":"{D}","size":9223372036854775808}}"#), "layers[0].size: must be a whole number from 0 to 2^63-1, is 9223372036854775808"),
        (format!(r#"{{"mediaType":"a/b","digest":"{D}","size":1.5}}"#), "layers[0].size: must be a whole number from 0 to 2^63-1, is 1.5"),
        (format!(r#"{{"mediaType":"a/b","digest":"{D}","size":2,"size":3}}"#), "layers[0].size: key appears more than once"),
        (format!(r#"{{"mediaType":"a/b","digest":"{D}","Digest":"{other}","size":2}}"#), r#"layers[0].Digest: key differs from "digest" by case only"#),
        (format!(r#"{{"mediaType":"a/b","digest":"{D}","size":2,"URLs":[]}}"#), r#"layers[0].URLs: key differs from "urls" by case only"#),
        (format!(r#"{{"mediaType":"a/b","digest":"{D}","size":2,"urls":"x"}}"#), r#"layers[0].urls: must be a list of strings, is "x""#),
        (format!(r#"{{"mediaType":"a/b","digest":"{D}","size":2,"annotations":{{"a":1}}}}"#), "layers[0].annotations: must be an object of strings, is an object"),
        (format!(r#"{{"mediaType":"a/b","digest":"{D}","size":2,"data":"e30"}}"#), "layers[0].data: is not base64"),
        (format!(r#"{{"mediaType":"a/b","digest":"{D}","size":2,"data":"e30g"}}"#), "layers[0].data: has 3 bytes, size says 2"),
        (format!(r#"{{"mediaType":"a/b","digest":"{other}","size":2,"data":"e30="}}"#), "layers[0].data: is not sha256:0000000000000000000000000000000000000000000000000000000000000000"),
    ]
    .map(|(descriptor, message)| (descriptor, message.to_owned()))
    {
        let text = format!(r#"{{"schemaVersion":2,"config":@,"layers":[{descriptor}]}}"#);
        refuses(types::OCI_MANIFEST, &text, &message);
    }
    for digest in ["md5:d41d8cd98f00b204e9800998ecf8427e", "sha256:short", "", "nonsense"] {
        let text = format!(
            r#"{{"schemaVersion":2,"config":@,"layers":[@,{{"mediaType":"a/b","digest":"{digest}","size":2}}]}}"#
        );
        let error = parse(types::OCI_MANIFEST, &text).unwrap_err();
        assert!(matches!(error, ManifestError::Digest { .. }), "{error}");
        assert!(error.to_string().starts_with("layers[1].digest: "), "{error}");
    }
}

#[test]
fn embedded_data_is_kept_as_it_was_given() {
    let text = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"a/b","digest":"{D}","size":2,"data":"e30="}},"layers":[]}}"#
    );
    let manifest = parse(types::OCI_MANIFEST, &text).unwrap();
    assert_eq!(manifest.config().unwrap().data.as_deref(), Some("e30="));
}

#[test]
fn bodies_that_are_no_manifest() {
    for text in ["", "null", "[]", "7", "\"x\"", "{", "{}x", r#"{"a":}"#, "{'a':1}", "\u{feff}{}"] {
        let error = parse(types::OCI_MANIFEST, text).unwrap_err();
        assert!(matches!(error, ManifestError::Syntax(_)), "{text:?}: {error}");
    }
    let invalid_utf8 = Schemas::default().parse(None, b"{\"a\":\"\xff\"}");
    assert!(matches!(invalid_utf8, Err(ManifestError::Syntax(_))));
}

#[test]
fn bounds() {
    let deep = |depth: usize| format!(r#"{{"x":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    assert_eq!(parse("", &deep(10_000)), Err(ManifestError::TooDeep { limit: 64 }));
    assert_eq!(parse("", &"[".repeat(1_000_000)), Err(ManifestError::TooDeep { limit: 64 }));
    assert_eq!(parse("", &deep(63)), Err(ManifestError::Missing { place: "schemaVersion".into() }));

    let layers = |n: usize| vec!["@"; n].join(",");
    let image = |n: usize| format!(r#"{{"schemaVersion":2,"config":@,"layers":[{}]}}"#, layers(n));
    assert_eq!(parse("", &image(10_000)).unwrap().layers().count(), 10_000);
    refuses("", &image(10_001), "layers: more than 10000 entries");

    let keys: String = (0..1_000).map(|n| format!(r#","k{n}":0"#)).collect();
    refuses("", &format!(r#"{{"schemaVersion":2{keys}}}"#), "manifest: more than 1000 entries");

    let tight = Schemas::default().with_limits(Limits { depth: 2, ..Limits::default() });
    let error = tight.parse(None, &body(r#"{"schemaVersion":2,"config":@,"layers":[@]}"#));
    assert_eq!(error, Err(ManifestError::TooDeep { limit: 2 }));
}

#[test]
fn four_megabytes_of_annotations() {
    let mut image = ImageBuilder::new(Descriptor::empty());
    for n in 0..390 {
        image = image.annotation(format!("org.example.{n}"), "x".repeat(10_000));
    }
    let built = image.build();
    assert!(built.bytes.len() > 3_900_000);
    let manifest = Schemas::default().parse(Some(&built.media_type), &built.bytes).unwrap();
    assert_eq!(manifest.annotations().len(), 390);
}

#[test]
fn references_subject_and_artifact_type() {
    let layer = Descriptor::of(MediaType::octet_stream(), Algorithm::Sha512, b"layer");
    let subject = Descriptor::of(MediaType::oci_manifest(), Algorithm::Sha256, b"subject");
    let built = ImageBuilder::new(Descriptor::empty())
        .layer(layer.clone())
        .subject(subject.clone())
        .annotation("a", "b")
        .build();
    let manifest = Schemas::default().parse(None, &built.bytes).unwrap();
    let references: Vec<_> = manifest
        .references()
        .map(|reference| (reference.role, reference.descriptor.clone()))
        .collect();
    assert_eq!(references, [(Role::Config, Descriptor::empty()), (Role::Layer, layer)]);
    assert_eq!(manifest.subject(), Some(&subject));
    assert_eq!(manifest.artifact_type(), Some(types::OCI_EMPTY));

    let digest = Digest::sha256(&built.bytes);
    let referrer = manifest.referrer(digest, built.bytes.len() as u64);
    assert_eq!(referrer.artifact_type.as_deref(), Some(types::OCI_EMPTY));
    assert_eq!(referrer.annotations["a"], "b");

    let index = IndexBuilder::new().manifest(referrer.clone()).build();
    let manifest = Schemas::default().parse(None, &index.bytes).unwrap();
    assert_eq!((manifest.kind(), manifest.artifact_type()), (Kind::Index, None));
    assert_eq!(manifest.manifests().collect::<Vec<_>>(), [&referrer]);
}

#[test]
fn further_types_can_be_registered() {
    let text = format!(
        r#"{{"mediaType":"{}","artifactType":"x/y","blobs":[@],"subject":@}}"#,
        types::OCI_ARTIFACT
    );
    assert!(matches!(parse("", &text), Err(ManifestError::UnknownMediaType(_))));

    let mut schemas = Schemas::default();
    schemas.register(Schema::oci_artifact());
    let manifest = schemas.parse(None, &body(&text)).unwrap();
    assert_eq!(
        manifest.references().map(|reference| reference.role).collect::<Vec<_>>(),
        [Role::Blob]
    );
    assert_eq!(manifest.artifact_type(), Some("x/y"));
    assert!(manifest.subject().is_some());
    let confused = text.replace(r#""blobs""#, r#""layers":[],"blobs""#);
    let error = schemas.parse(None, &body(&confused)).unwrap_err();
    assert!(matches!(error, ManifestError::Ambiguous { key: "layers", .. }));
}

#[test]
fn stored_manifests_are_told_as_distribution_tells_them() {
    let detect = |text: &str| Schemas::default().detect(&body(text)).map(|m| m.to_string());
    for (text, expected) in [
        (r#"{"schemaVersion":2,"config":@,"layers":null}"#, types::OCI_MANIFEST),
        (r#"{"schemaVersion":2,"config":@}"#, types::OCI_MANIFEST),
        (r#"{"schemaVersion":2,"manifests":[]}"#, types::OCI_INDEX),
        (
            r#"{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","manifests":[]}"#,
            types::DOCKER_MANIFEST,
        ),
    ] {
        assert_eq!(detect(text), Ok(expected.into()), "{text}");
    }
    assert_eq!(detect(r#"{"schemaVersion":1}"#), Err(ManifestError::Schema1));
    assert!(detect("{}").is_err());
    assert!(detect("\u{1f}\u{8b}").is_err());
}
