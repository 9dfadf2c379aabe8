//! `security`: what the process forbids itself.

use crate::{ConfigError, section::Section};

/// What the process forbids itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Security {
    /// `security.landlock`: it reaches no files but those that it needs.
    pub landlock: bool,
}

// === impl Security ===

impl Security {
    pub(crate) fn read(security: &Section<'_>) -> Result<Self, ConfigError> {
        Ok(Self { landlock: security.flag("landlock")? })
    }
}
