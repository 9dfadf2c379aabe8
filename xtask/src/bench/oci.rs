//! A layout with an OCI image layout for each repository, written as files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use wharf_digest::Digest;

use super::content;
use super::layout::{Layout, Shared, Stored, make, put};
use crate::Outcome;

/// A store of image layouts.
pub(crate) struct Oci {
    root: PathBuf,
    /// The manifests of each repository with content: digest to size and tags.
    indexes: BTreeMap<String, BTreeMap<Digest, (usize, Vec<String>)>>,
    marks: Shared,
    empty: Shared,
}

const MARK: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;
const INDEX: &[u8] = br#"{"schemaVersion":2,"manifests":[]}"#;

// === impl Oci ===

impl Oci {
    pub(crate) fn new(root: &Path) -> Outcome<Self> {
        let root = root.to_owned();
        let (marks, empty) = (Shared::default(), Shared::default());
        Ok(Self { root, indexes: BTreeMap::new(), marks, empty })
    }
}

impl Layout for Oci {
    fn blob(&mut self, repository: &str, bytes: &[u8]) -> Outcome<Stored> {
        let digest = Digest::sha256(bytes);
        let path = format!("{repository}/blobs/sha256/{}", digest.encoded());
        put(&self.root.join(path), bytes)?;
        Ok((digest, bytes.len()))
    }

    fn manifest(&mut self, repository: &str, bytes: &[u8]) -> Outcome<Stored> {
        let (digest, size) = self.blob(repository, bytes)?;
        let index = self.indexes.entry(repository.to_owned()).or_default();
        index.entry(digest).or_insert_with(|| (size, Vec::new()));
        Ok((digest, size))
    }

    fn tag(&mut self, repository: &str, tag: &str, (digest, size): Stored) -> Outcome {
        let index = self.indexes.entry(repository.to_owned()).or_default();
        index.entry(digest).or_insert_with(|| (size, Vec::new())).1.push(tag.to_owned());
        Ok(())
    }

    fn repository(&mut self, name: &str) -> Outcome {
        let folder = self.root.join(name);
        ["", "blobs"].iter().try_for_each(|inner| make(&folder.join(inner)))?;
        self.marks.put(&folder.join("oci-layout"), MARK)?;
        self.empty.put(&folder.join("index.json"), INDEX)
    }

    fn finish(&mut self) -> Outcome {
        for (name, manifests) in &self.indexes {
            let manifests: Vec<Value> = manifests
                .iter()
                .flat_map(|(digest, (size, tags))| rows(*digest, *size, tags))
                .collect();
            let index = json!({ "schemaVersion": 2, "manifests": manifests });
            put(&self.root.join(name).join("oci-layout"), MARK)?;
            put(&self.root.join(name).join("index.json"), index.to_string().as_bytes())?;
        }
        Ok(())
    }
}

/// A manifest has a descriptor for each of its tags, or one without.
fn rows(digest: Digest, size: usize, tags: &[String]) -> Vec<Value> {
    let bare = json!({ "mediaType": content::IMAGE, "digest": digest.to_string(), "size": size });
    if tags.is_empty() {
        return vec![bare];
    }
    let tagged = tags.iter().map(|tag| {
        let mut row = bare.clone();
        row["annotations"] = json!({ "org.opencontainers.image.ref.name": tag });
        row
    });
    tagged.collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_tag_has_a_row_in_the_index() {
        let folder = tempfile::tempdir().unwrap();
        let mut layout = Oci::new(folder.path()).unwrap();
        let manifest = layout.manifest("a/b", b"{}").unwrap();
        layout.manifest("a/b", b"{ }").unwrap();
        layout.tag("a/b", "one", manifest).unwrap();
        layout.tag("a/b", "two", manifest).unwrap();
        layout.repository("c").unwrap();
        layout.finish().unwrap();
        let index = fs::read(folder.path().join("a/b/index.json")).unwrap();
        let index: Value = serde_json::from_slice(&index).unwrap();
        assert_eq!(index["manifests"].as_array().unwrap().len(), 3);
        assert!(folder.path().join("c/oci-layout").is_file());
    }
}
