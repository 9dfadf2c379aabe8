//! The table of keys tells the truth: each key that is read has an effect, its values are what the table
//! says, and its default is what holds without it. Each is set by its variable, which so is tested, too.

use wharf_config::{
    Configuration,
    schema::{Key, Kind, SCHEMA, Shape, Support},
};

const STORE: &str = "storage: {inmemory: {}}\n";

const CLOUDFRONT: &str = "middleware: {storage: [{name: cloudfront, options: \
                          {baseurl: 'https://x', privatekey: /k, keypairid: k}}]}";

/// What has to stand around a key for it to mean anything; the longest path that fits counts.
const AROUND: &[(&str, &str)] = &[
    ("", STORE),
    ("storage.", "storage: {filesystem: {}}"),
    ("storage.cache.", "storage: {inmemory: {}, cache: {blobdescriptor: inmemory}}"),
    ("storage.cache.blobdescriptor", STORE),
    (
        "storage.cache.blobdescriptorsize",
        "storage: {inmemory: {}, cache: {blobdescriptor: inmemory}}",
    ),
    ("storage.cache.layerinfo", STORE),
    (
        "storage.s3.",
        "storage: {s3: {bucket: b, region: r, regionendpoint: 'h:1', redirectendpoint: h, \
                      accesskey: a, secretkey: k, encrypt: true, keyid: i}}",
    ),
    ("storage.s3.encrypt", "storage: {s3: {bucket: b, region: r}}"),
    (
        "storage.s3aws.",
        "storage: {s3aws: {bucket: b, region: r, regionendpoint: 'h:1', \
                         redirectendpoint: h, accesskey: a, secretkey: k, encrypt: true, keyid: i}}",
    ),
    ("storage.s3aws.encrypt", "storage: {s3aws: {bucket: b, region: r}}"),
    ("storage.azure.", "storage: {azure: {accountname: a, container: c}}"),
    (
        "storage.azure.credentials.",
        "storage: {azure: {accountname: a, container: c, accountkey: k, \
                                     credentials: {type: client_secret, clientid: i, tenantid: t, \
                                     secret: s}}}",
    ),
    ("storage.gcs.", "storage: {gcs: {bucket: b}}"),
    ("auth.silly.", "auth: {silly: {realm: r, service: s}}"),
    ("auth.htpasswd.", "auth: {htpasswd: {path: /p}}"),
    ("auth.issuer.", "auth: {htpasswd: {path: /p}, issuer: {service: s}}"),
    ("auth.oidc.", "auth: {rules: /r, oidc: [{issuer: 'https://i', audience: [a]}]}"),
    ("auth.rules", "auth: {silly: {realm: r, service: s}}"),
    ("auth.deniedstatus", "auth: {silly: {realm: r, service: s}}"),
    ("auth.audit", "auth: {silly: {realm: r, service: s}}"),
    ("auth.token.", "auth: {token: {realm: 'https://r', issuer: i, service: s, jwks: /j}}"),
    (
        "auth.token.autoredirectpath",
        "auth: {token: {autoredirect: true, issuer: i, service: s, jwks: /j}}",
    ),
    (
        "middleware.storage.",
        "middleware: {storage: [{name: redirect, options: {baseurl: 'https://x'}}]}",
    ),
    ("middleware.storage.0.options.privatekey", CLOUDFRONT),
    ("middleware.storage.0.options.keypairid", CLOUDFRONT),
    ("middleware.storage.0.options.duration", CLOUDFRONT),
    ("middleware.storage.0.options.ipfilteredby", CLOUDFRONT),
    ("middleware.storage.0.options.scheme", "middleware: {storage: [{name: rewrite}]}"),
    ("middleware.storage.0.options.host", "middleware: {storage: [{name: rewrite}]}"),
    ("middleware.storage.0.options.trimpathprefix", "middleware: {storage: [{name: rewrite}]}"),
    ("redis.", "redis: {addrs: ['a:1']}"),
    ("redis.tls.", "redis: {addrs: ['a:1'], tls: {certificate: /c, key: /k}}"),
    ("redis.tls.enabled", "redis: {addrs: ['a:1']}"),
    ("notifications.endpoints.", "notifications: {endpoints: [{url: 'http://u'}]}"),
    ("http.net", "http: {addr: ':5000'}"),
    ("http.tls.", "http: {tls: {certificate: /c, key: /k, clientcas: [/a]}}"),
    ("http.tls.letsencrypt.", "http: {tls: {letsencrypt: {hosts: [h.example], cachefile: /c}}}"),
    ("http.debug.", "http: {debug: {addr: ':1', prometheus: {enabled: true}}}"),
    ("http.debug.prometheus.enabled", "http: {debug: {addr: ':1'}}"),
    ("health.storagedriver.", "health: {storagedriver: {enabled: true}}"),
    ("health.storagedriver.enabled", STORE),
    ("health.file.", "health: {file: [{file: /f}]}"),
    ("health.http.", "health: {http: [{uri: 'http://u'}]}"),
    ("health.tcp.", "health: {tcp: [{addr: ':1'}]}"),
    ("validation.enabled", "validation: {disabled: true}"),
    (
        "validation.manifests.indexes.platformlist",
        "validation: {manifests: {indexes: \
      {platforms: list, platformlist: [{architecture: a, os: o}]}}}",
    ),
];

