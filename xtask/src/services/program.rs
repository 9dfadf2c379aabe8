//! Programs that few have: installed by package name into the target folder.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::workspace::Workspace;
use crate::{Outcome, process};

const MOTO: &str = "moto[s3,server]==5.2.5";
const AZURITE: &str = "azurite@3.35.0";

const INSTALL_LIMIT: Duration = Duration::from_secs(10 * 60);

/// The S3 of moto, from PyPI.
pub(super) fn moto(workspace: &Workspace) -> Outcome<PathBuf> {
    obtain(workspace, MOTO, "bin/moto_server", |folder| {
        let mut venv = Command::new("python3");
        process::output(venv.args(["-m", "venv"]).arg(folder), INSTALL_LIMIT)?;
        let mut pip = Command::new(folder.join("bin/pip"));
        process::output(pip.args(["install", "--quiet", MOTO]), INSTALL_LIMIT).map(drop)
    })
}

/// The Azure of Azurite, from npm.
pub(super) fn azurite(workspace: &Workspace) -> Outcome<PathBuf> {
    obtain(workspace, AZURITE, "node_modules/.bin/azurite-blob", |folder| {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--silent", "--prefix"]).arg(folder);
        process::output(npm.arg(AZURITE), INSTALL_LIMIT).map(drop)
    })
}

/// A program of a package. An installation that was broken off is begun anew: only one that came to
/// its end has its marker.
fn obtain(
    workspace: &Workspace,
    package: &str,
    program: &str,
    install: impl FnOnce(&Path) -> Outcome,
) -> Outcome<PathBuf> {
    let folder = workspace.target("services/programs")?.join(package);
    let marker = folder.join("installed");
    if !marker.is_file() {
        eprintln!("installing {package}");
        std::fs::remove_dir_all(&folder).or_else(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })?;
        std::fs::create_dir_all(&folder)?;
        install(&folder)?;
        std::fs::write(&marker, "")?;
    }
    Ok(folder.join(program))
}
