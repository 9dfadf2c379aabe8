//! The body of an answer, whose reader drives the connection.

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Response, Version, header::CONNECTION, uri::Authority};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use object_store::client::{HttpError, HttpErrorKind};
use tokio::time::{Instant, Sleep, sleep};
use wharf_content::{Handover, Tap};

use super::{
    fault::{Failed, fault},
    link::Link,
    pool::Pool,
    socket::Socket,
};
use crate::client::SILENCE;

/// The body of an answer, until somebody takes over the socket behind it.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<Option<Answered>>>);

/// The body of an answer. Its connection goes back to the pool when it was read to its end, and is closed
/// if it was not.
pub(super) struct Answered {
    body: Incoming,
    /// Whether its end was seen; if its length is known, the last byte is enough.
    ended: bool,
    link: Option<(Authority, Link)>,
    /// Whether the connection takes another request after this one.
    stays: bool,
    pool: Arc<Pool>,
    /// Set while a byte is waited for.
    silence: Option<Pin<Box<Sleep>>>,
    /// Whether something came since it was set.
    heard: bool,
}

type Piece = Option<Result<Frame<Bytes>, HttpError>>;

// === impl Answered ===

impl Answered {
    /// That of an answer which came over this connection.
    pub(super) fn over(
        answer: Response<Incoming>,
        link: Link,
        to: Authority,
        pool: Arc<Pool>,
    ) -> Response<Shared> {
        let (link, stays) = (Some((to, link)), stays(&answer));
        let (mut parts, body) = answer.into_parts();
        let this = Self { body, ended: false, link, stays, pool, silence: None, heard: false };
        let shared = Shared(Arc::new(Mutex::new(Some(this))));
        let source = shared.clone();
        parts.extensions.insert(Handover::new(move || source.take()));
        Response::from_parts(parts, shared)
    }

    /// Whether the rest comes over the socket as it is.
    fn is_plain(&self) -> bool {
        let is_open = self.link.as_ref().is_some_and(|(_, link)| link.is_open());
        is_open && !self.ended && self.body.size_hint().exact().is_some()
    }

    /// The socket, and before it what was read from it already.
    fn into_socket(mut self) -> Option<Socket> {
        let all = self.body.size_hint().exact()?;
        let mut early = VecDeque::new();
        while let Some(Poll::Ready(Some(Ok(frame)))) = self.poll_now() {
            early.extend(frame.into_data());
        }
        let (to, link) = self.link.take()?;
        let (stream, read) = link.into_socket()?;
        early.push_back(read);
        let came: usize = early.iter().map(Bytes::len).sum();
        let home = self.stays.then(|| (to, Arc::clone(&self.pool)));
        Some(Socket::new(stream, early, all.checked_sub(came as u64)?, home))
    }

    /// What has come, without anything being asked of the connection.
    fn poll_now(&mut self) -> Option<Poll<Piece>> {
        poll_fn(|cx| Poll::Ready(self.poll_body(cx))).now_or_never()
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

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Piece> {
        let mut piece = self.poll_body(cx);
        if piece.is_pending()
            && let Some((_, link)) = &mut self.link
        {
            link.drive(cx);
            piece = self.poll_body(cx);
        }
        if piece.is_pending() {
            return self.poll_silence(cx);
        }
        self.heard = true;
        self.ended = matches!(piece, Poll::Ready(None));
        piece
    }

    fn is_at_end(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }
}

impl Drop for Answered {
    fn drop(&mut self) {
        if let Some((to, link)) = self.link.take().filter(|_| self.is_at_end()) {
            self.pool.give(to, link);
        }
    }
}

// === impl Shared ===

impl Shared {
    fn take(&self) -> Option<Box<dyn Tap>> {
        let answered = self.answered().take_if(|answered| answered.is_plain())?;
        Some(Box::new(answered.into_socket()?))
    }

    fn answered(&self) -> MutexGuard<'_, Option<Answered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Body for Shared {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Piece> {
        match &mut *self.answered() {
            Some(answered) => answered.poll_next(cx),
            None => {
                let gone = Failed::by("somebody else reads the answer");
                Poll::Ready(Some(Err(HttpError::new(HttpErrorKind::Interrupted, gone))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.answered().as_ref().is_some_and(Answered::is_at_end)
    }

    fn size_hint(&self) -> SizeHint {
        self.answered()
            .as_ref()
            .map_or_else(SizeHint::default, |answered| answered.body.size_hint())
    }
}

/// Whether a connection takes another request after this answer.
fn stays<T>(answer: &Response<T>) -> bool {
    let closes = |value: &http::HeaderValue| {
        value.to_str().is_ok_and(|value| value.to_ascii_lowercase().contains("close"))
    };
    answer.version() == Version::HTTP_11 && !answer.headers().get_all(CONNECTION).iter().any(closes)
}
