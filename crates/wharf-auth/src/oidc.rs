//! Identities of others: JWTs of an issuer such as Kubernetes, GitHub Actions or GitLab.
//!
//! Such a token says who somebody is, and nothing of what it is good for: that is for rules to say.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use moka::sync;
use serde_json::{Map, Value};
use wharf_digest::Digest;

use crate::{
    Authenticate, Credentials, Identity, Lasting, Presented, Rejection,
    identity::is_name,
    token::{
        self, TokenError,
        cache::Cache,
        claims::{Audience, Validity},
        jws::Jws,
        keys::Keys,
    },
};

/// Knows who the tokens of one issuer speak for. They are taken as bearer tokens, and in place of a
/// password.
pub struct Oidc {
    options: Options,
    keys: Arc<Keys>,
    known: sync::Cache<Digest, (u64, Arc<Known>)>,
}

/// Which tokens are taken.
#[derive(Clone)]
pub struct Options {
    /// The keys, and how tokens may be signed. `issuer` has made them.
    pub token: token::Options,
    /// For whom they have to be: for one of these.
    pub audiences: Vec<String>,
    /// The claim that names the subject.
    pub subject: String,
    /// The claim that names groups, one or several.
    pub groups: Option<String>,
    /// What stands before every name, so that it is nobody else's.
    pub prefix: String,
}

/// What a genuine token has said.
struct Known {
    identity: Identity,
    validity: Validity,
}

/// The keys have not changed since, and it is the time of the token.
struct Unchanged {
    keys: Arc<Keys>,
    generation: u64,
    known: Arc<Known>,
    leeway: Duration,
}

/// The most tokens that are remembered.
const MOST: u64 = 10_000;

/// The most groups of a token.
const MOST_GROUPS: usize = 200;

/// No token is longer, in bytes.
const LONGEST: usize = 16 << 10;

// === impl Oidc ===

impl Oidc {
    /// Reads the keys that are in files. Having no keys is an error.
    pub fn open(options: Options) -> Result<Self, TokenError> {
        let keys = Arc::new(Keys::open(&options.token).map_err(TokenError::new)?);
        let known = sync::Cache::new(MOST);
        Ok(Self { options, keys, known })
    }

    /// Who this token speaks for; `None` if it is of another issuer, or no JWT.
    pub async fn verify(
        &self,
        token: &str,
        now: SystemTime,
    ) -> Option<Result<Identity, Rejection>> {
        if token.len() > LONGEST {
            return None;
        }
        let jws = Jws::parse(token).ok()?;
        let claims: Map<String, Value> = serde_json::from_slice(&jws.payload).ok()?;
        if claims.get("iss")?.as_str()? != self.options.token.issuer {
            return None;
        }
        Some(self.check(token, &jws, &claims, now).await)
    }

    async fn check(
        &self,
        token: &str,
        jws: &Jws<'_>,
        claims: &Map<String, Value>,
        now: SystemTime,
    ) -> Result<Identity, Rejection> {
        let (hash, generation) = (Cache::hash(token), self.keys.generation());
        let leeway = self.options.token.leeway;
        if let Some((of, known)) = self.known.get(&hash)
            && of == generation
        {
            known.validity.covers(now, leeway).map_err(Rejection::Invalid)?;
            return Ok(self.identity(known, generation));
        }
        // The claims are those of the payload that is signed.
        self.keys.verified(jws, now).await?;
        let known = self.options.read(claims).map_err(Rejection::Invalid)?;
        known.validity.covers(now, leeway).map_err(Rejection::Invalid)?;
        let known = Arc::new(known);
        self.known.insert(hash, (generation, Arc::clone(&known)));
        Ok(self.identity(known, generation))
    }

    fn identity(&self, known: Arc<Known>, generation: u64) -> Identity {
        let (keys, leeway) = (Arc::clone(&self.keys), self.options.token.leeway);
        let identity = known.identity.clone();
        let unchanged = Unchanged { keys, generation, known, leeway };
        Identity { lasting: Some(Arc::new(unchanged)), ..identity }
    }
}

#[async_trait]
impl Authenticate for Oidc {
    async fn authenticate(&self, presented: &Presented<'_>) -> Option<Result<Identity, Rejection>> {
        let token = match presented.credentials {
            Credentials::Bearer(token) => *token,
            Credentials::Basic { password, .. } if password.starts_with("ey") => &**password,
            _ => return None,
        };
        self.verify(token, SystemTime::now()).await
    }
}

// === impl Unchanged ===

impl Lasting for Unchanged {
    fn lasts(&self) -> bool {
        self.keys.generation() == self.generation
            && self.known.validity.covers(SystemTime::now(), self.leeway).is_ok()
    }
}

// === impl Options ===

impl Options {
    /// Tokens of this issuer for one of these; the subject is `sub`. The keys are still to be named.
    pub fn new(issuer: impl Into<String>, audiences: Vec<String>) -> Self {
        Self {
            token: token::Options::new(issuer, String::new()),
            audiences,
            subject: "sub".to_owned(),
            groups: None,
            prefix: String::new(),
        }
    }

    fn read(&self, claims: &Map<String, Value>) -> Result<Known, String> {
        let audience = claims.get("aud").cloned().unwrap_or_default();
        let audience: Audience = serde_json::from_value(audience)
            .map_err(|_| "the token does not say for whom it is".to_owned())?;
        if !self.audiences.iter().any(|ours| audience.contains(ours)) {
            return Err("the token is for another service".to_owned());
        }
        let time = |name| claims.get(name).map(|value| value.as_f64().ok_or(name)).transpose();
        let malformed = |name: &str| format!("the claim {name} of the token is malformed");
        let subject = claims.get(&self.subject).and_then(Value::as_str).unwrap_or_default();
        let name = format!("{}{subject}", self.prefix);
        if subject.is_empty() || !is_name(&name) {
            return Err(malformed(&self.subject));
        }
        Ok(Known {
            identity: Identity::named(name).in_groups(&self.groups_of(claims)?),
            validity: Validity {
                expires: time("exp").map_err(malformed)?.ok_or_else(|| malformed("exp"))?,
                not_before: time("nbf").map_err(malformed)?.unwrap_or_default(),
            },
        })
    }

    fn groups_of(&self, claims: &Map<String, Value>) -> Result<Vec<String>, String> {
        let Some(claim) = &self.groups else { return Ok(Vec::new()) };
        let malformed = || format!("the claim {claim} of the token names no groups");
        let groups = match claims.get(claim) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::String(group)) => vec![group.as_str()],
            Some(Value::Array(groups)) => {
                let groups: Option<Vec<&str>> = groups.iter().map(Value::as_str).collect();
                groups.ok_or_else(malformed)?
            }
            Some(_) => return Err(malformed()),
        };
        if groups.len() > MOST_GROUPS {
            return Err(format!("the token has more than {MOST_GROUPS} groups"));
        }
        Ok(groups.iter().map(|group| format!("{}{group}", self.prefix)).collect())
    }
}
