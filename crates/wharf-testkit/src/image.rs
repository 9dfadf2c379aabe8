//! A small image, as a client pushes it, and what makes each of many another one.

use std::{fs, io, path::Path};

use wharf_digest::Digest;

/// The media type of [`manifest`].
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A small generator, so that a failure can be repeated.
pub struct Random(pub u64);

/// The manifest of an image with this config and this one layer.
pub fn manifest(config: &[u8], layer: &[u8]) -> Vec<u8> {
    let descriptor = |media_type: &str, bytes: &[u8]| {
        let (digest, size) = (Digest::sha256(bytes), bytes.len());
        format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{size}}}"#)
    };
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{},"layers":[{}]}}"#,
        descriptor("application/vnd.oci.image.config.v1+json", config),
        descriptor("application/vnd.oci.image.layer.v1.tar", layer),
    )
    .into_bytes()
}

/// Writes that image to `folder` as an OCI image layout, under the name `latest`, and returns its digest.
///
/// # Errors
///
/// The folder cannot be written to.
pub fn write_layout(folder: &Path, config: &[u8], layer: &[u8]) -> io::Result<Digest> {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs)?;
    let manifest = manifest(config, layer);
    for content in [config, layer, &manifest] {
        fs::write(blobs.join(Digest::sha256(content).encoded()), content)?;
    }
    let (digest, size) = (Digest::sha256(&manifest), manifest.len());
    let name = r#"{"org.opencontainers.image.ref.name":"latest"}"#;
    let entry = format!(
        r#"{{"mediaType":"{MANIFEST}","digest":"{digest}","size":{size},"annotations":{name}}}"#
    );
    let index = format!(r#"{{"schemaVersion":2,"manifests":[{entry}]}}"#);
    fs::write(folder.join("index.json"), index)?;
    fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)?;
    Ok(digest)
}

// === impl Random ===

impl Random {
    /// A number below `limit`; 0 if that is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    /// So many bytes.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len + 8);
        while bytes.len() < len {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(len);
        bytes
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 27)
    }
}
