//! Bearer tokens, as the Docker token specification has them: JWTs that a token server signs.
//!
//! A token is trusted if one of the configured keys has signed it. Which key that is, its header only
//! suggests: a key that the header brings along (`jwk`), or says where to fetch (`jku`, `x5u`), is
//! never used.

mod algorithm;
mod bundle;
pub(crate) mod cache;
pub(crate) mod claims;
mod jwks;
pub(crate) mod jws;
pub(crate) mod key;
pub(crate) mod keys;
mod remote;
mod signer;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;

use crate::{Authenticate, Credentials, Identity, Lasting, Presented, Rejection};
use cache::Cache;
use claims::{Expected, Verified};
use keys::Keys;

pub use algorithm::Algorithm;
pub use remote::KeySource;
pub use signer::Signer;

/// Knows who a token speaks for, and what it grants.
pub struct Token {
    keys: Arc<Keys>,
    expected: Expected,
    verified: Cache,
}

/// The keys have not changed since, and it is the time of the token.
struct Unchanged {
    keys: Arc<Keys>,
    generation: u64,
    verified: Arc<Verified>,
    leeway: Duration,
}

/// Which tokens are taken.
#[derive(Clone)]
pub struct Options {
    /// Who has to have made them.
    pub issuer: String,
    /// For whom they have to be.
    pub service: String,
    /// A PEM file of certificates: of authorities, or of the token server itself.
    pub certificates: Option<PathBuf>,
    /// A file with a JWK set.
    pub key_file: Option<PathBuf>,
    /// Where else a JWK set is to be had.
    pub key_source: Option<Arc<dyn KeySource>>,
    /// How old a set from there may become before it is fetched again.
    pub refresh: Duration,
    /// How tokens may be signed. Secrets (`HS…`) are taken only if this names their algorithm.
    pub algorithms: Vec<Algorithm>,
    /// How far the clocks of the token server and of this machine may differ.
    pub leeway: Duration,
    /// The most entries of access in a token.
    pub most_entries: usize,
}

/// Why tokens cannot be checked. The text names the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TokenError(String);

/// No token is longer, in bytes.
const LONGEST: usize = 64 << 10;

// === impl TokenError ===

impl TokenError {
    pub(crate) fn new(problem: String) -> Self {
        Self(problem)
    }
}

// === impl Token ===

impl Token {
    /// Reads the keys. Key material that cannot be used is an error, and so is having none.
    pub fn open(options: Options) -> Result<Self, TokenError> {
        let keys = Arc::new(Keys::open(&options).map_err(TokenError)?);
        let Options { issuer, service, leeway, most_entries, .. } = options;
        let expected = Expected { issuer, audience: service, leeway, most_entries };
        Ok(Self { keys, expected, verified: Cache::default() })
    }

    /// Who this token speaks for, at this moment.
    pub async fn verify(&self, token: &str, now: SystemTime) -> Result<Identity, Rejection> {
        if token.len() > LONGEST {
            return Err(Rejection::Invalid("the token is too long".to_owned()));
        }
        let hash = Cache::hash(token);
        let generation = self.keys.generation();
        if let Some(verified) = self.verified.get(&hash, generation) {
            verified.is_of(now, self.expected.leeway).map_err(Rejection::Invalid)?;
            return Ok(self.identity(verified, generation));
        }
        let jws = jws::Jws::parse(token).map_err(Rejection::Invalid)?;
        let payload = self.keys.verified(&jws, now).await?;
        let verified = self.expected.read(&payload, now).map_err(Rejection::Invalid)?;
        let verified = Arc::new(verified);
        // Remembered as checked with the keys as they were before it was: never longer than they last.
        self.verified.put(hash, generation, &verified);
        Ok(self.identity(verified, generation))
    }

    fn identity(&self, verified: Arc<Verified>, generation: u64) -> Identity {
        let (keys, leeway) = (Arc::clone(&self.keys), self.expected.leeway);
        let unchanged = Unchanged { keys, generation, verified: Arc::clone(&verified), leeway };
        Identity { lasting: Some(Arc::new(unchanged)), ..verified.identity() }
    }
}

#[async_trait]
impl Authenticate for Token {
    async fn authenticate(&self, presented: &Presented<'_>) -> Option<Result<Identity, Rejection>> {
        match presented.credentials {
            Credentials::Bearer(token) => Some(self.verify(token, SystemTime::now()).await),
            _ => None,
        }
    }
}

// === impl Unchanged ===

impl Lasting for Unchanged {
    fn lasts(&self) -> bool {
        self.keys.generation() == self.generation
            && self.verified.is_of(SystemTime::now(), self.leeway).is_ok()
    }
}

// === impl Options ===

impl Options {
    /// Tokens of this issuer for this service, signed by any algorithm with a public key; the keys are
    /// still to be named.
    pub fn new(issuer: impl Into<String>, service: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            service: service.into(),
            certificates: None,
            key_file: None,
            key_source: None,
            refresh: Duration::from_secs(3600),
            algorithms: Algorithm::PUBLIC.to_vec(),
            leeway: Duration::from_secs(60),
            most_entries: 1000,
        }
    }
}
