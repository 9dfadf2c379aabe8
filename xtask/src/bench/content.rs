//! What is pushed and pulled: bytes that no two pushes share, and images made of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use wharf_digest::{Algorithm, Digest, Digester};

pub(crate) const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// Bytes whose beginning is shared and hashed once; the end makes each blob its own.
pub(crate) struct Content {
    start: Vec<u8>,
    /// How often the beginning is repeated.
    times: usize,
    hashed: Digester,
}

/// A blob: the shared bytes of its [`Content`], and its own end.
pub(crate) struct Blob<'a> {
    start: &'a [u8],
    times: usize,
    end: [u8; 16],
    pub(crate) digest: Digest,
}

// === impl Content ===

impl Content {
    /// Content for blobs of `size` bytes, at least 16.
    pub(crate) fn new(size: usize) -> Self {
        Self::repeated(size.saturating_sub(16), 1)
    }

    /// Content for blobs that repeat a block: larger than what one would like to keep in memory.
    pub(crate) fn repeated(block: usize, times: usize) -> Self {
        let start = noise(block as u64, block);
        let mut hashed = Digester::new(Algorithm::Sha256);
        for _ in 0..times {
            hashed.update(&start);
        }
        Self { start, times, hashed }
    }

    /// A blob that nobody has seen.
    pub(crate) fn blob(&self) -> Blob<'_> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut end = [0; 16];
        end[..8].copy_from_slice(&(now.as_nanos() as u64).to_le_bytes());
        end[8..].copy_from_slice(&number.to_le_bytes());
        let mut hashed = self.hashed.clone();
        hashed.update(&end);
        Blob { start: &self.start, times: self.times, end, digest: hashed.finish() }
    }
}

// === impl Blob ===

impl Blob<'_> {
    pub(crate) fn len(&self) -> usize {
        self.start.len() * self.times + self.end.len()
    }

    /// The bytes, one part after the other.
    pub(crate) fn parts(&self) -> Vec<&[u8]> {
        let mut parts = vec![self.start; self.times];
        parts.push(&self.end);
        parts
    }
}

/// Bytes that do not compress and are the same in every run.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// The manifest of an image.
pub(crate) fn manifest(config: (Digest, usize), layers: &[(Digest, usize)]) -> Value {
    let layers: Vec<Value> = layers.iter().map(|layer| descriptor(LAYER, *layer)).collect();
    json!({
        "schemaVersion": 2,
        "mediaType": IMAGE,
        "config": descriptor(CONFIG, config),
        "layers": layers,
    })
}

/// A manifest that refers to another one, as a signature does.
pub(crate) fn referrer(number: usize, config: (Digest, usize), subject: (Digest, usize)) -> Value {
    let mut manifest = manifest(config, &[config]);
    manifest["artifactType"] = json!("application/vnd.example.signature");
    manifest["subject"] = descriptor(IMAGE, subject);
    manifest["annotations"] = json!({ "org.example.number": number.to_string() });
    manifest
}

fn descriptor(media_type: &str, (digest, size): (Digest, usize)) -> Value {
    json!({ "mediaType": media_type, "digest": digest.to_string(), "size": size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_blob_is_its_own_and_its_digest_is_true() {
        let content = Content::new(1000);
        let (one, two) = (content.blob(), content.blob());
        assert_ne!(one.digest, two.digest);
        assert_eq!(one.len(), 1000);
        assert!(one.digest.matches(&one.parts().concat()));
    }

    #[test]
    fn a_block_can_be_repeated() {
        let content = Content::repeated(100, 7);
        let blob = content.blob();
        assert_eq!((blob.len(), blob.parts().concat().len()), (716, 716));
        assert!(blob.digest.matches(&blob.parts().concat()));
    }

    #[test]
    fn noise_is_the_same_in_every_run() {
        assert_eq!(noise(3, 20), noise(3, 20));
        assert_ne!(noise(3, 20), noise(4, 20));
    }
}
