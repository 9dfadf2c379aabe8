//! The services there are: how each is started, and what a test is told of it.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use wharf_testkit::raw::Client;

use super::program;
use crate::workspace::Workspace;
use crate::{Outcome, process};

/// A service, or a family of which any member does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// MinIO if it is installed, else moto
    S3,
    /// The S3 that many run themselves
    Minio,
    /// S3 with everything, in memory
    Moto,
    /// An S3 without conditions, if it is installed
    Garage,
    /// Azurite
    Azure,
    /// A double of Google's, of our own
    Gcs,
    /// redis-server
    Redis,
}

/// The bucket, or container, that is there when a store has started.
pub(super) const BUCKET: &str = "wharf";

const ACCESS_KEY: &str = "wharf-test";
const SECRET_KEY: &str = "wharf-test-secret";

/// Garage wants keys of its own form.
const GARAGE_KEY: &str = "GK0123456789abcdef01234567";
const GARAGE_SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// The account of every emulator of Azure, which is no secret.
const AZURE_ACCOUNT: &str = "devstoreaccount1";
const AZURE_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// Makes a container; a request to Azure cannot be made without a signature.
const AZURE_CONTAINER: &str = include_str!("azure_container.js");

const LIMIT: Duration = Duration::from_secs(60);

// === impl Kind ===

impl Kind {
    /// Those that are services themselves.
    pub(crate) const REAL: &[Kind] =
        &[Kind::Minio, Kind::Moto, Kind::Garage, Kind::Azure, Kind::Gcs, Kind::Redis];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::S3 => "s3",
            Kind::Minio => "minio",
            Kind::Moto => "moto",
            Kind::Garage => "garage",
            Kind::Azure => "azure",
            Kind::Gcs => "gcs",
            Kind::Redis => "redis",
        }
    }

    /// What a member of a family stands for is any of these.
    pub(crate) fn members(&self) -> &[Kind] {
        match self {
            Kind::S3 => &[Kind::Minio, Kind::Moto],
            real => std::slice::from_ref(real),
        }
    }

    /// The service that is meant.
    pub(crate) fn real(self) -> Kind {
        match self {
            Kind::S3 if process::find("minio").is_some() => Kind::Minio,
            Kind::S3 => Kind::Moto,
            real => real,
        }
    }

    /// Why it cannot be started here, unless it can.
    pub(crate) fn missing(self) -> Option<&'static str> {
        let program = match self.real() {
            Kind::Minio => "minio",
            Kind::Garage => "garage",
            Kind::Redis => "redis-server",
            // These are installed.
            Kind::Moto => "python3",
            Kind::Azure => "npm",
            Kind::Gcs | Kind::S3 => return None,
        };
        process::find(program).is_none().then_some(program)
    }

    /// The command that starts it; what it needs is installed first.
    pub(super) fn command(
        self,
        workspace: &Workspace,
        address: SocketAddr,
        folder: &Path,
    ) -> Outcome<Command> {
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let mut command;
        match self.real() {
            Kind::Minio => {
                // A folder is a bucket.
                std::fs::create_dir_all(folder.join(BUCKET))?;
                command = Command::new("minio");
                command.arg("server").arg(folder).args(["--address", &address.to_string()]);
                command.args(["--console-address", "127.0.0.1:0"]);
                command.env("MINIO_ROOT_USER", ACCESS_KEY);
                command.env("MINIO_ROOT_PASSWORD", SECRET_KEY).env("MINIO_UPDATE", "off");
            }
            Kind::Garage => command = garage(address, folder)?,
            Kind::Azure => {
                command = Command::new(program::azurite(workspace)?);
                command.args(["--blobHost", &host, "--blobPort", &port]).arg("--location");
                command.arg(folder).args(["--skipApiVersionCheck", "--disableTelemetry"]);
                command.arg("--silent");
            }
            Kind::Gcs => {
                // fake-gcs-server has neither the XML API's uploads nor conditions.
                command = Command::new(std::env::current_exe()?);
                command.args(["services", "gcs", &address.to_string()]);
            }
            Kind::Redis => {
                command = Command::new("redis-server");
                command.args(["--bind", &host, "--port", &port, "--save", ""]);
                command.args(["--appendonly", "no"]).current_dir(folder);
            }
            _ => {
                command = Command::new(program::moto(workspace)?);
                command.args(["-H", &host, "-p", &port]);
            }
        }
        Ok(command)
    }

    /// Makes the bucket in a service that has just begun to answer.
    pub(super) fn prepare(self, address: SocketAddr) -> Outcome {
        let mut client = Client::new(address);
        let answer = match self.real() {
            Kind::Moto => client.request("PUT", &format!("/{BUCKET}"), &[], b"")?,
            Kind::Azure => {
                let mut node = Command::new("node");
                node.args(["-e", AZURE_CONTAINER, &address.to_string()]);
                node.args([AZURE_ACCOUNT, AZURE_KEY, BUCKET]);
                return process::output(&mut node, LIMIT).map(drop);
            }
            _ => return Ok(()),
        };
        match answer.status {
            200 => Ok(()),
            status => Err(format!("{}: no bucket was made: {status}", self.name()).into()),
        }
    }

    /// Whether it answers.
    pub(super) fn answers(self, address: SocketAddr) -> bool {
        match self.real() {
            Kind::Redis => std::net::TcpStream::connect(address).is_ok(),
            _ => Client::new(address).request("GET", "/", &[], b"").is_ok(),
        }
    }

    /// What the tests of a store begin with.
    pub(crate) fn suite(self) -> Option<&'static str> {
        match self.real() {
            Kind::Minio | Kind::Moto => Some("s3"),
            Kind::Garage => Some("garage"),
            Kind::Azure => Some("azure"),
            Kind::Gcs => Some("gcs"),
            _ => None,
        }
    }

    /// What tests are told: the name of a variable, and its value.
    pub(crate) fn variable(self, address: SocketAddr) -> (&'static str, String) {
        match self.real() {
            Kind::Azure => ("WHARF_TEST_AZURE", azure_section(address)),
            Kind::Gcs => {
                let section = format!("gcs: {{bucket: {BUCKET}, endpoint: \"http://{address}\"}}");
                ("WHARF_TEST_GCS", section)
            }
            Kind::Redis => ("WHARF_TEST_REDIS", address.to_string()),
            Kind::Garage => {
                ("WHARF_TEST_GARAGE", s3_section(address, "garage", [GARAGE_KEY, GARAGE_SECRET]))
            }
            _ => ("WHARF_TEST_S3", s3_section(address, "us-east-1", [ACCESS_KEY, SECRET_KEY])),
        }
    }
}

