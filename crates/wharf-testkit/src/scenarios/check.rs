//! How a scenario ends early.

use std::{fmt, io};

/// The result of a scenario, or of a step of it.
pub type Check<T = ()> = Result<T, Stop>;

/// Why a scenario ended early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The registry does something else.
    Failed(String),
    /// The registry cannot be asked for this.
    Skipped(String),
}

// === impl Stop ===

impl Stop {
    /// The registry cannot be asked for this.
    pub fn skip(reason: impl Into<String>) -> Self {
        Self::Skipped(reason.into())
    }

    /// Says in which step it happened.
    #[must_use]
    pub fn during(self, step: impl fmt::Display) -> Self {
        match self {
            Self::Failed(reason) => Self::Failed(format!("{step}: {reason}")),
            skipped => skipped,
        }
    }
}

impl From<String> for Stop {
    fn from(reason: String) -> Self {
        Self::Failed(reason)
    }
}

impl From<&str> for Stop {
    fn from(reason: &str) -> Self {
        Self::Failed(reason.to_owned())
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Fails unless the condition holds.
pub(super) fn ensure(holds: bool, otherwise: impl fmt::Display) -> Check {
    if holds { Ok(()) } else { Err(otherwise.to_string().into()) }
}

/// Fails unless both are the same.
pub(super) fn same<A, B>(what: impl fmt::Display, actual: A, expected: B) -> Check
where
    A: PartialEq<B> + fmt::Debug,
    B: fmt::Debug,
{
    if actual == expected {
        return Ok(());
    }
    Err(format!("{what} is {}, not {}", shorten(&actual), shorten(&expected)).into())
}

fn shorten(value: &impl fmt::Debug) -> String {
    const MOST: usize = 200;
    let text = format!("{value:?}");
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
