//! TLS for one run: a certificate that is made for it, and a client that offers one cipher.
//!
//! The client offers TLS 1.3 with AES-128-GCM and nothing else, so that every server encrypts the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::{self, cipher_suite::TLS13_AES_128_GCM_SHA256};
use rustls::{ClientConfig, RootCertStore};

use crate::Outcome;

/// The suite, as nginx calls it.
pub(crate) const SUITE: &str = "TLS_AES_128_GCM_SHA256";

/// A certificate for the loopback address, and who trusts it.
pub(crate) struct Tls {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) client: Arc<ClientConfig>,
}

// === impl Tls ===

impl Tls {
    /// Makes a certificate and its key, as files in `folder`.
    pub(crate) fn make(folder: &Path) -> Outcome<Self> {
        let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
        let made = rcgen::generate_simple_self_signed(names)?;
        let (certificate, key) = (folder.join("tls.crt"), folder.join("tls.key"));
        fs::write(&certificate, made.cert.pem())?;
        fs::write(&key, made.signing_key.serialize_pem())?;
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone())?;
        let mut provider = aws_lc_rs::default_provider();
        provider.cipher_suites = vec![TLS13_AES_128_GCM_SHA256];
        let client = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { certificate, key, client: Arc::new(client) })
    }
}
