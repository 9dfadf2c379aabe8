//! What the servers are told: the same store, one address, no access log but where that is measured.

use std::net::SocketAddr;
use std::path::Path;

use super::bucket::Bucket;
use super::observed::Observed;
use super::tls::{SUITE, Tls};

/// What a server is told.
pub(crate) struct Setting<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) store: &'a Path,
    /// Where the store is a prefix of a bucket, of the name of its folder.
    pub(crate) bucket: Option<&'a Bucket>,
    /// For the server's own files.
    pub(crate) folder: &'a Path,
    pub(crate) tls: Option<&'a Tls>,
    /// A section of its own about who may do what; empty for none.
    pub(crate) auth: &'a str,
    /// What it tells of itself; no other server is asked to.
    pub(crate) observed: Option<Observed>,
}

/// What every registry of the family reads.
pub(crate) fn yaml(setting: &Setting<'_>) -> String {
    let tls = setting.tls.map(|tls| {
        format!(", tls: {{certificate: {}, key: {}}}", tls.certificate.display(), tls.key.display())
    });
    let sections = setting.observed.map(|observed| observed.sections(setting.folder));
    let more = setting.observed.map_or("", |_| Observed::HTTP);
    format!(
        "version: 0.1\n\
         log: {{level: error, accesslog: {{disabled: {}}}}}\n\
         storage:\n  {}\n  delete: {{enabled: true}}\n  redirect: {{disable: true}}\n  \
         cache: {{blobdescriptor: inmemory}}\n  \
         maintenance: {{uploadpurging: {{enabled: false}}}}\n\
         {}{}http: {{addr: \"{}\"{}{more}}}\n",
        setting.observed.is_none(),
        storage(setting),
        setting.auth,
        sections.unwrap_or_default(),
        setting.address,
        tls.unwrap_or_default()
    )
}

fn storage(setting: &Setting<'_>) -> String {
    match setting.bucket {
        Some(bucket) => bucket.section(setting.store),
        None => format!("filesystem: {{rootdirectory: {}}}", setting.store.display()),
    }
}

/// The blobs of the store as files, and an answer for who asks whether it runs.
pub(crate) fn nginx(setting: &Setting<'_>) -> String {
    let (root, own) = (setting.store.display(), setting.folder.display());
    let address = setting.address;
    let (ssl, tls) = match setting.tls {
        None => ("", String::new()),
        Some(tls) => {
            let (certificate, key) = (tls.certificate.display(), tls.key.display());
            let lines = format!(
                "    ssl_certificate {certificate};\n    ssl_certificate_key {key};\n    \
                 ssl_protocols TLSv1.3;\n    ssl_conf_command Ciphersuites {SUITE};\n"
            );
            (" ssl", lines)
        }
    };
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("  {kind}_temp_path {own}/{kind};\n"))
        .collect();
    format!(
        "user root;\ndaemon off;\nworker_processes auto;\nworker_rlimit_nofile 65536;\n\
         pid {own}/pid;\nerror_log {own}/error;\nevents {{ worker_connections 8192; }}\n\
         http {{\n{temporary}  access_log off;\n  sendfile on;\n  tcp_nopush on;\n  \
         keepalive_requests 1000000000;\n  default_type application/octet-stream;\n  \
         server {{\n    listen {address}{ssl};\n{tls}    location = /v2/ {{ return 200; }}\n    \
         location ~ \"/blobs/sha256:([0-9a-f][0-9a-f])([0-9a-f]+)$\" {{\n      \
         alias {root}/docker/registry/v2/blobs/sha256/$1/$1$2/data;\n    }}\n  }}\n}}\n"
    )
}

/// A registry with a layout of its own.
pub(crate) fn zot(setting: &Setting<'_>) -> String {
    let address = setting.address;
    let mut http = serde_json::json!({ "address": address.ip().to_string(), "port": address.port().to_string() });
    if let Some(tls) = setting.tls {
        http["tls"] = serde_json::json!({ "cert": tls.certificate, "key": tls.key });
    }
    serde_json::json!({
        "distSpecVersion": "1.1.1",
        "storage": { "rootDirectory": setting.store, "dedupe": true },
        "http": http,
        "log": { "level": "error" },
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_server_is_told_of_the_certificate() {
        let folder = tempfile::tempdir().unwrap();
        let tls = Tls::make(folder.path()).unwrap();
        let setting = |tls| Setting {
            address: "127.0.0.1:7".parse().unwrap(),
            store: Path::new("/s"),
            bucket: None,
            folder: Path::new("/f"),
            tls,
            auth: "",
            observed: None,
        };
        for config in [yaml, nginx, zot] {
            let (with, without) = (config(&setting(Some(&tls))), config(&setting(None)));
            assert!(with.contains("tls.crt") && with.contains("tls.key"), "{with}");
            assert!(!without.contains("tls") && without.contains("/s"), "{without}");
        }
    }
}
