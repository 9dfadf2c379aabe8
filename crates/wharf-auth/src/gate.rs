//! Where authenticators and policy meet.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};
use wharf_core::MayPull;
use wharf_reference::RepositoryName;

use crate::{
    Access, Ask, Authenticate, Authorize, Challenge, Credentials, Denial, Grant, Identity, Needs,
    Policy, Presented, Rejection, Rule, audit, challenge::Fault, policy::Decision,
};

/// Finds out who asks, and whether they may. What no rule allows is denied.
pub struct Gate {
    authenticators: Vec<Arc<dyn Authenticate>>,
    policy: Arc<Policy>,
    challenges: Vec<Challenge>,
    forbids: bool,
}

/// What one caller may pull, at the moment of the question.
struct Caller {
    identity: Option<Identity>,
    policy: Arc<Policy>,
}

const NOTHING_NEEDED: Rule = Rule::Section("the API, which needs no permission here");
const CREDENTIALS: Rule = Rule::Section("the credentials, which prove nothing");
const UNKNOWN: Rule = Rule::Section("nothing, as credentials cannot be checked now");
const CHECKS: Rule = Rule::Section("the limit of checks of credentials");
const IDENTITY_NEEDED: Rule = Rule::Section("the API, which needs an identity here");

// === impl Gate ===

impl Gate {
    /// A gate that knows nobody yet.
    pub fn new(challenge: Challenge, policy: impl Into<Arc<Policy>>) -> Self {
        let (challenges, policy) = (vec![challenge], policy.into());
        Self { authenticators: Vec::new(), policy, challenges, forbids: true }
    }

    /// Also asks this one who somebody is, after the others.
    #[must_use]
    pub fn with(mut self, authenticator: Arc<dyn Authenticate>) -> Self {
        self.authenticators.push(authenticator);
        self
    }

    /// Also names this way to prove who somebody is, after the others.
    #[must_use]
    pub fn and_challenge(mut self, challenge: Challenge) -> Self {
        self.challenges.push(challenge);
        self
    }

    /// Whether somebody who is known and may not do something is told so (403), or asked for other
    /// credentials (401), as docker/distribution does.
    #[must_use]
    pub fn forbids(mut self, forbids: bool) -> Self {
        self.forbids = forbids;
        self
    }

    /// Who asks; `None` for an anonymous caller.
    async fn identify(&self, ask: &Ask<'_>) -> Result<Option<Identity>, Rejection> {
        if let Some(identity) = ask.memo.and_then(|memo| memo.recall(ask.headers)) {
            return Ok(Some(identity));
        }
        let credentials = Credentials::of(ask.headers);
        let presented = Presented {
            credentials: &credentials,
            certificate: ask.certificate,
            client: ask.client,
        };
        let mut rejection = None;
        for authenticator in &self.authenticators {
            match authenticator.authenticate(&presented).await {
                Some(Ok(identity)) => {
                    ask.memo.into_iter().for_each(|memo| memo.remember(ask.headers, &identity));
                    return Ok(Some(identity));
                }
                // Another one may know them.
                Some(Err(rejected)) => rejection = rejection.or(Some(rejected)),
                None => {}
            }
        }
        match rejection {
            Some(rejection) => Err(rejection),
            None if credentials == Credentials::None => Ok(None),
            None => Err(Rejection::Invalid("credentials of an unknown kind".to_owned())),
        }
    }

    /// What has decided that this may be done, or what is missing and why.
    fn decide(&self, identity: Option<&Identity>, needs: &Needs) -> Result<Rule, Missing> {
        let mut rule = IDENTITY_NEEDED;
        if needs.identity && identity.is_none() {
            return Err(Missing { accesses: Vec::new(), rule, for_want_of_scope: false });
        }
        let mut missing: Option<Missing> = None;
        for access in &needs.accesses {
            let decision = self.policy.decide(identity, access);
            if decision.allowed {
                rule = decision.rule;
            } else {
                missing.get_or_insert_with(|| Missing::because(&decision)).add(access, &decision);
            }
        }
        missing.map_or(Ok(rule), Err)
    }

    fn unauthorized(&self, ask: &Ask<'_>, needs: &Needs, fault: Option<Fault>) -> Denial {
        let wanted: Vec<_> = needs.accesses.iter().chain(&needs.mount).cloned().collect();
        let values = self.challenges.iter().filter_map(|one| one.value(ask, &wanted, fault));
        Denial::Unauthorized { challenges: values.collect(), detail: detail(&wanted) }
    }

