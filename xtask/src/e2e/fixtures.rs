//! The images and artifacts that go through the registry; built once and kept in the target folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::layout::{Layout, digest_of, media};
use crate::{Outcome, process};

const BOOTSTRAP_LIMIT: Duration = Duration::from_secs(15 * 60);
const PACK_LIMIT: Duration = Duration::from_secs(5 * 60);

/// The Debian that the root file system is of, where the machine runs none.
const DEBIAN: &str = "bookworm";

/// The paths of the layers of the Debian image, and whether the layer is compressed. The one that is
/// not makes for a blob of a size that matters.
const DEBIAN_LAYERS: [(&[&str], bool); 4] = [
    (&["--exclude=./usr", "--exclude=./var", "--exclude=./dev", "."], true),
    (&["--exclude=./usr/share", "./usr"], false),
    (&["./usr/share"], true),
    (&["./var"], true),
];

/// Something to push and pull.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Fixture {
    /// A Debian root file system of several layers, more than 100 MB
    Debian,
    /// An index of images for several platforms
    Platforms,
    /// An image, with an artifact that has it as its subject
    Subject,
    /// An index as BuildKit's registry cache pushes it: its children are layers
    Cache,
    /// A chart as Helm pushes it
    Chart,
}

/// Layers that were packed: their descriptors, and their digests before compression.
#[derive(Default)]
struct Layers {
    descriptors: Vec<Value>,
    diff_ids: Vec<String>,
}

// === impl Fixture ===

impl Fixture {
    pub(crate) const ALL: [Fixture; 5] =
        [Fixture::Debian, Fixture::Platforms, Fixture::Subject, Fixture::Cache, Fixture::Chart];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Fixture::Debian => "debian",
            Fixture::Platforms => "platforms",
            Fixture::Subject => "subject",
            Fixture::Cache => "cache",
            Fixture::Chart => "chart",
        }
    }

    /// The layout of this fixture below `folder`, built if it is not there.
    pub(crate) fn obtain(self, folder: &Path) -> Outcome<Layout> {
        let place = folder.join(self.name());
        if let Ok(layout) = Layout::open(&place) {
            return Ok(layout);
        }
        println!("building the fixture {}", self.name());
        let work = tempfile::tempdir_in(folder)?;
        let layout = Layout::create(&work.path().join("layout"))?;
        let entries = self.build(&layout, work.path())?;
        layout.finish(entries)?;
        if place.exists() {
            fs::remove_dir_all(&place)?; // What an interrupted build has left.
        }
        fs::rename(layout.folder(), &place)?;
        Layout::open(&place)
    }

    fn build(self, layout: &Layout, work: &Path) -> Outcome<Vec<Value>> {
        match self {
            Fixture::Debian => debian(layout, work),
            Fixture::Platforms => platforms(layout, work),
            Fixture::Subject => subject(layout, work),
            Fixture::Cache => cache(layout, work),
            Fixture::Chart => chart(layout, work),
        }
    }
}

fn debian(layout: &Layout, work: &Path) -> Outcome<Vec<Value>> {
    let root = work.join("root");
    let bootstrap = process::find("debootstrap").ok_or("debootstrap is not installed")?;
    let mut bootstrap = Command::new(bootstrap);
    bootstrap.arg("--variant=minbase").arg(debian_release()).arg(&root);
    process::output(&mut bootstrap, BOOTSTRAP_LIMIT)?;
    let mut layers = Layers::default();
    for (paths, compressed) in DEBIAN_LAYERS {
        layers.pack(layout, &root, paths, compressed)?;
    }
    Ok(vec![layers.into_image(layout, "amd64")?])
}

fn platforms(layout: &Layout, work: &Path) -> Outcome<Vec<Value>> {
    let mut images = Vec::new();
    for (architecture, variant) in [("amd64", None), ("arm64", Some("v8")), ("arm", Some("v7"))] {
        let mut image = small_image(layout, work, architecture)?;
        image["platform"] = json!({"architecture": architecture, "os": "linux"});
        if let Some(variant) = variant {
            image["platform"]["variant"] = variant.into();
        }
        images.push(image);
    }
    let index = json!({"schemaVersion": 2, "mediaType": media::INDEX, "manifests": images});
    Ok(vec![layout.add_json(media::INDEX, &index)?])
}

