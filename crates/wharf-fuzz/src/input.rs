//! How a target takes its input apart, and what it expects of every refusal.

use std::{fmt::Display, future::Future};

use tokio::runtime::{Builder, Runtime};

/// No message is longer, whatever was refused.
const LONGEST_MESSAGE: usize = 4096;

/// The input as text, `None` if it is none.
pub(crate) fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

/// What stands before the first separator, and what comes after it: nothing if there is none.
pub(crate) fn split<'a>(data: &'a [u8], separator: &[u8]) -> (&'a [u8], &'a [u8]) {
    let place = data.windows(separator.len()).position(|window| window == separator);
    place.map_or((data, &[]), |at| (&data[..at], &data[at + separator.len()..]))
}

/// What stands between the separators, at most `most` parts.
pub(crate) fn parts<'a>(
    data: &'a [u8],
    separator: &'a [u8],
    most: usize,
) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = data;
    let parts = std::iter::from_fn(move || {
        let (part, after) = split(rest, separator);
        rest = after;
        (!part.is_empty() || !after.is_empty()).then_some(part)
    });
    parts.take(most)
}

/// Expects a message that a log line can bear, without a line break.
#[track_caller]
pub(crate) fn expect_message(error: &impl Display) {
    let message = error.to_string();
    assert!(!message.is_empty() && message.len() <= LONGEST_MESSAGE, "{} bytes", message.len());
    assert!(!message.contains('\n'), "{message:?}");
}

/// Runs a future to its end, on a runtime that all inputs of a thread share.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: Runtime = Builder::new_current_thread()
            .enable_time()
            .max_blocking_threads(1)
            .build()
            .expect("a runtime without I/O needs nothing that could be missing");
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}
