//! oras copies graphs between a layout and the registry, referrers included.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Client, LIMIT, Pulled, Station};
use crate::e2e::{fixtures::Fixture, layout::Layout, layout::TAG};
use crate::{Outcome, process};

struct Oras {
    station: Station,
    /// Where certificates are, once it goes over TLS.
    certificates: RefCell<Option<PathBuf>>,
}

pub(super) fn start(station: &Station) -> Outcome<Box<dyn Client>> {
    Ok(Box::new(Oras { station: station.clone(), certificates: RefCell::default() }))
}

// === impl Oras ===

impl Oras {
    /// Copies from and to what these words say, of which `side` is the registry.
    fn copy(&self, fixture: Fixture, side: &str, words: [&str; 3]) -> Outcome {
        let mut oras = self.station.command("oras");
        oras.args(["copy", "--no-tty"]).args(words);
        self.secure(side, &mut oras);
        if fixture == Fixture::Subject {
            oras.arg("--recursive");
        }
        process::output(&mut oras, LIMIT).map(drop)
    }

    fn secure(&self, side: &str, oras: &mut Command) {
        let certificates = self.certificates.borrow();
        oras.arg(format!("--{side}-plain-http={}", certificates.is_none()));
        let Some(folder) = &*certificates else { return };
        let files = [("ca", "ca.crt"), ("cert", "client.cert"), ("key", "client.key")];
        for (option, file) in files.map(|(option, name)| (option, folder.join(name))) {
            if file.exists() {
                oras.arg(format!("--{side}-{option}-file")).arg(file);
            }
        }
    }
}

impl Client for Oras {
    fn push(&self, fixture: Fixture, layout: &Layout, image: &str) -> Outcome {
        let from = format!("{}:{TAG}", layout.folder().display());
        self.copy(fixture, "to", ["--from-oci-layout", &from, image])
    }

    fn pull(&self, fixture: Fixture, image: &str, to: &Path) -> Outcome<Pulled> {
        let into = format!("{}:{TAG}", to.display());
        self.copy(fixture, "from", [image, "--to-oci-layout", &into])?;
        Ok(Pulled::Layout(to.into()))
    }

    fn log_in(&self, host: &str, user: &str, password: &str) -> Outcome {
        let mut oras = self.station.command("oras");
        oras.args(["login", "--plain-http"]);
        process::output(oras.args(["--username", user, "--password", password, host]), LIMIT)
            .map(drop)
    }

    fn show_certificate(&self, _: &str, folder: &Path) -> Outcome<bool> {
        *self.certificates.borrow_mut() = Some(folder.to_owned());
        Ok(true)
    }
}
