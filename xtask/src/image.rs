//! The container image, built and used by a docker daemon of our own.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use wharf_testkit::raw::Client;

use crate::docker::Daemon;
use crate::{Outcome, process};

/// How long one command of docker may take.
const LIMIT: Duration = Duration::from_secs(3 * 60);
const START_LIMIT: Duration = Duration::from_secs(60);

const IMAGE: &str = "wharf:dist";

/// As the compose files restrict it.
const RESTRICTED: [&str; 3] =
    ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges:true"];

/// The registry in a container.
struct Container<'a> {
    daemon: &'a Daemon,
    id: String,
    address: SocketAddr,
}

/// A way in which users of distribution's images bring their configuration along.
struct Way {
    /// What of the folder in which it stands is mounted, and where.
    mount: (&'static str, &'static str),
    /// What stands before the image, and after it.
    before: &'static [&'static str],
    after: &'static [&'static str],
}

const WAYS: &[Way] = &[
    Way { mount: ("config.yml", "/etc/distribution/config.yml"), before: &[], after: &[] },
    Way { mount: ("config.yml", "/etc/docker/registry/config.yml"), before: &[], after: &[] },
    Way {
        mount: ("", "/etc/docker/registry"),
        before: &[],
        after: &["/etc/docker/registry/config.yml"],
    },
    Way {
        mount: ("", "/etc/distribution"),
        before: &["--entrypoint=/entrypoint.sh"],
        after: &["serve", "/etc/distribution/config.yml"],
    },
    Way {
        mount: ("config.yml", "/mine.yml"),
        before: &["--entrypoint=/bin/registry"],
        after: &["serve", "/mine.yml"],
    },
];

/// A configuration whose server can be told from any other.
fn marked(address: SocketAddr) -> String {
    format!(
        "version: 0.1\nstorage: {{inmemory: {{}}}}\n\
         http: {{addr: '{address}', headers: {{X-Configuration: [mine]}}}}\n"
    )
}

fn free_address() -> Outcome<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Builds the image of a folder, runs it, pushes it to itself and pulls it back; then runs it with
/// configurations of users.
pub(crate) fn run(context: &Path) -> Outcome {
    let home = tempfile::tempdir()?;
    let daemon = Daemon::start(Command::new("dockerd"), home.path())?;
    let mut build = daemon.command();
    build.env("DOCKER_BUILDKIT", "0").args(["build", "--quiet", "--tag", IMAGE]).arg(context);
    process::output(&mut build, LIMIT)?;
    let address = free_address()?;
    let variable = format!("--env=REGISTRY_HTTP_ADDR={address}");
    let restricted = [&RESTRICTED[..], &[&variable]].concat();
    let container = Container::start(&daemon, address, &restricted, &[])?;
    container.is_well()?;
    container.carries_images()?;
    container.ends_by_itself()?;
    println!("the image runs; docker pushed to it and pulled from it");
    let folder = home.path().join("configuration");
    fs::create_dir(&folder)?;
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))?;
    for way in WAYS {
        way.counts(&daemon, &folder).map_err(|error| format!("{:?}: {error}", way.mount))?;
    }
    println!("configurations count at {} places", WAYS.len());
    Ok(())
}

// === impl Way ===

impl Way {
    /// The server has the configuration of the folder, and so has the health check of the image.
    fn counts(&self, daemon: &Daemon, folder: &Path) -> Outcome {
        let address = free_address()?;
        fs::write(folder.join("config.yml"), marked(address))?;
        let (part, place) = self.mount;
        let volume = format!("--volume={}:{place}:ro", folder.join(part).display());
        let before = [self.before, &[&volume]].concat();
        let container = Container::start(daemon, address, &before, self.after)?;
        container.is_well()?;
        let answer = Client::new(container.address).request("GET", "/v2/", &[], b"")?;
        container.run(&["rm", "--force", &container.id])?;
        match answer.header("x-configuration") {
            Some("mine") => Ok(()),
            _ => Err(format!("another configuration counts: {answer:?}").into()),
        }
    }
}

// === impl Container ===

impl<'a> Container<'a> {
    /// Runs the image, with words of docker before its name, and words of its own after; it listens on
    /// `address`.
    fn start(
        daemon: &'a Daemon,
        address: SocketAddr,
        before: &[&str],
        after: &[&str],
    ) -> Outcome<Self> {
        // The network is that of the machine: the daemon has none for containers.
        let run = ["run", "--detach", "--network=host", "--health-interval=1s"];
        let id = daemon.run(&[&run, before, &[IMAGE], after].concat(), LIMIT)?.trim().to_owned();
        Ok(Self { daemon, id, address })
    }

    fn run(&self, words: &[&str]) -> Outcome<String> {
        self.daemon.run(words, LIMIT)
    }

    /// The image's own health check says so, and it does not run as root.
    fn is_well(&self) -> Outcome {
        let health = || self.inspect("{{.State.Health.Status}}");
        self.wait("the registry is well", || health().is_ok_and(|health| health == "healthy"))?;
        match self.inspect("{{.Config.User}}")?.as_str() {
            "65532:65532" => Ok(()),
            user => Err(format!("it runs as {user:?}").into()),
        }
    }

    fn carries_images(&self) -> Outcome {
        let name = format!("{}/library/wharf:latest", self.address);
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
        match self.inspect("{{.State.ExitCode}}")?.as_str() {
            "0" => Ok(()),
            code => Err(self.explain(&format!("it ended with {code}")).into()),
        }
    }

    fn image_id(&self, name: &str) -> Outcome<String> {
        self.run(&["inspect", "--format", "{{.Id}}", name])
    }

    fn inspect(&self, format: &str) -> Outcome<String> {
        Ok(self.run(&["inspect", "--format", format, &self.id])?.trim().to_owned())
    }

    fn wait(&self, what: &str, done: impl Fn() -> bool) -> Outcome {
        let done = process::wait_until(what, START_LIMIT, done);
        done.map_err(|error| self.explain(&error.to_string()).into())
    }

    fn explain(&self, problem: &str) -> String {
        let log = process::output_whatever(self.daemon.command().args(["logs", &self.id]), LIMIT);
        format!("{problem}\n{}", process::tail(&log.unwrap_or_default()))
    }
}