fn subject(layout: &Layout, work: &Path) -> Outcome<Vec<Value>> {
    let image = small_image(layout, work, "amd64")?;
    let statement = layout.add("application/spdx+json", br#"{"spdxVersion":"SPDX-2.3"}"#)?;
    let artifact = json!({
        "schemaVersion": 2,
        "mediaType": media::MANIFEST,
        "artifactType": "application/vnd.example.sbom.v1",
        "config": layout.add("application/vnd.oci.empty.v1+json", b"{}")?,
        "layers": [statement],
        "subject": image,
        "annotations": {"org.opencontainers.image.created": "2026-01-01T00:00:00Z"},
    });
    let artifact = layout.add_json(media::MANIFEST, &artifact)?;
    Ok(vec![image, artifact])
}

fn cache(layout: &Layout, work: &Path) -> Outcome<Vec<Value>> {
    let mut layers = Layers::default();
    for name in ["one", "two"] {
        layers.pack_file(layout, work, name, name.as_bytes())?;
    }
    let Layers { mut descriptors, diff_ids } = layers;
    for (layer, diff_id) in descriptors.iter_mut().zip(diff_ids) {
        layer["annotations"] = json!({"containerd.io/uncompressed": diff_id});
    }
    let records =
        json!({"layers": [{"blob": descriptors[0]["digest"], "parent": -1}], "records": []});
    descriptors.push(layout.add_json("application/vnd.buildkit.cacheconfig.v0", &records)?);
    let index = json!({"schemaVersion": 2, "mediaType": media::INDEX, "manifests": descriptors});
    Ok(vec![layout.add_json(media::INDEX, &index)?])
}

fn chart(layout: &Layout, work: &Path) -> Outcome<Vec<Value>> {
    let about = json!({"name": "sails", "version": "1.2.3+build", "apiVersion": "v2"});
    let mut layers = Layers::default();
    layers.pack_file(layout, work, "sails/Chart.yaml", &serde_json::to_vec(&about)?)?;
    let mut content = layers.descriptors.remove(0);
    content["mediaType"] = "application/vnd.cncf.helm.chart.content.v1.tar+gzip".into();
    let chart = json!({
        "schemaVersion": 2,
        "mediaType": media::MANIFEST,
        "config": layout.add_json("application/vnd.cncf.helm.config.v1+json", &about)?,
        "layers": [content],
        "annotations": {"org.opencontainers.image.title": "sails"},
    });
    Ok(vec![layout.add_json(media::MANIFEST, &chart)?])
}

/// An image with one small file that names its architecture.
fn small_image(layout: &Layout, work: &Path, architecture: &str) -> Outcome<Value> {
    let mut layers = Layers::default();
    layers.pack_file(layout, work, "etc/architecture", architecture.as_bytes())?;
    layers.into_image(layout, architecture)
}

/// The release of the machine, if it is a Debian: its debootstrap has the keys.
fn debian_release() -> String {
    let about = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let value =
        |key: &str| about.lines().find_map(|line| line.strip_prefix(key)).map(str::to_owned);
    let release =
        value("VERSION_CODENAME=").filter(|_| about.lines().any(|line| line == "ID=debian"));
    release.unwrap_or_else(|| DEBIAN.to_owned())
}

// === impl Layers ===

impl Layers {
    /// Packs one file as a compressed layer.
    fn pack_file(&mut self, layout: &Layout, work: &Path, name: &str, content: &[u8]) -> Outcome {
        let root = tempfile::tempdir_in(work)?;
        let file = root.path().join(name);
        fs::create_dir_all(file.parent().unwrap_or(root.path()))?;
        fs::write(&file, content)?;
        self.pack(layout, root.path(), &["."], true)
    }

    /// Packs what stands below `root` as a layer.
    fn pack(&mut self, layout: &Layout, root: &Path, paths: &[&str], compressed: bool) -> Outcome {
        let archive: PathBuf = layout.folder().join("layer.tar");
        let mut tar = Command::new("tar");
        tar.arg("--create").arg("--file").arg(&archive).arg("--directory").arg(root);
        tar.args(["--numeric-owner", "--sort=name", "--mtime=@0", "--one-file-system"]);
        process::output(tar.args(paths), PACK_LIMIT)?;
        self.diff_ids.push(digest_of(fs::File::open(&archive)?)?);
        if !compressed {
            self.descriptors.push(layout.add_file(media::LAYER, &archive)?);
            return Ok(());
        }
        process::output(Command::new("gzip").args(["-n", "-6"]).arg(&archive), PACK_LIMIT)?;
        let packed = archive.with_extension("tar.gz");
        self.descriptors.push(layout.add_file(media::LAYER_GZIP, &packed)?);
        Ok(())
    }

    /// Makes an image of the layers.
    fn into_image(self, layout: &Layout, architecture: &str) -> Outcome<Value> {
        let config = json!({
            "architecture": architecture,
            "os": "linux",
            "created": "2026-01-01T00:00:00Z",
            "config": {"Cmd": ["/bin/sh"]},
            "rootfs": {"type": "layers", "diff_ids": self.diff_ids},
            "history": self.diff_ids.iter().map(|_| json!({"created_by": "wharf"})).collect::<Vec<_>>(),
        });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media::MANIFEST,
            "config": layout.add_json(media::CONFIG, &config)?,
            "layers": self.descriptors,
        });
        layout.add_json(media::MANIFEST, &manifest)
    }
}
