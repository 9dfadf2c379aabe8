//! The layout that registries of the family share, written as files.
//!
//! Of the many tags and repositories there is what a list looks at: a tag is its current link, a
//! repository its two folders. Links with the same text share a file, as far as a file may be shared.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use wharf_digest::Digest;

use crate::Outcome;

/// A blob: its digest and its size.
pub(crate) type Stored = (Digest, usize);

/// Where a store is written to.
pub(crate) trait Layout {
    fn blob(&mut self, repository: &str, bytes: &[u8]) -> Outcome<Stored>;

    fn manifest(&mut self, repository: &str, bytes: &[u8]) -> Outcome<Stored>;

    fn tag(&mut self, repository: &str, tag: &str, manifest: Stored) -> Outcome;

    /// A repository for the catalog, without content.
    fn repository(&mut self, name: &str) -> Outcome;

    /// Writes what has been held back.
    fn finish(&mut self) -> Outcome;
}

/// The layout of distribution.
pub(crate) struct Common {
    base: PathBuf,
    /// The last file that was written for a tag, and its text.
    shared: Shared,
}

/// A file whose copies are hard links to it: far faster to write, and one inode for thousands.
#[derive(Default)]
pub(crate) struct Shared {
    file: Option<(PathBuf, Vec<u8>)>,
}

// === impl Shared ===

impl Shared {
    /// Makes a file with these bytes.
    pub(crate) fn put(&mut self, path: &Path, bytes: &[u8]) -> Outcome {
        if let Some((file, text)) = &self.file
            && text == bytes
        {
            match fs::hard_link(file, path) {
                // There is a limit to the links of a file; the next ones share this one.
                Err(error) if error.kind() == ErrorKind::TooManyLinks => {}
                done => return Ok(done?),
            }
        }
        fs::write(path, bytes)?;
        self.file = Some((path.to_owned(), bytes.to_owned()));
        Ok(())
    }
}

// === impl Common ===

impl Common {
    pub(crate) fn new(root: &Path) -> Outcome<Self> {
        let base = root.join("docker/registry/v2");
        fs::create_dir_all(&base)?;
        Ok(Self { base, shared: Shared::default() })
    }

    fn own(&self, repository: &str) -> PathBuf {
        self.base.join("repositories").join(repository)
    }

    fn store(&self, bytes: &[u8]) -> Outcome<Stored> {
        let digest = Digest::sha256(bytes);
        let encoded = digest.encoded();
        let path = format!("blobs/sha256/{}/{encoded}/data", &encoded[..2]);
        put(&self.base.join(path), bytes)?;
        Ok((digest, bytes.len()))
    }

    fn link(&self, repository: &str, folder: &str, digest: &Digest) -> Outcome {
        let path = format!("{folder}/sha256/{}/link", digest.encoded());
        put(&self.own(repository).join(path), digest.to_string().as_bytes())
    }
}

impl Layout for Common {
    fn blob(&mut self, repository: &str, bytes: &[u8]) -> Outcome<Stored> {
        let stored = self.store(bytes)?;
        self.link(repository, "_layers", &stored.0)?;
        Ok(stored)
    }

    fn manifest(&mut self, repository: &str, bytes: &[u8]) -> Outcome<Stored> {
        let stored = self.store(bytes)?;
        self.link(repository, "_manifests/revisions", &stored.0)?;
        Ok(stored)
    }

    fn tag(&mut self, repository: &str, tag: &str, manifest: Stored) -> Outcome {
        let tag = self.own(repository).join("_manifests/tags").join(tag);
        let folder = tag.join("current");
        make(&tag)?;
        make(&folder)?;
        self.shared.put(&folder.join("link"), manifest.0.to_string().as_bytes())
    }

    fn repository(&mut self, name: &str) -> Outcome {
        let own = self.own(name);
        make(&own)?;
        ["_layers", "_manifests", "_manifests/revisions"]
            .iter()
            .try_for_each(|f| make(&own.join(f)))
    }

    fn finish(&mut self) -> Outcome {
        Ok(())
    }
}

/// Writes a file, and the folders above it.
pub(crate) fn put(path: &Path, bytes: &[u8]) -> Outcome {
    make(path.parent().unwrap_or(path))?;
    Ok(fs::write(path, bytes)?)
}

/// Makes a folder whose parent is mostly there already, which is what makes many of them fast.
pub(crate) fn make(folder: &Path) -> Outcome {
    match fs::create_dir(folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(_) => Ok(fs::create_dir_all(folder)?),
        Ok(()) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_stands_where_every_registry_of_the_family_looks_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut layout = Common::new(folder.path()).unwrap();
        let manifest = layout.manifest("a/b", b"{}").unwrap();
        layout.tag("a/b", "one", manifest).unwrap();
        layout.tag("a/b", "two", manifest).unwrap();
        layout.repository("c").unwrap();
        let base = folder.path().join("docker/registry/v2");
        let link = |path: &str| fs::read_to_string(base.join("repositories").join(path)).unwrap();
        let (digest, encoded) = (manifest.0.to_string(), manifest.0.encoded());
        assert_eq!(link("a/b/_manifests/tags/two/current/link"), digest);
        assert_eq!(link(&format!("a/b/_manifests/revisions/sha256/{encoded}/link")), digest);
        let data = format!("blobs/sha256/{}/{encoded}/data", &encoded[..2]);
        assert_eq!(fs::read(base.join(data)).unwrap(), b"{}");
        assert!(base.join("repositories/c/_layers").is_dir());
    }
}
