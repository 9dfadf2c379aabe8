//! A configuration that is shown.

use wharf_config::{Configuration, Loaded};

fn load(text: &str) -> Loaded {
    Configuration::load(text, "c.yml", []).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Configurations of many shapes, none of which has a secret.
const FILES: &[&str] = &[
    Configuration::EMBEDDED,
    "version: 0.1\nstorage: inmemory",
    "version: 0.1\nstorage: {inmemory: }\nhttp:\nlog: {level: warn, fields: {a: ' b', 'c: d': 007}}",
    "version: 0.1\nstorage: {s3: {bucket: b, region: r}}\nhttp: {tls: {certificate: /c, key: /k}}",
    "version: 0.1\nstorage: {azure: {accountname: a, container: c}, delete: {enabled: yes}}",
    "version: 0.1\nstorage: {gcs: {bucket: b, keyfile: /k}}\nauth: {htpasswd: {path: '/a b'}}",
    "version: 0.1\nstorage: {inmemory: {}}\nauth: {token: {realm: 'https://r', issuer: 'a \"b\"\\', \
     service: s, jwks: /j, signingalgorithms: [RS256, EdDSA]}}",
    "version: 0.1\nstorage: {inmemory: {}}\nhealth: {storagedriver: {enabled: true}, \
     file: [{file: /f}, {file: /g, threshold: 3}], http: [{uri: 'http://u'}], tcp: [{addr: ':1'}]}",
    "version: 0.1\nstorage: {inmemory: {}}\nhttp: {addr: '[::1]:5000', headers: {X-A: [b, ': c']}, \
     debug: {addr: ':5001'}, trustedproxies: []}\nmiddleware: {storage: [{name: redirect, options: \
     {baseurl: 'https://x'}}]}",
    "version: 0.1\nstorage: {inmemory: {}}\nvalidation: {manifests: {indexes: {platforms: list, \
     platformlist: [{os: linux, architecture: amd64}]}}}",
];

#[test]
fn what_is_shown_can_be_read_again() {
    for file in FILES {
        let loaded = load(file);
        let Loaded { configuration, document, .. } = &loaded;
        for yaml in [document.to_yaml(), document.to_yaml_with_defaults()] {
            assert_eq!(&load(&yaml).configuration, configuration, "{file}\n{yaml}");
        }
    }
    // A pattern knows its place, which changes.
    let pattern = r#"^https?://[^#]+\.x "y"$"#;
    let file =
        "version: 0.1\nstorage: inmemory\nvalidation: {manifests: {urls: {allow: ['PATTERN']}}}";
    let yaml = load(&file.replace("PATTERN", pattern)).document.to_yaml();
    assert_eq!(load(&yaml).configuration.validation.allow_urls[0].text, pattern, "{yaml}");
}

#[test]
fn variables_count_and_what_is_unknown_is_left_out() {
    let file = "version: 0.1\nstorage: inmemory\nhttp: {adr: x}\n";
    let variable = ("REGISTRY_HTTP_ADDR".to_owned(), ":80".to_owned());
    let loaded = Configuration::load(file, "c.yml", [variable]).expect("valid");
    let expected = "version: 0.1\nstorage:\n  inmemory: {}\nhttp:\n  addr: :80\n";
    assert_eq!(loaded.document.to_yaml(), expected);
    assert_eq!(format!("{:?}", loaded.document), "Document(…)");
}

#[test]
fn defaults_are_those_of_what_is_there() {
    let yaml = load("version: 0.1\nstorage: filesystem").document.to_yaml_with_defaults();
    for expected in [
        "storage:\n  filesystem:\n    rootdirectory: /var/lib/registry\n    maxthreads: 100\n",
        "  draintimeout: 10s\n",
        "    manifestsize: 4194304\n",
        "    uploadpurging:\n      enabled: true\n      age: 168h\n",
    ] {
        assert!(yaml.contains(expected), "{expected}\n{yaml}");
    }
    for absent in ["s3", "tls:", "auth", "loglevel", "layerinfo", "deniedstatus"] {
        assert!(!yaml.contains(absent), "{absent}\n{yaml}");
    }
}

#[test]
fn secrets_are_hidden() {
    let file = "
version: 0.1
storage: {s3: {bucket: b, region: r, accesskey: a, secretkey: s3cr3t, sessiontoken: s3cr3t}}
http: {secret: s3cr3t, secrett: s3cr3t}
health: {http: [{uri: 'https://user:s3cr3t@host/x', headers: {Authorization: [s3cr3t, s3cr3t]}}]}
redis: {password: s3cr3t, sentinelpassword: s3cr3t}
notifications: {endpoints: [{url: 'https://u:s3cr3t@h/', headers: {A: [s3cr3t]}, secret: s3cr3t}]}
log: {hooks: [{type: mail, options: {smtp: {password: s3cr3t}}}]}
reporting: {bugsnag: {apikey: s3cr3t}}
notifications: {endpoints: [{url: 'http://u:s3cr3t@h', headers: {A: [s3cr3t]}, secret: s3cr3t}]}
";
    let document = load(file).document;
    for yaml in [document.to_yaml(), document.to_yaml_with_defaults()] {
        assert!(!yaml.contains("s3cr3t"), "{yaml}");
        for shown in ["accesskey: a\n", "  secret: \"***\"\n", "uri: \"https://user:***@host/x\"\n"]
        {
            assert!(yaml.contains(shown), "{shown}\n{yaml}");
        }
    }
    let gcs = "version: 0.1\nstorage: {gcs: {bucket: b, credentials: {private_key: s3cr3t}}}";
    assert!(load(gcs).document.to_yaml().contains("      private_key: \"***\"\n"));
}
