//! What is pushed.

use wharf_digest::{Algorithm, Digest};

pub(super) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub(super) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

pub(super) const CONFIG: &[u8] = b"{\"architecture\":\"amd64\",\"os\":\"linux\"}";
pub(super) const LAYER: &[u8] = b"the bytes of a layer";

pub(super) fn digest(bytes: &[u8]) -> String {
    Digest::sha256(bytes).to_string()
}

pub(super) fn digest_512(bytes: &[u8]) -> String {
    Digest::of(Algorithm::Sha512, bytes).to_string()
}

/// An image of these two, or of others.
pub(super) fn image(media_type: &str, config: &[u8], layer: &[u8]) -> Vec<u8> {
    let (config_type, layer_type) = match media_type {
        DOCKER_MANIFEST => (
            "application/vnd.docker.container.image.v1+json",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
        ),
        _ => (
            "application/vnd.oci.image.config.v1+json",
            "application/vnd.oci.image.layer.v1.tar+gzip",
        ),
    };
    format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"{media_type}\",\"config\":{},\"layers\":[{}]}}",
        descriptor(config_type, config, ""),
        descriptor(layer_type, layer, "")
    )
    .into_bytes()
}

/// An index of one image for linux on amd64.
pub(super) fn index(media_type: &str, child_type: &str, child: &[u8]) -> Vec<u8> {
    let platform = ",\"platform\":{\"architecture\":\"amd64\",\"os\":\"linux\"}";
    format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"{media_type}\",\"manifests\":[{}]}}",
        descriptor(child_type, child, platform)
    )
    .into_bytes()
}

fn descriptor(media_type: &str, bytes: &[u8], more: &str) -> String {
    format!(
        "{{\"mediaType\":\"{media_type}\",\"digest\":\"{}\",\"size\":{}{more}}}",
        digest(bytes),
        bytes.len()
    )
}
