//! Why there is no certificate.

use std::{io, path::PathBuf};

/// Why there is no certificate. The message holds no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file of the cache cannot be used.
    #[error("{}: {source}", .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The authority cannot be asked as it is configured.
    #[error("{0}")]
    Client(#[from] wharf_outbound::Error),
    /// The authority, or the way to it.
    #[error("the authority: {0}")]
    Authority(#[from] instant_acme::Error),
    /// It offers no proof that we can give.
    #[error("the authority offers no {proof} for {host}")]
    NoChallenge {
        /// The kind of proof.
        proof: &'static str,
        /// For whom.
        host: String,
    },
    /// It did not accept the proof.
    #[error("the authority did not accept the proof: {0}")]
    Refused(String),
    /// A key or a certificate of our own cannot be made.
    #[error("a certificate cannot be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// What came cannot be used.
    #[error("what the authority gave cannot be used: {0}")]
    Unusable(wharf_tls::Error),
}

/// By this an authority asks for the same once more (RFC 8555, 6.5).
const BAD_NONCE: &str = "urn:ietf:params:acme:error:badNonce";

// === impl Error ===

impl Error {
    /// Whether the authority has said no, which it counts: whoever is refused too often is locked out.
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            Self::Refused(_) | Self::NoChallenge { .. } => true,
            Self::Authority(instant_acme::Error::Api(problem)) => {
                problem.r#type.as_deref() != Some(BAD_NONCE)
            }
            _ => false,
        }
    }
}
