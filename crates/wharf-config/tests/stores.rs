//! The sections of the object stores.

use std::time::Duration;

use wharf_config::{
    Configuration, Driver, Loaded, Secret,
    storage::{
        azure::{self, Azure},
        gcs::{self, Gcs},
        s3::{Encryption, Keys, S3},
    },
};

fn load(storage: &str) -> Result<Loaded, String> {
    let text = format!("version: 0.1\nstorage:\n  {storage}\n");
    Configuration::load(&text, "c.yml", []).map_err(|error| error.to_string())
}

fn driver(storage: &str) -> Driver {
    let loaded = load(storage).expect(storage);
    assert!(loaded.warnings.is_empty(), "{storage}: {:?}", loaded.warnings);
    loaded.configuration.storage.driver
}

fn s3(parameters: &str) -> S3 {
    match driver(&format!("s3: {{bucket: b, {parameters}}}")) {
        Driver::S3(s3) => *s3,
        other => panic!("{other:?}"),
    }
}

fn azure(parameters: &str) -> Azure {
    match driver(&format!("azure: {{accountname: a, container: c, {parameters}}}")) {
        Driver::Azure(azure) => *azure,
        other => panic!("{other:?}"),
    }
}

fn gcs(parameters: &str) -> Gcs {
    match driver(&format!("gcs: {{bucket: b, {parameters}}}")) {
        Driver::Gcs(gcs) => *gcs,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bucket_of_s3_needs_no_more_than_its_name() {
    let plain = s3("");
    assert_eq!((plain.bucket.as_str(), plain.region, plain.keys), ("b", None, None));
    assert!(!plain.path_style && plain.endpoint.is_none());
    assert_eq!(plain.encryption, Encryption::Default);
    assert_eq!((plain.storage_class, plain.acl), (None, None));
    assert!(matches!(driver("s3aws: {bucket: b}"), Driver::S3(_)));
}

#[test]
fn the_parameters_of_s3_are_read() {
    let all = s3("region: eu-central-1, accesskey: AK, secretkey: SK, sessiontoken: ST, \
                  usedualstack: true, accelerate: true, usefipsendpoint: true, encrypt: true, \
                  keyid: arn, storageclass: standard_ia, objectacl: public-read, \
                  multipartcopychunksize: 33554432, \
                  multipartcopymaxconcurrency: 7, multipartcopythresholdsize: 1, \
                  rootdirectory: /a/b/, useragent: me/1, skipverify: true, rootcas: [/ca.pem]");
    let (access, secret) = ("AK".to_owned(), Secret::new("SK"));
    let session_token = Some(Secret::new("ST"));
    assert_eq!(all.keys, Some(Keys { access, secret, session_token }));
    assert!(all.dual_stack && all.accelerate && all.fips && all.client.skip_verify);
    assert_eq!(all.encryption, Encryption::Kms("arn".into()));
    assert_eq!((all.storage_class, all.acl), (Some("STANDARD_IA"), Some("public-read")));
    assert_eq!(all.copy_part_size, Some(32 << 20));
    assert_eq!((all.copy_concurrency, all.copy_threshold), (Some(7), Some(1)));
    assert_eq!((all.client.root.as_str(), all.client.user_agent.as_deref()), ("a/b", Some("me/1")));
    assert_eq!(all.client.root_cas, [std::path::PathBuf::from("/ca.pem")]);
}

#[test]
fn an_endpoint_has_a_scheme_and_means_path_style_unless_told_otherwise() {
    for (parameters, endpoint, path_style) in [
        ("regionendpoint: 'minio:9000'", "https://minio:9000", true),
        ("regionendpoint: 'minio:9000', secure: false", "http://minio:9000", true),
        ("regionendpoint: 'http://minio:9000/'", "http://minio:9000", true),
        ("regionendpoint: 'https://oss', forcepathstyle: false", "https://oss", false),
    ] {
        let read = s3(parameters);
        assert_eq!(read.endpoint.as_deref(), Some(endpoint), "{parameters}");
        assert_eq!(read.path_style, path_style, "{parameters}");
    }
    let elsewhere = s3("redirectendpoint: 'https://cdn.example.com'");
    assert_eq!(elsewhere.redirect_endpoint.as_deref(), Some("https://cdn.example.com"));
    assert!(!elsewhere.path_style);
}

#[test]
fn what_means_nothing_to_us_is_said() {
    let loaded = load("s3: {bucket: b, v4auth: true, loglevel: debug}").expect("valid");
    let warnings: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].starts_with("c.yml:3: storage.s3.v4auth: ignored: "), "{warnings:?}");
}

#[test]
fn an_account_of_azure_is_opened_in_one_of_three_ways() {
    let application =
        "accountkey: K, credentials: {type: client_secret, clientid: i, tenantid: t, secret: s}";
    let (client, tenant, secret) = ("i".to_owned(), "t".to_owned(), Secret::new("s"));
    let key = || azure::Credentials::SharedKey(Secret::new("K"));
    for (parameters, credentials) in [
        ("accountkey: K", key()),
        ("accountkey: K, credentials: {type: shared_key}", key()),
        ("accountkey: K, credentials: {type: default_credentials}", azure::Credentials::Default),
        ("", azure::Credentials::Default),
        (application, azure::Credentials::ClientSecret { client, tenant, secret }),
    ] {
        assert_eq!(azure(parameters).credentials, credentials, "{parameters}");
    }
}

