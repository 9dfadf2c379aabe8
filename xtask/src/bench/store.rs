//! The stores that all servers read: written as files, in the layout that all registries share.

use std::fs;
use std::path::{Path, PathBuf};

use wharf_digest::Digest;

use super::content::{manifest, noise};
use crate::Outcome;

/// The repository with the blobs and the image.
pub(crate) const APP: &str = "bench/app";

/// The repository with many tags.
pub(crate) const TAGS: &str = "bench/tags";

const LAYERS: usize = 10;
const LAYER: usize = 256 * 1024;

/// A store with one image, blobs of three sizes, a repository of many tags, and many repositories.
pub(crate) struct Store {
    pub(crate) root: PathBuf,
    /// How many tags there are, and how many nested repositories.
    pub(crate) entries: usize,
    pub(crate) image: Image,
    pub(crate) blobs: Blobs,
}

/// An image, which the tag `latest` points to.
pub(crate) struct Image {
    pub(crate) manifest: (Digest, usize),
    /// Config and layers.
    pub(crate) content: Vec<(Digest, usize)>,
}

/// Single blobs.
pub(crate) struct Blobs {
    pub(crate) small: (Digest, usize),
    pub(crate) middle: (Digest, usize),
    pub(crate) large: (Digest, usize),
}

/// Where the files of a store stand.
struct Layout<'a>(&'a Path);

// === impl Store ===

impl Store {
    pub(crate) fn write(root: &Path, entries: usize) -> Outcome<Self> {
        let layout = Layout(root);
        let blobs = Blobs {
            small: layout.blob(APP, &noise(1, 4 * 1024))?,
            middle: layout.blob(APP, &noise(2, 1024 * 1024))?,
            large: layout.blob(APP, &noise(3, 256 * 1024 * 1024))?,
        };
        let mut content = vec![layout.blob(APP, br#"{"architecture":"amd64","os":"linux"}"#)?];
        for number in 0..LAYERS {
            content.push(layout.blob(APP, &noise(10 + number as u64, LAYER))?);
        }
        let bytes = manifest(content[0], &content[1..]).to_string().into_bytes();
        let image = Image { manifest: layout.manifest(APP, &bytes)?, content };
        layout.tag(APP, "latest", &image.manifest.0)?;
        layout.manifest(TAGS, &bytes)?;
        for number in 0..entries {
            layout.tag(TAGS, &tag(number), &image.manifest.0)?;
            layout.repository(&repository(number), &image)?;
        }
        Ok(Self { root: root.to_owned(), entries, image, blobs })
    }
}

/// The name of a tag; the names sort as their numbers do.
pub(crate) fn tag(number: usize) -> String {
    format!("v1.{number:06}")
}

/// The name of a nested repository; the names sort as their numbers do.
pub(crate) fn repository(number: usize) -> String {
    format!("org{:03}/team{:02}/app{number:06}", number / 100, number / 10 % 10)
}

/// The file of a blob below the root of a store.
pub(crate) fn blob_file(digest: &Digest) -> String {
    let encoded = digest.encoded();
    format!(
        "docker/registry/v2/blobs/{}/{}/{encoded}/data",
        digest.algorithm().name(),
        &encoded[..2]
    )
}

// === impl Layout ===

impl Layout<'_> {
    fn blob(&self, repository: &str, bytes: &[u8]) -> Outcome<(Digest, usize)> {
        let digest = Digest::sha256(bytes);
        self.put(&blob_file(&digest), bytes)?;
        self.link(repository, "_layers", &digest)?;
        Ok((digest, bytes.len()))
    }

    fn manifest(&self, repository: &str, bytes: &[u8]) -> Outcome<(Digest, usize)> {
        let digest = Digest::sha256(bytes);
        self.put(&blob_file(&digest), bytes)?;
        self.link(repository, "_manifests/revisions", &digest)?;
        self.link(repository, "_layers", &digest)?;
        Ok((digest, bytes.len()))
    }

    fn repository(&self, name: &str, image: &Image) -> Outcome {
        self.link(name, "_layers", &image.content[0].0)?;
        self.link(name, "_manifests/revisions", &image.manifest.0)?;
        self.tag(name, "latest", &image.manifest.0)
    }

    fn tag(&self, repository: &str, tag: &str, digest: &Digest) -> Outcome {
        let folder = format!("_manifests/tags/{tag}");
        let link = format!("docker/registry/v2/repositories/{repository}/{folder}/current/link");
        self.put(&link, digest.to_string().as_bytes())?;
        self.link(repository, &format!("{folder}/index"), digest)
    }

    fn link(&self, repository: &str, folder: &str, digest: &Digest) -> Outcome {
        let (algorithm, encoded) = (digest.algorithm().name(), digest.encoded());
        let path = format!(
            "docker/registry/v2/repositories/{repository}/{folder}/{algorithm}/{encoded}/link"
        );
        self.put(&path, digest.to_string().as_bytes())
    }

    fn put(&self, path: &str, bytes: &[u8]) -> Outcome {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap_or(self.0))?;
        Ok(fs::write(path, bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_as_their_numbers_do() {
        let repositories: Vec<String> = (0..2000).map(repository).collect();
        assert!(repositories.is_sorted());
        assert!(tag(9) < tag(10));
    }

    #[test]
    fn a_blob_stands_where_every_registry_looks_for_it() {
        let file = blob_file(&Digest::sha256(b""));
        assert!(file.starts_with("docker/registry/v2/blobs/sha256/e3/e3b0c442"), "{file}");
        assert!(file.ends_with("b855/data"), "{file}");
    }
}
