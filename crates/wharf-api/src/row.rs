//! One row of the table.

use crate::{Endpoint, ErrorCode, Method, Operation, Permissions};

/// Everything about one method of one endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Where.
    pub endpoint: Endpoint,
    /// How.
    pub method: Method,
    /// What.
    pub operation: Operation,
    /// Who may.
    pub permissions: Permissions,
    /// What it does to the registry.
    pub effect: Effect,
    /// The parameters of the query that are understood.
    pub parameters: &'static [Parameter],
    /// The request headers that matter.
    pub request_headers: &'static [&'static str],
    /// The headers of a successful answer.
    pub response_headers: &'static [&'static str],
    /// The statuses of success.
    pub successes: &'static [Success],
    /// The codes of failure, besides those that every row has ([`Row::COMMON_ERRORS`]).
    pub errors: &'static [ErrorCode],
    /// What it is for, as a sentence.
    pub summary: &'static str,
}

/// What a request does to the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    Reads,
    /// Adds something, or changes an upload session. A read-only registry refuses it.
    Writes,
    /// Takes content away. A registry that is read-only, or has deletes off, refuses it.
    Deletes,
}

/// A parameter of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Whether it may be given more than once.
    pub repeated: bool,
    /// What it does.
    pub summary: &'static str,
}

/// A successful answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Success {
    /// The status.
    pub status: u16,
    /// When.
    pub summary: &'static str,
}

// === impl Row ===

impl Row {
    /// The codes that any request may meet.
    pub const COMMON_ERRORS: &'static [ErrorCode] = &[
        ErrorCode::Unauthorized,
        ErrorCode::Denied,
        ErrorCode::Unsupported,
        ErrorCode::TooManyRequests,
        ErrorCode::Unavailable,
        ErrorCode::Unknown,
    ];

    /// Its path, with a word in angle brackets for each variable part.
    pub const fn path(&self) -> &'static str {
        self.endpoint.template()
    }

    /// Whether a read-only registry has to refuse it (405 `UNSUPPORTED`).
    pub const fn mutates(&self) -> bool {
        !matches!(self.effect, Effect::Reads)
    }

    /// Whether a registry with deletes off has to refuse it (405 `UNSUPPORTED`).
    pub const fn deletes(&self) -> bool {
        matches!(self.effect, Effect::Deletes)
    }
}
