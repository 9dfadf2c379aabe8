//! A docker daemon that keeps everything in a folder, and its client.

use std::{path::Path, process::Command};

/// Has `dockerd` keep to a folder, and listen there. Images only: it needs neither a network of its own nor
/// a union of file systems.
pub fn keep_to(dockerd: &mut Command, home: &Path) {
    for (option, name) in
        [("--data-root", "data"), ("--exec-root", "exec"), ("--pidfile", "docker.pid")]
    {
        dockerd.arg(option).arg(home.join(name));
    }
    dockerd.arg("--host").arg(host(home));
    dockerd.args(["--storage-driver=vfs", "--bridge=none"]);
    dockerd.args(["--iptables=false", "--ip6tables=false"]);
}

/// `docker`, for the daemon of a folder. What is configured for the user does not count.
pub fn client(home: &Path) -> Command {
    let mut docker = Command::new("docker");
    docker.env_remove("DOCKER_CONTEXT").env_remove("XDG_RUNTIME_DIR");
    docker.env("HOME", home).env("DOCKER_CONFIG", home).arg("--host").arg(host(home));
    docker
}

fn host(home: &Path) -> String {
    format!("unix://{}", home.join("docker.sock").display())
}
