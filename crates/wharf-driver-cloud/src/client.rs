//! The HTTP client, with bounds on everything.

use std::{path::PathBuf, time::Duration};

use http::HeaderValue;
use object_store::{BackoffConfig, Certificate, ClientOptions, RetryConfig};

use crate::Refused;

/// How a store is talked to. Proxies are taken from the environment (`HTTPS_PROXY`, `HTTP_PROXY`,
/// `NO_PROXY`), and so is where the system keeps its certificates, if that is somewhere else
/// (`SSL_CERT_FILE`, `SSL_CERT_DIR`).
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// What stands before our own name in `User-Agent`.
    pub user_agent: Option<String>,
    /// Anybody may pretend to be the store.
    pub skip_verify: bool,
    /// Files of certificates that are trusted besides those of the system.
    pub root_cas: Vec<PathBuf>,
    /// Whether the store is talked to without TLS.
    pub plain: bool,
}

/// Until there is a connection.
pub(crate) const CONNECT: Duration = Duration::from_secs(5);

/// Until the next byte arrives. It counts from the start of a request, its body included.
pub(crate) const SILENCE: Duration = Duration::from_secs(120);

/// How long a connection that nobody uses is kept. Stores close theirs after some 20 seconds.
pub(crate) const IDLE: Duration = Duration::from_secs(15);

const OUR_NAME: &str = concat!("wharf/", env!("CARGO_PKG_VERSION"));

// === impl Client ===

impl Client {
    /// As `object_store` wants to have it.
    pub fn options(&self) -> Result<ClientOptions, Refused> {
        let mut options = ClientOptions::new()
            // A limit on a whole request would be one on the size of a blob.
            .with_timeout_disabled()
            .with_connect_timeout(CONNECT)
            .with_read_timeout(SILENCE)
            .with_pool_idle_timeout(IDLE)
            .with_default_content_type("application/octet-stream")
            .with_user_agent(self.name()?)
            .with_allow_http(self.plain)
            .with_allow_invalid_certificates(self.skip_verify);
        for file in &self.root_cas {
            for certificate in certificates(file)? {
                options = options.with_root_certificate(certificate);
            }
        }
        Ok(options)
    }

    fn name(&self) -> Result<HeaderValue, Refused> {
        let name = match &self.user_agent {
            Some(own) => format!("{own} {OUR_NAME}"),
            None => OUR_NAME.to_owned(),
        };
        name.try_into().map_err(|_| Refused::new("useragent", "no text for a header"))
    }
}

/// How often, and for how long, a request is tried.
pub fn retry() -> RetryConfig {
    RetryConfig {
        // Each wait is drawn at random from an interval that grows.
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(5),
            base: 2.,
        },
        max_retries: 6,
        retry_timeout: Duration::from_secs(60),
    }
}

/// The same for the first request of all: whoever starts a server wants to know soon.
pub fn impatient() -> RetryConfig {
    RetryConfig { max_retries: 2, retry_timeout: Duration::from_secs(10), ..retry() }
}

fn certificates(file: &PathBuf) -> Result<Vec<Certificate>, Refused> {
    let refused = |why: String| Refused::new("rootcas", format!("{}: {why}", file.display()));
    let pem = std::fs::read(file).map_err(|error| refused(error.to_string()))?;
    let found = Certificate::from_pem_bundle(&pem).map_err(|error| refused(error.to_string()))?;
    match found.is_empty() {
        true => Err(refused("no certificate in it".to_owned())),
        false => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::ClientConfigKey;

    #[test]
    fn our_own_name_comes_last() {
        let client = Client { user_agent: Some("me/1".to_owned()), ..Client::default() };
        let agent = client.options().expect("valid").get_config_value(&ClientConfigKey::UserAgent);
        assert_eq!(agent, Some(format!("me/1 {OUR_NAME}")));
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        for file in ["/no/such/file", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")] {
            let client = Client { root_cas: vec![file.into()], ..Client::default() };
            let refused = client.options().expect_err(file);
            assert_eq!(refused.parameter, "rootcas");
            assert!(refused.problem.starts_with(file), "{refused}");
        }
    }
}
