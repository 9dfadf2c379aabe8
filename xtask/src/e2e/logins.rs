//! Clients log in, push, pull, and are refused as they should be: with passwords, with tokens of the
//! registry itself, with those of a token server, and with certificates.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::json;
use wharf_testkit::process::Server;
use wharf_testkit::token_server::{NamesKey, Options, TokenServer};

use super::clients::{Client, Kind, Station};
use super::fixtures::Fixture;
use super::layout::{Layout, TAG, digest_of, media};
use super::registry::Repository;
use crate::Outcome;
use crate::server::{Driver, Mode, Settings};

mod certificates;

/// Registries over one store, each of which knows people in another way.
pub(crate) struct Logins {
    doors: Vec<Door>,
    secure: certificates::Secure,
    layout: Layout,
    _token_server: TokenServer,
    _folder: tempfile::TempDir,
}

/// A way in.
struct Door {
    name: &'static str,
    server: Server,
    /// Whether docker gets in without a login: it has to be given a token for that.
    open_to_docker: bool,
}

const USER: &str = "alice";
const PASSWORD: &str = "secret";

/// The hash of the password, at the least cost.
const HASH: &str = "$2y$04$0123456789abcdefghijkug0jfygDNbCc4YKM81lye0HjT.L3552O";

const RULES: &str = "\
allow anyone to pull in public/**
allow alice to pull, push in alice/**
allow bob to pull, push in bob/**
";

/// The clients that can log in, and do so here.
const CLIENTS: [&str; 6] = ["skopeo", "docker", "ctr", "podman", "crane", "oras"];

/// How a client says that it was refused.
const REFUSALS: [&str; 9] = [
    "denied",
    "unauthorized",
    "401",
    "403",
    "insufficient",
    "authentication required",
    "invalid username/password",
    "credential not found",
    "no basic auth credentials",
];

// === impl Logins ===

impl Logins {
    /// Starts everything.
    pub(crate) fn start(binary: &Path) -> Outcome<Self> {
        // In lower case: podman takes the path of a layout for the name of an image.
        let name = format!("logins-{}", std::process::id());
        let folder = tempfile::Builder::new().prefix(&name).rand_bytes(0).tempdir()?;
        let path = folder.path();
        let layout = tiny(&path.join("layout"))?;
        seed(binary, path, &layout)?;
        let users = write(path, "users", &format!("{USER}:{HASH}\nbob:{HASH}\n"))?;
        let rules = write(path, "rules", RULES)?;
        let token_server = TokenServer::start(Options {
            service: "registry".to_owned(),
            issuer: "tokens".to_owned(),
            users: vec![(USER.to_owned(), PASSWORD.to_owned())],
            names_key: NamesKey::Certificate,
        })?;
        let bundle = write(path, "tokens.pem", token_server.certificate())?;
        let htpasswd = format!("htpasswd: {{path: '{users}'}}, rules: '{rules}'");
        let issuer = format!("{htpasswd}, issuer: {{service: registry}}");
        let token = format!(
            // crane goes to no realm with the address of this machine.
            "token: {{realm: 'http://localhost:{}/token', issuer: tokens, service: registry, \
             rootcertbundle: '{bundle}'}}",
            token_server.address().port()
        );
        let mut doors = Vec::new();
        for (name, auth, open_to_docker) in
            [("htpasswd", htpasswd, false), ("issuer", issuer, true), ("token", token, true)]
        {
            let server = start(binary, path, name, &auth, "")?;
            doors.push(Door { name, server, open_to_docker });
        }
        let secure = certificates::Secure::start(binary, path)?;
        Ok(Self { doors, secure, layout, _token_server: token_server, _folder: folder })
    }

    /// What came of a client at each door, and with a certificate, if it can show one.
    pub(crate) fn try_client(
        &self,
        kind: &Kind,
        client: &dyn Client,
        station: &Station,
    ) -> Vec<(&'static str, Outcome)> {
        if !CLIENTS.contains(&kind.name) {
            return Vec::new();
        }
        let mut results: Vec<_> = self
            .doors
            .iter()
            .map(|door| (door.name, door.try_client(kind, client, station, &self.layout)))
            .collect();
        if let Some(outcome) = self.secure.try_client(kind.name, client, &self.layout) {
            results.push(("certificate", outcome));
        }
        results
    }
}

// === impl Door ===

impl Door {
    fn try_client(
        &self,
        kind: &Kind,
        client: &dyn Client,
        station: &Station,
        layout: &Layout,
    ) -> Outcome {
        let host = self.server.address().to_string();
        let image = |name: &str| format!("{host}/{name}/{}:{TAG}", kind.name);
        let own = image(USER);
        let pull = |image: &str| -> Outcome {
            let folder = tempfile::tempdir()?;
            client.pull(Fixture::Platforms, image, folder.path())?.is(layout)
        };
        let push = |image: &str| client.push(Fixture::Platforms, layout, image);

        station.forget_logins()?;
        refused("a push of nobody", push(&own))?;
        // Some clients only find out when they do something.
        let wrong = client.log_in(&host, USER, "wrong").and_then(|()| push(&own));
        refused("a wrong password", wrong)?;
        client.log_in(&host, USER, PASSWORD)?;
        push(&own).map_err(|error| format!("push: {error}"))?;
        pull(&own).map_err(|error| format!("pull: {error}"))?;
        refused("a push to somebody else's", push(&image("bob")))?;
        refused("a push to what is public", push(&image("public")))?;
        client.log_out()?;
        station.forget_logins()?;
        refused("a pull of nobody", pull(&own))?;
        let public = format!("{host}/public/seed:{TAG}");
        match kind.name != "docker" || self.open_to_docker {
            true => pull(&public).map_err(|error| format!("anonymous pull: {error}").into()),
            false => refused("a pull of nobody by docker", pull(&public)),
        }
    }
}

/// Fails unless something failed because it was refused.
fn refused<T>(what: &str, outcome: Outcome<T>) -> Outcome {
    let Err(error) = outcome else { return Err(format!("{what} is not refused").into()) };
    let text = error.to_string().to_lowercase();
    match REFUSALS.iter().any(|refusal| text.contains(refusal)) {
        true => Ok(()),
        false => Err(format!("{what} fails for another reason: {error}").into()),
    }
}

/// A registry over the store in a folder.
fn start(binary: &Path, folder: &Path, name: &str, auth: &str, http: &str) -> Outcome<Server> {
    let storage = Driver::Fs.section(folder, None);
    let config = format!(
        "version: 0.1\nstorage: {{{storage}}}\nhttp: {{addr: '127.0.0.1:0'{http}}}\n\
         auth: {{{auth}}}\n"
    );
    let config = write(folder, &format!("{name}.yml"), &config)?;
    Ok(Server::start(binary, Path::new(&config)).map_err(|error| format!("{name}: {error}"))?)
}

/// Puts something public into the store, by a registry without access control.
fn seed(binary: &Path, folder: &Path, layout: &Layout) -> Outcome {
    let storage = &Driver::Fs.section(folder, None);
    let server =
        Settings { storage, mode: Mode::DEFAULT, redirects: true }.start(binary, folder)?;
    let address: SocketAddr = server.address();
    Repository::new(address, "public/seed").seed(layout)?;
    Ok(server.kill()?)
}

/// An image of one layer, which holds one file.
fn tiny(folder: &Path) -> Outcome<Layout> {
    let layout = Layout::create(folder)?;
    let content = folder.join("content");
    fs::create_dir_all(&content)?;
    fs::write(content.join("hello"), "hello\n")?;
    let archive = folder.join("layer.tar");
    super::clients::pack(&content, &archive)?;
    let diff_id = digest_of(fs::File::open(&archive)?)?;
    let layer = layout.add_file(media::LAYER, &archive)?;
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
    });
    let config = layout.add_json(media::CONFIG, &config)?;
    let manifest = json!({
        "schemaVersion": 2, "mediaType": media::MANIFEST, "config": config, "layers": [layer],
    });
    let mut manifest = layout.add_json(media::MANIFEST, &manifest)?;
    manifest["platform"] = json!({"architecture": "amd64", "os": "linux"});
    layout.finish(vec![manifest])?;
    fs::remove_dir_all(content)?;
    Ok(layout)
}

fn write(folder: &Path, name: &str, content: &str) -> Outcome<String> {
    let path: PathBuf = folder.join(name);
    fs::write(&path, content)?;
    Ok(path.display().to_string())
}
