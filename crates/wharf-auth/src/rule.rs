//! What has decided.

use std::{fmt, sync::Arc};

/// What has decided about a request, as a log names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A part of the configuration: `auth.htpasswd`.
    Section(&'static str),
    /// A line of a rule file.
    Line(Arc<str>, u32),
    /// The lines of a rule file that count, of which this is the first, and none of which allows it.
    NoneOf(Arc<str>, u32),
    /// What a token grants.
    Token,
    /// Nothing that was said: what is not allowed is denied.
    Default,
}

// === impl Rule ===

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Section(name) => f.write_str(name),
            Self::Line(file, line) => write!(f, "{file}:{line}"),
            Self::NoneOf(file, line) => {
                write!(f, "{file}:{line} is the first of its lines, none of which allows it")
            }
            Self::Token => f.write_str("the access in the token"),
            Self::Default => f.write_str("no rule says anything about it"),
        }
    }
}
