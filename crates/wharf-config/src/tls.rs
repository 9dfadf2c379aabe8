//! `http.tls`: what a secure listener needs.

use std::path::PathBuf;

use crate::{
    ConfigError, LetsEncrypt,
    section::{Found, Scalar, Section},
};

/// What a secure listener needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// `http.tls.certificate`: a PEM file, the whole chain.
    pub certificate: PathBuf,
    /// `http.tls.key`: a PEM file.
    pub key: PathBuf,
    /// `http.tls.letsencrypt`: whoever brings these two files, if the operator does not.
    pub lets_encrypt: Option<LetsEncrypt>,
    /// `http.tls.minimumtls`.
    pub minimum: TlsVersion,
    /// `http.tls.ciphersuites`: by the names of Go; empty for all that are safe.
    pub cipher_suites: Vec<String>,
    /// `http.tls.clientcas`: PEM files of the authorities whose clients are let in; empty if clients
    /// are not asked for a certificate.
    pub client_cas: Vec<PathBuf>,
    /// `http.tls.clientauth`, where there are `client_cas`.
    pub client_auth: ClientAuth,
}

/// The oldest version that is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersion {
    /// `tls1.2`.
    #[default]
    Tls12,
    /// `tls1.3`.
    Tls13,
}

/// What is asked of clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// `verify-client-cert-if-given`.
    VerifyIfGiven,
    /// `require-and-verify-client-cert`.
    #[default]
    RequireAndVerify,
}

/// The file that holds both, where they come by themselves.
const CERTIFICATE: &str = "certificate.pem";

// === impl Tls ===

impl Tls {
    /// Fails if anything is set but not the certificate with its key: nobody who names an authority
    /// or a version means to serve without TLS, as the original then does.
    pub(crate) fn read(tls: &Section<'_>) -> Result<Option<Self>, ConfigError> {
        if tls.entries().iter().all(|entry| entry.node.is_unset()) {
            return Ok(None);
        }
        let lets_encrypt = LetsEncrypt::read(&tls.section("letsencrypt")?)?;
        let file = |key| match (set::<PathBuf>(tls, key)?, &lets_encrypt) {
            (Some(file), None) => Ok(file),
            (None, Some(settings)) => Ok(settings.cache.join(CERTIFICATE)),
            (Some(_), Some(_)) => {
                Err(tls.error(format!("{key} and letsencrypt are two ways to a certificate")))
            }
            (None, None) => Err(tls.missing(key)),
        };
        let tls = Self {
            certificate: file("certificate")?,
            key: file("key")?,
            lets_encrypt: lets_encrypt.clone(),
            minimum: set(tls, "minimumtls")?.unwrap_or_default(),
            cipher_suites: list(tls, "ciphersuites")?,
            client_cas: list(tls, "clientcas")?,
            client_auth: client_auth(tls)?,
        };
        Ok(Some(tls))
    }
}

fn client_auth(tls: &Section<'_>) -> Result<ClientAuth, ConfigError> {
    match tls.find("clientauth").filter(Found::is_set) {
        Some(found) if list::<PathBuf>(tls, "clientcas")?.is_empty() => {
            Err(found.error("has no effect without http.tls.clientcas"))
        }
        Some(found) => found.scalar(),
        None => Ok(ClientAuth::default()),
    }
}

/// A value, of which the empty one is none.
fn set<T: Scalar>(tls: &Section<'_>, key: &str) -> Result<Option<T>, ConfigError> {
    tls.find(key).filter(Found::is_set).map(|found| found.scalar()).transpose()
}

fn list<T: Scalar>(tls: &Section<'_>, key: &str) -> Result<Vec<T>, ConfigError> {
    let items = tls.find(key).filter(Found::is_set).map(Found::items).transpose()?;
    items.unwrap_or_default().iter().map(Found::scalar).collect()
}

// === impl TlsVersion ===

impl Scalar for TlsVersion {
    const EXPECTED: &'static str = "tls1.2 or tls1.3";

    fn read(text: &str) -> Option<Self> {
        match text {
            "tls1.2" => Some(Self::Tls12),
            "tls1.3" => Some(Self::Tls13),
            _ => None,
        }
    }
}

// === impl ClientAuth ===

impl Scalar for ClientAuth {
    const EXPECTED: &'static str = "verify-client-cert-if-given or require-and-verify-client-cert \
         (a certificate that is not verified proves nothing, so request-client-cert and \
         require-any-client-cert are not supported)";

    fn read(text: &str) -> Option<Self> {
        match text {
            "verify-client-cert-if-given" => Some(Self::VerifyIfGiven),
            "require-and-verify-client-cert" => Some(Self::RequireAndVerify),
            _ => None,
        }
    }
}
