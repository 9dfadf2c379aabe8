//! docker, with a daemon of its own that starts no containers. It compresses layers anew when it
//! pushes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::{Client, LIMIT, Pulled, Station, pack, relay};
use crate::Outcome;
use crate::docker::Daemon;
use crate::e2e::{
    fixtures::Fixture,
    layout::{Layout, diff_ids, digest, list},
};

struct Docker {
    station: Station,
    daemon: Daemon,
    /// What the daemon sees as `/etc/docker`.
    settings: PathBuf,
}

/// Gives the daemon a folder of ours in place of the machine's settings, which nobody else sees.
const WITH_SETTINGS: &str =
    "mkdir -p /etc/docker && mount --bind \"$0\" /etc/docker && exec \"$@\"";

pub(super) fn start(station: &Station) -> Outcome<Box<dyn Client>> {
    let settings = station.home.join("settings");
    fs::create_dir_all(&settings)?;
    let dockerd = station.command("dockerd");
    let mut alone = station.command("unshare");
    alone.args(["--mount", "sh", "-c", WITH_SETTINGS]).arg(&settings).arg(dockerd.get_program());
    alone.env("HTTPS_PROXY", relay::start()?);
    // No containers run.
    let daemon = Daemon::start(alone, &station.home)?;
    Ok(Box::new(Docker { station: station.clone(), daemon, settings }))
}

// === impl Docker ===

impl Docker {
    fn run(&self, words: &[&str]) -> Outcome<String> {
        self.daemon.run(words, LIMIT)
    }
}

impl Client for Docker {
    fn push(&self, _: Fixture, layout: &Layout, image: &str) -> Outcome {
        let archive = self.station.home.join("load.tar");
        write_archive(layout, image, &archive)?;
        self.run(&["load", "--quiet", "--input", &archive.to_string_lossy()])?;
        fs::remove_file(archive)?;
        self.run(&["push", "--quiet", image])?;
        self.run(&["rmi", "--force", image]).map(drop)
    }

    fn pull(&self, _: Fixture, image: &str, to: &Path) -> Outcome<Pulled> {
        self.run(&["pull", "--quiet", image])?;
        let archive = to.join("image.tar");
        self.run(&["save", "--output", &archive.to_string_lossy(), image])?;
        self.run(&["rmi", "--force", image])?;
        Ok(Pulled::Archive(archive))
    }

    fn log_in(&self, host: &str, user: &str, password: &str) -> Outcome {
        self.run(&["login", "--username", user, "--password", password, host]).map(drop)
    }

    fn secure_host(&self, port: u16) -> String {
        format!("{}:{port}", relay::HOST)
    }

    fn show_certificate(&self, host: &str, folder: &Path) -> Outcome<bool> {
        let certificates = self.settings.join("certs.d").join(host);
        if certificates.exists() {
            fs::remove_dir_all(&certificates)?;
        }
        fs::create_dir_all(&certificates)?;
        for file in fs::read_dir(folder)? {
            let file = file?;
            fs::copy(file.path(), certificates.join(file.file_name()))?;
        }
        Ok(true)
    }
}

/// An image of a layout in the form that every version of `docker load` reads.
fn write_archive(layout: &Layout, image: &str, archive: &Path) -> Outcome {
    let folder = tempfile::tempdir()?;
    let (manifest, config) = (layout.image()?, layout.config()?);
    fs::write(folder.path().join("config.json"), serde_json::to_vec(&config)?)?;
    let mut layers = Vec::new();
    for (layer, diff_id) in list(&manifest, "layers").iter().zip(diff_ids(&config)) {
        let name = format!("{}.tar", diff_id.replace(':', "-"));
        unpack_layer(layout, layer, &folder.path().join(&name))?;
        layers.push(name);
    }
    let images = json!([{"Config": "config.json", "RepoTags": [image], "Layers": layers}]);
    fs::write(folder.path().join("manifest.json"), serde_json::to_vec(&images)?)?;
    pack(folder.path(), archive)
}

fn unpack_layer(layout: &Layout, layer: &Value, to: &Path) -> Outcome {
    let blob = layout.blob(&digest(layer).ok_or("a layer without a digest")?);
    if layer["mediaType"].as_str().is_some_and(|media_type| media_type.ends_with("gzip")) {
        let status = Command::new("gzip")
            .arg("-dc")
            .stdin(File::open(blob)?)
            .stdout(File::create(to)?)
            .status()?;
        return match status.success() {
            true => Ok(()),
            false => Err("a layer that gzip does not unpack".into()),
        };
    }
    fs::copy(blob, to)?;
    Ok(())
}
