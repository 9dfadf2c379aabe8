//! The body of an answer, whose reader drives the connection.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::uri::Authority;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use object_store::client::{HttpError, HttpErrorKind};
use tokio::time::{Instant, Sleep, sleep};

use super::{
    fault::{Failed, fault},
    link::Link,
    pool::Pool,
};
use crate::client::SILENCE;

/// The body of an answer. Its connection goes back to the pool when it was read to its end, and is closed
/// if it was not.
pub(super) struct Answered {
    body: Incoming,
    /// Whether its end was seen; if its length is known, the last byte is enough.
    ended: bool,
    link: Option<(Authority, Link)>,
    pool: Arc<Pool>,
    /// Set while a byte is waited for.
    silence: Option<Pin<Box<Sleep>>>,
    /// Whether something came since it was set.
    heard: bool,
}

type Piece = Option<Result<Frame<Bytes>, HttpError>>;

// === impl Answered ===

impl Answered {
    pub(super) fn new(body: Incoming, link: Link, to: Authority, pool: Arc<Pool>) -> Self {
        Self { body, ended: false, link: Some((to, link)), pool, silence: None, heard: false }
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Piece> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        frame.map(|frame| Some(frame?.map_err(fault)))
    }

    /// Fails when nothing has come for too long.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<Piece> {
        let silence = self.silence.get_or_insert_with(|| Box::pin(sleep(SILENCE)));
        if std::mem::take(&mut self.heard) {
            silence.as_mut().reset(Instant::now() + SILENCE);
        }
        silence.as_mut().poll(cx).map(|()| {
            let late = Failed::by("nothing came for too long");
            Some(Err(HttpError::new(HttpErrorKind::Timeout, late)))
        })
    }
}

impl Body for Answered {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Piece> {
        let this = &mut *self;
        let mut piece = this.poll_body(cx);
        if piece.is_pending()
            && let Some((_, link)) = &mut this.link
        {
            link.drive(cx);
            piece = this.poll_body(cx);
        }
        if piece.is_pending() {
            return this.poll_silence(cx);
        }
        this.heard = true;
        this.ended = matches!(piece, Poll::Ready(None));
        piece
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answered {
    fn drop(&mut self) {
        if let Some((to, link)) = self.link.take().filter(|_| self.is_end_stream()) {
            self.pool.give(to, link);
        }
    }
}
