//! `REGISTRY_*` variables over a file.

use wharf_config::{Configuration, Driver, Level, Loaded};

const FILE: &str = "
version: 0.1
log: {level: warn, fields: {Service: a}}
storage:
  filesystem: {rootdirectory: /srv}
  delete: {enabled: true}
http:
  addr: :5000
  headers: {X-One: [a, b]}
";

fn load(variables: &[(&str, &str)]) -> Result<Loaded, String> {
    let environment = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    Configuration::load(FILE, "c.yml", environment.collect::<Vec<_>>())
        .map_err(|error| error.to_string())
}

fn with(variables: &[(&str, &str)]) -> Configuration {
    let loaded = load(variables).expect("valid");
    assert!(loaded.warnings.is_empty(), "{variables:?}: {:?}", loaded.warnings);
    loaded.configuration
}

fn headers(configuration: &Configuration) -> String {
    let headers = &configuration.http.headers;
    let texts: Vec<_> = headers.iter().map(|h| format!("{}={}", h.name, h.value)).collect();
    texts.join(" ")
}

#[test]
fn a_variable_replaces_a_key() {
    assert_eq!(with(&[("REGISTRY_HTTP_ADDR", ":5001")]).http.address.port, 5001);
    assert_eq!(with(&[("REGISTRY_LOG_LEVEL", "debug")]).log.level, Level::Debug);
    assert_eq!(with(&[("REGISTRY_LOG", "{level: error}")]).log.fields.len(), 0);
    assert!(!with(&[("REGISTRY_STORAGE_DELETE_ENABLED", "false")]).storage.delete);
    assert!(!with(&[("REGISTRY_STORAGE_DELETE", "")]).storage.delete);
    let read_only = ("REGISTRY_STORAGE_MAINTENANCE_READONLY", r#"{"enabled":true}"#);
    assert!(with(&[read_only]).storage.read_only);
    let root = with(&[("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/else")]).storage.driver;
    assert!(matches!(root, Driver::Filesystem { root, .. } if root.as_os_str() == "/else"));
}

#[test]
fn a_driver_named_by_a_variable_replaces_the_whole_section() {
    let storage = with(&[("REGISTRY_STORAGE", "inmemory")]).storage;
    assert_eq!((storage.driver, storage.delete), (Driver::InMemory, false));
    // Variables apply in the order of their names, whatever order they come in.
    let storage =
        with(&[("REGISTRY_STORAGE_DELETE_ENABLED", "true"), ("REGISTRY_STORAGE", "inmemory")])
            .storage;
    assert_eq!((storage.driver, storage.delete), (Driver::InMemory, true));
}

#[test]
fn keys_that_the_operator_makes_up_are_found_in_any_case_and_created_in_lower_case() {
    let fields = with(&[("REGISTRY_LOG_FIELDS_SERVICE", "b"), ("REGISTRY_LOG_FIELDS_NEW", "c")]);
    let fields = fields.log.fields.into_iter().map(|(k, v)| format!("{k}={v}"));
    assert_eq!(fields.collect::<Vec<_>>(), ["Service=b", "new=c"]);
    assert_eq!(
        headers(&with(&[("REGISTRY_HTTP_HEADERS_X-TWO", "[c]")])),
        "X-One=a X-One=b x-two=c"
    );
}

#[test]
fn lists_are_indexed_and_grow_by_one() {
    let name = "REGISTRY_HTTP_HEADERS_X-ONE";
    for (index, expected) in [
        ("0", Ok("X-One=z X-One=b")),
        ("2", Ok("X-One=a X-One=b X-One=z")),
        ("3", Err("\"3\" is no index of an item in the list, or of the next")),
        ("-1", Err("\"-1\" is no index of an item in the list, or of the next")),
        ("x", Err("\"x\" is no index of an item in the list, or of the next")),
        ("99999999999999999999", Err("\"99999999999999999999\" is no index")),
    ] {
        let variable = format!("{name}_{index}");
        match (load(&[(&variable, "z")]), expected) {
            (Ok(loaded), Ok(expected)) => assert_eq!(headers(&loaded.configuration), expected),
            (Err(error), Err(expected)) => {
                assert!(error.starts_with(&format!("{variable}: {expected}")), "{error}");
            }
            (other, _) => panic!("{variable}: {other:?}"),
        }
    }
    let configuration = with(&[
        ("REGISTRY_VALIDATION_MANIFESTS_URLS_ALLOW_0", "x"),
        ("REGISTRY_VALIDATION_MANIFESTS_URLS_ALLOW_1", "y"),
    ]);
    assert_eq!(configuration.validation.allow_urls.len(), 2);
    let place = configuration.validation.allow_urls[1].place.to_string();
    assert_eq!(place, "REGISTRY_VALIDATION_MANIFESTS_URLS_ALLOW_1");
}

#[test]
fn what_is_not_ours_is_left_alone() {
    with(&[
        ("PATH", "/bin"),
        ("REGISTRYX_HTTP", "["),
        ("registry_http_addr", "["),
        ("REGISTRY_CONFIGURATION_PATH", "/etc/x.yml"),
    ]);
}

#[test]
fn what_no_key_is_called_is_a_warning() {
    for name in [
        "REGISTRY_",
        "REGISTRY__",
        "REGISTRY_FOO",
        "REGISTRY_HTTP_ADDR_X",
        "REGISTRY_HTTP_",
        "REGISTRY_LOG_FIELDS_",
        "REGISTRY_LOG_FIELDS_A_",
        // What kubernetes injects beside a service called "registry".
        "REGISTRY_PORT_5000_TCP_ADDR",
        "REGISTRY_HEALTH_HTTP_0_URI",
    ] {
        let loaded = load(&[(name, "tcp://[x")]);
        let loaded = match loaded {
            // A value is parsed as soon as its name leads somewhere.
            Err(error) => panic!("{name}: {error}"),
            Ok(loaded) => loaded,
        };
        let warnings: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(warnings, [format!("{name}: ignored: no key has this name")]);
    }
}

#[test]
fn a_name_that_is_nearly_one_brings_its_name() {
    for (name, meant) in [
        ("REGISTRY_HTTP_ADRR", "REGISTRY_HTTP_ADDR"),
        ("REGISTRY_http_addr", "REGISTRY_HTTP"),
        ("REGISTRY_STORAGES_FILESYSTEM_ROOTDIRECTORY", "REGISTRY_STORAGE"),
        ("REGISTRY_STORAGE_AZURE_RETRY_DELAI", "REGISTRY_STORAGE_AZURE_RETRY_DELAY"),
        ("REGISTRY_STORAGE_S4_BUCKET", "REGISTRY_STORAGE_S3"),
        ("REGISTRY_HTTP_DRAIN__TIMEOUT", "REGISTRY_HTTP_DRAINTIMEOUT"),
    ] {
        let loaded = load(&[(name, "5s")]).expect(name);
        let expected = format!("{name}: ignored: no key has this name, did you mean {meant}?");
        assert_eq!(loaded.warnings[0].to_string(), expected);
    }
}

#[test]
fn keys_with_underscores_can_be_said() {
    let fields = |variables: &[(&str, &str)]| {
        let fields = with(variables).log.fields.into_iter().map(|(k, v)| format!("{k}={v}"));
        fields.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(fields(&[("REGISTRY_LOG_FIELDS_DATA_CENTRE", "x")]), "Service=a data_centre=x");
    assert_eq!(fields(&[("REGISTRY_LOG_FIELDS_DATA__CENTRE", "x")]), "Service=a data_centre=x");
    let header = ("REGISTRY_HTTP_HEADERS_X__TWO_0", "c");
    assert_eq!(headers(&with(&[header])), "X-One=a X-One=b x_two=c");

    let azure = "version: 0.1\nstorage: {azure: {accountname: a, container: c}}";
    for name in ["RETRY_DELAY", "RETRY__DELAY"] {
        let variable = (format!("REGISTRY_STORAGE_AZURE_{name}"), "7s".to_owned());
        let loaded = Configuration::load(azure, "c.yml", [variable]).expect("valid");
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
        let Driver::Azure(azure) = loaded.configuration.storage.driver else { panic!("azure") };
        assert_eq!(azure.copy_poll_delay.as_secs(), 7);
    }
    let gcs = "version: 0.1\nstorage: {gcs: {bucket: b}}";
    let name = "REGISTRY_STORAGE_GCS_CREDENTIALS_PRIVATE_KEY".to_owned();
    let loaded = Configuration::load(gcs, "c.yml", [(name, "k".to_owned())]).expect("valid");
    let Driver::Gcs(gcs) = loaded.configuration.storage.driver else { panic!("gcs") };
    let wharf_config::storage::gcs::Credentials::Key(key) = gcs.credentials else { panic!("key") };
    assert_eq!(key[0].0, "private_key");
}

#[test]
fn errors_name_the_variable() {
    for (name, value, expected) in [
        ("REGISTRY_HTTP_ADDR", "x", "REGISTRY_HTTP_ADDR: http.addr: expected an address"),
        ("REGISTRY_HTTP_ADDR", "{", "REGISTRY_HTTP_ADDR: invalid YAML"),
        ("REGISTRY_AUTH", "htpasswd", "REGISTRY_AUTH: auth.htpasswd: path is missing"),
        (
            "REGISTRY_AUTH_HTPASSWD_REALM",
            "x",
            "REGISTRY_AUTH_HTPASSWD_REALM: auth.htpasswd: path is",
        ),
        ("REGISTRY_STORAGE_S3_BUCKET", "b", "REGISTRY_STORAGE_S3_BUCKET: storage: several storage"),
        ("REGISTRY_STORAGE_INMEMORY", "", "REGISTRY_STORAGE_INMEMORY: storage: several storage"),
        (
            "REGISTRY_HTTP_TLS_LETSENCRYPT_HOSTS_0",
            "x",
            "REGISTRY_HTTP_TLS_LETSENCRYPT_HOSTS_0: http.tls.letsencrypt: cachefile is missing",
        ),
        (
            "REGISTRY_HTTP_TLS_MINIMUMTLS",
            "tls1.2",
            "REGISTRY_HTTP_TLS_MINIMUMTLS: http.tls: certificate is missing",
        ),
        (
            "REGISTRY_PROXY_REMOTEURL",
            "https://x",
            "REGISTRY_PROXY_REMOTEURL: proxy: a pull-through",
        ),
    ] {
        let error = load(&[(name, value)]).expect_err(name);
        assert!(error.starts_with(expected), "{error}\n{expected}");
    }
    let file = "version: 0.1\nstorage: inmemory\nhttp: 5";
    let environment = [("REGISTRY_HTTP_ADDR".to_owned(), ":1".to_owned())];
    let error = Configuration::load(file, "c.yml", environment).expect_err("blocked").to_string();
    assert_eq!(error, "REGISTRY_HTTP_ADDR: leads into \"5\", which holds no keys");
}
