//! Gives out tokens to those whose passwords are known here.
//!
//! A client logs in once, with its password; what it gets is a token for what it wants to do, which
//! is checked by a signature. The keys are in the store, so that all replicas know them.
//!
//! - [`Issuer`] is the desk, as the Docker token specification has it (`GET`, and `POST` by OAuth 2).
//! - [`Issued`] knows the tokens that the desk has given out.
//! - [`Robots`] are tokens that an operator has made, which are good for some repositories and for a
//!   while. They are taken as tokens, and as passwords.

mod answer;
mod drawer;
mod keys;
mod request;
mod robots;
mod scope;
mod tokens;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use http::{Method, Response, StatusCode};

use crate::{
    Authenticate, Challenge, Credentials, Desk, Htpasswd, Identity, Policy, Presented, Rejection,
    Visit,
};
use answer::{Answer, Refusal};
use keys::Keys;
use request::{Proof, Request};
use tokens::Tokens;

pub use drawer::Drawer;
pub use robots::{NewRobot, Robot, RobotError, Robots};
pub use scope::RobotScope;
pub use tokens::Issued;

/// How tokens are given out.
#[derive(Clone, Debug)]
pub struct Options {
    /// The path of the desk, prefix included.
    pub path: String,
    /// Where clients find it, if not on the host that they ask.
    pub realm: Option<String>,
    /// What tokens are for, and who has made them.
    pub service: String,
    /// For how long a token is good.
    pub lifetime: Duration,
    /// For how long a client that has logged in gets further ones.
    pub session: Duration,
    /// For how long a key signs; afterwards it verifies, as long as there are tokens of it.
    pub rotation: Duration,
}

/// The desk where tokens are given out.
pub struct Issuer {
    options: Options,
    tokens: Arc<Tokens>,
    users: Arc<Htpasswd>,
    /// Who knows by other means who somebody is.
    others: Vec<Arc<dyn Authenticate>>,
    policy: Arc<Policy>,
}

/// What decides here, as the log names it.
const RULE: &str = "auth.issuer";

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        const MINUTE: u64 = 60;
        const DAY: u64 = 24 * 60 * MINUTE;
        Self {
            path: "/token".to_owned(),
            realm: None,
            service: "wharf".to_owned(),
            lifetime: Duration::from_secs(5 * MINUTE),
            session: Duration::from_secs(30 * DAY),
            rotation: Duration::from_secs(30 * DAY),
        }
    }
}

// === impl Issuer ===

impl Issuer {
    /// A desk for these users, which gives nobody more than this policy does. Its keys are in this
    /// drawer.
    pub fn new(
        options: Options,
        users: Arc<Htpasswd>,
        policy: Arc<Policy>,
        drawer: Drawer,
    ) -> Self {
        let longest = options.session.max(options.lifetime);
        let keys = Keys::new(drawer, options.rotation, longest);
        let tokens = Arc::new(Tokens::new(&options.service, keys));
        Self { options, tokens, users, others: Vec::new(), policy }
    }

    /// Also asks this one who somebody is, before the users.
    #[must_use]
    pub fn with(mut self, authenticator: Arc<dyn Authenticate>) -> Self {
        self.others.push(authenticator);
        self
    }

    /// Knows the tokens that are given out here.
    pub fn issued(&self, robots: Option<Arc<Robots>>) -> Issued {
        Issued::new(Arc::clone(&self.tokens), Arc::clone(&self.users), robots)
    }

    /// How clients are sent here.
    pub fn challenge(&self) -> Challenge {
        let Options { path, realm, service, .. } = &self.options;
        match realm {
            Some(url) => Challenge::bearer(url, service),
            None => Challenge::bearer_here(path, service),
        }
    }

    async fn give(&self, visit: &Visit<'_>) -> Result<Answer, Refusal> {
        let request = Request::read(visit)?;
        if request.service.as_ref().is_some_and(|service| *service != self.options.service) {
            return Err(Refusal::invalid("there are no tokens for this service here"));
        }
        let now = SystemTime::now();
        let identity = match &request.proof {
            Proof::Password(credentials) => self.identify(credentials, visit).await?,
            Proof::Session(token) => Some(self.tokens.session(token, &self.users, now).await?),
        };
        let access = scope::narrowed(&request.scopes, identity.as_ref(), &self.policy);
        let stamp = self.tokens.stamp(identity.as_ref(), &self.users, now).await?;
        let name = identity.as_ref().and_then(Identity::name);
        let lifetime = self.options.lifetime;
        let token =
            self.tokens.sign(identity.as_ref(), stamp.as_deref(), &access, lifetime, now).await?;
        let session = match (&request.proof, name, stamp) {
            (Proof::Session(token), ..) => Some(token.to_string()),
            (Proof::Password(_), Some(name), Some(stamp)) if request.wants_session => {
                // Robots have a token that lasts already.
                let length = self.options.session;
                self.tokens.begin_session(name, &stamp, length, now).await?
            }
            _ => None,
        };
        audit(visit, name, "issued", &scope::text(&access));
        Ok(Answer { token, session, lifetime, scope: scope::text(&access) })
    }

    /// Who it is, `None` for an anonymous caller.
    async fn identify(
        &self,
        credentials: &Credentials<'_>,
        visit: &Visit<'_>,
    ) -> Result<Option<Identity>, Rejection> {
        let presented =
            Presented { credentials, certificate: visit.certificate, client: visit.client };
        for authenticator in &self.others {
            if let Some(known) = authenticator.authenticate(&presented).await {
                return known.map(Some);
            }
        }
        match self.users.authenticate(&presented).await {
            Some(known) => known.map(Some),
            None if *credentials == Credentials::None => Ok(None),
            None => Err(Rejection::Invalid("credentials of an unknown kind".to_owned())),
        }
    }
}

#[async_trait]
impl Desk for Issuer {
    fn path(&self) -> &str {
        &self.options.path
    }

    async fn answer(&self, visit: Visit<'_>) -> Response<String> {
        if ![Method::GET, Method::POST].contains(visit.method) {
            return answer::empty(StatusCode::METHOD_NOT_ALLOWED);
        }
        match self.give(&visit).await {
            Ok(answer) => answer.response(),
            Err(refusal) => {
                if let Some(problem) = &refusal.problem {
                    let (remote, request_id) = (visit.remote, visit.request_id);
                    tracing::info!(%remote, request_id, rule = RULE, "no token is given: {problem}");
                }
                audit(&visit, None, refusal.outcome(), "");
                refusal.response(visit.method, &self.options.service)
            }
        }
    }
}

/// Writes down what was given to whom.
fn audit(visit: &Visit<'_>, subject: Option<&str>, outcome: &str, scope: &str) {
    tracing::info!(
        target: crate::audit::TARGET,
        subject,
        remote = %visit.remote,
        request_id = visit.request_id,
        operation = "Token",
        scope,
        outcome,
        rule = RULE,
    );
}
