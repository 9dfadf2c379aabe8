//! podman, with an image store of its own. It compresses layers anew when it pushes.

use std::path::Path;
use std::process::Command;

use super::{Client, LIMIT, Pulled, Station};
use crate::e2e::{fixtures::Fixture, layout::Layout, layout::TAG};
use crate::{Outcome, process};

struct Podman(Station);

pub(super) fn start(station: &Station) -> Outcome<Box<dyn Client>> {
    Ok(Box::new(Podman(station.clone())))
}

// === impl Podman ===

impl Podman {
    fn command(&self) -> Command {
        let mut podman = self.0.command("podman");
        podman.arg("--root").arg(self.0.home.join("storage"));
        podman.arg("--runroot").arg(self.0.home.join("run"));
        podman.args(["--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=none"]);
        podman
    }

    /// Pulls from anywhere; the answer is the image's id.
    fn fetch(&self, from: &str) -> Outcome<String> {
        let mut pull = self.command();
        pull.args(["pull", "--quiet", "--tls-verify=false", from]);
        Ok(process::output(&mut pull, LIMIT)?.trim().to_owned())
    }

    fn forget(&self, id: &str) -> Outcome {
        process::output(self.command().args(["rmi", "--force", id]), LIMIT).map(drop)
    }
}

impl Client for Podman {
    fn push(&self, _: Fixture, layout: &Layout, image: &str) -> Outcome {
        let id = self.fetch(&format!("oci:{}:{TAG}", layout.folder().display()))?;
        let mut push = self.command();
        push.args(["push", "--quiet", "--tls-verify=false", &id]).arg(format!("docker://{image}"));
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
}
