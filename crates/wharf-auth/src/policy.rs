//! What somebody may do.

use crate::{Access, Identity, Rule};

/// What somebody may do.
#[derive(Clone, Debug)]
pub enum Policy {
    /// Whoever is known may do whatever the credentials are good for; in the name of this section of
    /// the configuration.
    Open(&'static str),
}

/// Whether somebody may do something, and what has decided it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) allowed: bool,
    pub(crate) rule: Rule,
    /// Whether other credentials of the same caller could do it.
    pub(crate) for_want_of_scope: bool,
}

// === impl Policy ===

impl Policy {
    /// Decides about one access of somebody, `None` for an anonymous caller.
    pub(crate) fn decide(&self, identity: Option<&Identity>, access: &Access) -> Decision {
        let Self::Open(section) = self;
        let Some(identity) = identity else { return Decision::denied(Rule::Section(section)) };
        match &identity.scope {
            None => Decision::allowed(Rule::Section(section)),
            Some(scope) if scope.contains(access) => Decision::allowed(Rule::Token),
            Some(_) => Decision::out_of_scope(),
        }
    }
}

// === impl Decision ===

impl Decision {
    fn allowed(rule: Rule) -> Self {
        Self { allowed: true, rule, for_want_of_scope: false }
    }

    fn denied(rule: Rule) -> Self {
        Self { allowed: false, rule, for_want_of_scope: false }
    }

    fn out_of_scope() -> Self {
        Self { allowed: false, rule: Rule::Token, for_want_of_scope: true }
    }
}
