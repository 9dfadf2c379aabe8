//! `cargo xtask dist`: what is released: one static binary, and the tree of the container image.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::Parser;

use crate::workspace::{self, Workspace};
use crate::{Outcome, image, process};

const BUILD_LIMIT: Duration = Duration::from_secs(40 * 60);
const LIMIT: Duration = Duration::from_secs(60);

/// The binary is to be smaller.
const LARGEST: u64 = 25 << 20;

/// Where certificates of authorities usually stand, for the registry's own requests.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Build what is released: target/dist/wharf, one static binary for every Linux, and in
/// target/dist/image the container image's files with its Dockerfile.
///
/// It needs the Rust target (rustup target add x86_64-unknown-linux-musl) and musl-gcc (Debian's
/// musl-tools). With --image a docker daemon of its own builds the image, runs it, and docker pushes
/// to it and pulls from it.
#[derive(Parser)]
pub(crate) struct Args {
    /// What to build for
    #[arg(long, value_name = "TRIPLE", default_value_t = default_target())]
    target: String,
    /// Build the image and try it with a docker daemon of its own (as root)
    #[arg(long)]
    image: bool,
}

/// Builds, checks, and lays out.
pub(crate) fn run(args: &Args) -> Outcome {
    let workspace = Workspace::load()?;
    let binary = build(&workspace, &args.target)?;
    check(&binary)?;
    let dist = workspace.target_directory.join("dist");
    fs::create_dir_all(&dist)?;
    let released = dist.join("wharf");
    fs::copy(&binary, &released)?;
    let context = dist.join("image");
    lay_out(&released, &context)?;
    println!("{} ({} bytes), {}", released.display(), size(&released)?, context.display());
    if args.image {
        image::run(&context)?;
    }
    Ok(())
}

fn default_target() -> String {
    format!("{}-unknown-linux-musl", std::env::consts::ARCH)
}

fn build(workspace: &Workspace, target: &str) -> Outcome<PathBuf> {
    let mut libraries = Command::new("rustc");
    let libraries = libraries.args(["--print", "target-libdir", "--target", target]);
    if !Path::new(process::output(libraries, LIMIT)?.trim()).is_dir() {
        return Err(format!("no libraries for {target}: rustup target add {target}").into());
    }
    if target.ends_with("-musl") && process::find("musl-gcc").is_none() {
        return Err("no musl-gcc: apt-get install musl-tools".into());
    }
    let mut cargo = workspace::cargo();
    cargo.args(["rustc", "--release", "--locked", "--package", "wharf", "--bin", "wharf"]);
    // Who profiles builds with `--profile profiling`. To the compiler: cargo strips no package of which a
    // profile has a row, and wharf has one.
    cargo.args(["--target", target, "--", "-C", "strip=symbols"]);
    process::show(&mut cargo, BUILD_LIMIT)?;
    Ok(workspace.target_directory.join(target).join("release").join("wharf"))
}

/// It is small enough, needs nothing of the system that it runs on, and runs.
fn check(binary: &Path) -> Outcome {
    let size = size(binary)?;
    if size >= LARGEST {
        return Err(format!("the binary has {size} bytes, {LARGEST} are too many").into());
    }
    let headers = process::output(Command::new("readelf").arg("-lW").arg(binary), LIMIT)?;
    if headers.contains("INTERP") {
        return Err("the binary is not static: it asks for an interpreter".into());
    }
    let version = process::output(Command::new(binary).arg("version"), LIMIT)?;
    match version.starts_with("wharf ") {
        true => Ok(()),
        false => Err(format!("it says it is {version:?}").into()),
    }
}

/// The files of the image: everything that stands in it, and the Dockerfile that copies them.
fn lay_out(binary: &Path, context: &Path) -> Outcome {
    if context.exists() {
        fs::remove_dir_all(context)?;
    }
    let deploy = workspace::root().join("deploy");
    let root = context.join("root");
    for folder in ["bin", "etc/distribution", "etc/docker", "etc/ssl/certs"] {
        fs::create_dir_all(root.join(folder))?;
    }
    fs::create_dir_all(context.join("store"))?;
    place(binary, &root.join("bin/wharf"), 0o755)?;
    symlink("wharf", root.join("bin/registry"))?;
    // What the images registry:2 and registry:3 begin with: the program knows itself by that name.
    symlink("bin/wharf", root.join("entrypoint.sh"))?;
    place(&deploy.join("docker/config.yml"), &root.join("etc/distribution/config.yml"), 0o644)?;
    place(&deploy.join("docker/passwd"), &root.join("etc/passwd"), 0o644)?;
    place(&deploy.join("docker/Dockerfile"), &context.join("Dockerfile"), 0o644)?;
    if Path::new(AUTHORITIES).is_file() {
        place(Path::new(AUTHORITIES), &root.join(&AUTHORITIES[1..]), 0o644)?;
    }
    // The old place of the configuration, which images of 2.x used. A link to the whole folder: what is
    // mounted there, a file or the folder, is then at both places.
    symlink("../distribution", root.join("etc/docker/registry"))?;
    Ok(())
}

fn place(from: &Path, to: &Path, mode: u32) -> Outcome {
    fs::copy(from, to).map_err(|error| format!("{}: {error}", from.display()))?;
    Ok(fs::set_permissions(to, fs::Permissions::from_mode(mode))?)
}

fn size(file: &Path) -> Outcome<u64> {
    Ok(fs::metadata(file)?.len())
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_encrypts_is_built_with_all_that_processors_offer() {
        // Where this is not said, our release profile takes AVX-512 from AWS-LC, and nothing fails.
        assert_eq!(option_env!("AWS_LC_SYS_SMALL"), Some("0"), ".cargo/config.toml says so");
    }
}