    fn reject(&self, ask: &Ask<'_>, needs: &Needs, rejection: Rejection) -> (Denial, Rule) {
        let (remote, request_id) = (ask.remote, ask.request_id);
        match rejection {
            Rejection::Invalid(problem) => {
                let rule = CREDENTIALS;
                tracing::info!(%remote, request_id, %rule, "credentials refused: {problem}");
                (self.unauthorized(ask, needs, Some(Fault::Invalid)), rule)
            }
            Rejection::Unavailable(problem) => {
                let rule = UNKNOWN;
                tracing::error!(%remote, request_id, %rule, "credentials cannot be checked: {problem}");
                (Denial::Unavailable, rule)
            }
            Rejection::Busy(retry_after) => {
                let rule = CHECKS;
                tracing::info!(%remote, request_id, %rule, "too many credentials wait to be checked");
                (Denial::Busy { retry_after }, rule)
            }
        }
    }

    fn refuse(
        &self,
        ask: &Ask<'_>,
        needs: &Needs,
        identity: Option<&Identity>,
        missing: &Missing,
    ) -> Denial {
        let Some(subject) = identity.and_then(Identity::name) else {
            tracing::debug!(
                remote = %ask.remote,
                request_id = ask.request_id,
                rule = %missing.rule,
                missing = %missing.describe(),
                "an anonymous caller is asked who it is"
            );
            // With a token of nobody, another one could help.
            return self.unauthorized(ask, needs, identity.map(|_| Fault::Insufficient));
        };
        tracing::info!(
            subject,
            remote = %ask.remote,
            request_id = ask.request_id,
            rule = %missing.rule,
            missing = %missing.describe(),
            "access denied"
        );
        match (missing.for_want_of_scope, self.forbids) {
            // A client that is told so gets itself a token that reaches further.
            (true, _) => self.unauthorized(ask, needs, Some(Fault::Insufficient)),
            (false, false) => self.unauthorized(ask, needs, None),
            (false, true) => Denial::Denied { detail: detail(&missing.accesses) },
        }
    }
}

#[async_trait]
impl Authorize for Gate {
    async fn authorize(&self, ask: Ask<'_>) -> Result<Grant, Denial> {
        let Some(needs) = Needs::of(ask.row, ask.target, ask.query) else {
            tracing::error!(operation = ?ask.row.operation, "a row needs what its path does not name");
            return Err(Denial::Denied { detail: None });
        };
        if needs.is_nothing() {
            // No credentials are looked at where none are needed.
            return Ok(Grant { rule: NOTHING_NEEDED, ..Grant::nobody() });
        }
        let identity = match self.identify(&ask).await {
            Ok(identity) => identity,
            Err(rejection) => {
                let (denial, rule) = self.reject(&ask, &needs, rejection);
                audit::record(&ask, None, &rule, (&denial).into());
                return Err(denial);
            }
        };
        match self.decide(identity.as_ref(), &needs) {
            Ok(rule) => {
                let subject = identity.as_ref().and_then(|identity| identity.subject.clone());
                audit::record(&ask, identity.as_ref(), &rule, audit::Outcome::Allowed);
                let policy = Arc::clone(&self.policy);
                Ok(Grant { subject, rule, may_pull: Arc::new(Caller { identity, policy }) })
            }
            Err(missing) => {
                let denial = self.refuse(&ask, &needs, identity.as_ref(), &missing);
                audit::record(&ask, identity.as_ref(), &missing.rule, (&denial).into());
                Err(denial)
            }
        }
    }
}

// === impl Caller ===

#[async_trait]
impl MayPull for Caller {
    async fn may_pull(&self, name: &RepositoryName) -> bool {
        let access = Access::pull(name.clone());
        self.policy.decide(self.identity.as_ref(), &access).allowed
    }
}

/// What somebody may not do, and what says so.
struct Missing {
    accesses: Vec<Access>,
    rule: Rule,
    for_want_of_scope: bool,
}

// === impl Missing ===

impl Missing {
    fn because(decision: &Decision) -> Self {
        let rule = decision.rule.clone();
        Self { accesses: Vec::new(), rule, for_want_of_scope: true }
    }

    fn add(&mut self, access: &Access, decision: &Decision) {
        // A token that reaches further is of no use if the rules refuse as well.
        self.for_want_of_scope &= decision.for_want_of_scope;
        self.accesses.push(access.clone());
    }

    fn describe(&self) -> String {
        let accesses: Vec<_> = self.accesses.iter().map(Access::to_string).collect();
        accesses.join(" ")
    }
}

/// The accesses as docker/distribution writes them into the body of a refusal.
fn detail(accesses: &[Access]) -> Option<Value> {
    let object = |access: &Access| {
        json!({
            "Type": access.kind(), "Class": "", "Name": access.name(), "Action": access.action(),
        })
    };
    let list: Vec<_> = accesses.iter().map(object).collect();
    (!list.is_empty()).then_some(Value::Array(list))
}
