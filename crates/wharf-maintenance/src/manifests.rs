//! Reads manifests, and gets out of the others what can be got.

use std::{collections::BTreeSet, sync::Arc};

use wharf_digest::{Algorithm, Digest};
use wharf_driver::{Driver, ErrorKind, Result};
use wharf_manifest::{Manifest, ManifestError, Schemas};
use wharf_storage::tree;

/// Reads manifests. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    driver: Arc<dyn Driver>,
    schemas: Arc<Schemas>,
}

/// A manifest to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// What it is called.
    pub(crate) digest: Digest,
    /// Where its bytes are.
    pub(crate) at: Digest,
    /// The most bytes that it can have.
    pub(crate) limit: u64,
}

/// What was found in the place of a manifest.
#[derive(Debug)]
pub(crate) enum Found {
    /// A manifest.
    Manifest(Box<Manifest>),
    /// The bytes that its digest names, which are none of the manifests that are known. These are the
    /// digests in them.
    Obscure(ManifestError, BTreeSet<Digest>),
    /// Other bytes than its digest names, and the digests in them.
    Damaged(BTreeSet<Digest>),
    /// More bytes than it can have.
    Large,
    /// Nothing.
    Missing,
}

/// The largest manifest that is read: more than any that was ever taken.
pub(crate) const LIMIT: u64 = 64 << 20;

/// The largest blob that is tried as a manifest.
pub(crate) const BLOB_LIMIT: u64 = 4 << 20;

/// How many are read one after the other: a disk answers at once, another machine does not.
const BATCH: usize = 32;
const REMOTE_BATCH: usize = 8;

// === impl Reader ===

impl Reader {
    pub(crate) fn new(driver: &Arc<dyn Driver>) -> Self {
        Self { driver: Arc::clone(driver), schemas: Arc::default() }
    }

    /// Reads many, on all cores; the answers come in order.
    pub(crate) async fn read_each(&self, wanted: &[Wanted]) -> Result<Vec<Found>> {
        let is_remote = self.driver.capabilities().remote;
        let batch = if is_remote { REMOTE_BATCH } else { BATCH };
        let batches = wanted.chunks(batch).map(|batch| {
            let (reader, batch) = (self.clone(), batch.to_vec());
            tokio::spawn(async move {
                let mut found = Vec::with_capacity(batch.len());
                for wanted in &batch {
                    found.push(reader.read(wanted).await?);
                }
                Ok::<_, wharf_driver::Error>(found)
            })
        });
        let mut all = Vec::with_capacity(wanted.len());
        for batch in batches.collect::<Vec<_>>() {
            let found = batch.await.unwrap_or_else(|error| {
                Err(wharf_driver::Error::new(ErrorKind::Other, "manifests").because(error))
            });
            all.extend(found?);
        }
        Ok(all)
    }

    /// Reads one.
    pub(crate) async fn read(&self, wanted: &Wanted) -> Result<Found> {
        let bytes = match self.driver.get(&tree::data(&wanted.at), wanted.limit).await {
            Ok(bytes) => bytes,
            Err(error) => {
                return match error.kind() {
                    ErrorKind::NotFound => Ok(Found::Missing),
                    ErrorKind::TooLarge { .. } => Ok(Found::Large),
                    ErrorKind::InvalidPath | ErrorKind::Corrupt => {
                        Ok(Found::Damaged(BTreeSet::new()))
                    }
                    _ => Err(error),
                };
            }
        };
        if !wanted.digest.matches(&bytes) {
            return Ok(Found::Damaged(digests_in(&bytes)));
        }
        Ok(match self.schemas.parse(None, &bytes) {
            Ok(manifest) => Found::Manifest(Box::new(manifest)),
            Err(error) => Found::Obscure(error, digests_in(&bytes)),
        })
    }
}

/// Every digest that stands anywhere in some bytes, as it is or in a string of JSON, where its letters
/// may be escaped.
pub(crate) fn digests_in(bytes: &[u8]) -> BTreeSet<Digest> {
    let mut found = BTreeSet::new();
    scan(bytes, &mut found);
    if bytes.contains(&b'\\')
        && let Ok(value) = serde_json::from_slice(bytes)
    {
        scan_strings(&value, &mut found);
    }
    found
}

fn scan(bytes: &[u8], found: &mut BTreeSet<Digest>) {
    let colons = bytes.iter().enumerate().filter(|(_, byte)| **byte == b':');
    for (colon, _) in colons {
        for algorithm in Algorithm::ALL {
            let hex = bytes.get(colon + 1..colon + 1 + 2 * algorithm.size());
            let hex = hex.and_then(|hex| std::str::from_utf8(hex).ok());
            if bytes[..colon].ends_with(algorithm.name().as_bytes())
                && let Some(hex) = hex
            {
                found.extend(Digest::from_parts(algorithm, hex));
            }
        }
    }
}

fn scan_strings(value: &serde_json::Value, found: &mut BTreeSet<Digest>) {
    use serde_json::Value;
    match value {
        Value::String(text) => scan(text.as_bytes(), found),
        Value::Array(values) => values.iter().for_each(|value| scan_strings(value, found)),
        Value::Object(members) => {
            for (key, value) in members {
                scan(key.as_bytes(), found);
                scan_strings(value, found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digest_is_found_however_it_is_written() {
        let (one, two) = (Digest::sha256(b"1"), Digest::of(Algorithm::Sha512, b"2"));
        let check = |text: String, expected: &[Digest]| {
            let found: Vec<_> = digests_in(text.as_bytes()).into_iter().collect();
            assert_eq!(found, expected, "{text}");
        };
        check(format!("{one}"), &[one]);
        check(format!("{{x{two}{one}:"), &[one, two]);
        check(format!(r#"{{"{one}": ["{two}"]}}"#), &[one, two]);
        check(format!(r#"{{"a": "\u0073ha256:{}"}}"#, one.hex()), &[one]);
        check(format!(r#"{{"a": "sha256\u003a{}"}}"#, one.hex()), &[one]);
        check(format!("sha256:{}", &one.hex()[1..]), &[]);
        check(one.to_string().to_uppercase(), &[]);
        check(":::sha256:".to_owned(), &[]);
        assert!(digests_in(b"\xff:\\\xfe").is_empty());
    }
}
