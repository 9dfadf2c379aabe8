//! podman, with an image store of its own. It compresses layers anew when it pushes.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Client, LIMIT, Pulled, Station};
use crate::e2e::{fixtures::Fixture, layout::Layout, layout::TAG};
use crate::{Outcome, process};

struct Podman {
    station: Station,
    /// Where certificates are, once it goes over TLS.
    certificates: RefCell<Option<PathBuf>>,
}

pub(super) fn start(station: &Station) -> Outcome<Box<dyn Client>> {
    Ok(Box::new(Podman { station: station.clone(), certificates: RefCell::default() }))
}

// === impl Podman ===

impl Podman {
    fn command(&self) -> Command {
        let mut podman = self.station.command("podman");
        podman.arg("--root").arg(self.station.home.join("storage"));
        podman.arg("--runroot").arg(self.station.home.join("run"));
        podman.args(["--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=none"]);
        podman
    }

    /// Pulls from anywhere; the answer is the image's id.
    fn fetch(&self, from: &str) -> Outcome<String> {
        let mut pull = self.command();
        pull.args(["pull", "--quiet"]).arg(self.trust()).arg(from);
        Ok(process::output(&mut pull, LIMIT)?.trim().to_owned())
    }

    /// `--cert-dir`, as the folders of `certs.d` are for all commands.
    fn trust(&self) -> String {
        let trust = |folder: &PathBuf| format!("--cert-dir={}", folder.display());
        self.certificates.borrow().as_ref().map_or("--tls-verify=false".to_owned(), trust)
    }

    fn forget(&self, id: &str) -> Outcome {
        process::output(self.command().args(["rmi", "--force", id]), LIMIT).map(drop)
    }
}

impl Client for Podman {
    fn push(&self, _: Fixture, layout: &Layout, image: &str) -> Outcome {
        let id = self.fetch(&format!("oci:{}:{TAG}", layout.folder().display()))?;
        let mut push = self.command();
        push.args(["push", "--quiet"]).arg(self.trust());
        push.arg(&id).arg(format!("docker://{image}"));
        process::output(&mut push, LIMIT)?;
        self.forget(&id)
    }

    fn pull(&self, _: Fixture, image: &str, to: &Path) -> Outcome<Pulled> {
        let id = self.fetch(&format!("docker://{image}"))?;
        let archive = to.join("image.tar");
        let mut save = self.command();
        save.args(["save", "--quiet", "--format=docker-archive", "--output"]);
        process::output(save.arg(&archive).arg(&id), LIMIT)?;
        self.forget(&id)?;
        Ok(Pulled::Archive(archive))
    }

    fn log_in(&self, host: &str, user: &str, password: &str) -> Outcome {
        let mut podman = self.command();
        podman.args(["login", "--tls-verify=false"]);
        process::output(podman.args(["--username", user, "--password", password, host]), LIMIT)
            .map(drop)
    }

    fn show_certificate(&self, _: &str, folder: &Path) -> Outcome<bool> {
        *self.certificates.borrow_mut() = Some(folder.to_owned());
        Ok(true)
    }
}
