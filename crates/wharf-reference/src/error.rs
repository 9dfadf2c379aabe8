//! What can be wrong with the text of a name or a reference.

use wharf_digest::DigestError;

use crate::text::shown;

/// The text is no name, tag or reference. Variants hold the text, cut to a length that a log line
/// can bear; their names are those of docker/distribution's errors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// There is no text.
    #[error("repository name must have at least one component")]
    NameEmpty,
    /// It would be a reference if its name were written in lower case.
    #[error("repository name must be lowercase: {0:?}")]
    NameContainsUppercase(String),
    /// The path of the repository is longer than
    /// [`RepositoryName::MAX_LEN`](crate::RepositoryName::MAX_LEN).
    #[error("repository name must not be more than 255 characters: {0:?}")]
    NameTooLong(String),
    /// The reference has a shorter spelling than its canonical one, and that was given.
    #[error("repository name must be canonical: {0:?}")]
    NameNotCanonical(String),
    /// It does not follow the grammar.
    #[error("invalid reference format: {0:?}")]
    InvalidFormat(String),
    /// It is no tag.
    #[error("invalid tag format: {0:?}")]
    TagInvalidFormat(String),
    /// The digest in it is none that this registry works with.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// It is a bare 64-digit identifier, which cannot name a repository.
    #[error("invalid repository name: {0:?} is a 64-byte hexadecimal string")]
    Identifier(String),
    /// It has no registry in front of a path.
    #[error("missing registry or repository: {0:?}")]
    RegistryMissing(String),
    /// It does not begin with the address of a registry.
    #[error("invalid registry: {0:?}")]
    RegistryInvalid(String),
    /// It is no pattern for names.
    #[error("invalid pattern: {0:?}")]
    PatternInvalid(String),
}

// === impl ReferenceError ===

impl ReferenceError {
    pub(crate) fn format(text: &str) -> Self {
        Self::InvalidFormat(shown(text))
    }

    pub(crate) fn uppercase(text: &str) -> Self {
        Self::NameContainsUppercase(shown(text))
    }

    pub(crate) fn too_long(text: &str) -> Self {
        Self::NameTooLong(shown(text))
    }

    pub(crate) fn not_canonical(text: &str) -> Self {
        Self::NameNotCanonical(shown(text))
    }

    pub(crate) fn registry_missing(text: &str) -> Self {
        Self::RegistryMissing(shown(text))
    }

    pub(crate) fn registry(text: &str) -> Self {
        Self::RegistryInvalid(shown(text))
    }

    pub(crate) fn pattern(text: &str) -> Self {
        Self::PatternInvalid(shown(text))
    }

    pub(crate) fn tag(text: &str) -> Self {
        Self::TagInvalidFormat(shown(text))
    }
}