/// One node, which makes its bucket and its key by itself.
fn garage(address: SocketAddr, folder: &Path) -> Outcome<Command> {
    // Nobody but itself talks to it there.
    let own = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let (config, data) = (folder.join("garage.toml"), folder.join("data"));
    let text = format!(
        "metadata_dir = {meta:?}\ndata_dir = {data:?}\ndb_engine = \"sqlite\"\n\
         replication_factor = 1\nrpc_bind_addr = \"{own}\"\nrpc_public_addr = \"{own}\"\n\
         rpc_secret = {GARAGE_SECRET:?}\n\n\
         [s3_api]\ns3_region = \"garage\"\napi_bind_addr = \"{address}\"\n",
        meta = folder.join("meta"),
    );
    std::fs::write(&config, text)?;
    let mut command = Command::new("garage");
    command.arg("-c").arg(config).args(["server", "--single-node", "--default-bucket"]);
    command.env("GARAGE_DEFAULT_ACCESS_KEY", GARAGE_KEY);
    command.env("GARAGE_DEFAULT_SECRET_KEY", GARAGE_SECRET);
    command.env("GARAGE_DEFAULT_BUCKET", BUCKET);
    Ok(command)
}

fn s3_section(address: SocketAddr, region: &str, [key, secret]: [&str; 2]) -> String {
    format!(
        "s3: {{bucket: {BUCKET}, region: {region}, regionendpoint: \"http://{address}\", \
         forcepathstyle: true, secure: false, accesskey: {key}, secretkey: {secret:?}}}"
    )
}

fn azure_section(address: SocketAddr) -> String {
    format!(
        "azure: {{container: {BUCKET}, accountname: {AZURE_ACCOUNT}, accountkey: {AZURE_KEY}, \
         credentials: {{type: shared_key}}, serviceurl: \"http://{address}/{AZURE_ACCOUNT}\"}}"
    )
}
