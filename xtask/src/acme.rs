//! `cargo xtask acme`: a server gets itself a certificate from pebble, an ACME authority for tests.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use wharf_testkit::process::Server;

use crate::process::{self, Background};
use crate::server::Binary;
use crate::workspace::Workspace;
use crate::{Outcome, workspace};

/// Let a server get itself a certificate from pebble, an ACME authority for tests.
///
/// Once by a handshake at its own port (tls-alpn-01), and once by an answer over plain HTTP (http-01).
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Install pebble if it is not there (go install)
    #[arg(long)]
    install: bool,
    #[command(flatten)]
    binary: Binary,
}

/// A running authority, and where it is.
struct Pebble {
    folder: PathBuf,
    directory: String,
    management: String,
    _running: Background,
}

/// What it is, pinned.
const PEBBLE: &str = "github.com/letsencrypt/pebble/v2/cmd/pebble@v2.10.1";

/// For whom the certificate is.
const HOST: &str = "registry.example.test";

const INSTALL_LIMIT: Duration = Duration::from_secs(10 * 60);
const LIMIT: Duration = Duration::from_secs(60);

/// What a server may need that is refused once: it waits a minute before it asks again.
const CERTIFICATE_LIMIT: Duration = Duration::from_secs(3 * 60);

/// Does it by both proofs.
pub(crate) fn run(args: &Args) -> Outcome {
    let workspace = Workspace::load()?;
    let bin = workspace.target("e2e/bin")?;
    let Some(pebble) = program(&bin, args.install)? else {
        println!("no certificate is ordered: pebble is not installed (--install does it)");
        return Ok(());
    };
    let binary = args.binary.obtain(&workspace)?;
    for over_http in [false, true] {
        let proof = if over_http { "http-01" } else { "tls-alpn-01" };
        certify(&pebble, &binary, over_http).map_err(|error| format!("{proof}: {error}"))?;
        println!("{proof}: a certificate was issued, served, and kept over a restart");
    }
    Ok(())
}

/// The program, `None` if it is not there.
fn program(bin: &Path, install: bool) -> Outcome<Option<PathBuf>> {
    let installed = bin.join("pebble");
    let found = Some(installed.clone()).filter(|path| path.is_file());
    if let Some(found) = found.or_else(|| process::find("pebble")) {
        return Ok(Some(found));
    }
    if !install {
        return Ok(None);
    }
    let mut go = Command::new("go");
    go.current_dir(workspace::root()).args(["install", PEBBLE]).env("GOBIN", bin);
    process::output(&mut go, INSTALL_LIMIT)?;
    Ok(Some(installed))
}

fn certify(pebble: &Path, binary: &Path, over_http: bool) -> Outcome {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    let (secure, plain) = (free_port()?, free_port()?);
    let pebble = Pebble::start(pebble, folder, secure, plain)?;
    let http = if over_http { format!(", httpaddr: '127.0.0.1:{plain}'") } else { String::new() };
    let config = folder.join("config.yml");
    let text = format!(
        "version: 0.1\nstorage: inmemory\nhttp:\n  addr: '127.0.0.1:{secure}'\n  tls:\n    \
         letsencrypt: {{cachefile: '{cache}', email: a@example.test, hosts: [{HOST}], \
         directoryurl: '{directory}', cas: ['{ca}']{http}}}\n",
        cache = folder.join("acme").display(),
        directory = pebble.directory,
        ca = pebble.folder.join("ca.pem").display(),
    );
    fs::write(&config, text)?;
    let server = Server::start(binary, &config)?;
    let root = pebble.root()?;
    let serves = || ask(&root, server.address()).is_ok();
    let waited = process::wait_until("the server has its certificate", CERTIFICATE_LIMIT, serves);
    waited.map_err(|error| format!("{error}; the end of its log:\n{}", server.log()))?;
    server.kill()?;
    // It is there at once the next time, without the authority.
    drop(pebble);
    let server = Server::start(binary, &config)?;
    ask(&root, server.address())?;
    Ok(server.kill()?)
}

