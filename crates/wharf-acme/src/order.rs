//! One order: from the hosts to a certificate.

use std::time::Duration;

use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Identifier, NewOrder, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use wharf_tls::Acceptor;

use crate::{Error, answers::Given};

/// How it is proven that a host is ours.
pub(crate) enum Proof<'a> {
    /// By a handshake.
    Handshake(&'a Acceptor),
    /// By an answer over HTTP.
    Answer(&'a Given),
}

/// What was put up for an authority, until it is taken away.
struct Posted<'a> {
    proof: &'a Proof<'a>,
    /// By host, or by token.
    name: String,
}

/// How long the authority may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A certificate for these hosts: its key and its chain, in PEM.
pub(crate) async fn certificate(
    account: &Account,
    hosts: &[String],
    proof: &Proof<'_>,
) -> Result<(String, String), Error> {
    let retry = RetryPolicy::new().timeout(PATIENCE);
    let identifiers: Vec<_> = hosts.iter().cloned().map(Identifier::Dns).collect();
    let mut order = account.new_order(&NewOrder::new(&identifiers)).await?;
    let mut posted = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let host = authorization.identifier().to_string();
        let no_challenge = || Error::NoChallenge { proof: proof.name(), host: host.clone() };
        let mut challenge = authorization.challenge(proof.kind()).ok_or_else(no_challenge)?;
        let answer = challenge.key_authorization();
        let name = match proof {
            Proof::Handshake(acceptor) => {
                handshake(acceptor, &host, answer.digest().as_ref())?;
                host.clone()
            }
            Proof::Answer(given) => {
                given.set(&challenge.token, answer.as_str());
                challenge.token.clone()
            }
        };
        posted.push(Posted { proof, name });
        challenge.set_ready().await?;
    }
    let status = order.poll_ready(&retry).await?;
    if status != OrderStatus::Ready {
        let problem = order.state().error.as_ref().map(ToString::to_string);
        return Err(Error::Refused(problem.unwrap_or_else(|| format!("the order is {status:?}"))));
    }
    let key = order.finalize().await?;
    let chain = order.poll_certificate(&retry).await?;
    Ok((key, chain))
}

/// Puts up the certificate by which a host answers the authority (RFC 8737).
fn handshake(acceptor: &Acceptor, host: &str, digest: &[u8]) -> Result<(), Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec![host.to_owned()])?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let certificate = params.self_signed(&key)?;
    let posted = acceptor.answer_challenge(host, certificate.der().to_vec(), key.serialize_der());
    posted.map_err(Error::Unusable)
}

// === impl Proof ===

impl Proof<'_> {
    fn kind(&self) -> ChallengeType {
        match self {
            Self::Handshake(_) => ChallengeType::TlsAlpn01,
            Self::Answer(_) => ChallengeType::Http01,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Handshake(_) => "tls-alpn-01",
            Self::Answer(_) => "http-01",
        }
    }
}

// === impl Posted ===

impl Drop for Posted<'_> {
    fn drop(&mut self) {
        match self.proof {
            Proof::Handshake(acceptor) => acceptor.end_challenge(&self.name),
            Proof::Answer(given) => given.remove(&self.name),
        }
    }
}
