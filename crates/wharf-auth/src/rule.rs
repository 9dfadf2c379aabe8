//! What has decided.

use std::{fmt, sync::Arc};

/// What has decided about a request, as a log names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A part of the configuration: `auth.htpasswd`.
    Section(&'static str),
    /// A line of a rule file.
    Line(Arc<str>, u32),
    /// A rule file, of which no line is about it: what is not allowed is denied.
    NoLine(Arc<str>),
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
            Self::NoLine(file) => write!(f, "no line of {file} allows it"),
            Self::Token => f.write_str("the access in the token"),
            Self::Default => f.write_str("no rule, which denies"),
        }
    }
}
