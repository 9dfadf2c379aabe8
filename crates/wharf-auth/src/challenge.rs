//! `WWW-Authenticate`: how to prove who asks.

use http::HeaderValue;

use crate::{Access, Ask};

/// How callers are asked to prove who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// By a user and a password.
    Basic {
        /// What they are good for, for people.
        realm: String,
    },
    /// By a token, which a server gives out.
    Bearer {
        /// Where that server is.
        realm: Realm,
        /// What the token is for.
        service: String,
    },
}

/// Where tokens are to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Realm {
    /// At this URL.
    Url(String),
    /// At this path of whatever host the client has asked.
    Here(String),
}

/// What was wrong with the token that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Invalid,
    Insufficient,
}

// === impl Challenge ===

impl Challenge {
    /// By a user and a password.
    pub fn basic(realm: impl Into<String>) -> Self {
        Self::Basic { realm: realm.into() }
    }

    /// By a token of this server.
    pub fn bearer(realm: impl Into<String>, service: impl Into<String>) -> Self {
        Self::Bearer { realm: Realm::Url(realm.into()), service: service.into() }
    }

    /// By a token that this very host gives out, below this path.
    pub fn bearer_here(path: impl Into<String>, service: impl Into<String>) -> Self {
        Self::Bearer { realm: Realm::Here(path.into()), service: service.into() }
    }

    /// The value of one by a password.
    #[cfg(feature = "issuer")]
    pub(crate) fn basic_value(&self) -> Option<HeaderValue> {
        match self {
            Self::Basic { realm } => {
                HeaderValue::try_from(format!("Basic realm={}", quoted(realm))).ok()
            }
            Self::Bearer { .. } => None,
        }
    }

    pub(crate) fn value(
        &self,
        ask: &Ask<'_>,
        accesses: &[Access],
        fault: Option<Fault>,
    ) -> Option<HeaderValue> {
        let text = match self {
            Self::Basic { realm } => format!("Basic realm={}", quoted(realm)),
            Self::Bearer { realm, service } => {
                let realm = match realm {
                    Realm::Url(url) => quoted(url),
                    Realm::Here(path) => quoted(&ask.origin.url(path)),
                };
                let mut text = format!("Bearer realm={realm},service={}", quoted(service));
                let scope = scope(accesses);
                if !scope.is_empty() {
                    text.extend([",scope=", &quoted(&scope)]);
                }
                if let Some(fault) = fault {
                    text.extend([",error=", &quoted(fault.as_str())]);
                }
                text
            }
        };
        HeaderValue::try_from(text).ok()
    }
}

/// The accesses as one scope for each resource: `repository:a:pull,push repository:b:pull`.
fn scope(accesses: &[Access]) -> String {
    let mut scope = String::new();
    let mut before: Option<&Access> = None;
    for access in accesses {
        let same = |other: &Access| (other.kind(), other.name()) == (access.kind(), access.name());
        if before.is_some_and(same) {
            scope.extend([",", access.action()]);
        } else {
            let space = if scope.is_empty() { "" } else { " " };
            scope.extend([space, access.kind(), ":", access.name(), ":", access.action()]);
        }
        before = Some(access);
    }
    scope
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars().filter(|character| !character.is_control()) {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

// === impl Fault ===

impl Fault {
    fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid_token",
            Self::Insufficient => "insufficient_scope",
        }
    }
}
