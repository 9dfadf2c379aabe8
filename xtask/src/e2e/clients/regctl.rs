//! regctl copies between a layout and the registry, referrers included.

use std::path::Path;

use super::{Client, LIMIT, Pulled, Station};
use crate::e2e::{fixtures::Fixture, layout::Layout, layout::TAG};
use crate::{Outcome, process};

struct Regctl(Station);

pub(super) fn start(station: &Station) -> Outcome<Box<dyn Client>> {
    Ok(Box::new(Regctl(station.clone())))
}

// === impl Regctl ===

impl Regctl {
    fn copy(&self, words: &[&str]) -> Outcome {
        let mut regctl = self.0.command("regctl");
        regctl.arg("--host").arg(format!("reg={},tls=disabled", self.0.host));
        process::output(regctl.args(["image", "copy"]).args(words), LIMIT).map(drop)
    }
}

impl Client for Regctl {
    fn push(&self, _: Fixture, layout: &Layout, image: &str) -> Outcome {
        let folder = format!("ocidir://{}", layout.folder().display());
        self.copy(&[&format!("{folder}:{TAG}"), image])?;
        // In a layout it finds referrers by their tags only: those go by digest.
        let name = image.trim_end_matches(TAG).trim_end_matches(':');
        for digest in layout.others()? {
            self.copy(&[&format!("{folder}@{digest}"), &format!("{name}@{digest}")])?;
        }
        Ok(())
    }

    fn pull(&self, fixture: Fixture, image: &str, to: &Path) -> Outcome<Pulled> {
        let into = format!("ocidir://{}:{TAG}", to.display());
        let referrers = if fixture == Fixture::Subject { &["--referrers"][..] } else { &[] };
        self.copy(&[referrers, &[image, &into]].concat())?;
        Ok(Pulled::Layout(to.into()))
    }
}
