//! Clients that show a certificate.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use wharf_testkit::process::Server;

use super::{refused, start, write};
use crate::Outcome;
use crate::e2e::clients::{Client, relay};
use crate::e2e::fixtures::Fixture;
use crate::e2e::layout::{Layout, TAG};

/// A registry that knows people by their certificates, and the folders that clients take them from.
pub(crate) struct Secure {
    server: Server,
    known: PathBuf,
    stranger: PathBuf,
    /// With nothing but the authority of the server.
    nobody: PathBuf,
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
        let nobody = folder.join("nobody");
        fs::create_dir_all(&nobody)?;
        fs::write(nobody.join("ca.crt"), authority.pem())?;
        let rules = write(folder, "node-rules", "allow node1 to pull, push in **\n")?;
        let auth = format!("certificates: commonname, rules: '{rules}'");
        let tls = format!(
            ", tls: {{certificate: '{0}/client.cert', key: '{0}/client.key', \
             clientcas: ['{0}/ca.crt'], clientauth: verify-client-cert-if-given}}",
            server.display()
        );
        let server = start(binary, folder, "certificates", &auth, &tls)?;
        Ok(Self { server, known, stranger, nobody })
    }

    /// What came of a client, if it can show a certificate.
    pub(crate) fn try_client(
        &self,
        name: &str,
        client: &dyn Client,
        layout: &Layout,
    ) -> Option<Outcome> {
        let host = client.secure_host(self.server.address().port());
        match client.show_certificate(&host, &self.known) {
            Ok(true) => Some(self.try_with(&host, name, client, layout)),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }

    fn try_with(&self, host: &str, name: &str, client: &dyn Client, layout: &Layout) -> Outcome {
        let image = format!("{host}/nodes/{name}:{TAG}");
        let push = || client.push(Fixture::Platforms, layout, &image);
        let pull = || -> Outcome {
            let folder = tempfile::tempdir()?;
            client.pull(Fixture::Platforms, &image, folder.path())?.is(layout)
        };
        push().map_err(|error| format!("push: {error}"))?;
        pull().map_err(|error| format!("pull: {error}"))?;
        for (who, folder) in [("that no rule names", &self.stranger), ("of nobody", &self.nobody)] {
            client.show_certificate(host, folder)?;
            refused(&format!("a push by a certificate {who}"), push())?;
            refused(&format!("a pull by a certificate {who}"), pull())?;
        }
        Ok(())
    }
}

/// A folder with a certificate, its key and the authority, as docker and skopeo call them.
fn pair(authority: &Issuer, folder: &Path, name: &str) -> Outcome<PathBuf> {
    let key = KeyPair::generate()?;
    let hosts = ["localhost", relay::HOST].map(str::to_owned);
    let mut params = CertificateParams::new(hosts)?;
    params.distinguished_name.push(DnType::CommonName, name);
    fs::create_dir_all(folder)?;
    fs::write(folder.join("client.cert"), params.signed_by(&key, authority)?.pem())?;
    fs::write(folder.join("client.key"), key.serialize_pem())?;
    fs::write(folder.join("ca.crt"), authority.pem())?;
    Ok(folder.to_owned())
}
