//! Who did what, and by which rule: an event for each decision, with the target [`TARGET`].
//!
//! An event holds names, and neither credentials nor parameters. Whoever collects events decides
//! where it goes; without anybody, it costs a look at a flag.

use crate::{Ask, Denial, Identity, Rule};

/// The target of these events.
pub(crate) const TARGET: &str = "wharf::audit";

/// Writes down a decision about a request of somebody, `None` for an anonymous caller.
pub(crate) fn record(ask: &Ask<'_>, identity: Option<&Identity>, rule: &Rule, outcome: Outcome) {
    tracing::info!(
        target: TARGET,
        subject = identity.and_then(Identity::name),
        remote = %ask.remote,
        request_id = ask.request_id,
        operation = ?ask.row.operation,
        path = %ask.target,
        outcome = outcome.as_str(),
        rule = %rule,
    );
}

/// What a decision came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Allowed,
    /// The caller is asked for credentials, or for others.
    Unauthorized,
    Denied,
    /// Nothing was decided.
    Undecided,
}

// === impl Outcome ===

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Unauthorized => "unauthorized",
            Self::Denied => "denied",
            Self::Undecided => "undecided",
        }
    }
}

impl From<&Denial> for Outcome {
    fn from(denial: &Denial) -> Self {
        match denial {
            Denial::Unauthorized { .. } => Self::Unauthorized,
            Denial::Denied { .. } => Self::Denied,
            Denial::Unavailable | Denial::Busy { .. } => Self::Undecided,
        }
    }
}
