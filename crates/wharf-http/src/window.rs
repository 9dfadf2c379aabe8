//! How many pieces of an answer may be in memory at once.
//!
//! A piece counts until the connection has sent it and drops it. So a client that takes its answer
//! slowly, or not at all, costs so many pieces and no more.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::task::AtomicWaker;

/// Counts the pieces of one answer.
#[derive(Clone, Default)]
pub(crate) struct Window(Arc<State>);

/// One piece that counts, until it is dropped.
pub(crate) struct Slot(Arc<State>);

#[derive(Default)]
struct State {
    used: AtomicUsize,
    /// Whom to wake when a piece is gone.
    waiting: AtomicWaker,
}

/// Bytes that count.
struct Held {
    bytes: Bytes,
    _slot: Slot,
}

/// The most pieces: one with the connection, one that is read ahead of it.
pub(crate) const PIECES: usize = 2;

// === impl Window ===

impl Window {
    /// Ready when there is room for a piece.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll(cx, Self::has_room)
    }

    /// Ready when no piece is left.
    pub(crate) fn poll_empty(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll(cx, Self::is_empty)
    }

    fn poll(&self, cx: &mut Context<'_>, is_so: fn(&Self) -> bool) -> Poll<()> {
        if is_so(self) {
            return Poll::Ready(());
        }
        self.0.waiting.register(cx.waker());
        // A piece may have gone just before we registered.
        if is_so(self) { Poll::Ready(()) } else { Poll::Pending }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.used.load(Ordering::Acquire) == 0
    }

    pub(crate) fn has_room(&self) -> bool {
        self.0.used.load(Ordering::Acquire) < PIECES
    }

    /// Counts one more piece.
    pub(crate) fn enter(&self) -> Slot {
        self.0.used.fetch_add(1, Ordering::AcqRel);
        Slot(Arc::clone(&self.0))
    }

    /// Counts these bytes.
    pub(crate) fn hold(&self, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Held { bytes, _slot: self.enter() })
    }
}

// === impl Slot ===

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.used.fetch_sub(1, Ordering::AcqRel);
        self.0.waiting.wake();
    }
}

// === impl Held ===

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}
