//! An OCI image layout: a folder of blobs by digest, with an index of what is tagged.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use wharf_digest::{Algorithm, Digester};

use crate::Outcome;

/// Media types that the fixtures are made of.
pub(crate) mod media {
    pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    pub(crate) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
    pub(crate) const LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
}

/// The tag of what a fixture is about.
pub(crate) const TAG: &str = "latest";

const TAG_ANNOTATION: &str = "org.opencontainers.image.ref.name";

/// A layout on disk.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    folder: PathBuf,
}

/// Everything that can be reached from the index, by digest.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// Each with its media type; a manifest stands after those it refers to.
    pub(crate) manifests: Vec<(String, String)>,
    pub(crate) blobs: Vec<String>,
}

// === impl Layout ===

impl Layout {
    /// Starts an empty layout.
    pub(crate) fn create(folder: &Path) -> Outcome<Self> {
        fs::create_dir_all(folder.join("blobs/sha256"))?;
        fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)?;
        Ok(Self { folder: folder.into() })
    }

    /// A layout that is there.
    pub(crate) fn open(folder: &Path) -> Outcome<Self> {
        match folder.join("index.json").is_file() {
            true => Ok(Self { folder: folder.into() }),
            false => Err(format!("{} is not an OCI layout", folder.display()).into()),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Stores bytes; the answer is their descriptor.
    pub(crate) fn add(&self, media_type: &str, bytes: &[u8]) -> Outcome<Value> {
        let file = self.folder.join("new");
        fs::write(&file, bytes)?;
        self.add_file(media_type, &file)
    }

    /// Stores a JSON document.
    pub(crate) fn add_json(&self, media_type: &str, document: &Value) -> Outcome<Value> {
        self.add(media_type, &serde_json::to_vec(document)?)
    }

    /// Moves a file into the layout.
    pub(crate) fn add_file(&self, media_type: &str, file: &Path) -> Outcome<Value> {
        let digest = digest_of(File::open(file)?)?;
        let size = fs::metadata(file)?.len();
        fs::rename(file, self.blob(&digest))?;
        Ok(json!({"mediaType": media_type, "digest": digest, "size": size}))
    }

    /// Ends the layout: the first entry is what it is about and gets the tag.
    pub(crate) fn finish(&self, mut entries: Vec<Value>) -> Outcome {
        if let Some(first) = entries.first_mut() {
            first["annotations"] = json!({TAG_ANNOTATION: TAG});
        }
        let index = json!({"schemaVersion": 2, "mediaType": media::INDEX, "manifests": entries});
        Ok(fs::write(self.folder.join("index.json"), serde_json::to_vec(&index)?)?)
    }

    /// The file of a blob.
    pub(crate) fn blob(&self, digest: &str) -> PathBuf {
        self.folder.join("blobs").join(digest.replace(':', "/"))
    }

    pub(crate) fn read(&self, digest: &str) -> Outcome<Vec<u8>> {
        fs::read(self.blob(digest)).map_err(|error| format!("{digest}: {error}").into())
    }

    /// The descriptors in the index; the first is what the layout is about.
    fn entries(&self) -> Outcome<Vec<Value>> {
        let index: Value = serde_json::from_slice(&fs::read(self.folder.join("index.json"))?)?;
        Ok(list(&index, "manifests").to_vec())
    }

    /// The digest of what the layout is about.
    pub(crate) fn root(&self) -> Outcome<String> {
        Ok(self.entries()?.first().and_then(digest).ok_or("an empty layout")?)
    }

    /// The digests of what is there besides: manifests with a subject.
    pub(crate) fn others(&self) -> Outcome<Vec<String>> {
        Ok(self.entries()?.iter().skip(1).filter_map(digest).collect())
    }

    pub(crate) fn contents(&self) -> Outcome<Contents> {
        let mut contents = Contents::default();
        for entry in self.entries()? {
            self.collect(&entry, &mut contents)?;
        }
        Ok(contents)
    }

    /// The image manifest for the machines that the tests run on.
    pub(crate) fn image(&self) -> Outcome<Value> {
        let root: Value = serde_json::from_slice(&self.read(&self.root()?)?)?;
        let fits = |entry: &&Value| entry["platform"]["architecture"] == "amd64";
        match list(&root, "manifests").iter().find(fits).and_then(|entry| entry["digest"].as_str())
        {
            Some(digest) => Ok(serde_json::from_slice(&self.read(digest)?)?),
            None => Ok(root),
        }
    }

    /// The configuration of [`Layout::image`].
    pub(crate) fn config(&self) -> Outcome<Value> {
        let image = self.image()?;
        let digest =
            image["config"]["digest"].as_str().ok_or("an image without a configuration")?;
        Ok(serde_json::from_slice(&self.read(digest)?)?)
    }

    fn collect(&self, entry: &Value, contents: &mut Contents) -> Outcome {
        let digest = digest(entry).ok_or("a descriptor without a digest")?;
        let media_type = entry["mediaType"].as_str().unwrap_or_default().to_owned();
        if ![media::MANIFEST, media::INDEX, media::DOCKER_MANIFEST].contains(&media_type.as_str()) {
            contents.blobs.push(digest);
            return Ok(());
        }
        let manifest: Value = serde_json::from_slice(&self.read(&digest)?)?;
        let children = list(&manifest, "layers").iter().chain(list(&manifest, "manifests"));
        for child in children.chain(manifest.get("config")) {
            self.collect(child, contents)?;
        }
        contents.manifests.push((digest, media_type));
        Ok(())
    }
}

/// The digests of the layers as they are uncompressed.
pub(crate) fn diff_ids(config: &Value) -> Vec<String> {
    let ids = list(&config["rootfs"], "diff_ids").iter();
    ids.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The digest in a descriptor.
pub(crate) fn digest(descriptor: &Value) -> Option<String> {
    descriptor["digest"].as_str().map(str::to_owned)
}

/// The list under a key; none is an empty one.
pub(crate) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

/// The sha256 digest of all that can be read.
pub(crate) fn digest_of(mut from: impl Read) -> Outcome<String> {
    let mut digester = Digester::new(Algorithm::Sha256);
    let mut buffer = vec![0; 1 << 20];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(digester.finish().to_string()),
            count => digester.update(&buffer[..count]),
        }
    }
}

/// Fails unless every manifest and blob of `expected` is in `found`, byte for byte.
pub(crate) fn compare(expected: &Layout, found: &Layout) -> Outcome {
    let Contents { manifests, blobs } = expected.contents()?;
    for digest in manifests.iter().map(|(digest, _)| digest).chain(&blobs) {
        if expected.read(digest)? != found.read(digest)? {
            return Err(format!("{digest}: other bytes came back").into());
        }
    }
    Ok(())
}
