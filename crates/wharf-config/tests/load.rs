//! Configurations, and what they are told.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use wharf_config::{
    Address, CacheSize, ClientAuth, Configuration, Driver, Formatter, Header, LetsEncrypt, Level,
    Loaded, Platform, Platforms, Security, Tls, TlsVersion, TrustedProxies,
};

type Variables<'a> = &'a [(&'a str, &'a str)];

const MINIMAL: &str = "version: 0.1\nstorage: {filesystem: {rootdirectory: /srv}}\n";

fn load(text: &str, variables: Variables<'_>) -> Result<Loaded, String> {
    let environment = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    Configuration::load(text, "c.yml", environment.collect::<Vec<_>>())
        .map_err(|error| error.to_string())
}

/// What the embedded default becomes with one thing changed below it.
fn with(lines: &str) -> Configuration {
    let loaded = load(&format!("{MINIMAL}{lines}"), &[]).expect(lines);
    assert_eq!(warnings(&loaded), [""; 0], "{lines}");
    loaded.configuration
}

fn warnings(loaded: &Loaded) -> Vec<String> {
    loaded.warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn the_embedded_default_is_for_one_machine() {
    let default = Configuration::default();
    assert_eq!(default.http.address.to_string(), "127.0.0.1:5000");
    assert!(default.storage.delete && !default.storage.read_only);
    assert!(matches!(&default.storage.driver, Driver::Filesystem { root, .. }
        if root.ends_with("wharf-data")));
    assert!(default.storage.cache.is_some());
    assert!(default.log.access_log);
    assert_eq!(default.http.drain_timeout, Duration::from_secs(10));
    assert!(load(Configuration::EMBEDDED, &[]).expect("valid").warnings.is_empty());
}

#[test]
fn a_socket_file_takes_the_place_of_a_port() {
    let http = with("http: {net: unix, addr: /run/registry.sock}").http;
    assert_eq!(http.socket.as_deref(), Some(Path::new("/run/registry.sock")));
    assert_eq!(with("http: {net: tcp, addr: ':80'}").http.socket, None);
}

#[test]
fn only_proxies_that_are_near_speak_for_others() {
    let trusted = |lines| match with(lines).http.trusted_proxies {
        TrustedProxies::Networks(networks) => {
            networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        }
        TrustedProxies::Anyone => "anyone".to_owned(),
    };
    let usual = trusted("");
    assert!(usual.contains("10.0.0.0/8") && usual.contains("::1/128"), "{usual}");
    assert_eq!(trusted("http: {trustedproxies: []}"), "");
    assert_eq!(trusted("http: {trustedproxies: [any]}"), "anyone");
    assert_eq!(
        trusted("http: {trustedproxies: [192.0.2.7, '2001:db8::/32']}"),
        "192.0.2.7/32 2001:db8::/32"
    );
}

#[test]
fn a_file_has_deletes_off_and_no_cache_until_it_says_so() {
    let configuration = with("");
    assert!(!configuration.storage.delete);
    assert_eq!(configuration.storage.cache, None);
    assert!(configuration.storage.redirect);
    assert!(configuration.storage.upload_purging.enabled);
    assert_eq!(configuration.catalog_max_entries, 1000);
    assert_eq!(configuration.tags_max, None);
}

#[test]
fn the_file_of_the_original_image_is_read() {
    let text = "
version: 0.1
log:
  accesslog:
    disabled: true
  level: debug
  formatter: json
  reportcaller: true
  fields:
    service: registry
    environment: development
    shift: 007
storage:
    delete:
      enabled: true
    cache:
        blobdescriptor: inmemory
        blobdescriptorsize: 0
    filesystem:
        rootdirectory: /var/lib/registry
        maxthreads: 3
    tag:
      concurrencylimit: 8
    redirect:
      disable: true
    maintenance:
        uploadpurging:
            enabled: false
            age: 30h
        readonly:
            enabled: true
catalog: {maxentries: 50}
tags: {maxtags: 70}
http:
    addr: :5001
    net: tcp
    host: https://registry.example.com/x/
    prefix: /x
    secret: 0x10
    relativeurls: yes
    draintimeout: 1m30s
    http2: {disabled: true}
    h2c: {enabled: true}
    debug:
        addr: :5002
        prometheus:
            enabled: true
            path: /metrics
    headers:
        X-Content-Type-Options: [nosniff]
        X-One: plain
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
validation:
  disabled: true
  manifests:
    sparse: true
    urls: {allow: ['^https?://([^/]+\\.)*example\\.com/'], deny: [x, y]}
    indexes:
      platforms: List
";
    let text = text.replace("List", "list\n      platformlist: [{architecture: amd64, os: linux}]");
    let loaded = load(&text, &[]).expect("valid");
    assert_eq!(
        warnings(&loaded),
        ["c.yml:22: storage.tag: ignored: how many tags are read at once is fixed"]
    );
    let Configuration {
        log,
        storage,
        storage_middleware,
        auth,
        catalog_max_entries,
        tags_max,
        http,
        health,
        notifications,
        redis,
        validation,
        security,
    } = loaded.configuration;
    assert_eq!(auth, None);
    assert!(storage_middleware.is_empty() && notifications.endpoints.is_empty());
    assert_eq!(redis, None);
    assert_eq!(security, Security::default());

    assert_eq!(log.level, Level::Debug);
    assert_eq!(log.formatter, Formatter::Json);
    assert!(!log.access_log && log.report_caller);
    let fields: Vec<_> = log.fields.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let expected = [("environment", "development"), ("service", "registry"), ("shift", "007")];
    assert_eq!(fields, expected);

    assert!(storage.delete && storage.read_only && !storage.redirect);
    let root = "/var/lib/registry".into();
    assert_eq!(storage.driver, Driver::Filesystem { root, max_threads: 25 });
    assert_eq!(storage.cache, Some(CacheSize::Unlimited));
    assert_eq!(storage.manifest_memory, 32 << 20);
    let purging = storage.upload_purging;
    assert!(!purging.enabled && !purging.dry_run);
    assert_eq!(purging.age, Duration::from_secs(30 * 3600));
    assert_eq!(purging.interval, Duration::from_secs(24 * 3600));
    assert_eq!((catalog_max_entries, tags_max), (50, Some(70)));

    assert_eq!(http.address.to_string(), ":5001");
    assert_eq!(http.host.as_deref(), Some("https://registry.example.com/x"));
    assert_eq!(http.prefix, "/x/");
    assert_eq!(http.secret.map(|secret| secret.reveal().to_owned()).as_deref(), Some("0x10"));
    assert!(http.relative_urls && !http.http2 && http.h2c);
    assert_eq!(http.drain_timeout, Duration::from_secs(90));
    let header = |name: &str, value: &str| Header { name: name.into(), value: value.into() };
    let expected = [header("X-Content-Type-Options", "nosniff"), header("X-One", "plain")];
    assert_eq!(http.headers, expected);

    let debug = http.debug.expect("configured");
    assert_eq!((debug.address.port, debug.prometheus.as_deref()), (5002, Some("/metrics")));
    assert!(health.store.is_some());

    assert!(validation.disabled && validation.sparse);
    assert_eq!(validation.allow_urls[0].text, r"^https?://([^/]+\.)*example\.com/");
    assert_eq!(validation.deny_urls[1].key, "validation.manifests.urls.deny.1");
    let platform = Platform { architecture: "amd64".into(), os: "linux".into() };
    assert_eq!(validation.platforms, Platforms::List(vec![platform]));
}

#[test]
fn single_keys_mean_what_they_say() {
    assert_eq!(with("loglevel:").log.level, Level::Info);
    assert_eq!(with("log: {level: ERROR}").log.level, Level::Error);
    let storage = "storage: {inmemory: {}, cache: {manifestmemory: 0}}";
    let loaded = Configuration::load(&format!("version: 0.1\n{storage}"), "c.yml", []);
    assert_eq!(loaded.expect("valid").configuration.storage.manifest_memory, 0);
    assert_eq!(with("catalog: {maxentries: -1}").catalog_max_entries, 1000);
    assert_eq!(with("tags: {maxtags: 0}").tags_max, None);
    assert_eq!(with("http: {draintimeout: 0}").http.drain_timeout, Duration::ZERO);
    assert_eq!(with("http: {draintimeout: 5}").http.drain_timeout, Duration::from_nanos(5));
    assert_eq!(with("http: {secret: ''}").http.secret, None);
    assert_eq!(with("http: {addr: '[::1]:0'}").http.address.host, "::1");
    assert_eq!(with("http: {addr: 'localhost:80'}").http.address.port, 80);
    assert_eq!(with("http: {limits: {idletimeout: 5m}}").http.limits.idle_timeout.as_secs(), 300);
    let limits =
        with("http: {limits: {headersize: 1, manifestsize: 7, connections: 0}}").http.limits;
    assert_eq!((limits.header_size.get(), limits.manifest_size.get()), (8192, 7));
    assert_eq!((limits.read_memory.get(), limits.clients.connections), (64 << 20, None));
    let limits =
        with("http: {limits: {requests: 7, streams: 9, uploadrate: 0}}").http.limits.clients;
    assert_eq!((limits.requests.map(|it| it.get()), limits.streams.get()), (Some(7), 9));
    assert_eq!((limits.upload_rate, limits.download_rate), (0, 512));
    assert_eq!((limits.connections.map(|it| it.get())), Some(10_000));
    assert_eq!(with("http: {prefix: ''}").http.prefix, "/");
    assert!(!with("validation: {enabled: true, disabled: true}").validation.disabled);
    assert!(with("validation: {disabled: true}").validation.disabled);
    assert_eq!(with("auth: none").storage, with("auth:").storage);
    assert_eq!(with("proxy: {remoteurl: ''}").http, with("middleware: {registry: []}").http);
    assert_eq!(with("notifications: {endpoints: []}").http, with("http: {tls: {key: ''}}").http);
}

#[test]
fn tls_is_read() {
    assert_eq!(with("http: {tls: {clientcas: [''], letsencrypt: {hosts: []}}}").http.tls, None);
    let tls = |more: &str| {
        let configuration = with(&format!("http: {{tls: {{certificate: /c, key: /k, {more}}}}}"));
        configuration.http.tls.expect("it is set")
    };
    let text =
        "http: {tls: {letsencrypt: {cachefile: /l, email: e, hosts: [A.b, c.d], httpaddr: ':80'}}}";
    let by_itself = with(text).http.tls.expect("it is set");
    assert_eq!(by_itself.certificate, PathBuf::from("/l/certificate.pem"));
    let expected = LetsEncrypt {
        cache: "/l".into(),
        email: Some("e".to_owned()),
        hosts: vec!["a.b".to_owned(), "c.d".to_owned()],
        directory: "https://acme-v02.api.letsencrypt.org/directory".to_owned(),
        http_address: Some(Address { host: String::new(), port: 80 }),
        authorities: Vec::new(),
    };
    assert_eq!(by_itself.lets_encrypt, Some(expected));
    let plain = Tls {
        lets_encrypt: None,
        certificate: "/c".into(),
        key: "/k".into(),
        minimum: TlsVersion::Tls12,
        cipher_suites: vec![],
        client_cas: vec![],
        client_auth: ClientAuth::RequireAndVerify,
    };
    assert_eq!(tls("minimumtls: '', clientauth: '', ciphersuites: []"), plain);
    let more = "minimumtls: tls1.3, ciphersuites: [A, B], clientcas: [/a, /b], \
                clientauth: verify-client-cert-if-given";
    let full = Tls {
        minimum: TlsVersion::Tls13,
        cipher_suites: vec!["A".into(), "B".into()],
        client_cas: vec!["/a".into(), "/b".into()],
        client_auth: ClientAuth::VerifyIfGiven,
        ..plain
    };
    assert_eq!(tls(more), full);

    let variables = &[
        ("REGISTRY_HTTP_TLS_CERTIFICATE", "/c"),
        ("REGISTRY_HTTP_TLS_KEY", "/k"),
        ("REGISTRY_HTTP_TLS_MINIMUMTLS", "tls1.3"),
        ("REGISTRY_HTTP_TLS_CIPHERSUITES", "[A, B]"),
        ("REGISTRY_HTTP_TLS_CLIENTCAS_0", "/a"),
        ("REGISTRY_HTTP_TLS_CLIENTCAS_1", "/b"),
        ("REGISTRY_HTTP_TLS_CLIENTAUTH", "verify-client-cert-if-given"),
    ];
    let loaded = load(MINIMAL, variables).expect("valid");
    assert_eq!(loaded.configuration.http.tls, Some(full));
}

#[test]
fn storage_may_be_a_word() {
    let loaded = load("version: 0.1\nstorage: inmemory", &[]).expect("valid");
    assert_eq!(loaded.configuration.storage.driver, Driver::InMemory);
}

#[test]
fn what_cannot_be_is_an_error_with_its_place() {
    for (lines, expected) in [
        (
            "log: {level: loud}",
            "c.yml:3: log.level: expected error, warn, info or debug, found \"loud\"",
        ),
        (
            "log: {formatter: xml}",
            "c.yml:3: log.formatter: expected text, json or logstash, found \"xml\"",
        ),
        (
            "log: {accesslog: {format: xml}}",
            "c.yml:3: log.accesslog.format: expected combined or json, found \"xml\"",
        ),
        ("log:\n  accesslog: 5", "c.yml:4: log.accesslog: expected a map of keys, found \"5\""),
        ("log: {fields: {a: [1]}}", "c.yml:3: log.fields.a: expected a text, found a list"),
        (
            "catalog: {maxentries: many}",
            "c.yml:3: catalog.maxentries: expected a whole number, found \"many\"",
        ),
        (
            "tags: {maxtags: -1}",
            "c.yml:3: tags.maxtags: expected a whole number, 0 or more, found \"-1\"",
        ),
        (
            "http: {addr: 5000}",
            "c.yml:3: http.addr: expected an address such as :5000, 127.0.0.1:5000 or [::1]:5000, found \"5000\"",
        ),
        ("http: {addr: ':70000'}", "c.yml:3: http.addr: expected an address"),
        ("http: {addr: '::1:5000'}", "c.yml:3: http.addr: expected an address"),
        ("http: {addr: ':+80'}", "c.yml:3: http.addr: expected an address"),
        ("http: {net: udp}", "c.yml:3: http.net: expected tcp or unix, found \"udp\""),
        ("http: {net: unix}", "c.yml:3: http: net is unix, but addr names no socket file"),
        (
            "http: {net: unix, addr: /run/}",
            "c.yml:3: http.addr: expected the path of a socket file, of at most 107 bytes, found \"/run/\"",
        ),
        (
            "http: {trustedproxies: [10.0.0.0/33]}",
            "c.yml:3: http.trustedproxies.0: expected an address, a network such as 10.0.0.0/8, or any",
        ),
        ("http: {host: registry.example.com}", "c.yml:3: http.host: expected a URL such as"),
        ("http: {host: 'https://'}", "c.yml:3: http.host: expected a URL such as"),
        ("http: {prefix: x/}", "c.yml:3: http.prefix: expected a path that begins with a slash"),
        ("http: {prefix: /../}", "c.yml:3: http.prefix: expected a path"),
        ("http: {secret: [s3cr3t]}", "c.yml:3: http.secret: expected a text, found a list"),
        (
            "http:\n\n  draintimeout: soon",
            "c.yml:5: http.draintimeout: expected a duration such as 90s, 1h30m, or a number of nanoseconds, found \"soon\"",
        ),
        ("http: {draintimeout: -5s}", "c.yml:3: http.draintimeout: expected a duration"),
        (
            "http: {limits: {headertimeout: 30}}",
            "c.yml:3: http.limits.headertimeout: expected 1ms or more, found 30ns",
        ),
        (
            "http: {limits: {streams: 0}}",
            "c.yml:3: http.limits.streams: expected a whole number, 1 or more, found \"0\"",
        ),
        (
            "http: {limits: {manifestsize: 0}}",
            "c.yml:3: http.limits.manifestsize: expected a whole number, 1 or more, found \"0\"",
        ),
        ("http: {headers: {'a b': c}}", "c.yml:3: http.headers.a b: not a name of a header"),
        (
            "http: {headers: {a: \"b\\r\\nc: d\"}}",
            "c.yml:3: http.headers.a: expected a text on one line, found \"b\\r\\nc: d\"",
        ),
        (
            "http: {http2: {disabled: maybe}}",
            "c.yml:3: http.http2.disabled: expected true or false, found \"maybe\"",
        ),
        ("http: {tls: {certificate: /c}}", "c.yml:3: http.tls: key is missing"),
        ("http: {tls: {key: /k}}", "c.yml:3: http.tls: certificate is missing"),
        ("http: {tls: {certficate: /c}}", "c.yml:3: http.tls: certificate is missing"),
        ("http: {tls: {clientcas: [/a]}}", "c.yml:3: http.tls: certificate is missing"),
        (
            "http: {tls: {certificate: /c, key: /k, minimumtls: tls1.1}}",
            "c.yml:3: http.tls.minimumtls: expected tls1.2 or tls1.3, found \"tls1.1\"",
        ),
        (
            "http: {tls: {certificate: /c, key: /k, clientauth: verify-client-cert-if-given}}",
            "c.yml:3: http.tls.clientauth: has no effect without http.tls.clientcas",
        ),
        (
            "http: {tls: {certificate: /c, key: /k, clientcas: /a, clientauth: request-client-cert}}",
            "c.yml:3: http.tls.clientauth: expected verify-client-cert-if-given or require-and-",
        ),
        (
            "http: {tls: {letsencrypt: {cachefile: /l}}}",
            "c.yml:3: http.tls.letsencrypt: hosts is missing",
        ),
        (
            "http: {tls: {letsencrypt: {cachefile: /l, hosts: ['*.a']}}}",
            "c.yml:3: http.tls.letsencrypt.hosts.0: expected a name such as registry.example.com",
        ),
        (
            "http: {tls: {certificate: /c, letsencrypt: {cachefile: /l, hosts: [a]}}}",
            "c.yml:3: http.tls: certificate and letsencrypt are two ways to a certificate",
        ),
        (
            "proxy: {remoteurl: https://registry-1.docker.io}",
            "c.yml:3: proxy: a pull-through cache is not supported yet",
        ),
        (
            "notifications: {endpoints: [{name: x}]}",
            "c.yml:3: notifications.endpoints.0: url is missing",
        ),
        (
            "middleware:\n  repository:\n    - name: mine",
            "c.yml:4: middleware.repository: middleware is not supported yet",
        ),
        (
            "validation: {manifests: {indexes: {platforms: some}}}",
            "c.yml:3: validation.manifests.indexes.platforms: expected all, none or list, found \"some\"",
        ),
        (
            "validation: {manifests: {indexes: {platformlist: [{os: linux}]}}}",
            "c.yml:3: validation.manifests.indexes.platformlist.0: architecture is missing",
        ),
        ("http: [", "c.yml:"),
    ] {
        let error = load(&format!("{MINIMAL}{lines}"), &[]).expect_err(lines);
        assert!(error.starts_with(expected), "{lines}\n  {error}\n  {expected}");
    }
}

#[test]
fn storage_has_exactly_one_driver() {
    for (text, expected) in [
        ("version: 0.1", "c.yml:1: storage: no storage driver, expected filesystem,"),
        (
            "version: 0.1\nstorage:\n  delete: {enabled: true}",
            "c.yml:3: storage: no storage driver",
        ),
        (
            "version: 0.1\nstorage:\n  inmemory:\n  filesystem:",
            "c.yml:4: storage: several storage drivers: inmemory, filesystem",
        ),
        ("version: 0.1\nstorage: s3", "c.yml:2: storage.s3: bucket is missing"),
        ("version: 0.1\nstorage:\n  ipfs: {container: b}", "c.yml:3: storage.ipfs: unknown key"),
        (
            "version: 0.1\nstorage: filesytem",
            "c.yml:2: storage.filesytem: unknown key, did you mean storage.filesystem?",
        ),
        (
            "version: 0.1\nstorage: {inmemory: 5}",
            "c.yml:2: storage.inmemory: expected a map of keys, found \"5\"",
        ),
        (
            "version: 0.1\nstorage: {filesystem: {maxthreads: x}}",
            "c.yml:2: storage.filesystem.maxthreads: expected a whole number",
        ),
        (
            "version: 0.1\nstorage: {filesystem: {rootdirectory: ''}}",
            "c.yml:2: storage.filesystem.rootdirectory: expected a path, found \"\"",
        ),
        (
            "version: 0.1\nstorage: {inmemory: , cache: {blobdescriptor: redis}}",
            "c.yml:2: storage.cache: redis needs an address in redis.addrs",
        ),
        (
            "version: 0.1\nstorage: {inmemory: , cache: {blobdescriptor: disk}}",
            "c.yml:2: storage.cache.blobdescriptor: expected inmemory or redis, found \"disk\"",
        ),
        (
            "version: 0.1\nstorage: {inmemory: , redirect: {disable: sure}}",
            "c.yml:2: storage.redirect.disable: expected true or false",
        ),
        (
            "version: 0.1\nstorage: {inmemory: , maintenance: {uploadpurging: {interval: 5}}}",
            "c.yml:2: storage.maintenance.uploadpurging.interval: expected 1s or more, found 5ns",
        ),
        ("storage: inmemory", "c.yml:1: version is missing, expected version: 0.1"),
        (
            "version: 0.2",
            "c.yml:1: version: expected version 0.1, the only one there is, found \"0.2\"",
        ),
        ("", "c.yml: version is missing"),
        ("- a", "c.yml:1: expected a map of keys, found a list"),
    ] {
        let error = load(text, &[]).expect_err(text);
        assert!(error.starts_with(expected), "{text}\n  {error}\n  {expected}");
    }
}

#[test]
fn what_has_no_effect_is_a_warning() {
    for (lines, expected) in [
        ("htpp: {}", "c.yml:3: htpp: unknown key, did you mean http?"),
        (
            "http:\n  drainTimeout: 5s",
            "c.yml:4: http.drainTimeout: unknown key, did you mean http.draintimeout?",
        ),
        ("delete: {enabled: true}", "c.yml:3: delete: unknown key, did you mean storage.delete?"),
        ("sparse: true", "c.yml:3: sparse: unknown key, did you mean validation.manifests.sparse?"),
        ("frobnicate: 1", "c.yml:3: frobnicate: unknown key"),
        (
            "log: {hooks: [{type: mail}]}",
            "c.yml:3: log.hooks: ignored: hooks of the log are not supported yet",
        ),
        ("loglevel: warn", "c.yml:3: loglevel: deprecated, use log.level"),
        (
            "redis: {addrs: ['x:1'], clientname: y}",
            "c.yml:3: redis.clientname: ignored: redis is not told who we are",
        ),
        (
            "policy: {repository: {classes: [image]}}",
            "c.yml:3: policy: ignored: classes of repositories are not supported yet",
        ),
        (
            "validation: {manifests: {indexes: {platformlist: [{architecture: a, os: b, variant: v}]}}}",
            "c.yml:3: validation.manifests.indexes.platformlist.0.variant: unknown key",
        ),
    ] {
        let loaded = load(&format!("{MINIMAL}{lines}"), &[]).expect(lines);
        assert_eq!(warnings(&loaded), [expected], "{lines}");
    }
    let old = "version: 0.1\nstorage: {inmemory: , cache: {layerinfo: inmemory}}";
    let loaded = load(old, &[]).expect("valid");
    assert!(loaded.configuration.storage.cache.is_some());
    assert_eq!(
        warnings(&loaded),
        ["c.yml:2: storage.cache.layerinfo: deprecated, use blobdescriptor"]
    );
}

#[test]
fn a_secret_is_never_printed() {
    let variables = [("REGISTRY_HTTP_SECRET", "hunter2")];
    let loaded = load(MINIMAL, &variables).expect("valid");
    assert!(!format!("{loaded:?}").contains("hunter2"));
    for value in ["{hunter2: 1", "[hunter2]", "{hunter2: x}", "*hunter2", "!hunter2 [\"a\""] {
        let error = load(MINIMAL, &[("REGISTRY_HTTP_SECRET", value)]).expect_err(value);
        assert!(!error.contains("hunter2"), "{error}");
        assert!(error.starts_with("REGISTRY_HTTP_SECRET: "), "{error}");
    }
}
