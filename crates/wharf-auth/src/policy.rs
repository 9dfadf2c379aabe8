//! What somebody may do.

use std::{fmt, path::Path};

use crate::{Access, Identity, Rule, Rules, rules::Who, watched::Watched};

/// What somebody may do.
pub enum Policy {
    /// Whoever is known may do whatever the credentials are good for; in the name of this section of
    /// the configuration.
    Open(&'static str),
    /// What the rules of a file allow, and what the credentials are good for besides.
    Rules(RuleFile),
}

/// A file of [`Rules`], which is read again when it changes. Rules that cannot be read leave those
/// before them in force.
pub struct RuleFile(Watched<Rules>);

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
    /// The rules of a file. The error names it, and the line.
    pub fn rules(path: &Path) -> Result<Self, String> {
        Ok(Self::Rules(RuleFile(Watched::open(path, Rules::read)?)))
    }

    /// Decides about one access of somebody, `None` for an anonymous caller.
    pub(crate) fn decide(&self, identity: Option<&Identity>, access: &Access) -> Decision {
        match (self, identity) {
            (Self::Open(section), None) => Decision::denied(Rule::Section(section)),
            (Self::Open(section), Some(identity)) => match &identity.scope {
                None => Decision::allowed(Rule::Section(section)),
                Some(scope) if scope.contains(access) => Decision::allowed(Rule::Token),
                Some(_) => Decision::out_of_scope(),
            },
            (Self::Rules(file), _) => file.decide(identity, access),
        }
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(section) => write!(f, "Open({section})"),
            Self::Rules(_) => f.write_str("Rules(…)"),
        }
    }
}

// === impl RuleFile ===

impl RuleFile {
    /// A token never gives more than it says, and rules never more than they say. But what anyone may
    /// do, somebody with a token may as well.
    fn decide(&self, identity: Option<&Identity>, access: &Access) -> Decision {
        let rules = self.0.now().value;
        let (allowed, rule) = rules.decide(identity.map_or(Who::NOBODY, Identity::who), access);
        if !allowed {
            return Decision::denied(rule);
        }
        match identity.and_then(|identity| identity.scope.as_ref()) {
            Some(scope) if !scope.contains(access) => match rules.decide(Who::NOBODY, access) {
                (true, rule) => Decision::allowed(rule),
                (false, _) => Decision::out_of_scope(),
            },
            _ => Decision::allowed(rule),
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
