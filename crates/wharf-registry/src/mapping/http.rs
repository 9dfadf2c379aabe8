//! `http`, and what a surface has to know of the rest → [`wharf_http::Options`].

use std::time::Duration;

use wharf_config::{Configuration, Limits};
use wharf_http::{Options, Timeouts};

pub(crate) const KEYS: &[&str] = &[
    "catalog.maxentries",
    "tags.maxtags",
    "http.host",
    "http.prefix",
    "http.relativeurls",
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
    "log.accesslog.disabled",
];

/// The options of a surface that signs the state of uploads with this key.
pub(crate) fn options(configuration: &Configuration, upload_key: Vec<u8>) -> Options {
    let http = &configuration.http;
    let storage = &configuration.storage;
    let limits = &http.limits;
    let default = Options::default();
    Options {
        upload_key,
        host: http.host.clone(),
        prefix: http.prefix.clone(),
        relative_urls: http.relative_urls,
        headers: http.headers.iter().map(|h| (h.name.clone(), h.value.clone())).collect(),
        delete: storage.delete,
        read_only: storage.read_only,
        redirect: storage.redirect,
        max_manifest_bytes: limits.manifest_size.get(),
        max_tags: configuration.tags_max.map_or(default.max_tags, |max| max as usize),
        catalog_max_entries: configuration.catalog_max_entries as usize,
        read_memory: limits.read_memory.get(),
        http2: http.h2c && http.http2,
        access_log: configuration.log.access_log,
        max_connections: limits.connections.map(|connections| connections as usize),
        max_header_bytes: usize::try_from(limits.header_size.get()).unwrap_or(usize::MAX),
        timeouts: timeouts(limits),
        ..default
    }
}

fn timeouts(limits: &Limits) -> Timeouts {
    let stall: Duration = limits.stall_timeout;
    Timeouts {
        header: limits.header_timeout,
        idle: limits.idle_timeout,
        body_stall: stall,
        write_stall: stall,
    }
}
