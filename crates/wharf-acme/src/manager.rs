//! Keeps a certificate in place.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use instant_acme::{Account, NewAccount};
use tokio::time::sleep;
use wharf_outbound::{Client, Reach};
use wharf_tls::{Acceptor, Renewal};

use crate::{
    Answers, Error,
    answers::Given,
    client::Limited,
    folder::Folder,
    order::{self, Proof},
};

/// Keeps a certificate in place, where an [`Acceptor`] finds it.
pub struct Manager {
    options: Options,
    folder: Folder,
    client: Client,
    answers: Option<Answers>,
}

/// Which certificate, and of whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The URL of the authority's directory.
    pub directory: String,
    /// PEM files of authorities for that server's own certificate, besides those of the system.
    pub authorities: Vec<PathBuf>,
    /// Whom the authority may write to.
    pub email: Option<String>,
    /// For whom the certificate is.
    pub hosts: Vec<String>,
    /// Where account and certificate are kept.
    pub folder: PathBuf,
}

/// How often is looked whether the certificate has to be renewed.
const LOOK: Duration = Duration::from_secs(3600);

/// When to try again after the first failure: of the way to the authority, or of what it refused. Each
/// further one doubles that.
const SOON: Duration = Duration::from_secs(5);
const WITH_CARE: Duration = Duration::from_secs(60);
const LATEST: Duration = Duration::from_secs(4 * 3600);

// === impl Manager ===

impl Manager {
    /// Makes the folder. With `answers`, hosts are proven by `http-01`, and else by `tls-alpn-01`.
    pub fn new(options: Options, answers: Option<Answers>) -> Result<Self, Error> {
        let folder = Folder::open(&options.folder)?;
        let directory = options.directory.parse().unwrap_or_default();
        let client = Client::new(wharf_outbound::Options {
            // The operator has named it, so that it may be anywhere.
            reach: Reach::public().and_server(&directory),
            authorities: options.authorities.clone(),
            ..wharf_outbound::Options::default()
        })?;
        Ok(Self { options, folder, client, answers })
    }

    /// Where certificate and key are found in a folder.
    pub fn certificate(folder: &Path) -> PathBuf {
        folder.join("certificate.pem")
    }

    /// Orders and renews, again and again. Never ends.
    pub async fn keep(mut self, acceptor: Acceptor) {
        let given = self.answers.as_ref().map(Answers::given);
        // Dropped with this future.
        let mut serving = tokio::task::JoinSet::new();
        if let Some(answers) = self.answers.take() {
            serving.spawn(answers.serve());
        }
        let mut failures = 0;
        loop {
            if !self.is_due(&acceptor) {
                sleep(LOOK).await;
                continue;
            }
            match self.renew(&acceptor, given.as_ref()).await {
                Ok(()) => {
                    tracing::info!(hosts = ?self.options.hosts, "a certificate was issued");
                    failures = 0;
                }
                Err(error) => {
                    let pause = pause(&error, failures);
                    tracing::error!(
                        "no certificate, next attempt in {} s: {error}",
                        pause.as_secs()
                    );
                    sleep(pause).await;
                    failures += 1;
                }
            }
        }
    }

    /// Whether there is no certificate for these hosts, or little of its time is left.
    fn is_due(&self, acceptor: &Acceptor) -> bool {
        !self.folder.is_for(&self.options.hosts) || acceptor.has_aged()
    }

    async fn renew(&self, acceptor: &Acceptor, given: Option<&Given>) -> Result<(), Error> {
        let account = self.account().await?;
        let hosts = &self.options.hosts;
        let proof = match given {
            Some(given) => Proof::Answer(given),
            None => Proof::Handshake(acceptor),
        };
        let (key, chain) = order::certificate(&account, hosts, &proof).await?;
        self.folder.keep_certificate(hosts, &key, &chain)?;
        match acceptor.renew() {
            Renewal::Kept(error) => Err(Error::Unusable(error)),
            Renewal::Renewed | Renewal::Unchanged => Ok(()),
        }
    }

    /// The account that is kept, or a new one.
    async fn account(&self) -> Result<Account, Error> {
        let builder = || Account::builder_with_http(Box::new(Limited(self.client.clone())));
        let Options { directory, email, .. } = &self.options;
        if let Some(credentials) = self.folder.account(directory) {
            return Ok(builder().from_credentials(credentials).await?);
        }
        let email = email.as_ref().map(|email| format!("mailto:{email}"));
        let contact: Vec<&str> = email.as_deref().into_iter().collect();
        let new = NewAccount {
            contact: &contact,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let (account, credentials) = builder().create(&new, directory.clone(), None).await?;
        self.folder.keep_account(directory, &credentials)?;
        Ok(account)
    }
}

/// How long to wait after a failure, with so many in a row before it.
fn pause(error: &Error, failures: u32) -> Duration {
    let first = if error.is_refusal() { WITH_CARE } else { SOON };
    first.saturating_mul(2_u32.saturating_pow(failures)).min(LATEST)
}

#[cfg(test)]
mod tests {
    use instant_acme::Problem;

    use super::*;

    #[test]
    fn only_what_is_refused_is_repeated_with_care() {
        let said = |kind: &str| {
            let text = format!(r#"{{"type": "urn:ietf:params:acme:error:{kind}"}}"#);
            let problem: Problem = serde_json::from_str(&text).unwrap();
            Error::Authority(instant_acme::Error::Api(problem))
        };
        let unheard = || Error::Authority(instant_acme::Error::Timeout(None));
        let cases = [
            (unheard(), 0, 5),
            (unheard(), 1, 10),
            (said("badNonce"), 0, 5),
            (said("rateLimited"), 0, 60),
            (Error::Refused("no".to_owned()), 3, 480),
            (Error::Refused("no".to_owned()), 40, 4 * 3600),
        ];
        for (error, failures, seconds) in cases {
            assert_eq!(pause(&error, failures).as_secs(), seconds, "{error}, {failures} before");
        }
    }
}
