//! The socket behind the body of an answer, for whoever can pass on what comes in as it is.

use std::{
    collections::VecDeque,
    io, mem,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::FutureExt;
use http::uri::Authority;
use tokio::{io::Interest, net::TcpStream};
use wharf_content::{Pipe, Tap, Tapped};

use super::{link::Link, pool::Pool};

/// A body of which the length is known. Its connection goes back to the pool at its end.
pub(super) struct Socket {
    /// What was read before.
    early: VecDeque<Bytes>,
    /// How many bytes are still to come after that.
    rest: u64,
    /// `None` at the end, and after an error.
    stream: Option<TcpStream>,
    /// `None` if the connection ends with the body.
    home: Option<(Authority, Arc<Pool>)>,
}

// === impl Socket ===

impl Socket {
    pub(super) fn new(
        stream: TcpStream,
        early: VecDeque<Bytes>,
        rest: u64,
        home: Option<(Authority, Arc<Pool>)>,
    ) -> Self {
        Self { early, rest, stream: Some(stream), home }
    }

    /// Takes what was read before, at most so much.
    fn early(&mut self, most: usize) -> Option<Bytes> {
        while let Some(mut bytes) = self.early.pop_front() {
            let front = bytes.split_to(most.min(bytes.len()));
            if !bytes.is_empty() {
                self.early.push_front(bytes);
            }
            if !front.is_empty() {
                return Some(front);
            }
        }
        None
    }

    fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        pipe: &Pipe,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let most = usize::try_from(self.rest).unwrap_or(usize::MAX).min(most);
        let Some(stream) = &self.stream else { return Poll::Ready(Ok(0)) };
        loop {
            ready!(stream.poll_read_ready(cx))?;
            match stream.try_io(Interest::READABLE, || pipe.fill(stream, most)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                filled => return Poll::Ready(filled),
            }
        }
    }

    /// Lets the connection be used again.
    fn finish(&mut self) {
        let Some((stream, (to, pool))) = self.stream.take().zip(self.home.take()) else { return };
        if let Some(Ok(link)) = Link::over(stream).now_or_never() {
            pool.give(to, link);
        }
    }
}

impl Tap for Socket {
    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        pipe: &Pipe,
        most: usize,
    ) -> Poll<Option<io::Result<Tapped>>> {
        if let Some(bytes) = self.early(most) {
            return Poll::Ready(Some(Ok(Tapped::Bytes(bytes))));
        }
        if self.rest == 0 {
            self.finish();
            return Poll::Ready(None);
        }
        let filled = ready!(self.poll_fill(cx, pipe, most));
        match &filled {
            Ok(filled) => self.rest -= *filled as u64,
            Err(_) => drop((mem::take(&mut self.rest), self.stream.take())),
        }
        if self.rest == 0 {
            self.finish();
        }
        Poll::Ready(Some(filled.map(Tapped::Piped)))
    }
}
