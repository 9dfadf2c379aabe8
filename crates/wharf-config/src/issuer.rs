//! `auth.issuer`: tokens that are given out to the users of `auth.htpasswd`.

use std::time::Duration;

use crate::{
    ConfigError, Url,
    schema::{Key, text, time, url},
    section::{Found, Scalar, Section},
};

/// How tokens are given out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// `service`: what tokens are for, and who has made them.
    pub service: String,
    /// `realm`: where clients find `/token`, if that is not on the host that they ask.
    pub realm: Option<String>,
    /// `expiration`: for how long a token is good.
    pub expiration: Duration,
    /// `session`: for how long a client that has logged in gets further ones.
    pub session: Duration,
    /// `rotation`: for how long a key signs.
    pub rotation: Duration,
}

pub(crate) const KEYS: &[Key] = &[
    text("service", "What tokens are for, and who has made them; it has to be there.").ours(),
    url("realm", "Where clients find `/token`, if that is not on the host that they ask.").ours(),
    time("expiration", "For how long a token is good; a minute at least.").or("5m").ours(),
    time("session", "For how long a client that has logged in gets further ones.")
        .or("720h")
        .ours(),
    time("rotation", "For how long a key signs.").or("720h").ours(),
];

const MINUTE: Duration = Duration::from_secs(60);
const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);

// === impl Issuer ===

impl Issuer {
    /// `None` if nothing is set.
    pub(crate) fn read(issuer: &Section<'_>) -> Result<Option<Self>, ConfigError> {
        if issuer.entries().iter().all(|entry| entry.node.is_unset()) {
            return Ok(None);
        }
        let service = set(issuer, "service")?;
        Ok(Some(Self {
            service: service.ok_or_else(|| issuer.missing("service"))?,
            realm: set(issuer, "realm")?.map(|Url(url)| url),
            // The specification wants a minute at least.
            expiration: issuer.time("expiration", 5 * MINUTE, MINUTE)?,
            session: issuer.time("session", MONTH, MINUTE)?,
            rotation: issuer.time("rotation", MONTH, 60 * MINUTE)?,
        }))
    }
}

/// A value, of which the empty one is none.
fn set<T: Scalar>(issuer: &Section<'_>, key: &str) -> Result<Option<T>, ConfigError> {
    issuer.find(key).filter(Found::is_set).map(|found| found.scalar()).transpose()
}
