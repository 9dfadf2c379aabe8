//! Nothing that is written into a file or a variable may bring the program down.

use proptest::prelude::*;
use wharf_config::{Configuration, schema};

/// Wrong for every key: a scalar, a list of scalars and a map are all not this.
const WRONG: &str = "[[x]]";

/// The drivers with parameters, and those that each of them cannot do without.
const DRIVERS: &[(&str, &str)] = &[
    ("filesystem", ""),
    ("s3", "bucket: b"),
    ("s3aws", "bucket: b"),
    (
        "azure",
        "accountname: a, container: c, credentials: {type: client_secret, clientid: i, tenantid: t, secret: s}",
    ),
    ("gcs", "bucket: b"),
];

#[test]
fn every_key_of_the_schema_is_read() {
    // No variable can name a key with an underscore: it would be two.
    for path in schema::read_keys().into_iter().filter(|path| !path.contains('_')) {
        let drivers =
            DRIVERS.iter().find(|(driver, _)| path.starts_with(&format!("storage.{driver}.")));
        let (driver, needs) = drivers.copied().unwrap_or(("filesystem", ""));
        let driver = if path == "storage.inmemory" { "inmemory" } else { driver };
        let tls = match path.split('.').nth(2).filter(|_| path.starts_with("http.tls")) {
            Some("letsencrypt") => {
                "http: {tls: {letsencrypt: {hosts: [h.example], cachefile: /c}}}"
            }
            Some(_) => "http: {tls: {certificate: /c, key: /k, clientcas: /a}}",
            None => "",
        };
        let auth = match path.split('.').nth(1).filter(|_| path.starts_with("auth.")) {
            Some("silly") => "auth: {silly: {realm: r, service: s}}",
            Some("token") => "auth: {token: {realm: 'http://a', issuer: i, service: s, jwks: /j}}",
            Some("issuer") => "auth: {htpasswd: {path: /h}, issuer: {service: s}}",
            Some(_) => "auth: {htpasswd: {path: /h}}",
            None => "",
        };
        let base = format!("version: 0.1\nstorage: {{{driver}: {{{needs}}}}}\n{tls}\n{auth}\n");
        let variable = format!("REGISTRY_{}", path.replace('.', "_").to_uppercase());
        // The fields of the original are called otherwise than its keys.
        let is_check = ["health.file", "health.http", "health.tcp"].contains(&path.as_str());
        let variable = if is_check { format!("{variable}CHECKERS") } else { variable };
        let result = Configuration::load(&base, "c.yml", [(variable, WRONG.to_owned())]);
        let error = result.map(|_| ()).expect_err(&path);
        assert!(error.key().starts_with(&path), "{path}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_loaded_or_refused(text in "\\PC*|[ -~\\n]{0,400}|[a-z:{}\\[\\], &*!'\"\\n-]{0,200}") {
        let _ = Configuration::load(&text, "c.yml", []);
    }

    #[test]
    fn any_value_of_any_key_is_taken_or_refused(
        index in any::<prop::sample::Index>(),
        value in "\\PC{0,40}|[0-9a-z.:-]{0,12}|-?[0-9]{1,25}|[0-9.]{1,8}(h|m|s|ms)",
        tail in "(_[A-Z0-9]{0,4}){0,2}",
    ) {
        let keys = schema::read_keys();
        let key = index.get(&keys).replace('.', "_").to_uppercase();
        let environment = [(format!("REGISTRY_{key}{tail}"), value)];
        let _ = Configuration::load(Configuration::EMBEDDED, "c.yml", environment);
    }
}
