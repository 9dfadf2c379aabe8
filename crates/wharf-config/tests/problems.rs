//! Several mistakes in one file, and what is named in it.

use wharf_config::{Configuration, Named};

fn problems(file: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    let problems = Configuration::check(file, "c.yml", variables);
    problems.errors.iter().map(ToString::to_string).collect()
}

#[test]
fn every_mistake_is_told_once_and_in_order() {
    let file = "\
version: 0.2
log:
  level: loud
  formatter: prose
storage:
  filesystem: {maxthreads: many}
  s4: {}
  cache: {blobdescriptor: memcached}
http:
  addr: nowhere
  net: udp
  tls: {certificate: c.pem, minimumtls: tls1.1}
  draintimeout: soon
notifications:
  endpoints:
    - url: http://x
      timeout: later
    - url: ftp://x
      threshold: few
validation:
  manifests: {indexes: {platforms: some}}
";
    let expected = [
        "c.yml:1: version: expected version 0.1",
        "c.yml:3: log.level: ",
        "c.yml:4: log.formatter: ",
        "c.yml:6: storage.filesystem.maxthreads: ",
        "c.yml:7: storage.s4: unknown key, did you mean storage.s3?",
        "c.yml:8: storage.cache.blobdescriptor: ",
        "c.yml:10: http.addr: ",
        "c.yml:11: http.net: ",
        "c.yml:12: http.tls: key is missing",
        "c.yml:12: http.tls.minimumtls: ",
        "c.yml:13: http.draintimeout: ",
        "c.yml:17: notifications.endpoints.0.timeout: ",
        "c.yml:18: notifications.endpoints.1.url: ",
        "c.yml:19: notifications.endpoints.1.threshold: ",
        "c.yml:21: validation.manifests.indexes.platforms: ",
        "REGISTRY_HTTP_H2C_ENABLED: http.h2c.enabled: ",
    ];
    let found = problems(file, &[("REGISTRY_HTTP_H2C_ENABLED", "perhaps")]);
    let found: Vec<&str> = found.iter().map(String::as_str).collect();
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}: {expected}");
    }
}

#[test]
fn what_is_missing_hides_nothing() {
    for (file, expected) in [
        ("log: {level: loud}\n", &["version is missing", "log.level", "storage: no"][..]),
        ("", &["version is missing", "storage: no"]),
        ("[1]", &["expected a map"]),
        ("a: [", &["c.yml:"]),
        ("version: 0.1\nstorage: swift\nhttp: 5\n", &["storage.swift", "http: expected a map"]),
        ("version: 0.1\nstorage: {inmemory: , s3: {}}\nredis: {db: x}", &["several", "redis.db"]),
    ] {
        let found = problems(file, &[]);
        assert_eq!(found.len(), expected.len(), "{file}: {found:?}");
        for expected in expected {
            assert!(found.iter().any(|found| found.contains(expected)), "{file}: {found:?}");
        }
    }
}

