//! The servers that are compared: found on this machine or named by address, and started.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::configs;
use crate::process::{self, Background};
use crate::workspace::{self, Workspace};
use crate::{Outcome, ci, server};

const START_LIMIT: Duration = Duration::from_secs(30);
const VERSION_LIMIT: Duration = Duration::from_secs(10);
const BUILD_LIMIT: Duration = Duration::from_secs(30 * 60);
const END_GRACE: Duration = Duration::from_secs(3);

/// A server that takes part.
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(crate) version: String,
    kind: Kind,
}

/// How a server is started and what it can do.
enum Kind {
    Wharf(PathBuf),
    /// Distribution, of any age.
    Distribution(PathBuf),
    /// The files of the blobs, and nothing else.
    Nginx(PathBuf),
    Zot(PathBuf),
    Running {
        address: SocketAddr,
        pid: Option<u32>,
    },
}

/// A row of the table of servers.
struct Program {
    name: &'static str,
    path: Option<PathBuf>,
    kind: fn(PathBuf) -> Kind,
    /// The word that makes it tell its version.
    version: &'static str,
}

/// What a work asks of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need {
    /// Blobs, as files.
    Files,
    /// Manifests and pushes.
    Registry,
    /// To be started on a store in the common layout.
    Layout,
    /// The referrers API, on such a store.
    Referrers,
}

/// A server that runs; one that we started ends with the value.
pub(crate) struct Instance {
    pub(crate) address: SocketAddr,
    pub(crate) pid: Option<u32>,
    /// From the start of the program to its first answer.
    pub(crate) started: Duration,
    _process: Option<Background>,
}

/// Ours, the peers that are there, and the names of those that are not.
pub(crate) fn all(wharf: Option<&Path>, named: &[String]) -> Outcome<(Vec<Peer>, Vec<String>)> {
    let workspace = Workspace::load()?;
    let programs = [
        Program::new("wharf", Some(ours(wharf, &workspace)?), Kind::Wharf, "version"),
        Program::new("nginx", process::find("nginx"), Kind::Nginx, "-v"),
        Program::new("distribution", distribution(&workspace)?, Kind::Distribution, "--version"),
        Program::new("docker-registry", debian(), Kind::Distribution, "--version"),
        Program::new("zot", process::find("zot"), Kind::Zot, "--version"),
    ];
    let (mut peers, mut absent) = (Vec::new(), Vec::new());
    for program in programs {
        match program.peer()? {
            Some(peer) => peers.push(peer),
            None => absent.push(program.name.to_owned()),
        }
    }
    for text in named {
        peers.push(Peer::parse(text)?);
    }
    Ok((peers, absent))
}

fn ours(given: Option<&Path>, workspace: &Workspace) -> Outcome<PathBuf> {
    if let Some(path) = given {
        return Ok(path.to_owned());
    }
    let mut build = workspace::cargo();
    build.args(["build", "--quiet", "--release", "--package", "wharf", "--bin", "wharf"]);
    process::show(&mut build, BUILD_LIMIT)?;
    Ok(workspace.target_directory.join("release/wharf"))
}

fn debian() -> Option<PathBuf> {
    process::find("docker-registry")
}

fn distribution(workspace: &Workspace) -> Outcome<Option<PathBuf>> {
    match process::find("registry") {
        Some(path) => Ok(Some(path)),
        None => ci::distribution(workspace),
    }
}

// === impl Program ===

impl Program {
    fn new(
        name: &'static str,
        path: Option<PathBuf>,
        kind: fn(PathBuf) -> Kind,
        version: &'static str,
    ) -> Self {
        Self { name, path, kind, version }
    }

    /// The server, if it is there.
    fn peer(&self) -> Outcome<Option<Peer>> {
        let Some(path) = &self.path else { return Ok(None) };
        let words = process::output_whatever(Command::new(path).arg(self.version), VERSION_LIMIT)?;
        let line = words.lines().next().unwrap_or_default();
        // The path tells how it was installed, and nothing that a reader could use.
        let version = line.replace(&*path.to_string_lossy(), "").trim().to_owned();
        Ok(Some(Peer { name: self.name.to_owned(), version, kind: (self.kind)(path.clone()) }))
    }
}

// === impl Peer ===

