//! The servers that are compared: found on this machine or named by address, and started.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::bucket::Bucket;
use super::configs::{self, Setting};
use super::data::Family;
use super::login::Login;
use super::observed::Observed;
use super::tls::Tls;
use super::wire::Target;
use super::works::Need;
use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use serde::Serialize;

use crate::process::{self, Background};
use crate::workspace::{self, Workspace};
use crate::{Outcome, ci, server};

const START_LIMIT: Duration = Duration::from_secs(30);
const VERSION_LIMIT: Duration = Duration::from_secs(10);
const BUILD_LIMIT: Duration = Duration::from_secs(30 * 60);
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// How much of the last line of a log is repeated.
const LAST_WORDS: usize = 200;

const END_GRACE: Duration = Duration::from_secs(3);

/// A server that takes part.
pub(crate) struct Peer {
    pub(crate) name: String,
    version: String,
    kind: Kind,
}

/// Which server it is, for the report.
#[derive(Serialize)]
pub(crate) struct Version {
    pub(crate) name: String,
    pub(crate) version: String,
}

/// How a server is started and what it can do.
enum Kind {
    Wharf(PathBuf),
    /// Ours, with what tells of it.
    Observed(PathBuf, Observed),
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

/// Servers that are not here, and why.
pub(crate) type Absent = Vec<(String, String)>;

/// A server that runs; one that we started ends with the value.
pub(crate) struct Instance {
    pub(crate) target: Target,
    pub(crate) pid: Option<u32>,
    /// From the start of the program to its first answer.
    pub(crate) started: Duration,
    /// The program, if it is ours to end, and its log.
    process: Option<(Background, PathBuf)>,
}

/// Ours, the peers that are there, and the names of those that are not, with the reason.
pub(crate) fn all(wharf: Option<&Path>, named: &[String]) -> Outcome<(Vec<Peer>, Absent)> {
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
            None => absent.push((program.name.to_owned(), "not installed".to_owned())),
        }
    }
    for text in named {
        peers.push(Peer::parse(text)?);
    }
    Ok((peers, absent))
}

pub(crate) fn ours(given: Option<&Path>, workspace: &Workspace) -> Outcome<PathBuf> {
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

pub(crate) fn distribution(workspace: &Workspace) -> Outcome<Option<PathBuf>> {
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
        let version = asked(path, self.version)?;
        Ok(Some(Peer { name: self.name.to_owned(), version, kind: (self.kind)(path.clone()) }))
    }
}

// === impl Peer ===

impl Peer {
    /// Our own server, by another name if it is observed.
    pub(crate) fn ours(name: &str, path: &Path, observed: Option<Observed>) -> Outcome<Self> {
        let version = asked(path, "version")?;
        let kind = match observed {
            None => Kind::Wharf(path.to_owned()),
            Some(observed) => Kind::Observed(path.to_owned(), observed),
        };
        Ok(Self { name: name.to_owned(), version, kind })
    }

    /// Reads `NAME=URL` or `NAME=URL,PID`.
    pub(crate) fn parse(text: &str) -> Outcome<Self> {
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

    pub(crate) fn version(&self) -> Version {
        Version { name: self.name.clone(), version: self.version.clone() }
    }

    /// Why it takes no part in works with this need, if it does not.
    pub(crate) fn unable(&self, need: Need, tls: bool, login: bool) -> Option<&'static str> {
        let by_family = |kind: &Kind| {
            matches!(kind, Kind::Wharf(_) | Kind::Observed(..) | Kind::Distribution(_))
        };
        if login && !by_family(&self.kind) {
            return Some("is told who may do what in other words");
        }
        match (&self.kind, need) {
            (Kind::Wharf(_) | Kind::Observed(..), _) | (Kind::Nginx(_), Need::Files) => None,
            (Kind::Nginx(_), _) => Some("serves files only"),
            (Kind::Distribution(_), Need::Referrers) => Some("has no list of referrers"),
            (Kind::Distribution(_), _) => None,
            (Kind::Zot(_), Need::Shared) => Some("has a layout of its own"),
            (Kind::Zot(_), _) => None,
            (Kind::Running { .. }, _) if tls => Some("is given by address, without TLS"),
            (Kind::Running { .. }, Need::Files | Need::Registry) => None,
            (Kind::Running { .. }, _) => Some("is given by address, and has only what is pushed"),
        }
    }

