//! crane pushes a layout and pulls into one.

use std::path::Path;

use super::{Client, LIMIT, Pulled, Station};
use crate::e2e::{fixtures::Fixture, layout::Layout};
use crate::{Outcome, process};

struct Crane(Station);

pub(super) fn start(station: &Station) -> Outcome<Box<dyn Client>> {
    Ok(Box::new(Crane(station.clone())))
}

impl Client for Crane {
    fn push(&self, _: Fixture, layout: &Layout, image: &str) -> Outcome {
        let mut crane = self.0.command("crane");
        crane.args(["push", "--insecure"]).arg(layout.folder()).arg(image);
        process::output(&mut crane, LIMIT).map(drop)
    }

    fn pull(&self, _: Fixture, image: &str, to: &Path) -> Outcome<Pulled> {
        let mut crane = self.0.command("crane");
        crane.args(["pull", "--insecure", "--format=oci", image]).arg(to);
        process::output(&mut crane, LIMIT)?;
        Ok(Pulled::Layout(to.into()))
    }

    fn log_in(&self, host: &str, user: &str, password: &str) -> Outcome {
        let mut crane = self.0.command("crane");
        crane.args(["auth", "login"]);
        process::output(crane.args(["--username", user, "--password", password, host]), LIMIT)
            .map(drop)
    }
}
