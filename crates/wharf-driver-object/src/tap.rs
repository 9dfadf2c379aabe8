//! Content out of the socket of a store, which goes on if that breaks.

use std::{
    future::Future,
    io, mem,
    ops::Range,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::BoxStream};
use object_store::{GetOptions, GetRange, GetResult, path::Path};
use tokio::time::{Instant, Sleep, sleep};
use wharf_content::{Handover, Pipe, Tap, Tapped};
use wharf_driver::Result;

use crate::{
    driver::into_io,
    objects::{Objects, no_answer},
};

/// The bytes of an answer. What breaks off is asked for again, once, and then read like any other answer.
pub(crate) struct Lasting {
    objects: Arc<Objects>,
    key: Path,
    e_tag: Option<String>,
    /// What is still to come.
    rest: Range<u64>,
    way: Way,
    silence: Silence,
}

/// Where the bytes come from.
enum Way {
    Tap(Box<dyn Tap>),
    Asking(BoxFuture<'static, Result<Pieces>>),
    Stream(Pieces),
    Ended,
}

type Pieces = BoxStream<'static, Result<bytes::Bytes>>;

/// How long nothing may come.
struct Silence {
    patience: Duration,
    /// Set while something is waited for.
    sleep: Option<Pin<Box<Sleep>>>,
    /// Whether something came since it was set.
    heard: bool,
}

/// Leads to the socket of an answer, if there is one.
pub(crate) fn tap(
    objects: &Arc<Objects>,
    key: &Path,
    result: &GetResult,
) -> impl FnOnce() -> Option<Box<dyn Tap>> + Send + use<> {
    let handover = result.extensions.get::<Handover>().cloned();
    let (objects, key) = (Arc::clone(objects), key.clone());
    let (e_tag, rest) = (result.meta.e_tag.clone(), result.range.clone());
    move || {
        let way = Way::Tap(handover?.take()?);
        let silence = Silence { patience: objects.patience, sleep: None, heard: false };
        Some(Box::new(Lasting { objects, key, e_tag, rest, way, silence }))
    }
}

// === impl Lasting ===

impl Lasting {
    fn poll_tap(
        &mut self,
        cx: &mut Context<'_>,
        pipe: &Pipe,
        most: usize,
    ) -> Poll<Option<io::Result<Tapped>>> {
        let Way::Tap(tap) = &mut self.way else { return Poll::Ready(None) };
        let next = tap.poll_next(cx, pipe, most);
        if next.is_pending() {
            ready!(self.silence.poll(cx));
            return Poll::Ready(Some(Err(into_io(no_answer(&self.key)))));
        }
        self.silence.heard = true;
        next
    }

    /// Asks for what is missing. It is that of the same object, or an error.
    fn ask(&self) -> BoxFuture<'static, Result<Pieces>> {
        let (objects, key) = (Arc::clone(&self.objects), self.key.clone());
        let range = Some(GetRange::Bounded(self.rest.clone()));
        let options = GetOptions { range, if_match: self.e_tag.clone(), ..GetOptions::default() };
        async move {
            let result = objects.get(&key, options).await?;
            Ok(objects.body(&key, result))
        }
        .boxed()
    }

    /// Goes on after the socket broke.
    fn broken(&self, error: io::Error) -> io::Result<Way> {
        if self.e_tag.is_none() {
            return Err(error);
        }
        tracing::info!(key = %self.key, %error, "an answer broke off: asking for the rest");
        Ok(Way::Asking(self.ask()))
    }

    fn poll_way(
        &mut self,
        cx: &mut Context<'_>,
        pipe: &Pipe,
        most: usize,
    ) -> Poll<Option<io::Result<Tapped>>> {
        if let Way::Tap(_) = self.way {
            match ready!(self.poll_tap(cx, pipe, most)) {
                Some(Ok(piece)) => return Poll::Ready(Some(Ok(piece))),
                None if self.rest.is_empty() => return Poll::Ready(None),
                None => self.way = self.broken(io::ErrorKind::UnexpectedEof.into())?,
                Some(Err(error)) => self.way = self.broken(error)?,
            }
        }
        if let Way::Asking(asking) = &mut self.way {
            let pieces = ready!(asking.as_mut().poll(cx)).map_err(into_io)?;
            self.way = Way::Stream(pieces);
        }
        match &mut self.way {
            Way::Stream(pieces) => {
                let piece = ready!(pieces.poll_next_unpin(cx));
                Poll::Ready(piece.map(|piece| piece.map(Tapped::Bytes).map_err(into_io)))
            }
            _ => Poll::Ready(None),
        }
    }
}

impl Tap for Lasting {
    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        pipe: &Pipe,
        most: usize,
    ) -> Poll<Option<io::Result<Tapped>>> {
        let next = ready!(self.poll_way(cx, pipe, most));
        match &next {
            Some(Ok(piece)) => self.rest.start += piece.len() as u64,
            Some(Err(_)) | None => self.way = Way::Ended,
        }
        Poll::Ready(next)
    }
}

// === impl Silence ===

impl Silence {
    /// Ready when nothing has come for too long.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let patience = self.patience;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep(patience)));
        if mem::take(&mut self.heard) {
            sleep.as_mut().reset(Instant::now() + patience);
        }
        sleep.as_mut().poll(cx)
    }
}