    /// The layout it reads; nothing if its content has to be pushed to it.
    pub(crate) fn family(&self) -> Option<Family> {
        match self.kind {
            Kind::Wharf(_) | Kind::Observed(..) | Kind::Distribution(_) | Kind::Nginx(_) => {
                Some(Family::Common)
            }
            Kind::Zot(_) => Some(Family::Oci),
            Kind::Running { .. } => None,
        }
    }

    /// Whether it can write to a store of the common layout beside another server, and is not ours.
    pub(crate) fn is_distribution(&self) -> bool {
        matches!(self.kind, Kind::Distribution(_)) && self.name == "distribution"
    }

    /// Whether it can keep its store in a bucket as the others do; Debian's build has no driver for it.
    pub(crate) fn knows_buckets(&self) -> bool {
        self.is_ours() || self.is_distribution()
    }

    /// Starts it on a store; its own files go to `folder`.
    pub(crate) fn start(
        &self,
        (store, bucket): (&Path, Option<&Bucket>),
        folder: &Path,
        (tls, login): (Option<&Tls>, Option<Login>),
    ) -> Outcome<Instance> {
        let start = Instant::now();
        if let Kind::Running { address, pid } = self.kind {
            let target = Target::plain(address);
            answered(&target, "/v2/", || Ok(()))?;
            return Ok(Instance { target, pid, started: start.elapsed(), process: None });
        }
        fs::create_dir_all(folder)?;
        if bucket.is_none() {
            fs::create_dir_all(store)?;
        }
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let auth = login.map(|login| login.section(folder)).transpose()?.unwrap_or_default();
        let observed = match self.kind {
            Kind::Observed(_, observed) => Some(observed),
            _ => None,
        };
        let setting = Setting { address, store, bucket, folder, tls, auth: &auth, observed };
        let mut command = self.command(&setting)?;
        let log = File::create(folder.join("log"))?;
        let target = Target { address, tls: tls.map(|tls| tls.client.clone()) };
        let start = Instant::now();
        let mut process = Background::start(&mut command, log, END_GRACE)?;
        // Without a password only the root answers, and not the root of every server.
        let path = if login.is_some() { "/" } else { "/v2/" };
        let heard = answered(&target, path, || process.check());
        heard.map_err(|error| with_last_words(&error, &folder.join("log")))?;
        let (started, pid) = (start.elapsed(), Some(process.id()));
        Ok(Instance { target, pid, started, process: Some((process, folder.join("log"))) })
    }

    fn command(&self, setting: &Setting<'_>) -> Outcome<Command> {
        let config = setting.folder.join("config");
        let (program, text, before): (_, _, &[&str]) = match &self.kind {
            Kind::Wharf(path) | Kind::Observed(path, _) | Kind::Distribution(path) => {
                (path, configs::yaml(setting), &["serve"])
            }
            Kind::Nginx(path) => (path, configs::nginx(setting), &["-c"]),
            Kind::Zot(path) => (path, configs::zot(setting), &["serve"]),
            Kind::Running { .. } => return Err("a server given by address is not started".into()),
        };
        fs::write(&config, text)?;
        let mut command = Command::new(program);
        // Distribution would look for a collector of traces.
        command.args(before).arg(&config).env("OTEL_TRACES_EXPORTER", "none");
        Ok(command)
    }
}

/// Asks for a path until it is answered, or until `alive` says that there is nobody to ask.
pub(crate) fn answered(target: &Target, path: &str, mut alive: impl FnMut() -> Outcome) -> Outcome {
    let start = Instant::now();
    let mut last = "nothing".to_owned();
    while start.elapsed() < START_LIMIT {
        match ask(target, path) {
            Ok(answer) => match ok(path, &answer) {
                Ok(()) => return Ok(()),
                Err(error) => last = error.to_string(),
            },
            Err(error) => last = error.to_string(),
        }
        alive()?;
        std::thread::sleep(Duration::from_micros(500));
    }
    Err(format!("no answer within {} s, at last {last}", START_LIMIT.as_secs()).into())
}

/// Asks for a path over a connection of its own, and takes the whole answer.
pub(crate) fn ask(target: &Target, path: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&target.address, START_LIMIT)?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    stream.set_nodelay(true)?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        target.address
    );
    match &target.tls {
        None => talk(&mut stream, &request),
        Some(config) => {
            let name = ServerName::IpAddress(target.address.ip().into());
            let client = ClientConnection::new(config.clone(), name);
            let mut client = client.map_err(std::io::Error::other)?;
            talk(&mut rustls::Stream::new(&mut client, &mut stream), &request)
        }
    }
}

