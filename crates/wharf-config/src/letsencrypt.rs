//! `http.tls.letsencrypt`: a certificate that comes and is renewed by itself.

use std::path::PathBuf;

use crate::{
    Address, ConfigError, Url,
    auth::{list, needed, set},
    schema::{Key, address, path, text, url},
    section::{Scalar, Section},
};

/// A certificate that comes and is renewed by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetsEncrypt {
    /// `cachefile`: the folder where account and certificate are kept.
    pub cache: PathBuf,
    /// `email`.
    pub email: Option<String>,
    /// `hosts`: for whom the certificate is.
    pub hosts: Vec<String>,
    /// `directoryurl`: the authority.
    pub directory: String,
    /// `httpaddr`: where hosts are proven over plain HTTP; at the secure port if not given.
    pub http_address: Option<Address>,
    /// `cas`: PEM files of authorities for the server of the authority, besides those of the system.
    pub authorities: Vec<PathBuf>,
}

struct Host(String);

/// That of Let's Encrypt.
const DIRECTORY: &str = "https://acme-v02.api.letsencrypt.org/directory";

pub(crate) const KEYS: &[Key] = &[
    path("cachefile", "The folder that account and certificate are kept in."),
    text("email", "Whom the authority may write to."),
    text("hosts", "The names that the certificate is for; it has to be there.").list(),
    url("directoryurl", "Another authority that speaks ACME.").or(DIRECTORY),
    address(
        "httpaddr",
        "Where hosts are proven over plain HTTP (`http-01`), which has to be reached as port 80; \
         without it they are proven at the secure port (`tls-alpn-01`), to be reached as port 443.",
    )
    .ours(),
    path("cas", "PEM files of authorities for that authority's server, besides the system's.")
        .list()
        .ours(),
];

// === impl LetsEncrypt ===

impl LetsEncrypt {
    /// `None` if nothing is set.
    pub(crate) fn read(section: &Section<'_>) -> Result<Option<Self>, ConfigError> {
        if section.entries().iter().all(|entry| entry.node.is_unset()) {
            return Ok(None);
        }
        let hosts = list(section, "hosts", |found| found.scalar().map(|Host(host)| host))?;
        if hosts.is_empty() {
            // The original asks for a certificate for every name that a stranger sends.
            return Err(section.missing("hosts"));
        }
        let directory = set(section, "directoryurl")?.map(|Url(url)| url);
        Ok(Some(Self {
            cache: needed(section, "cachefile")?,
            email: set(section, "email")?,
            hosts,
            directory: directory.unwrap_or_else(|| DIRECTORY.to_owned()),
            http_address: set(section, "httpaddr")?,
            authorities: list(section, "cas", |found| found.scalar())?,
        }))
    }
}

// === impl Host ===

impl Scalar for Host {
    const EXPECTED: &'static str = "a name such as registry.example.com, without a wildcard";

    fn read(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
        let well_formed = !text.is_empty()
            && text.len() <= 253
            && text.bytes().all(plain)
            && text.split('.').all(|label| !label.is_empty() && label.len() <= 63);
        well_formed.then(|| Self(text.to_ascii_lowercase()))
    }
}