/// Asks the server over TLS, as a client that trusts the authority only.
fn ask(root: &Path, server: SocketAddr) -> Outcome {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail", "--max-time", "20", "--cacert"]).arg(root);
    curl.arg("--resolve").arg(format!("{HOST}:{}:{}", server.port(), server.ip()));
    curl.arg(format!("https://{HOST}:{}/v2/", server.port()));
    process::output(&mut curl, LIMIT).map(drop)
}

fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

// === impl Pebble ===

impl Pebble {
    fn start(program: &Path, folder: &Path, secure: u16, plain: u16) -> Outcome<Self> {
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        let (ca, key) = (folder.join("ca.pem"), folder.join("ca.key"));
        fs::write(&ca, own.cert.pem())?;
        fs::write(&key, own.signing_key.serialize_pem())?;
        let (listen, management) = (free_port()?, free_port()?);
        let config = json!({"pebble": {
            "listenAddress": format!("127.0.0.1:{listen}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": ca, "privateKey": key, "httpPort": plain, "tlsPort": secure,
        }});
        let file = folder.join("pebble.json");
        fs::write(&file, config.to_string())?;
        let names = names()?;
        let mut pebble = Command::new(program);
        pebble.arg("-config").arg(&file).arg("-dnsserver").arg(names.to_string());
        pebble.env("PEBBLE_VA_NOSLEEP", "1");
        let log = File::create(folder.join("pebble.log"))?;
        let running = Background::start(&mut pebble, log, LIMIT)?;
        let pebble = Self {
            folder: folder.to_owned(),
            directory: format!("https://localhost:{listen}/dir"),
            management: format!("https://localhost:{management}"),
            _running: running,
        };
        let answers = || pebble.fetch(&pebble.directory).is_ok();
        process::wait_until("pebble answers", LIMIT, answers)?;
        Ok(pebble)
    }

    /// The certificate of the authority, which it makes anew at each start.
    fn root(&self) -> Outcome<PathBuf> {
        let file = self.folder.join("root.pem");
        fs::write(&file, self.fetch(&format!("{}/roots/0", self.management))?)?;
        Ok(file)
    }

    fn fetch(&self, url: &str) -> Outcome<String> {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail", "--max-time", "20", "--cacert"]);
        process::output(curl.arg(self.folder.join("ca.pem")).arg(url), LIMIT)
    }
}

/// A name server by which every name is this machine, for as long as we run. Pebble asks over TCP.
fn names() -> Outcome<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // Whoever breaks off asks again.
            std::thread::spawn(move || converse(stream).ok());
        }
    });
    Ok(address)
}

/// Queries and answers, each after its length in two bytes.
fn converse(mut stream: TcpStream) -> std::io::Result<()> {
    loop {
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut query)?;
        let answer = answer(&query).ok_or(std::io::ErrorKind::InvalidData)?;
        let length = u16::try_from(answer.len()).map_err(std::io::Error::other)?;
        stream.write_all(&[&length.to_be_bytes(), &answer[..]].concat())?;
    }
}

/// The answer to a query for one name: 127.0.0.1 if it is for an IPv4 address, and else nothing.
fn answer(query: &[u8]) -> Option<Vec<u8>> {
    let mut end = 12;
    while *query.get(end)? != 0 {
        end += 1 + usize::from(query[end]);
    }
    let question = query.get(12..end + 5)?;
    let is_ipv4 = question.ends_with(&[0, 1, 0, 1]);
    let mut answer = query[..2].to_vec();
    answer.extend([0x81, 0x80, 0, 1, 0, u8::from(is_ipv4), 0, 0, 0, 0]);
    answer.extend(question);
    if is_ipv4 {
        // The name of the question, an IPv4 address, for a second, four bytes.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1]);
    }
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_this_machine() {
        let query = |kind: u8| {
            let mut query = vec![7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
            query.extend(b"\x01a\x04test\x00");
            query.extend([0, kind, 0, 1]);
            query
        };
        let ipv4 = answer(&query(1)).unwrap();
        assert!(ipv4.starts_with(&[7, 7, 0x81, 0x80]) && ipv4.ends_with(&[127, 0, 0, 1]));
        assert!(answer(&query(28)).unwrap().ends_with(&[0, 28, 0, 1]));
        assert_eq!(answer(&[0; 12]), None);
        assert_eq!(answer(b""), None);
    }
}
