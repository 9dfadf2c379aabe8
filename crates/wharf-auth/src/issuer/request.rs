//! From a request at the desk to what is wanted, and with which proof.

use std::borrow::Cow;

use http::{Method, header};
use wharf_api::Query;

use super::{
    answer::Refusal,
    scope::{self, Wanted},
};
use crate::{Credentials, Visit};

/// What somebody wants.
pub(crate) struct Request<'a> {
    pub(crate) proof: Proof<'a>,
    pub(crate) service: Option<String>,
    pub(crate) scopes: Vec<Wanted>,
    /// Whether it wants to come back without its password.
    pub(crate) wants_session: bool,
}

/// What somebody shows.
pub(crate) enum Proof<'a> {
    /// A password, or nothing.
    Password(Credentials<'a>),
    /// What it was given when it came first.
    Session(Cow<'a, str>),
}

// === impl Request ===

impl<'a> Request<'a> {
    pub(crate) fn read(visit: &Visit<'a>) -> Result<Self, Refusal> {
        match *visit.method {
            Method::POST => Self::of_form(visit),
            _ => Self::of_query(visit),
        }
    }

    /// As the Docker token specification has it: the password is in a header.
    fn of_query(visit: &Visit<'a>) -> Result<Self, Refusal> {
        let text = visit.query.replace('+', " ");
        let query = parameters(&text)?;
        let proof = Proof::Password(Credentials::of(visit.headers));
        let wants_session = query.get("offline_token").is_some_and(|wants| wants == "true");
        Self::new(&query, proof, wants_session)
    }

    /// As OAuth 2 has it: everything is in a form.
    fn of_form(visit: &Visit<'a>) -> Result<Self, Refusal> {
        let kind = visit.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
        if !kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Refusal::invalid("a form is expected"));
        }
        let text = std::str::from_utf8(visit.body);
        let text = text.map_err(|_| Refusal::invalid("the form is no text"))?.replace('+', " ");
        let form = parameters(&text)?;
        let field = |name| form.get(name).filter(|value| !value.is_empty());
        let missing = || Refusal::invalid("the form lacks a field");
        let proof = match field("grant_type") {
            Some("password") => {
                let user = field("username").ok_or_else(missing)?.to_owned().into();
                let password = form.get("password").ok_or_else(missing)?.to_owned().into();
                Proof::Password(Credentials::Basic { user, password })
            }
            Some("refresh_token") => {
                Proof::Session(field("refresh_token").ok_or_else(missing)?.to_owned().into())
            }
            _ => return Err(Refusal::unsupported("expected password or refresh_token")),
        };
        let wants_session = field("access_type") == Some("offline");
        Self::new(&form, proof, wants_session)
    }

    fn new(query: &Query<'_>, proof: Proof<'a>, wants_session: bool) -> Result<Self, Refusal> {
        let scopes = scope::wanted(query.all("scope")).ok_or_else(|| {
            Refusal::invalid("expected scopes such as repository:library/alpine:pull, not too many")
        })?;
        let service = query.get("service").filter(|service| !service.is_empty());
        Ok(Self { proof, service: service.map(str::to_owned), scopes, wants_session })
    }
}

fn parameters(text: &str) -> Result<Query<'_>, Refusal> {
    Query::parse(text).map_err(|_| Refusal::invalid("the parameters are malformed"))
}