fn talk(stream: &mut (impl Read + Write), request: &str) -> std::io::Result<Vec<u8>> {
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        // Not every server says goodbye in TLS before it closes.
        Err(error) if error.kind() != ErrorKind::UnexpectedEof || answer.is_empty() => Err(error),
        _ => Ok(answer),
    }
}

/// The version of a program, which is asked for with its file out of the kernel's memory. How it came there
/// last (by the linker, a copy, a start) decides how many of its pages the kernel maps at a time, and all
/// that are mapped count as memory of the server: now each has been read in by being run.
fn asked(program: &Path, argument: &str) -> Outcome<String> {
    let file = format!("if={}", program.display());
    let mut forget = Command::new("dd");
    process::output(
        forget.args([&file, "iflag=nocache", "count=0", "status=none"]),
        VERSION_LIMIT,
    )?;
    let words = process::output_whatever(Command::new(program).arg(argument), VERSION_LIMIT)?;
    Ok(told(&words, program))
}

/// The version in what a program said of itself.
fn told(words: &str, path: &Path) -> String {
    let line = words.lines().next().unwrap_or_default();
    // Zot says it as a line of its log.
    if let Ok(log) = serde_json::from_str::<serde_json::Value>(line) {
        let keys = ["commit", "binary-type"].into_iter().filter_map(|key| log[key].as_str());
        return keys.collect::<Vec<_>>().join(" ").trim().to_owned();
    }
    // The path tells how it was installed, and nothing that a reader could use.
    line.replace(&*path.to_string_lossy(), "").trim().to_owned()
}

/// Fails with what was answered, if that is not 200.
pub(crate) fn ok(path: &str, answer: &[u8]) -> Outcome {
    match answer.starts_with(b"HTTP/1.1 200") {
        true => Ok(()),
        false => {
            let line = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
            Err(format!("GET {path}: {}", String::from_utf8_lossy(line)).into())
        }
    }
}

/// An error of a server, and the last line that it wrote.
fn with_last_words(error: &dyn std::fmt::Display, log: &Path) -> String {
    let folder = log.parent().and_then(Path::parent).and_then(Path::parent);
    let text = fs::read_to_string(log).unwrap_or_default();
    format!("{error}: {}", last_words(&text, folder.unwrap_or(log)))
}

/// The last line of a log, without the folder of this run.
fn last_words(log: &str, folder: &Path) -> String {
    let line = log.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no word of it");
    line.trim().replace(&*folder.to_string_lossy(), "...").chars().take(LAST_WORDS).collect()
}

// === impl Instance ===

impl Instance {
    /// Fails with its last words if it has ended by itself.
    pub(crate) fn check(&mut self) -> Outcome {
        match &mut self.process {
            Some((process, log)) => {
                process.check().map_err(|error| with_last_words(&error, log).into())
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_read_from_a_name_a_url_and_a_process() {
        let peer = Peer::parse("angos=http://127.0.0.1:5001,17").unwrap();
        assert!(matches!(peer.kind, Kind::Running { pid: Some(17), .. }) && peer.name == "angos");
        assert!(Peer::parse("x=127.0.0.1:5001").is_ok_and(|peer| peer.family().is_none()));
        for text in ["x", "x=y", "x=127.0.0.1:1,y"] {
            assert!(Peer::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_server_of_files_takes_part_in_works_on_files_only() {
        let nginx =
            Peer { name: String::new(), version: String::new(), kind: Kind::Nginx("".into()) };
        assert_eq!(nginx.unable(Need::Files, true, false), None);
        assert_eq!(nginx.unable(Need::Registry, false, false), Some("serves files only"));
    }

    #[test]
    fn a_version_is_a_line_or_a_line_of_a_log() {
        let told = |words| told(words, Path::new("/opt/registry"));
        assert_eq!(told("/opt/registry v3.1.1\nmore\n"), "v3.1.1");
        assert_eq!(told("{\"commit\":\"v2.1\",\"binary-type\":\"minimal\"}"), "v2.1 minimal");
    }

    #[test]
    fn last_words_name_no_folder_of_the_run() {
        let words = last_words("first\nopen /run/x/config: no\n\n", Path::new("/run/x"));
        assert_eq!(words, "open .../config: no");
    }
}