#[test]
fn what_a_section_lacks_does_not_hide_what_else_is_wrong_in_it() {
    let file = "\
version: 0.1
storage:
  s3: {region: r, regionendpoint: 'a b', storageclass: COLD, chunksize: 1}
auth:
  token: {signingalgorithms: [none], jwks: /j, jwksrefresh: 1}
middleware:
  storage:
    - {name: cloudfront, options: {duration: soon}}
    - {options: {}}
http:
  tls:
    letsencrypt: {directoryurl: 'not a url'}
    clientauth: perhaps
notifications:
  endpoints:
    - {timeout: later, schema: v9}
redis: {addrs: ['a:1'], tls: {certificate: /c, enabled: perhaps}}
health:
  file: [{interval: soon}]
  http: [{statuscode: 9, threshold: few}]
  tcp: [{timeout: late}]
validation:
  manifests: {indexes: {platforms: list, platformlist: [{os: linux}]}}
";
    let expected = [
        "c.yml:3: storage.s3: bucket is missing",
        "c.yml:3: storage.s3.regionendpoint: ",
        "c.yml:3: storage.s3.storageclass: ",
        "c.yml:5: auth.token: realm is missing",
        "c.yml:5: auth.token: issuer is missing",
        "c.yml:5: auth.token: service is missing",
        "c.yml:5: auth.token.jwksrefresh: ",
        "c.yml:5: auth.token.signingalgorithms.0: ",
        "c.yml:8: middleware.storage.0.options: baseurl is missing",
        "c.yml:8: middleware.storage.0.options: privatekey is missing",
        "c.yml:8: middleware.storage.0.options: keypairid is missing",
        "c.yml:8: middleware.storage.0.options.duration: ",
        "c.yml:9: middleware.storage.1: name is missing",
        "c.yml:12: http.tls.letsencrypt: hosts is missing",
        "c.yml:12: http.tls.letsencrypt: cachefile is missing",
        "c.yml:12: http.tls.letsencrypt.directoryurl: ",
        "c.yml:13: http.tls.clientauth: ",
        "c.yml:16: notifications.endpoints.0: url is missing",
        "c.yml:16: notifications.endpoints.0.timeout: ",
        "c.yml:16: notifications.endpoints.0.schema: ",
        "c.yml:17: redis.tls: key is missing",
        "c.yml:17: redis.tls.enabled: ",
        "c.yml:19: health.file.0: file is missing",
        "c.yml:19: health.file.0.interval: ",
        "c.yml:20: health.http.0: uri is missing",
        "c.yml:20: health.http.0.statuscode: ",
        "c.yml:20: health.http.0.threshold: ",
        "c.yml:21: health.tcp.0: addr is missing",
        "c.yml:21: health.tcp.0.timeout: ",
        "c.yml:23: validation.manifests.indexes.platformlist.0: architecture is missing",
    ];
    let mut found = problems(file, &[]);
    found.sort_by_key(|found| expected.iter().position(|expected| found.starts_with(expected)));
    let found: Vec<&str> = found.iter().map(String::as_str).collect();
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}: {expected}\n{found:#?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn what_loads_has_no_problems_and_what_does_not_has_some() {
    assert!(problems(Configuration::EMBEDDED, &[]).is_empty());
    for case in include_str!("mistakes.txt").split("\n\n") {
        let lines = case.lines().filter(|line| !line.starts_with(['#', '$', '=']));
        let file = lines.map(|line| format!("{line}\n")).collect::<String>();
        let loads = Configuration::load(&file, "c.yml", []);
        let problems = problems(&file, &[]);
        match loads {
            Ok(_) => assert!(problems.is_empty(), "{file}: {problems:?}"),
            Err(error) => assert!(problems.contains(&error.to_string()), "{file}: {problems:?}"),
        }
    }
}

#[test]
fn files_that_are_named_have_key_and_line() {
    let file = "\
version: 0.1
storage: {filesystem: {rootdirectory: /srv}}
auth:
  htpasswd: {path: users}
http:
  net: unix
  addr: run/socket
  tls:
    certificate: c.pem
    key: k.pem
    clientcas:
      - a.pem
      - b.pem
health:
  file: [{file: down}]
";
    let loaded = Configuration::load(file, "c.yml", []).expect("it is good");
    let text = |Named { key, place, path }: Named| format!("{place} {key} {}", path.display());
    let named: Vec<String> = loaded.document.named().into_iter().map(text).collect();
    let expected = [
        "c.yml:2 storage.filesystem.rootdirectory /srv",
        "c.yml:4 auth.htpasswd.path users",
        "c.yml:9 http.tls.certificate c.pem",
        "c.yml:10 http.tls.key k.pem",
        "c.yml:12 http.tls.clientcas.0 a.pem",
        "c.yml:13 http.tls.clientcas.1 b.pem",
        "c.yml:15 health.file.0.file down",
        "c.yml:7 http.addr run/socket",
    ];
    assert_eq!(named, expected);
}
