//! What every kind of work on a store needs.

use wharf_driver::{Error, ErrorKind, Result};

/// Whether an error says that there is no such content, and not that the store fails.
pub(crate) fn is_nothing(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidPath)
}

/// Does it on another thread, if there is one.
pub(crate) async fn spawned<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let panicked = |error| Err(Error::new(ErrorKind::Other, "store").because(error));
    tokio::spawn(work).await.unwrap_or_else(panicked)
}
