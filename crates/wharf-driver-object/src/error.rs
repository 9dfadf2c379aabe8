//! What a store says when it fails, as conditions of the contract.

use std::error::Error as StdError;

use object_store::Error as Stored;
use wharf_driver::{Error, ErrorKind};

/// The condition that an error of a store is.
///
/// A store that is away, slow, throttling or answers with an error of its own is
/// [`ErrorKind::Unavailable`]: a later try may succeed.
pub fn kind_of(error: &Stored) -> ErrorKind {
    match error {
        Stored::NotFound { .. } => ErrorKind::NotFound,
        Stored::InvalidPath { .. } => ErrorKind::InvalidPath,
        Stored::PermissionDenied { .. } | Stored::Unauthenticated { .. } => ErrorKind::Denied,
        Stored::NotSupported { .. } | Stored::NotImplemented { .. } => ErrorKind::Unsupported,
        // Two changes at the same time, of which this one did not win.
        Stored::AlreadyExists { .. } | Stored::Precondition { .. } => ErrorKind::Unavailable,
        Stored::Generic { .. } => generic(error),
        _ => ErrorKind::Other,
    }
}

/// An error at a key.
pub(crate) fn at(key: impl std::fmt::Display, error: Stored) -> Error {
    Error::new(kind_of(&error), key).because(error)
}

/// The store's client keeps the status to itself, but says it.
fn generic(error: &Stored) -> ErrorKind {
    match status(error) {
        Some(408 | 429) => ErrorKind::Unavailable,
        Some(507) => ErrorKind::Full,
        Some(400..500) => ErrorKind::Other,
        _ => ErrorKind::Unavailable,
    }
}

fn status(error: &Stored) -> Option<u16> {
    const BEFORE: &str = "non-2xx status code: ";
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        let text = error.to_string();
        if let Some((_, rest)) = text.split_once(BEFORE) {
            return rest.get(..3)?.parse().ok();
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(text: &str) -> ErrorKind {
        kind_of(&Stored::Generic { store: "S3", source: text.to_owned().into() })
    }

    #[test]
    fn a_status_tells_whether_a_later_try_may_succeed() {
        let after = |status: &str| {
            generic(&format!(
                "Error performing PUT REDACTED in 2s, after 3 retries, max_retries: 3, \
                 retry_timeout: 30s  - Server returned non-2xx status code: {status}: <Error>"
            ))
        };
        assert_eq!(after("503 Service Unavailable"), ErrorKind::Unavailable);
        assert_eq!(after("500 Internal Server Error"), ErrorKind::Unavailable);
        assert_eq!(after("429 Too Many Requests"), ErrorKind::Unavailable);
        assert_eq!(after("507 Insufficient Storage"), ErrorKind::Full);
        assert_eq!(after("400 Bad Request"), ErrorKind::Other);
        assert_eq!(generic("error sending request"), ErrorKind::Unavailable);
    }
}
