//! `redis`, in the spellings of distribution 2 and 3.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use wharf_config::{Configuration, Loaded, Redis, RedisTls};

fn load(redis: &str, cache: &str) -> Result<Loaded, String> {
    let text = format!(
        "version: 0.1\nstorage: {{inmemory: {{}}, cache: {{blobdescriptor: {cache}}}}}\nredis: {redis}\n"
    );
    Configuration::load(&text, "c.yml", []).map_err(|error| error.to_string())
}

fn redis(text: &str) -> Redis {
    load(text, "redis").unwrap().configuration.redis.unwrap()
}

#[test]
fn both_spellings_are_read() {
    let old = redis("{addr: 'cache:6379', db: 2, password: p, tls: {enabled: true}}");
    assert_eq!((old.addresses, old.db), (vec!["cache:6379".to_owned()], 2));
    assert_eq!(old.tls, Some(RedisTls { identity: None, root_cas: Vec::new() }));
    assert_eq!((old.dial_timeout, old.read_timeout), (None, None));
    let new = redis(
        "{addrs: ['a:1', '[::1]:2'], mastername: m, username: u, password: p, sentinelusername: s, \
         sentinelpassword: q, dialtimeout: 1s, readtimeout: 20ms, writetimeout: 0, \
         tls: {certificate: /c, key: /k, rootcas: [/a]}}",
    );
    assert_eq!(new.addresses, ["a:1", "[::1]:2"]);
    assert_eq!((new.master_name.as_deref(), new.username.as_deref()), (Some("m"), Some("u")));
    assert_eq!(new.sentinel_username.as_deref(), Some("s"));
    assert_eq!(new.password.as_ref().unwrap().reveal(), "p");
    assert_eq!(new.sentinel_password.as_ref().unwrap().reveal(), "q");
    assert_eq!(new.dial_timeout, Some(Duration::from_secs(1)));
    assert_eq!((new.read_timeout, new.write_timeout), (Some(Duration::from_millis(20)), None));
    let tls = new.tls.unwrap();
    assert_eq!(tls.identity, Some(("/c".into(), "/k".into())));
    assert_eq!(tls.root_cas.len(), 1);
}

#[test]
fn what_has_no_effect_is_named() {
    let loaded = load("{addrs: ['a:1'], poolsize: 5, maxretries: 3}", "redis").unwrap();
    let warnings: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("redis.poolsize: ignored: one connection carries everything"));
    assert!(load("{poolsize: 5}", "inmemory").unwrap().configuration.redis.is_none());
}

#[test]
fn mistakes_are_named() {
    for (text, expected) in [
        ("{}", "redis needs an address in redis.addrs"),
        ("{addrs: [nowhere]}", "redis.addrs.0: expected HOST:PORT"),
        ("{addrs: ['a:1'], db: -1}", "redis.db: expected a whole number"),
        ("{addrs: ['a:1'], readtimeout: 3}", "redis.readtimeout: expected 1ms or more"),
        ("{addrs: ['a:1'], tls: {certificate: /c}}", "redis.tls: key is missing"),
        ("{addrs: ['a:1'], tls: {key: /c}}", "redis.tls: certificate is missing"),
    ] {
        let error = load(text, "redis").unwrap_err();
        assert!(error.contains(expected) && error.starts_with("c.yml:"), "{error}");
    }
}
