//! `health` and `http.debug`: what is read, and what is said about mistakes.

use std::time::Duration;

use wharf_config::{Configuration, Health, HttpCheck, StoreCheck};

fn load(lines: &str) -> Result<Configuration, String> {
    let text = format!("version: 0.1\nstorage: inmemory\n{lines}\n");
    let loaded = Configuration::load(&text, "c.yml", []).map_err(|error| error.to_string())?;
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    Ok(loaded.configuration)
}

#[test]
fn nothing_is_checked_and_shown_unless_asked_for() {
    let configuration = load("").expect("valid");
    assert_eq!(configuration.health, Health::default());
    assert_eq!(configuration.http.debug, None);
    let configuration = load("http: {debug: {prometheus: {enabled: true}}}").expect("valid");
    assert_eq!(configuration.http.debug, None);
}

#[test]
fn the_original_s_example_is_read() {
    let configuration = load(
        "http:\n  debug:\n    addr: :5001\n    prometheus:\n      enabled: true\n\
         health:\n  storagedriver:\n    enabled: true\n    interval: 10s\n    threshold: 3\n  \
         file:\n    - file: /path/to/checked/file\n      interval: 10s\n  \
         http:\n    - uri: http://server.to.check/must/return/200\n      headers:\n        \
         Authorization: [Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==]\n      statuscode: 200\n      \
         timeout: 3s\n      interval: 10s\n      threshold: 3\n  \
         tcp:\n    - addr: redis-server.domain.com:6379\n      timeout: 3s\n      interval: 10s\n      \
         threshold: 3",
    )
    .expect("valid");
    let debug = configuration.http.debug.expect("configured");
    assert_eq!((debug.address.port, debug.prometheus.as_deref()), (5001, Some("/metrics")));
    let Health { serve, store, files, http, tcp } = configuration.health;
    assert!(!serve);
    let ten = Duration::from_secs(10);
    assert_eq!(store, Some(StoreCheck { interval: ten, threshold: 3 }));
    assert_eq!((files[0].interval, files[0].threshold), (ten, 1));
    let HttpCheck { uri, headers, status, timeout, .. } = &http[0];
    assert_eq!((uri.as_str(), *status), ("http://server.to.check/must/return/200", 200));
    assert_eq!((headers[0].name.as_str(), *timeout), ("Authorization", Duration::from_secs(3)));
    assert_eq!(tcp[0].address.to_string(), "redis-server.domain.com:6379");
    assert!(!format!("{http:?}").contains("QWxhZGRpbjpvcGVuIHNlc2FtZQ"));
}

#[test]
fn variables_are_called_as_the_original_calls_them() {
    let text = "version: 0.1\nstorage: inmemory\n";
    let variables = [
        ("REGISTRY_HEALTH_FILECHECKERS_0_FILE", "/x"),
        ("REGISTRY_HEALTH_TCPCHECKERS_0_ADDR", "a:1"),
        ("REGISTRY_HEALTH_STORAGEDRIVER_ENABLED", "true"),
        ("REGISTRY_HTTP_DEBUG_ADDR", ":5001"),
        ("REGISTRY_HTTP_DEBUG_PROMETHEUS_ENABLED", "true"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let loaded = Configuration::load(text, "c.yml", variables).expect("valid");
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let Health { store, files, tcp, .. } = loaded.configuration.health;
    assert_eq!((store.is_some(), files.len(), tcp.len()), (true, 1, 1));
    let debug = loaded.configuration.http.debug.expect("configured");
    assert_eq!(debug.prometheus.as_deref(), Some("/metrics"));
}

#[test]
fn mistakes_have_their_place() {
    let check = |lines: &str, expected: &str| {
        assert_eq!(load(lines).expect_err(lines), format!("c.yml:3: {expected}"));
    };
    check(
        "http: {debug: {addr: nowhere}}",
        "http.debug.addr: expected an address such as :5000, 127.0.0.1:5000 or [::1]:5000, found \"nowhere\"",
    );
    check(
        "http: {debug: {prometheus: {path: metrics}}}",
        "http.debug.prometheus.path: expected a path that begins with a slash, found \"metrics\"",
    );
    check("health: {serve: maybe}", "health.serve: expected true or false, found \"maybe\"");
    check(
        "health: {storagedriver: {interval: often}}",
        "health.storagedriver.interval: expected a duration such as 90s, 1h30m, or a number of nanoseconds, found \"often\"",
    );
    check(
        "health: {storagedriver: {interval: 10}}",
        "health.storagedriver.interval: expected 10ms or more, found 10ns",
    );
    check(
        "health: {storagedriver: {threshold: -1}}",
        "health.storagedriver.threshold: expected a whole number, 0 or more, found \"-1\"",
    );
    check("health: {file: [{interval: 1s}]}", "health.file.0: file is missing");
    check("health: {file: {file: /x}}", "health.file: expected a list, found a map");
    check(
        "health: {http: [{uri: 'ftp://x'}]}",
        "health.http.0.uri: expected a URL that begins with http:// or https://, found \"ftp://x\"",
    );
    check(
        "health: {http: [{uri: 'http://x', statuscode: 9}]}",
        "health.http.0.statuscode: expected a status of HTTP, 100 to 599, found \"9\"",
    );
    check("health: {tcp: [{timeout: 1s}]}", "health.tcp.0: addr is missing");
}
