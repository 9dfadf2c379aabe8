//! An authority of certificates, for servers and for clients.

use std::{path::Path, sync::Arc};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair,
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio_rustls::TlsConnector;

use super::write;

/// An authority, and the key of all that it vouches for.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    key: KeyPair,
}

// === impl Authority ===

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("valid");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key"));
        Self { issuer: issuer.expect("signed"), key: KeyPair::generate().expect("a key") }
    }

    /// The section `tls` of a server that takes the certificates of clients; its files are in a folder.
    pub(crate) fn section(&self, folder: &Path) -> String {
        let ca = write(folder, "ca.pem", &self.issuer.pem());
        let certificate = write(folder, "s.crt", &self.issue("server").pem());
        let key = write(folder, "s.key", &self.key.serialize_pem());
        format!(
            "tls: {{certificate: '{certificate}', key: '{key}', clientcas: ['{ca}'], \
             clientauth: verify-client-cert-if-given}}"
        )
    }

    /// What a client of this name connects by; one without a name shows no certificate.
    pub(crate) fn connector(&self, name: Option<&str>) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("added");
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("consistent")
            .with_root_certificates(roots);
        let config = match name.map(|name| self.issue(name)) {
            Some(certificate) => {
                let key = PrivatePkcs8KeyDer::from(self.key.serialize_der());
                let key = PrivateKeyDer::from(key);
                builder.with_client_auth_cert(vec![certificate.der().clone()], key).expect("a pair")
            }
            None => builder.with_no_client_auth(),
        };
        TlsConnector::from(Arc::new(config))
    }

    fn issue(&self, name: &str) -> Certificate {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("valid");
        params.distinguished_name.push(DnType::CommonName, name);
        params.signed_by(&self.key, &self.issuer).expect("signed")
    }
}
