//! `http`, and what a surface has to know of the rest → [`wharf_http::Options`].

use std::num::NonZeroU32;

use wharf_config::{ClientLimits, Configuration, Http, TrustedProxies};
use wharf_core::Switch;
use wharf_http::{Limits, Options, Timeouts};

pub(crate) const KEYS: &[&str] = &[
    "catalog.maxentries",
    "tags.maxtags",
    "http.host",
    "http.prefix",
    "http.relativeurls",
    "http.trustedproxies",
    "http.headers",
    "http.http2.disabled",
    "http.h2c.enabled",
    "http.limits.headertimeout",
    "http.limits.idletimeout",
    "http.limits.stalltimeout",
    "http.limits.headersize",
    "http.limits.manifestsize",
    "http.limits.readmemory",
    "http.limits.connections",
    "http.limits.connectionsperaddress",
    "http.limits.requests",
    "http.limits.requestsperaddress",
    "http.limits.requestsperprincipal",
    "http.limits.uploadrate",
    "http.limits.downloadrate",
    "http.limits.streams",
    "http.limits.headers",
];

/// The options of a surface that signs the state of uploads with this key, and changes nothing while
/// the switch is on.
pub(crate) fn options(
    configuration: &Configuration,
    upload_key: Vec<u8>,
    read_only: Switch,
) -> Options {
    // Every field is named, so that a new one is not forgotten here.
    let Configuration {
        log: _,
        storage,
        storage_middleware: _,
        auth: _,
        catalog_max_entries,
        tags_max,
        http,
        redis: _,
        notifications: _,
        health: _,
        validation: _,
        security: _,
    } = configuration;
    let Http {
        address: _,
        socket: _,
        trusted_proxies,
        host,
        prefix,
        secret: _,
        relative_urls,
        drain_timeout: _,
        tls,
        headers,
        http2,
        h2c,
        debug: _,
        limits,
    } = http;
    Options {
        upload_key,
        host: host.clone(),
        prefix: prefix.clone(),
        relative_urls: *relative_urls,
        trusted_proxies: match trusted_proxies {
            TrustedProxies::Anyone => None,
            TrustedProxies::Networks(networks) => Some(networks.clone()),
        },
        headers: headers.iter().map(|h| (h.name.clone(), h.value.clone())).collect(),
        delete: storage.delete,
        read_only,
        origins: Switch::default(),
        origins_of_reads: Switch::default(),
        redirect: storage.redirect,
        max_manifest_bytes: limits.manifest_size.get(),
        max_tags: tags_max.map_or_else(|| Options::default().max_tags, |max| max as usize),
        catalog_max_entries: *catalog_max_entries as usize,
        read_memory: limits.read_memory.get(),
        // Without TLS a client has to know; with it, both agree.
        http2: *http2 && (*h2c || tls.is_some()),
        max_header_bytes: usize::try_from(limits.header_size.get()).unwrap_or(usize::MAX),
        timeouts: Timeouts {
            header: limits.header_timeout,
            idle: limits.idle_timeout,
            body_stall: limits.stall_timeout,
            write_stall: limits.stall_timeout,
        },
        limits: self::limits(limits.clients),
    }
}

fn limits(limits: ClientLimits) -> Limits {
    let most = |limit: Option<NonZeroU32>| limit.map(|limit| limit.get() as usize);
    let ClientLimits {
        connections,
        connections_per_address,
        requests,
        requests_per_address,
        requests_per_principal,
        upload_rate,
        download_rate,
        streams,
        headers,
        uploads: _,
    } = limits;
    Limits {
        connections: most(connections),
        connections_per_address: most(connections_per_address),
        requests: most(requests),
        requests_per_address: most(requests_per_address),
        requests_per_principal: most(requests_per_principal),
        upload_rate,
        download_rate,
        streams: streams.get(),
        headers: headers.get() as usize,
    }
}
