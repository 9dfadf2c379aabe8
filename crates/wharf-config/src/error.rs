//! What a configuration is told: where, which key, and what is wrong with it.

use std::{fmt, sync::Arc};

/// Why a configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(Finding);

/// Something that the operator should know, and that does not stop the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning(Finding);

/// Where a value was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the file, on a line that counts from 1; 0 stands for the file as a whole.
    File {
        /// As the operator named it.
        name: Arc<str>,
        /// The line.
        line: u64,
    },
    /// In an environment variable of this name.
    Variable(Arc<str>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    place: Place,
    key: String,
    problem: String,
    /// The key below that one which has to be there, and is not.
    missing: Option<String>,
}

// === impl ConfigError ===

impl ConfigError {
    /// Says that the key, which may be empty for the whole, has a problem.
    pub fn new(place: Place, key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self(Finding { place, key: key.into(), problem: problem.into(), missing: None })
    }

    /// Says that a key is missing in a section.
    pub(crate) fn missing_in(place: Place, section: &str, key: &str) -> Self {
        let problem = format!("{key} is missing");
        Self(Finding { place, key: section.into(), problem, missing: Some(key.into()) })
    }

    /// Where it is.
    pub fn place(&self) -> &Place {
        &self.0.place
    }

    /// The path of the key, empty if it is about the whole.
    pub fn key(&self) -> &str {
        &self.0.key
    }

    /// The key of the section [`Self::key`] that is missing, if that is what is wrong.
    pub(crate) fn missing(&self) -> Option<&str> {
        self.0.missing.as_deref()
    }
}

// === impl Warning ===

impl Warning {
    pub(crate) fn new(place: Place, key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self(Finding { place, key: key.into(), problem: problem.into(), missing: None })
    }

    /// Where it is.
    pub fn place(&self) -> &Place {
        &self.0.place
    }

    /// The path of the key, empty if it is about the whole.
    pub fn key(&self) -> &str {
        &self.0.key
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

// === impl Place ===

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, line: 0 } => f.write_str(name),
            Self::File { name, line } => write!(f, "{name}:{line}"),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

// === impl Finding ===

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.problem)
    }
}
