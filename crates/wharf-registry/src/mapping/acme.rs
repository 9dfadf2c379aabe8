//! `http.tls.letsencrypt` → who orders and renews a certificate.

use wharf_acme::{Answers, Manager, Options};
use wharf_config::{LetsEncrypt, Tls};

use crate::Error;

pub(crate) const KEYS: &[&str] = &[
    "http.tls.letsencrypt.cachefile",
    "http.tls.letsencrypt.email",
    "http.tls.letsencrypt.hosts",
    "http.tls.letsencrypt.directoryurl",
    "http.tls.letsencrypt.httpaddr",
    "http.tls.letsencrypt.cas",
];

/// Who orders and renews the certificate, if it is not in files of the operator's.
pub(crate) async fn manager(tls: Option<&Tls>) -> Result<Option<Manager>, Error> {
    let Some(settings) = tls.and_then(|tls| tls.lets_encrypt.as_ref()) else { return Ok(None) };
    // Every field is named, so that a new one is not forgotten here.
    let LetsEncrypt { cache, email, hosts, directory, http_address, authorities } =
        settings.clone();
    let answers = match http_address {
        Some(address) => {
            let address = address.to_string();
            // An empty host stands for all addresses.
            let all = if address.starts_with(':') { format!("[::]{address}") } else { address };
            let answers = Answers::listen(&all).await;
            Some(answers.map_err(|source| Error::Listen { address: all, source })?)
        }
        None => None,
    };
    let options = Options { directory, authorities, email, hosts, folder: cache };
    Ok(Some(Manager::new(options, answers)?))
}