#[test]
fn a_service_of_azure_is_found_by_its_realm_or_its_url() {
    for (parameters, url) in [
        ("", "https://a.blob.core.windows.net"),
        ("realm: core.usgovcloudapi.net", "https://a.blob.core.usgovcloudapi.net"),
        ("serviceurl: 'http://127.0.0.1:10000/a/'", "http://127.0.0.1:10000/a"),
    ] {
        assert_eq!(azure(parameters).service_url, url, "{parameters}");
    }
    assert_eq!(azure("retry_delay: 1s").copy_poll_delay, Duration::from_secs(1));
}

#[test]
fn a_bucket_of_google_is_opened_by_a_file_a_key_or_the_environment() {
    assert_eq!(gcs("").credentials, gcs::Credentials::Default);
    assert_eq!(gcs("keyfile: /k").credentials, gcs::Credentials::File("/k".into()));
    let key = gcs("credentials: {type: service_account, private_key: p}").credentials;
    let entries = [("type", "service_account"), ("private_key", "p")];
    let entries = entries.map(|(name, value)| (name.to_owned(), Secret::new(value)));
    assert_eq!(key, gcs::Credentials::Key(entries.into()));
    let more = gcs("maxconcurrency: 3, endpoint: 'http://localhost:4443/'");
    assert_eq!(more.max_operations, 25);
    assert_eq!(more.endpoint.as_deref(), Some("http://localhost:4443"));
}

#[test]
fn bad_values_are_named_with_their_place() {
    for (storage, error) in [
        ("s3: {}", "c.yml:3: storage.s3: bucket is missing"),
        ("s3: {bucket: ''}", "storage.s3.bucket: expected a text, found \"\""),
        ("s3: {bucket: b, accesskey: a}", "storage.s3: accesskey is given, but no secretkey"),
        ("s3: {bucket: b, secretkey: a}", "storage.s3: secretkey is given, but no accesskey"),
        ("s3: {bucket: b, keyid: k}", "storage.s3: keyid is given, but encrypt is not true"),
        (
            "s3: {bucket: b, multipartcopychunksize: 100}",
            "storage.s3.multipartcopychunksize: expected 5242880 to 5368709120 bytes, found 100",
        ),
        ("s3: {bucket: b, multipartcopychunksize: 5MB}", "expected a whole number"),
        (
            "s3: {bucket: b, storageclass: GOLD}",
            "storage.s3.storageclass: expected one of STANDARD",
        ),
        ("s3: {bucket: b, objectacl: all}", "storage.s3.objectacl: expected one of private, "),
        ("s3: {bucket: b, regionendpoint: 'ftp://x'}", "storage.s3.regionendpoint: expected http"),
        ("s3: {bucket: b, regionendpoint: 'https://x/y'}", "storage.s3.regionendpoint: expected"),
        ("s3: {bucket: b, rootdirectory: 'a//b'}", "storage.s3.rootdirectory: expected a path"),
        ("s3: {bucket: b, rootdirectory: 'a/../b'}", "storage.s3.rootdirectory: expected a path"),
        ("s3: {bucket: b, rootdirectory: 'a b'}", "storage.s3.rootdirectory: expected a path"),
        ("s3: {bucket: b, useragent: \"a\\nb\"}", "storage.s3.useragent: expected printable ASCII"),
        ("azure: {container: c}", "storage.azure: accountname is missing"),
        ("azure: {accountname: a}", "storage.azure: container is missing"),
        (
            "azure: {accountname: a, container: c, credentials: {type: shared_key}}",
            "storage.azure: accountkey is missing",
        ),
        (
            "azure: {accountname: a, container: c, credentials: {type: magic}}",
            "storage.azure.credentials.type: expected one of shared_key, client_secret, default",
        ),
        (
            "azure: {accountname: a, container: c, credentials: {type: client_secret}}",
            "storage.azure.credentials: clientid is missing",
        ),
        ("gcs: {}", "storage.gcs: bucket is missing"),
        ("gcs: {bucket: b, endpoint: google}", "storage.gcs.endpoint: expected http://HOST"),
    ] {
        let found = load(storage).expect_err(storage);
        assert!(found.contains(error), "{storage}: {found}");
    }
}

#[test]
fn no_secret_is_printed() {
    for storage in [
        "s3: {bucket: b, accesskey: a, secretkey: hush, sessiontoken: hush}",
        "azure: {accountname: a, container: c, accountkey: hush}",
        "azure: {accountname: a, container: c, credentials: \
         {type: client_secret, clientid: i, tenantid: t, secret: hush}}",
        "gcs: {bucket: b, credentials: {private_key: hush}}",
    ] {
        let printed = format!("{:?}", driver(storage));
        assert!(!printed.contains("hush"), "{printed}");
    }
}
