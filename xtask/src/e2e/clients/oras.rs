//! oras copies graphs between a layout and the registry, referrers included.

use std::path::Path;

use super::{Client, LIMIT, Pulled, Station};
use crate::e2e::{fixtures::Fixture, layout::Layout, layout::TAG};
use crate::{Outcome, process};

struct Oras(Station);

pub(super) fn start(station: &Station) -> Outcome<Box<dyn Client>> {
    Ok(Box::new(Oras(station.clone())))
}

// === impl Oras ===

impl Oras {
    fn copy(&self, fixture: Fixture, words: [&str; 4]) -> Outcome {
        let mut oras = self.0.command("oras");
        oras.args(["copy", "--no-tty"]).args(words);
        if fixture == Fixture::Subject {
            oras.arg("--recursive");
        }
        process::output(&mut oras, LIMIT).map(drop)
    }
}

impl Client for Oras {
    fn push(&self, fixture: Fixture, layout: &Layout, image: &str) -> Outcome {
        let from = format!("{}:{TAG}", layout.folder().display());
        self.copy(fixture, ["--from-oci-layout", &from, "--to-plain-http", image])
    }

    fn pull(&self, fixture: Fixture, image: &str, to: &Path) -> Outcome<Pulled> {
        let into = format!("{}:{TAG}", to.display());
        self.copy(fixture, ["--from-plain-http", image, "--to-oci-layout", &into])?;
        Ok(Pulled::Layout(to.into()))
    }

    fn log_in(&self, host: &str, user: &str, password: &str) -> Outcome {
        let mut oras = self.0.command("oras");
        oras.args(["login", "--plain-http"]);
        process::output(oras.args(["--username", user, "--password", password, host]), LIMIT)
            .map(drop)
    }
}
