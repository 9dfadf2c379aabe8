//! Clients that are not there: installed by package name.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::clients::{Kind, Source};
use crate::{Outcome, process, workspace};

const LIMIT: Duration = Duration::from_secs(10 * 60);

/// What the fixtures need.
const TOOLS: [&str; 1] = ["debootstrap"];

/// Installs what `kinds` lack: packages of Debian with apt-get, Go programs into `bin`.
pub(crate) fn install(kinds: &[&Kind], bin: &Path) -> Outcome {
    let lacking = |kind: &&&Kind| missing(kind, bin).is_some();
    let sources: Vec<Source> = kinds.iter().filter(lacking).map(|kind| kind.source).collect();
    let mut packages: BTreeSet<&str> =
        sources.iter().filter_map(|source| source.package()).collect();
    packages.extend(TOOLS.into_iter().filter(|tool| process::find(tool).is_none()));
    if !packages.is_empty() {
        apt(&packages)?;
    }
    if sources.iter().any(|source| matches!(source, Source::Go)) {
        go(bin)?;
    }
    Ok(())
}

/// The first program of a client that is not there.
pub(crate) fn missing(kind: &Kind, bin: &Path) -> Option<&'static str> {
    let absent = |program: &&&str| !bin.join(program).is_file() && process::find(program).is_none();
    kind.programs.iter().find(absent).copied()
}

fn apt(packages: &BTreeSet<&str>) -> Outcome {
    println!("installing {packages:?}");
    let mut update = Command::new("apt-get");
    process::output(update.args(["update", "-qq"]), LIMIT)?;
    let mut install = Command::new("apt-get");
    install.env("DEBIAN_FRONTEND", "noninteractive");
    install.args(["install", "-qq", "--yes", "--no-install-recommends"]).args(packages);
    process::output(&mut install, LIMIT).map(drop)
}

fn go(bin: &Path) -> Outcome {
    println!("installing crane, oras and regctl");
    let mut go = Command::new("go");
    go.current_dir(workspace::root().join("tests/e2e/clients"));
    process::output(go.args(["install", "tool"]).env("GOBIN", bin), LIMIT).map(drop)
}

// === impl Source ===

impl Source {
    fn package(self) -> Option<&'static str> {
        match self {
            Source::Apt(package) => Some(package),
            Source::Go => None,
        }
    }
}
