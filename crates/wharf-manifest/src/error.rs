//! Why a body is no manifest.

use wharf_digest::DigestError;

use crate::MediaType;

/// The rule that a manifest breaks, and the place in it: `layers[3].digest`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// It is no JSON object.
    #[error("not a JSON object: {0}")]
    Syntax(String),
    /// Arrays and objects nest too deeply.
    #[error("nested deeper than {limit} levels")]
    TooDeep {
        /// The most levels that are read.
        limit: usize,
    },
    /// A list or an object has too many entries.
    #[error("{place}: more than {limit} entries")]
    TooMany {
        /// Which.
        place: String,
        /// The most entries that are read.
        limit: usize,
    },
    /// It is a manifest of the schema that Docker gave up.
    #[error("schema 1 manifests are not supported: push the image again with a current client")]
    Schema1,
    /// No schema is registered for the media type.
    #[error("unknown manifest media type {0:?}")]
    UnknownMediaType(String),
    /// The body says that it is something else than what it was sent as.
    #[error("mediaType: the body says {body:?}, it was sent as {content_type}")]
    MediaTypeMismatch {
        /// What it was sent as.
        content_type: MediaType,
        /// What it says, empty if nothing.
        body: String,
    },
    /// The schema's version is another one.
    #[error("schemaVersion: must be {expected}, is {found}")]
    SchemaVersion {
        /// What it has to be.
        expected: u32,
        /// What it is.
        found: String,
    },
    /// A key appears twice: two readers could see two manifests.
    #[error("{place}: key appears more than once")]
    DuplicateKey {
        /// The key.
        place: String,
    },
    /// A key is spelled in another case: some readers see it, others do not.
    #[error("{place}: key differs from {key:?} by case only")]
    CaseVariant {
        /// The key, as it stands.
        place: String,
        /// The key that some readers take it for.
        key: &'static str,
    },
    /// A key belongs to another kind of manifest: it could be read as either.
    #[error("{key}: has no place in {media_type}")]
    Ambiguous {
        /// The key.
        key: &'static str,
        /// What the body claims to be.
        media_type: MediaType,
    },
    /// Something that has to be there is not.
    #[error("{place}: missing")]
    Missing {
        /// What.
        place: String,
    },
    /// A value is not what it has to be.
    #[error("{place}: {reason}")]
    Invalid {
        /// The value.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A digest is malformed, or of an algorithm that is not supported.
    #[error("{place}: {source}")]
    Digest {
        /// The digest.
        place: String,
        /// What is wrong with it.
        source: DigestError,
    },
}

// === impl ManifestError ===

impl ManifestError {
    pub(crate) fn invalid(place: impl Into<String>, reason: impl ToString) -> Self {
        Self::Invalid { place: place.into(), reason: reason.to_string() }
    }
}

/// The beginning of a text that a client chose, short enough for a message.
pub(crate) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