/// A key that is read, the path of one of its values, and the variable that sets it.
struct Row {
    key: &'static Key,
    path: String,
    variable: String,
}

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    collect("", "REGISTRY", SCHEMA, &mut rows);
    rows
}

fn collect(parent: &str, variable: &str, keys: &'static [Key], rows: &mut Vec<Row>) {
    for key in keys.iter().filter(|key| key.support == Support::Read) {
        let path =
            if parent.is_empty() { key.name.to_owned() } else { format!("{parent}.{}", key.name) };
        let variable = format!("{variable}_{}", key.variable_name());
        match key.shape {
            Shape::List(Shape::Section(keys)) => {
                collect(&format!("{path}.0"), &format!("{variable}_0"), keys, rows);
            }
            Shape::Section(keys) | Shape::Choice(keys) => collect(&path, &variable, keys, rows),
            _ => rows.push(Row { key, path, variable }),
        }
    }
}

// === impl Row ===

impl Row {
    fn load(&self, value: Option<&str>) -> Result<Configuration, String> {
        let fits = |(path, _): &&(&str, &str)| self.path.starts_with(path);
        let around = AROUND.iter().filter(fits).max_by_key(|(path, _)| path.len());
        let around = around.map_or("", |(_, text)| text);
        let store = if around.starts_with("storage") { "" } else { STORE };
        let file = format!("version: 0.1\n{store}{around}");
        let variables = value.map(|value| (self.variable.clone(), value.to_owned()));
        let loaded = Configuration::load(&file, "c.yml", variables).map_err(|e| e.to_string())?;
        let ignored =
            loaded.warnings.iter().find(|warning| warning.to_string().contains("ignored"));
        assert_eq!(ignored, None, "{}", self.path);
        Ok(loaded.configuration)
    }

    /// A value in the form that the key takes.
    fn spelled(&self, value: &str) -> String {
        let value = format!("'{value}'");
        match self.key.shape {
            Shape::List(_) => format!("[{value}]"),
            Shape::Map(Shape::List(_)) => format!("{{x: [{value}]}}"),
            Shape::Map(_) => format!("{{x: {value}}}"),
            _ => value,
        }
    }
}

/// A value that is not the default.
fn sample(key: &Key) -> &'static str {
    match key.kind {
        Kind::Flag if key.default == Some("true") => "false",
        Kind::Flag => "true",
        Kind::Number => "404",
        Kind::Bytes => "41943040",
        Kind::Time => "77m",
        Kind::Path => "/some/where",
        Kind::Url => "https://some.where",
        Kind::Address => ":404",
        Kind::Word(words) => {
            words.iter().rev().find(|word| Some(**word) != key.default).unwrap_or(&"")
        }
        Kind::Text | Kind::Pattern => "some",
    }
}

#[test]
fn every_key_says_what_it_is_for() {
    fn check(parent: &str, keys: &[Key]) {
        for key in keys {
            let path = format!("{parent}.{}", key.name);
            assert!(key.doc.ends_with('.') && !key.doc.contains("  "), "{path}: {:?}", key.doc);
            check(&path, key.keys());
        }
    }
    check("", SCHEMA);
}

#[test]
fn every_key_that_is_read_has_an_effect() {
    // What holds without them is what they would say.
    let silent = [
        "version",
        "storage.s3.forcepathstyle",
        "storage.s3aws.forcepathstyle",
        "middleware.storage.0.options.ipfilteredby",
    ];
    for row in rows().iter().filter(|row| !silent.contains(&row.path.as_str())) {
        let without = row.load(None).unwrap_or_else(|error| panic!("{}: {error}", row.path));
        let value = row.spelled(sample(row.key));
        match row.load(Some(&value)) {
            // It has to be read to be refused.
            Err(error) => assert!(error.starts_with(&row.variable), "{}: {error}", row.path),
            Ok(with) => assert!(with != without, "{} = {value} has no effect", row.path),
        }
    }
}

#[test]
fn every_default_is_what_holds_without_the_key() {
    for row in rows() {
        let Some(default) = row.key.default else { continue };
        let without = row.load(None).unwrap_or_else(|error| panic!("{}: {error}", row.path));
        let with = row.load(Some(&row.spelled(default)));
        assert_eq!(with.as_ref(), Ok(&without), "{} = {default}", row.path);
    }
}

#[test]
fn every_value_is_of_its_kind() {
    for row in rows() {
        let wrong = match row.key.kind {
            Kind::Flag => "maybe",
            Kind::Number | Kind::Bytes | Kind::Time => "some",
            Kind::Url | Kind::Address => "no where at all",
            Kind::Word(_) => "no-such-word",
            Kind::Text | Kind::Path | Kind::Pattern => continue,
        };
        let error = row.load(Some(&row.spelled(wrong))).expect_err(&row.path);
        let expected = format!("{}: {}", row.variable, row.path.split(".0.").next().unwrap());
        assert!(error.starts_with(&expected), "{}: {error}", row.path);
        assert!(error.contains("expected"), "{}: {error}", row.path);
    }
}

#[test]
fn every_word_is_taken() {
    for row in rows() {
        let Kind::Word(words) = row.key.kind else { continue };
        for word in words {
            if let Err(error) = row.load(Some(&row.spelled(word))) {
                assert!(!error.contains("found"), "{} = {word}: {error}", row.path);
            }
        }
    }
}
