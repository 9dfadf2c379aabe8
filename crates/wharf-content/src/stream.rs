//! Content that arrives over time.

use std::{
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_core::Stream;

use crate::Tap;

/// Pieces of content in order; an error ends it.
///
/// Those that come in over a socket may be had there by whoever sends them over another one, and so past
/// our memory.
pub struct ByteStream {
    pieces: Pieces,
    tap: Option<Box<Tapping>>,
}

type Tapping = dyn FnOnce() -> Option<Box<dyn Tap>> + Send;
type Pieces = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// A way to the socket behind an answer whose body is a stream of bytes. It goes as an extension with the
/// answer, through code that knows nothing of it.
#[derive(Clone)]
pub struct Handover(Arc<dyn Fn() -> Option<Box<dyn Tap>> + Send + Sync>);

// === impl ByteStream ===

impl ByteStream {
    /// These pieces.
    pub fn new(pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        Self { pieces: Box::pin(pieces), tap: None }
    }

    /// Adds what leads to the socket behind the pieces, before any of them is read: `None` if nothing does.
    pub fn with_tap(mut self, tap: impl FnOnce() -> Option<Box<dyn Tap>> + Send + 'static) -> Self {
        self.tap = Some(Box::new(tap));
        self
    }

    /// The socket, if it can be had and nothing was read yet; the stream if not.
    pub fn into_tap(mut self) -> Result<Box<dyn Tap>, Self> {
        let tap = self.tap.take().and_then(|tap| tap());
        tap.ok_or(self)
    }
}

impl Stream for ByteStream {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        this.tap = None;
        this.pieces.as_mut().poll_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.pieces.size_hint()
    }
}

impl fmt::Debug for ByteStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByteStream")
    }
}

// === impl Handover ===

impl Handover {
    /// What `take` gives, at most once.
    pub fn new(take: impl Fn() -> Option<Box<dyn Tap>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(take))
    }

    /// The socket, `None` if the body has to be read as it is. Where there is one, the body is at its end.
    pub fn take(&self) -> Option<Box<dyn Tap>> {
        (self.0)()
    }
}

impl fmt::Debug for Handover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handover")
    }
}
