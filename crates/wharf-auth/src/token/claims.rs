//! What a token says.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Deserializer};
use wharf_core::Subject;

use super::jws::cut;
use crate::{Access, Identity, Scope, identity::is_name};

/// What a token has to say.
pub(crate) struct Expected {
    pub(crate) issuer: String,
    pub(crate) audience: String,
    pub(crate) leeway: Duration,
    pub(crate) most_entries: usize,
}

/// What a genuine token has said.
#[derive(Debug)]
pub(crate) struct Verified {
    subject: Option<Subject>,
    entries: Vec<Entry>,
    ours: Ours,
    validity: Validity,
}

/// When a token counts, in seconds since 1970.
#[derive(Debug)]
pub(crate) struct Validity {
    pub(crate) expires: f64,
    pub(crate) not_before: f64,
}

/// What a token grants of one resource.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default, deserialize_with = "nullable")]
    actions: Vec<String>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    #[serde(default)]
    sub: Option<String>,
    aud: Audience,
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
    #[serde(default, deserialize_with = "nullable")]
    access: Vec<Entry>,
    #[serde(default)]
    wharf: Option<Ours>,
}

/// What is said in tokens that were given out here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Ours {
    stamp: Option<String>,
    groups: Vec<String>,
}

/// One name or several.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Audience {
    One(String),
    Several(Vec<String>),
}

// === impl Expected ===

impl Expected {
    /// Reads the claims of a token whose signature is genuine; the error says what is wrong.
    pub(crate) fn read(&self, payload: &[u8], now: SystemTime) -> Result<Verified, String> {
        let claims: Claims = serde_json::from_slice(payload)
            .map_err(|error| format!("the claims of the token are malformed: {error}"))?;
        if claims.iss != self.issuer {
            return Err(format!("the token is of another issuer, {:?}", cut(&claims.iss)));
        }
        if !claims.aud.contains(&self.audience) {
            return Err("the token is for another service".to_owned());
        }
        if claims.access.len() > self.most_entries {
            return Err(format!("the token has more than {} entries of access", self.most_entries));
        }
        let subject = claims.sub.filter(|subject| !subject.is_empty());
        if subject.as_ref().is_some_and(|subject| !is_name(subject)) {
            return Err("the subject of the token is no name".to_owned());
        }
        let verified = Verified {
            subject: subject.map(|subject| Subject(subject.into())),
            entries: claims.access,
            ours: claims.wharf.unwrap_or_default(),
            validity: Validity { expires: claims.exp, not_before: claims.nbf.unwrap_or(0.0) },
        };
        verified.is_of(now, self.leeway)?;
        Ok(verified)
    }
}

// === impl Validity ===

impl Validity {
    /// Whether this is its time; if not, why.
    pub(crate) fn covers(&self, now: SystemTime, leeway: Duration) -> Result<(), String> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let leeway = leeway.as_secs_f64();
        if now > self.expires + leeway {
            return Err("the token has expired".to_owned());
        }
        if now < self.not_before - leeway {
            return Err("the token is not valid yet".to_owned());
        }
        Ok(())
    }
}

// === impl Verified ===

impl Verified {
    /// Whether this is its time; if not, why.
    pub(crate) fn is_of(&self, now: SystemTime, leeway: Duration) -> Result<(), String> {
        self.validity.covers(now, leeway)
    }

    pub(crate) fn identity(self: Arc<Self>) -> Identity {
        Identity { subject: self.subject.clone(), scope: Some(self), ..Identity::default() }
    }

    /// What it depends on, if it was given out here.
    #[cfg_attr(not(feature = "issuer"), allow(dead_code, reason = "nothing is given out"))]
    pub(crate) fn stamp(&self) -> Option<&str> {
        self.ours.stamp.as_deref()
    }

    /// The groups of the subject, if it was given out here.
    #[cfg_attr(not(feature = "issuer"), allow(dead_code, reason = "nothing is given out"))]
    pub(crate) fn groups(&self) -> &[String] {
        &self.ours.groups
    }
}

impl Scope for Verified {
    fn contains(&self, access: &Access) -> bool {
        self.entries.iter().any(|entry| {
            entry.kind == access.kind()
                && entry.name == access.name()
                && entry.actions.iter().any(|action| action == "*" || action == access.action())
        })
    }
}

// === impl Audience ===

impl Audience {
    pub(crate) fn contains(&self, name: &str) -> bool {
        match self {
            Self::One(one) => one == name,
            Self::Several(several) => several.iter().any(|one| one == name),
        }
    }
}

/// A list, of which Go writes an empty one as `null`.
fn nullable<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
