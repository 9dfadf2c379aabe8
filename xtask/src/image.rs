//! The container image, built and used by a docker daemon of our own.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::docker::Daemon;
use crate::{Outcome, process};

/// How long one command of docker may take.
const LIMIT: Duration = Duration::from_secs(3 * 60);
const START_LIMIT: Duration = Duration::from_secs(60);

const IMAGE: &str = "wharf:dist";

/// The registry in a container.
struct Container<'a> {
    daemon: &'a Daemon,
    id: String,
    host: String,
}

/// Builds the image of a folder, runs it, pushes it to itself and pulls it back.
pub(crate) fn run(context: &Path) -> Outcome {
    let home = tempfile::tempdir()?;
    let daemon = Daemon::start(Command::new("dockerd"), home.path())?;
    let mut build = daemon.command();
    build.env("DOCKER_BUILDKIT", "0").args(["build", "--quiet", "--tag", IMAGE]).arg(context);
    process::output(&mut build, LIMIT)?;
    let container = Container::start(&daemon)?;
    container.is_well()?;
    container.carries_images()?;
    container.ends_by_itself()?;
    println!("the image runs; docker pushed to it and pulled from it");
    Ok(())
}

// === impl Container ===

impl<'a> Container<'a> {
    fn start(daemon: &'a Daemon) -> Outcome<Self> {
        // The network is that of the machine: the daemon has none for containers.
        let host = format!("127.0.0.1:{}", free_port()?);
        let address = format!("REGISTRY_HTTP_ADDR={host}");
        let words = ["run", "--detach", "--network=host", "--env", &address, IMAGE];
        let id = daemon.run(&words, LIMIT)?.trim().to_owned();
        Ok(Self { daemon, id, host })
    }

    fn run(&self, words: &[&str]) -> Outcome<String> {
        self.daemon.run(words, LIMIT)
    }

    /// As the image's own health check asks.
    fn is_well(&self) -> Outcome {
        let ask = ["exec", &self.id, "wharf", "health", "/etc/distribution/config.yml"];
        let well = process::wait_until("the registry is well", START_LIMIT, || {
            self.daemon.run(&ask, LIMIT).is_ok()
        });
        well.map_err(|error| self.explain(&error.to_string()))?;
        let user = self.run(&["inspect", "--format", "{{.Config.User}}", &self.id])?;
        match user.trim() {
            "65532:65532" => Ok(()),
            user => Err(format!("it runs as {user:?}").into()),
        }
    }

    fn carries_images(&self) -> Outcome {
        let name = format!("{}/library/wharf:latest", self.host);
        self.run(&["tag", IMAGE, &name])?;
        self.run(&["push", "--quiet", &name])?;
        let before = self.image_id(&name)?;
        self.run(&["rmi", &name])?;
        self.run(&["pull", "--quiet", &name])?;
        match self.image_id(&name)? == before {
            true => Ok(()),
            false => Err("another image was pulled than was pushed".into()),
        }
    }

    /// At SIGTERM, which `docker stop` sends.
    fn ends_by_itself(&self) -> Outcome {
        self.run(&["stop", "--time", "30", &self.id])?;
        let code = self.run(&["inspect", "--format", "{{.State.ExitCode}}", &self.id])?;
        match code.trim() {
            "0" => Ok(()),
            code => Err(self.explain(&format!("it ended with {code}")).into()),
        }
    }

    fn image_id(&self, name: &str) -> Outcome<String> {
        self.run(&["inspect", "--format", "{{.Id}}", name])
    }

    fn explain(&self, problem: &str) -> String {
        let log = process::output_whatever(self.daemon.command().args(["logs", &self.id]), LIMIT);
        format!("{problem}\n{}", process::tail(&log.unwrap_or_default()))
    }
}

fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
