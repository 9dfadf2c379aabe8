//! A connection, which goes on only while somebody waits for it.

use std::{
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Response, uri::Authority};
use hyper::{
    body::Incoming,
    client::conn::http1::{Builder, Connection, Parts, SendRequest},
};
use hyper_util::rt::TokioIo;
use object_store::client::{HttpError, HttpErrorKind, HttpRequest, HttpRequestBody};
use tokio::{net::TcpStream, time::timeout};

use super::fault::{Failed, fault};
use crate::client::CONNECT;

/// A connection to a store.
pub(super) struct Link {
    requests: SendRequest<HttpRequestBody>,
    /// `None` once it has ended.
    connection: Option<Moving>,
}

/// What moves the bytes.
type Moving = Connection<TokioIo<TcpStream>, HttpRequestBody>;

/// Why there is no answer, and the request, if nothing of it was sent.
pub(super) type Unanswered = (hyper::Error, Option<Box<HttpRequest>>);

/// The largest piece of a body, in bytes. Allocators fetch what is larger than 128 KiB from the system, each
/// time, and several of these have to fit into the cache of a core.
const PIECE: usize = 120 << 10;

/// The port of HTTP.
const PORT: u16 = 80;

// === impl Link ===

impl Link {
    pub(super) async fn open(to: &Authority) -> Result<Self, HttpError> {
        let failed = |error: io::Error| HttpError::new(HttpErrorKind::Connect, Failed::by(error));
        let host = to.host().trim_start_matches('[').trim_end_matches(']');
        let connecting = TcpStream::connect((host, to.port_u16().unwrap_or(PORT)));
        let stream = match timeout(CONNECT, connecting).await {
            Ok(stream) => stream.map_err(failed)?,
            Err(late) => return Err(failed(late.into())),
        };
        stream.set_nodelay(true).map_err(failed)?;
        Self::over(stream).await
    }

    /// Over a socket on which nothing is under way.
    pub(super) async fn over(stream: TcpStream) -> Result<Self, HttpError> {
        let made = Builder::new().max_buf_size(PIECE).handshake(TokioIo::new(stream)).await;
        let (requests, connection) = made.map_err(fault)?;
        Ok(Self { requests, connection: Some(connection) })
    }

    /// Whether it has not come to its end.
    pub(super) fn is_open(&self) -> bool {
        self.connection.is_some()
    }

    /// The socket, and what was read from it and not yet handed on; `None` if it has come to its end.
    pub(super) fn into_socket(self) -> Option<(TcpStream, Bytes)> {
        let Parts { io, read_buf, .. } = self.connection?.into_parts();
        Some((io.into_inner(), read_buf))
    }

    /// Moves bytes in both directions, as far as they go.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        drive(&mut self.connection, cx);
    }

    /// Whether it takes another request.
    pub(super) fn is_ready(&mut self) -> bool {
        poll_fn(|cx| {
            self.drive(cx);
            Poll::Ready(())
        })
        .now_or_never();
        self.connection.is_some() && self.requests.is_ready()
    }

    /// Sends a request, and waits for the head of its answer.
    pub(super) async fn send(
        &mut self,
        request: HttpRequest,
    ) -> Result<Response<Incoming>, Unanswered> {
        let ready = poll_fn(|cx| {
            self.drive(cx);
            self.requests.poll_ready(cx)
        });
        if let Err(error) = ready.await {
            return Err((error, Some(Box::new(request))));
        }
        let mut answer = pin!(self.requests.try_send_request(request));
        let answer = poll_fn(|cx| {
            drive(&mut self.connection, cx);
            answer.as_mut().poll(cx)
        });
        answer.await.map_err(|mut error| {
            let unsent = error.take_message().map(Box::new);
            (error.into_error(), unsent)
        })
    }
}

fn drive(connection: &mut Option<Moving>, cx: &mut Context<'_>) {
    if let Some(moving) = connection
        && Pin::new(moving).poll(cx).is_ready()
    {
        // Whoever still waits for an answer is told by this that there will be none.
        *connection = None;
    }
}
