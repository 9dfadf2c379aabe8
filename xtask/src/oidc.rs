//! `cargo xtask oidc`: a registry takes the tokens of a real OpenID Connect issuer.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use wharf_testkit::process::Server;

use crate::process::{self, Background};
use crate::server::Binary;
use crate::workspace::Workspace;
use crate::{Outcome, workspace};

/// Let a registry take the tokens of a real OpenID Connect issuer.
///
/// The issuer is oidc-provider, of npm. The registry finds its keys by discovery; the rules say what the
/// subject of a token may do.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Install the issuer if it is not there (npm install)
    #[arg(long)]
    install: bool,
    #[command(flatten)]
    binary: Binary,
}

/// A running issuer.
struct Issuer {
    url: String,
    _running: Background,
}

/// What the registry has to say to a request.
struct Case {
    what: &'static str,
    request: &'static [&'static str],
    path: &'static str,
    expected: u16,
}

const RULES: &str = "allow job to pull, push in job/**\n";

const INSTALL_LIMIT: Duration = Duration::from_secs(5 * 60);
const LIMIT: Duration = Duration::from_secs(60);

const PUSH: &[&str] = &["--request", "POST"];

/// What the owner of a token may do; whoever shows none gets 401 each time.
const CASES: &[Case] = &[
    Case { what: "who it is", request: &[], path: "/v2/", expected: 200 },
    Case { what: "a pull", request: &[], path: "/v2/job/app/tags/list", expected: 404 },
    Case { what: "a push", request: PUSH, path: "/v2/job/app/blobs/uploads/", expected: 202 },
    Case { what: "a push elsewhere", request: PUSH, path: "/v2/app/blobs/uploads/", expected: 403 },
];

/// Starts both, and asks.
pub(crate) fn run(args: &Args) -> Outcome {
    let workspace = Workspace::load()?;
    let Some(folder) = installed(&workspace.target("oidc")?, args.install)? else {
        println!("no token is issued: oidc-provider is not installed (--install does it)");
        return Ok(());
    };
    let binary = args.binary.obtain(&workspace)?;
    let files = tempfile::tempdir()?;
    let issuer = Issuer::start(&folder, files.path())?;
    let registry = registry(&binary, files.path(), &issuer.url)?;
    let url = format!("http://{}", registry.address());
    let token = issuer.token("https://registry.example")?;
    let (bearer, password) = (format!("Authorization: Bearer {token}"), format!("any:{token}"));
    for shown in [["--header", &bearer], ["--user", &password]] {
        for case in CASES {
            case.check(&url, &shown, case.expected)?;
        }
    }
    let stranger = format!("Authorization: Bearer {}", issuer.token("https://other.example")?);
    let forged = format!("Authorization: Bearer {}", forged(&token));
    for shown in [&[][..], &["--header", &stranger], &["--header", &forged]] {
        for case in CASES {
            case.check(&url, shown, 401)?;
        }
    }
    registry.kill()?;
    println!("tokens of {} are taken as bearer tokens and as passwords, and no others", issuer.url);
    Ok(())
}

/// The folder with the issuer, `None` if it is not installed.
fn installed(folder: &Path, install: bool) -> Outcome<Option<PathBuf>> {
    for file in ["issuer.mjs", "package.json"] {
        fs::copy(workspace::root().join("tests/oidc").join(file), folder.join(file))?;
    }
    if !folder.join("node_modules/oidc-provider").is_dir() {
        if !install {
            return Ok(None);
        }
        let mut npm = Command::new("npm");
        npm.current_dir(folder).args(["install", "--no-audit", "--no-fund", "--ignore-scripts"]);
        process::output(&mut npm, INSTALL_LIMIT)?;
    }
    Ok(Some(folder.to_owned()))
}

fn registry(binary: &Path, folder: &Path, issuer: &str) -> Outcome<Server> {
    let (config, rules) = (folder.join("config.yml"), folder.join("rules"));
    fs::write(&rules, RULES)?;
    let text = format!(
        "version: 0.1\nstorage: inmemory\nhttp: {{addr: '127.0.0.1:0'}}\n\
         auth: {{rules: '{}', oidc: [{{issuer: '{issuer}', audience: registry.example}}]}}\n",
        rules.display()
    );
    fs::write(&config, text)?;
    Ok(Server::start(binary, &config)?)
}

/// The same token with another signature.
fn forged(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap_or((token, ""));
    format!("{signed}.{}", signature.chars().rev().collect::<String>())
}

// === impl Issuer ===

impl Issuer {
    fn start(program: &Path, folder: &Path) -> Outcome<Self> {
        let log = folder.join("issuer.log");
        let mut node = Command::new("node");
        let running =
            Background::start(node.arg(program.join("issuer.mjs")), File::create(&log)?, LIMIT)?;
        let url = || {
            let log = fs::read_to_string(&log).unwrap_or_default();
            log.lines().find_map(|line| line.strip_prefix("issuer ").map(str::to_owned))
        };
        process::wait_until("the issuer says where it is", LIMIT, || url().is_some())?;
        Ok(Self { url: url().ok_or("the issuer is nowhere")?, _running: running })
    }

    /// A token for a resource.
    fn token(&self, resource: &str) -> Outcome<String> {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail", "--max-time", "20"]);
        curl.args(["--user", "job:secret", "--data", "grant_type=client_credentials"]);
        curl.arg("--data-urlencode").arg(format!("resource={resource}"));
        let answer = process::output(curl.arg(format!("{}/token", self.url)), LIMIT)?;
        let answer: Value = serde_json::from_str(&answer)?;
        Ok(answer["access_token"].as_str().ok_or("no token is given")?.to_owned())
    }
}

// === impl Case ===

impl Case {
    fn check(&self, registry: &str, shown: &[&str], expected: u16) -> Outcome {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--max-time", "20", "--output", "/dev/null"]);
        curl.args(["--write-out", "%{http_code}"]).args(self.request).args(shown);
        let status = process::output(curl.arg(format!("{registry}{}", self.path)), LIMIT)?;
        match status.trim() == expected.to_string() {
            true => Ok(()),
            false => Err(format!("{}: {status} instead of {expected}", self.what).into()),
        }
    }
}
