//! Clients that show a certificate.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use wharf_testkit::process::Server;

use super::{refused, start, write};
use crate::e2e::clients::{LIMIT, Station};
use crate::e2e::layout::{Layout, TAG};
use crate::{Outcome, process};

/// A registry that knows people by their certificates, and the folders that clients take them from.
pub(crate) struct Secure {
    server: Server,
    known: PathBuf,
    stranger: PathBuf,
}

type Issuer = CertifiedIssuer<'static, KeyPair>;

// === impl Secure ===

impl Secure {
    pub(crate) fn start(binary: &Path, folder: &Path) -> Outcome<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let server = pair(&authority, &folder.join("server"), "server")?;
        let known = pair(&authority, &folder.join("known"), "node1")?;
        let stranger = pair(&authority, &folder.join("stranger"), "node2")?;
        let rules = write(folder, "node-rules", "allow node1 to pull, push in **\n")?;
        let auth = format!("certificates: commonname, rules: '{rules}'");
        let tls = format!(
            ", tls: {{certificate: '{0}/client.cert', key: '{0}/client.key', \
             clientcas: ['{0}/ca.crt'], clientauth: verify-client-cert-if-given}}",
            server.display()
        );
        let server = start(binary, folder, "certificates", &auth, &tls)?;
        Ok(Self { server, known, stranger })
    }

    /// What came of a client, if it can show a certificate.
    pub(crate) fn try_client(
        &self,
        client: &str,
        station: &Station,
        layout: &Layout,
    ) -> Option<Outcome> {
        let push = match client {
            "skopeo" => skopeo,
            "oras" => oras,
            _ => return None,
        };
        let image = format!("localhost:{}/nodes/{client}:{TAG}", self.server.address().port());
        let push = |folder: &Path| {
            process::output(&mut push(station, layout, folder, &image), LIMIT).map(drop)
        };
        Some(
            push(&self.known)
                .and_then(|()| refused("a certificate that no rule names", push(&self.stranger))),
        )
    }
}

fn skopeo(station: &Station, layout: &Layout, folder: &Path, image: &str) -> Command {
    let mut skopeo = station.command("skopeo");
    skopeo.args(["--insecure-policy", "copy", "--quiet", "--dest-cert-dir"]).arg(folder);
    skopeo.arg(format!("oci:{}:{TAG}", layout.folder().display()));
    skopeo.arg(format!("docker://{image}"));
    skopeo
}

fn oras(station: &Station, layout: &Layout, folder: &Path, image: &str) -> Command {
    let mut oras = station.command("oras");
    oras.args(["copy", "--no-tty", "--to-plain-http=false", "--from-oci-layout"]);
    oras.arg(format!("{}:{TAG}", layout.folder().display()));
    oras.arg("--to-ca-file").arg(folder.join("ca.crt"));
    oras.arg("--to-cert-file").arg(folder.join("client.cert"));
    oras.arg("--to-key-file").arg(folder.join("client.key")).arg(image);
    oras
}

/// A folder with a certificate, its key and the authority, as docker and skopeo call them.
fn pair(authority: &Issuer, folder: &Path, name: &str) -> Outcome<PathBuf> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, name);
    fs::create_dir_all(folder)?;
    fs::write(folder.join("client.cert"), params.signed_by(&key, authority)?.pem())?;
    fs::write(folder.join("client.key"), key.serialize_pem())?;
    fs::write(folder.join("ca.crt"), authority.pem())?;
    Ok(folder.to_owned())
}
