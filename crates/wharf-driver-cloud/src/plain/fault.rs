//! What went wrong, in the words that `object_store` decides by.

use std::{error::Error as StdError, fmt, io};

use object_store::client::{HttpError, HttpErrorKind};

/// A request that came to nothing.
#[derive(Debug)]
pub(super) struct Failed(Box<dyn StdError + Send + Sync>);

// === impl Failed ===

impl Failed {
    pub(super) fn by(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

/// As `reqwest` says it: [`Answer`](crate::Answer) looks for it.
impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("error sending request")
    }
}

impl StdError for Failed {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0)
    }
}

/// What a broken connection means for the request that was on it.
pub(super) fn fault(error: hyper::Error) -> HttpError {
    HttpError::new(kind(&error), Failed::by(error))
}

fn kind(error: &hyper::Error) -> HttpErrorKind {
    if error.is_closed() || error.is_canceled() || error.is_incomplete_message() {
        return HttpErrorKind::Request;
    }
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return match error.kind() {
                io::ErrorKind::TimedOut => HttpErrorKind::Timeout,
                _ => HttpErrorKind::Interrupted,
            };
        }
        cause = error.source();
    }
    HttpErrorKind::Unknown
}
