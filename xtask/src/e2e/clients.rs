//! The clients that users have: how each pushes, pulls, and is installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::fixtures::Fixture;
use super::layout::{self, Layout, diff_ids, digest_of, list};
use crate::{Outcome, process};

mod containerd;
mod crane;
mod docker;
mod oras;
mod podman;
mod regctl;
pub(crate) mod relay;
mod skopeo;

/// How long one command of a client may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(5 * 60);

/// A client, ready for use; what it started ends with it.
pub(crate) trait Client {
    /// Pushes a fixture to `image`, which is a name with its tag.
    fn push(&self, fixture: Fixture, layout: &Layout, image: &str) -> Outcome;

    /// Pulls `image` into the empty folder `to`, with nothing left of an earlier push.
    fn pull(&self, fixture: Fixture, image: &str, to: &Path) -> Outcome<Pulled>;

    /// Logs in to a registry.
    fn log_in(&self, _host: &str, _user: &str, _password: &str) -> Outcome {
        Err("this client does not log in here".into())
    }

    /// What it calls the server with certificates that listens on a port of this machine.
    fn secure_host(&self, port: u16) -> String {
        format!("localhost:{port}")
    }

    /// From now on goes to this host over TLS, trusts `ca.crt` of a folder, and shows `client.cert` and
    /// `client.key` if they are there. `false` if it cannot.
    fn show_certificate(&self, _host: &str, _folder: &Path) -> Outcome<bool> {
        Ok(false)
    }

    /// Forgets what it remembers itself of a login.
    fn log_out(&self) -> Outcome {
        Ok(())
    }
}

/// A row of the table of clients.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// The programs it needs.
    pub(crate) programs: &'static [&'static str],
    pub(crate) source: Source,
    /// Whether what it pushes are the bytes it was given; if not, the layers are when unpacked.
    pub(crate) keeps_bytes: bool,
    /// What it can push; it pulls all of that.
    pub(crate) pushes: &'static [Fixture],
    /// What it can only pull.
    pub(crate) pulls: &'static [Fixture],
    pub(crate) start: fn(&Station) -> Outcome<Box<dyn Client>>,
}

/// Where a client comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
    /// A package of Debian.
    Apt(&'static str),
    /// A tool of the Go module `tests/e2e/clients`.
    Go,
}

/// Where a client works: a home of its own, the programs installed for it, the registry.
#[derive(Clone, Debug)]
pub(crate) struct Station {
    pub(crate) home: PathBuf,
    pub(crate) bin: PathBuf,
    pub(crate) host: String,
}

/// What a client pulled.
pub(crate) enum Pulled {
    /// A layout, byte for byte.
    Layout(PathBuf),
    /// An archive as `docker save` writes it: the layers uncompressed.
    Archive(PathBuf),
}

use Fixture::{Cache, Chart, Debian, Platforms, Subject};

/// Every client.
pub(crate) const KINDS: &[Kind] = &[
    Kind {
        name: "skopeo",
        programs: &["skopeo"],
        source: Source::Apt("skopeo"),
        keeps_bytes: true,
        pushes: &[Debian, Platforms, Chart],
        pulls: &[],
        start: skopeo::start,
    },
    Kind {
        name: "docker",
        programs: &["docker", "dockerd"],
        source: Source::Apt("docker.io"),
        keeps_bytes: false,
        pushes: &[Debian],
        pulls: &[Platforms],
        start: docker::start,
    },
    Kind {
        name: "ctr",
        programs: &["ctr", "containerd"],
        source: Source::Apt("containerd"),
        keeps_bytes: true,
        pushes: &[Debian, Platforms],
        pulls: &[],
        start: containerd::start,
    },
    Kind {
        name: "podman",
        programs: &["podman"],
        source: Source::Apt("podman"),
        keeps_bytes: false,
        pushes: &[Debian],
        pulls: &[Platforms],
        start: podman::start,
    },
    Kind {
        name: "crane",
        programs: &["crane"],
        source: Source::Go,
        keeps_bytes: true,
        pushes: &[Debian, Platforms, Chart],
        pulls: &[],
        start: crane::start,
    },
    Kind {
        name: "oras",
        programs: &["oras"],
        source: Source::Go,
        keeps_bytes: true,
        pushes: &[Debian, Platforms, Subject, Cache, Chart],
        pulls: &[],
        start: oras::start,
    },
    Kind {
        name: "regctl",
        programs: &["regctl"],
        source: Source::Go,
        keeps_bytes: true,
        pushes: &[Debian, Platforms, Subject, Cache, Chart],
        pulls: &[],
        start: regctl::start,
    },
];

// === impl Station ===

impl Station {
    /// The program, in its home. What is configured for the user does not count.
    pub(crate) fn command(&self, program: &str) -> Command {
        let installed = self.bin.join(program);
        let found =
            Some(installed).filter(|path| path.is_file()).or_else(|| process::find(program));
        let mut command = Command::new(found.unwrap_or_else(|| program.into()));
        command.current_dir(&self.home).env("HOME", &self.home).env("DOCKER_CONFIG", &self.home);
        command.env("REGISTRY_AUTH_FILE", self.home.join("config.json"));
        command.env_remove("XDG_RUNTIME_DIR");
        command
    }

    /// Forgets every login; podman wants the file to be there.
    pub(crate) fn forget_logins(&self) -> Outcome {
        Ok(fs::write(self.home.join("config.json"), "{}")?)
    }
}

// === impl Pulled ===

impl Pulled {
    /// Fails unless this is the fixture.
    pub(crate) fn is(&self, fixture: &Layout) -> Outcome {
        match self {
            Pulled::Layout(folder) => layout::compare(fixture, &Layout::open(folder)?),
            Pulled::Archive(file) => {
                let (found, expected) = (archived(file)?, diff_ids(&fixture.config()?));
                match found == expected {
                    true => Ok(()),
                    false => Err(format!("layers {found:?} instead of {expected:?}").into()),
                }
            }
        }
    }
}

/// The digests of the layers in an archive of `docker save`.
fn archived(archive: &Path) -> Outcome<Vec<String>> {
    let folder = archive.with_extension("unpacked");
    fs::create_dir_all(&folder)?;
    let mut tar = Command::new("tar");
    process::output(tar.arg("-xf").arg(archive).arg("-C").arg(&folder), LIMIT)?;
    let images: Value = serde_json::from_slice(&fs::read(folder.join("manifest.json"))?)?;
    let layers = list(&images[0], "Layers").iter().filter_map(Value::as_str);
    layers.map(|layer| digest_of(fs::File::open(folder.join(layer))?)).collect()
}

/// Packs the content of a folder.
pub(crate) fn pack(folder: &Path, archive: &Path) -> Outcome {
    let mut tar = Command::new("tar");
    process::output(tar.arg("-cf").arg(archive).arg("-C").arg(folder).arg("."), LIMIT).map(drop)
}
