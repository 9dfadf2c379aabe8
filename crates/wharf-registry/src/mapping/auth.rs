//! `auth` → who is asked before anything is served.

use std::{path::Path, sync::Arc};

use wharf_auth::{
    AllowAll, Authorize, Challenge, Desk, Gate, Htpasswd, Limits, Policy, Silly,
    token::{self, Algorithm, Token},
};
use wharf_config::{Auth, Controller, Http, Realm, TokenAuth};
use wharf_driver::Driver;

use super::{identities, issuer::Issuing, published::published};
use crate::Error;

pub(crate) const KEYS: &[&str] = &[
    "auth.silly.realm",
    "auth.silly.service",
    "auth.htpasswd.realm",
    "auth.htpasswd.path",
    "auth.token.realm",
    "auth.token.issuer",
    "auth.token.service",
    "auth.token.rootcertbundle",
    "auth.token.jwks",
    "auth.token.jwksurl",
    "auth.token.jwksrefresh",
    "auth.token.jwkscas",
    "auth.token.autoredirect",
    "auth.token.autoredirectpath",
    "auth.token.signingalgorithms",
    "auth.oidc",
    "auth.certificates",
    "auth.rules",
    "auth.deniedstatus",
];

/// Who is asked before anything is served, as far as no store is needed to know.
pub(crate) enum Guard {
    /// Nobody.
    Nobody,
    /// This one.
    Gate(Box<Gate>),
    /// Somebody who gives out tokens, with keys in the store.
    Issuing(Box<Issuing>),
}

/// Whoever is configured to be asked. Files that cannot be used are an error that names them.
pub(crate) fn guard(auth: Option<&Auth>, http: &Http) -> Result<Guard, Error> {
    let Some(auth) = auth else {
        return Ok(Guard::Nobody);
    };
    let Auth { controller, issuer, oidc: _, certificates: _, rules, forbids, audit: _ } = auth;
    let others = identities::others(auth, http)?;
    let policy = match rules {
        Some(path) => Policy::rules(path).map_err(|problem| failure("auth.rules", problem))?,
        None => Policy::Open(section(controller)),
    };
    let gate = |policy| Gate::new(challenge(controller), policy).forbids(*forbids);
    let gate = match controller {
        Controller::Silly { .. } => gate(policy).with(Arc::new(Silly)),
        Controller::Htpasswd { path, .. } => {
            let users = Arc::new(users(path)?);
            if let Some(issuer) = issuer {
                let gate = (policy, *forbids);
                let issuing = Issuing::new(issuer, &http.prefix, users, others, gate);
                return Ok(Guard::Issuing(Box::new(issuing)));
            }
            gate(policy).with(users)
        }
        Controller::Token(token) => {
            let tokens = Token::open(options(token)?);
            gate(policy).with(Arc::new(tokens.map_err(|error| failure("auth.token", error))?))
        }
        Controller::Others => gate(policy),
    };
    Ok(Guard::Gate(Box::new(others.into_iter().fold(gate, Gate::with))))
}

/// The users of a file.
pub(crate) fn users(path: &Path) -> Result<Htpasswd, Error> {
    Htpasswd::open(path, Limits::default()).map_err(|error| failure("auth.htpasswd", error))
}

// === impl Guard ===

impl Guard {
    /// Who is asked, and where tokens are given out, if they are.
    pub(crate) async fn take_up(self, driver: &Arc<dyn Driver>) -> Result<Guarded, Error> {
        Ok(match self {
            Self::Nobody => (Arc::new(AllowAll), None),
            Self::Gate(gate) => (Arc::from(gate as Box<dyn Authorize>), None),
            Self::Issuing(issuing) => {
                let (gate, desk) = issuing.take_up(driver).await?;
                (Arc::new(gate), Some(Arc::new(desk)))
            }
        })
    }
}

/// Who is asked, and a desk beside the API.
pub(crate) type Guarded = (Arc<dyn Authorize>, Option<Arc<dyn Desk>>);

pub(crate) fn failure(section: &'static str, problem: impl ToString) -> Error {
    Error::Auth { section, problem: problem.to_string() }
}

fn section(controller: &Controller) -> &'static str {
    match controller {
        Controller::Silly { .. } => "auth.silly",
        Controller::Htpasswd { .. } => "auth.htpasswd",
        Controller::Token(_) => "auth.token",
        Controller::Others => "auth.certificates",
    }
}

fn challenge(controller: &Controller) -> Challenge {
    match controller {
        Controller::Silly { realm, service } => Challenge::bearer(realm, service),
        Controller::Htpasswd { realm, .. } => Challenge::basic(realm),
        Controller::Others => Challenge::basic("Registry"),
        Controller::Token(token) => match &token.realm {
            Realm::Url(url) => Challenge::bearer(url, &token.service),
            Realm::Here(path) => Challenge::bearer_here(path, &token.service),
        },
    }
}

fn options(token: &TokenAuth) -> Result<token::Options, Error> {
    // Every field is named, so that a new one is not forgotten here.
    let TokenAuth {
        realm: _,
        issuer,
        service,
        root_cert_bundle,
        jwks,
        jwks_url,
        jwks_refresh,
        jwks_cas,
        signing_algorithms,
    } = token;
    let key_source = match jwks_url {
        Some(url) => Some(published("auth.token.jwksurl", url, jwks_cas)?),
        None => None,
    };
    let mut options = token::Options {
        certificates: root_cert_bundle.clone(),
        key_file: jwks.clone(),
        key_source,
        refresh: *jwks_refresh,
        ..token::Options::new(issuer, service)
    };
    if !signing_algorithms.is_empty() {
        let named = signing_algorithms.iter().filter_map(|name| Algorithm::parse(name));
        options.algorithms = named.collect();
    }
    Ok(options)
}
