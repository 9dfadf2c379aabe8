//! What the servers are told: the same store, one address, no access log.

use std::net::SocketAddr;
use std::path::Path;

/// What every registry of the family reads.
pub(crate) fn yaml(address: SocketAddr, store: &Path) -> String {
    format!(
        "version: 0.1\n\
         log: {{level: error, accesslog: {{disabled: true}}}}\n\
         storage:\n  filesystem: {{rootdirectory: {}}}\n  delete: {{enabled: true}}\n  \
         cache: {{blobdescriptor: inmemory}}\n  \
         maintenance: {{uploadpurging: {{enabled: false}}}}\n\
         http: {{addr: \"{address}\"}}\n",
        store.display()
    )
}

/// The blobs of the store as files, and an answer for who asks whether it runs.
pub(crate) fn nginx(address: SocketAddr, store: &Path, folder: &Path) -> String {
    let (root, own) = (store.display(), folder.display());
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("  {kind}_temp_path {own}/{kind};\n"))
        .collect();
    format!(
        "user root;\ndaemon off;\nworker_processes auto;\nworker_rlimit_nofile 65536;\n\
         pid {own}/pid;\nerror_log {own}/error;\nevents {{ worker_connections 8192; }}\n\
         http {{\n{temporary}  access_log off;\n  sendfile on;\n  tcp_nopush on;\n  \
         keepalive_requests 1000000000;\n  default_type application/octet-stream;\n  \
         server {{\n    listen {address};\n    location = /v2/ {{ return 200; }}\n    \
         location ~ \"/blobs/sha256:([0-9a-f][0-9a-f])([0-9a-f]+)$\" {{\n      \
         alias {root}/docker/registry/v2/blobs/sha256/$1/$1$2/data;\n    }}\n  }}\n}}\n"
    )
}

/// A registry with a layout of its own.
pub(crate) fn zot(address: SocketAddr, store: &Path) -> String {
    serde_json::json!({
        "storage": { "rootDirectory": store, "dedupe": true },
        "http": { "address": address.ip().to_string(), "port": address.port().to_string() },
        "log": { "level": "error" },
    })
    .to_string()
}
