//! The registry that conformance and e2e talk to: one of ours, built and started, or any by address.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wharf_testkit::process::Server;

use crate::services::{Kind, Service};
use crate::workspace::{self, Workspace};
use crate::{Outcome, process};

const BUILD_LIMIT: Duration = Duration::from_secs(30 * 60);

/// Which binary of ours is meant.
#[derive(clap::Args)]
pub(crate) struct Binary {
    /// Build the server with optimisations
    #[arg(long)]
    release: bool,
    /// Use this server binary, and build none
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
}

/// Where the registry under test keeps its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Driver {
    /// A folder
    Fs,
    /// Memory
    Memory,
    /// MinIO, or moto where that is not installed
    S3,
    /// Azurite
    Azure,
    /// A double of Google's
    Gcs,
}

/// What the configuration of a server says besides the defaults.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings<'a> {
    /// The section of the storage.
    pub(crate) storage: &'a str,
    pub(crate) mode: Mode,
    /// Whether clients are sent to the store.
    pub(crate) redirects: bool,
}

/// What the tests have to know of a registry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mode {
    /// Whether manifests may name content that is not there.
    pub(crate) sparse: bool,
    /// Whether content can be deleted.
    pub(crate) deletes: bool,
}

// === impl Binary ===

impl Binary {
    /// The path of the server binary, which is built first if need be.
    pub(crate) fn obtain(&self, workspace: &Workspace) -> Outcome<PathBuf> {
        if let Some(path) = &self.server {
            return Ok(path.clone());
        }
        let profile = if self.release { "release" } else { "dev" };
        let mut build = workspace::cargo();
        build.args([
            "build",
            "--quiet",
            "--package",
            "wharf",
            "--bin",
            "wharf",
            "--profile",
            profile,
        ]);
        process::show(&mut build, BUILD_LIMIT)?;
        let folder = if self.release { "release" } else { "debug" };
        Ok(workspace.target_directory.join(folder).join("wharf"))
    }
}

// === impl Driver ===

impl Driver {
    /// Those that need nothing else.
    pub(crate) const LOCAL: [Driver; 2] = [Driver::Fs, Driver::Memory];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Driver::Fs => "fs",
            Driver::Memory => "memory",
            Driver::S3 => "s3",
            Driver::Azure => "azure",
            Driver::Gcs => "gcs",
        }
    }

    /// The service that it needs.
    pub(crate) fn service(self) -> Option<Kind> {
        match self {
            Driver::Fs | Driver::Memory => None,
            Driver::S3 => Some(Kind::S3),
            Driver::Azure => Some(Kind::Azure),
            Driver::Gcs => Some(Kind::Gcs),
        }
    }

    /// The section of a configuration: a store in `folder`, or in a folder of this name in a service.
    pub(crate) fn section(self, folder: &Path, service: Option<&Service>) -> String {
        match (self, service) {
            (_, Some(service)) => {
                let name = folder.file_name().unwrap_or_default().to_string_lossy();
                let root = name.trim_start_matches('.');
                let (_, section) = service.variable();
                section.replacen('{', &format!("{{rootdirectory: {root}, "), 1)
            }
            (Driver::Fs, None) => {
                format!("filesystem: {{rootdirectory: {}}}", folder.join("data").display())
            }
            (_, None) => "inmemory: {}".to_owned(),
        }
    }
}

// === impl Mode ===

impl Mode {
    /// As without a configuration file.
    pub(crate) const DEFAULT: Mode = Mode { sparse: false, deletes: true };
    pub(crate) const SPARSE: Mode = Mode { sparse: true, deletes: true };
    pub(crate) const NO_DELETES: Mode = Mode { sparse: false, deletes: false };

    /// What is added to the name of a report.
    pub(crate) fn suffix(self) -> &'static str {
        match (self.sparse, self.deletes) {
            (false, true) => "",
            (true, _) => "-sparse",
            (false, false) => "-no-deletes",
        }
    }
}

// === impl Settings ===

impl Settings<'_> {
    /// Starts a server that keeps everything below `folder`.
    pub(crate) fn start(self, binary: &Path, folder: &Path) -> Outcome<Server> {
        let config = folder.join("config.yml");
        std::fs::write(&config, self.yaml())?;
        let start = Server::start(binary, &config);
        start.map_err(|error| format!("{} serve: {error}", binary.display()).into())
    }

    fn yaml(self) -> String {
        let Self { storage, mode: _, redirects } = self;
        let validation = match self.mode.sparse {
            true => "validation: {manifests: {sparse: true, indexes: {platforms: none}}}\n",
            false => "",
        };
        format!(
            "version: 0.1\nstorage:\n  {storage}\n  delete: {{enabled: {deletes}}}\n  \
             redirect: {{disable: {stay}}}\nhttp: {{addr: \"127.0.0.1:0\"}}\n{validation}",
            deletes = self.mode.deletes,
            stay = !redirects,
        )
    }
}

/// The address in a URL such as `http://127.0.0.1:5000`; the scheme may be left out.
pub(crate) fn address(url: &str) -> Outcome<SocketAddr> {
    use std::net::ToSocketAddrs;
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let unusable = |why: String| format!("{url}: {why}; give http://HOST:PORT");
    let mut addresses = host.to_socket_addrs().map_err(|error| unusable(error.to_string()))?;
    addresses.next().ok_or_else(|| unusable("no address".into()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_says_what_the_settings_say() {
        let yaml = |driver: Driver, mode| {
            let storage = driver.section(Path::new("/x"), None);
            Settings { storage: &storage, mode, redirects: true }.yaml()
        };
        let plain = yaml(Driver::Memory, Mode::DEFAULT);
        assert!(plain.contains("inmemory: {}") && !plain.contains("validation"), "{plain}");
        assert!(yaml(Driver::Fs, Mode::NO_DELETES).contains("delete: {enabled: false}"));
        let sparse = yaml(Driver::Fs, Mode::SPARSE);
        assert!(
            sparse.contains("rootdirectory: /x/data") && sparse.contains("sparse: true"),
            "{sparse}"
        );
    }

    #[test]
    fn an_address_is_read_from_a_url() {
        for url in ["http://127.0.0.1:5000/", "127.0.0.1:5000"] {
            assert_eq!(address(url).unwrap().to_string(), "127.0.0.1:5000");
        }
        assert!(address("https://127.0.0.1").is_err());
    }
}