impl Peer {
    /// Reads `NAME=URL` or `NAME=URL,PID`.
    fn parse(text: &str) -> Outcome<Self> {
        let (name, rest) = text.split_once('=').ok_or_else(|| format!("{text}: give NAME=URL"))?;
        let (url, pid) = match rest.split_once(',') {
            Some((url, pid)) => (url, Some(pid.parse()?)),
            None => (rest, None),
        };
        let kind = Kind::Running { address: server::address(url)?, pid };
        Ok(Self { name: name.to_owned(), version: "given by address".to_owned(), kind })
    }

    pub(crate) fn is_ours(&self) -> bool {
        matches!(self.kind, Kind::Wharf(_))
    }

    /// Whether it takes part in works with this need.
    pub(crate) fn can(&self, need: Need) -> bool {
        let most = match self.kind {
            Kind::Wharf(_) => Need::Referrers,
            Kind::Distribution(_) => Need::Layout,
            Kind::Zot(_) | Kind::Running { .. } => Need::Registry,
            Kind::Nginx(_) => Need::Files,
        };
        need <= most
    }

    /// Whether its content has to be pushed to it, because it cannot read the common layout.
    pub(crate) fn wants_push(&self) -> bool {
        matches!(self.kind, Kind::Zot(_) | Kind::Running { .. })
    }

    /// Starts it on a store; its own files go to `folder`.
    pub(crate) fn start(&self, store: &Path, folder: &Path) -> Outcome<Instance> {
        let start = Instant::now();
        if let Kind::Running { address, pid } = self.kind {
            answered(&self.name, address, start)?;
            return Ok(Instance { address, pid, started: start.elapsed(), _process: None });
        }
        fs::create_dir_all(folder)?;
        fs::create_dir_all(store)?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = self.command(address, store, folder)?;
        let log = File::create(folder.join("log"))?;
        let start = Instant::now();
        let process = Background::start(&mut command, log, END_GRACE)?;
        answered(&self.name, address, start).map_err(|error| {
            let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
            format!("{error}\n{}", process::tail(&log))
        })?;
        let started = start.elapsed();
        Ok(Instance { address, pid: Some(process.id()), started, _process: Some(process) })
    }

    fn command(&self, address: SocketAddr, store: &Path, folder: &Path) -> Outcome<Command> {
        let config = folder.join("config");
        let (program, text, before): (_, _, &[&str]) = match &self.kind {
            Kind::Wharf(path) | Kind::Distribution(path) => {
                (path, configs::yaml(address, store), &["serve"])
            }
            Kind::Nginx(path) => (path, configs::nginx(address, store, folder), &["-c"]),
            Kind::Zot(path) => (path, configs::zot(address, store), &["serve"]),
            Kind::Running { .. } => return Err("a server given by address is not started".into()),
        };
        fs::write(&config, text)?;
        let mut command = Command::new(program);
        // Distribution would look for a collector of traces.
        command.args(before).arg(&config).env("OTEL_TRACES_EXPORTER", "none");
        Ok(command)
    }
}

/// Asks for `/v2/` until it is answered.
fn answered(name: &str, address: SocketAddr, start: Instant) -> Outcome {
    while start.elapsed() < START_LIMIT {
        if first_answer(address).is_ok_and(|answer| answer.starts_with(b"HTTP/1.1 200")) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_micros(500));
    }
    Err(format!("{name}: no answer within {} s", START_LIMIT.as_secs()).into())
}

fn first_answer(address: SocketAddr) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&address, START_LIMIT)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(b"GET /v2/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_read_from_a_name_a_url_and_a_process() {
        let peer = Peer::parse("angos=http://127.0.0.1:5001,17").unwrap();
        assert!(matches!(peer.kind, Kind::Running { pid: Some(17), .. }) && peer.name == "angos");
        assert!(Peer::parse("x=127.0.0.1:5001").is_ok_and(|peer| peer.wants_push()));
        for text in ["x", "x=y", "x=127.0.0.1:1,y"] {
            assert!(Peer::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_server_of_files_takes_part_in_works_on_files_only() {
        let nginx =
            Peer { name: String::new(), version: String::new(), kind: Kind::Nginx("".into()) };
        assert!(nginx.can(Need::Files) && !nginx.can(Need::Registry));
    }
}
