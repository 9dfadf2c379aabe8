//! skopeo copies between a layout and the registry; digests are preserved.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use super::{Client, LIMIT, Pulled, Station};
use crate::e2e::{fixtures::Fixture, layout::Layout, layout::TAG};
use crate::{Outcome, process};

struct Skopeo {
    station: Station,
    /// Where certificates are, once it goes over TLS.
    certificates: RefCell<Option<PathBuf>>,
}

pub(super) fn start(station: &Station) -> Outcome<Box<dyn Client>> {
    Ok(Box::new(Skopeo { station: station.clone(), certificates: RefCell::default() }))
}

// === impl Skopeo ===

impl Skopeo {
    fn copy(&self, from: String, to: String) -> Outcome {
        let mut skopeo = self.station.command("skopeo");
        skopeo.args(["--insecure-policy", "copy", "--quiet", "--all", "--preserve-digests"]);
        match &*self.certificates.borrow() {
            None => skopeo.args(["--src-tls-verify=false", "--dest-tls-verify=false"]),
            Some(folder) => {
                skopeo.arg("--src-cert-dir").arg(folder).arg("--dest-cert-dir").arg(folder)
            }
        };
        process::output(skopeo.args([from, to]), LIMIT).map(drop)
    }
}

impl Client for Skopeo {
    fn push(&self, _: Fixture, layout: &Layout, image: &str) -> Outcome {
        let from = format!("oci:{}:{TAG}", layout.folder().display());
        self.copy(from, format!("docker://{image}"))
    }

    fn pull(&self, _: Fixture, image: &str, to: &Path) -> Outcome<Pulled> {
        self.copy(format!("docker://{image}"), format!("oci:{}:{TAG}", to.display()))?;
        Ok(Pulled::Layout(to.into()))
    }

    fn log_in(&self, host: &str, user: &str, password: &str) -> Outcome {
        let mut skopeo = self.station.command("skopeo");
        skopeo.args(["login", "--tls-verify=false"]);
        process::output(skopeo.args(["--username", user, "--password", password, host]), LIMIT)
            .map(drop)
    }

    fn show_certificate(&self, _: &str, folder: &Path) -> Outcome<bool> {
        *self.certificates.borrow_mut() = Some(folder.to_owned());
        Ok(true)
    }
}
