//! One connection, from its first byte to its last.

use std::{
    convert::Infallible,
    fmt::Display,
    future::Future,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use http_body::{Frame, SizeHint};
use hyper::{
    body::Incoming,
    rt::{Read, Write},
    server::conn::{http1, http2},
    service::{Service, service_fn},
};
use hyper_util::{rt::TokioExecutor, server::graceful::GracefulConnection};
use tokio::{
    io::AsyncRead,
    net::TcpStream,
    sync::watch,
    time::{Instant, interval_at, sleep, timeout},
};
use wharf_auth::Memo;

use crate::{
    App, Body, Handshake, Secure, Timeouts,
    connection::{Connection, Written},
    crowd::Crowd,
    pace,
    protocol::{Ahead, Protocols},
    running::{Guard, Running},
    sendfile::{FileBody, Stream},
};

/// A connection that is served.
pub(crate) struct Session {
    app: Arc<App>,
    remote: SocketAddr,
    /// What goes with the requests of a secure connection.
    secure: Option<Secure>,
    /// Requests that are answered.
    running: Running,
    /// Answers that wait for their client.
    bodies: Running,
    stopping: watch::Receiver<bool>,
    crowd: Crowd,
}

/// What a request comes to.
type Answered<B> = Result<Response<Sending<B>>, Infallible>;

/// The body of an answer, during which its connection is not idle.
struct Sending<B> {
    body: B,
    _busy: Guard,
    bodies: Running,
    /// Held while it is the client that has to do something next.
    waiting: Option<Guard>,
}

/// A body that may have to wait for its source.
trait Source: http_body::Body<Error = io::Error> + Unpin {
    /// Whether it does, instead of waiting for its client.
    fn is_starved(&self) -> bool;
}

/// The bytes that a client has to take within the time-out at least. Less may be mere control frames.
const PROGRESS: u64 = 1024;

// === impl Session ===

impl Session {
    /// A session with a client at `remote`, which ends soon after `stopping` is set.
    pub(crate) fn new(
        app: Arc<App>,
        remote: SocketAddr,
        stopping: watch::Receiver<bool>,
        crowd: Crowd,
    ) -> Self {
        let (running, bodies) = (Running::default(), Running::default());
        Self { app, remote, secure: None, running, bodies, stopping, crowd }
    }

    /// Serves the requests of one connection over plain TCP, until either side ends it. What a protocol
    /// needs is in a box: a client that says nothing, of which there may be thousands, has none.
    pub(crate) async fn plain(mut self, tcp: TcpStream, protocols: &Protocols) {
        let Some((tcp, is_http2)) = self.recognize(tcp, protocols).await else { return };
        match protocols.http2.as_ref().filter(|_| is_http2) {
            Some(http2) => {
                if let Ok(tcp) = tcp.framed() {
                    Box::pin(self.http2(tcp, http2)).await;
                }
            }
            None => {
                let stream = Stream::new(tcp);
                let regions = stream.regions();
                let body = move |body| FileBody::new(body, regions.clone());
                Box::pin(self.http1(stream, body, &protocols.http1)).await;
            }
        }
    }

    /// The same over the secure connection that a handshake makes.
    pub(crate) async fn secure<H: Handshake>(
        mut self,
        tcp: TcpStream,
        handshake: &H,
        protocols: &Protocols,
    ) {
        let limit = self.timeouts().header;
        let Some(stream) = self.before_end(limit, handshake.accept(tcp)).await else { return };
        self.secure = Some(Secure::new(H::client_certificate(&stream)));
        let Some((stream, is_http2)) = self.recognize(stream, protocols).await else { return };
        match protocols.http2.as_ref().filter(|_| is_http2) {
            Some(http2) => {
                if let Ok(stream) = stream.framed() {
                    Box::pin(self.http2(stream, http2)).await;
                }
            }
            None => Box::pin(self.http1(stream, |body: Body| body, &protocols.http1)).await,
        }
    }

    fn timeouts(&self) -> Timeouts {
        self.app.options().timeouts
    }

    /// Finds out what the client speaks; `None` if it says too little.
    async fn recognize<T>(&mut self, stream: T, protocols: &Protocols) -> Option<(Ahead<T>, bool)>
    where
        T: AsyncRead + Unpin,
    {
        self.before_end(self.timeouts().idle, protocols.recognize(stream)).await
    }

    /// Does what has to come before the first request: within the limit, and before everything ends.
    async fn before_end<T>(
        &mut self,
        limit: Duration,
        first: impl Future<Output = io::Result<T>>,
    ) -> Option<T> {
        let first = tokio::select! {
            first = timeout(limit, first) => first.unwrap_or_else(|late| Err(late.into())),
            _ = self.stopping.wait_for(|stop| *stop) => return None,
            () = self.crowd.wants_place(&self.running) => return None,
        };
        let remote = self.remote;
        first
            .inspect_err(
                |error| tracing::debug!(%remote, %error, "a connection ended before a request"),
            )
            .ok()
    }

    async fn http1<T, B, F>(&self, stream: T, body: F, http1: &http1::Builder)
    where
        T: Read + Write + Unpin + 'static,
        B: Source + 'static,
        F: Fn(Body) -> B + Clone + Send,
    {
        let stream = Connection::new(stream, self.timeouts().write_stall);
        let written = stream.written();
        self.run(pin!(http1.serve_connection(stream, self.service(body))), &written).await;
    }

    async fn http2<T>(&self, stream: T, http2: &http2::Builder<TokioExecutor>)
    where
        T: Read + Write + Unpin + Send + 'static,
    {
        let stream = Connection::new(stream, self.timeouts().write_stall);
        let written = stream.written();
        let service = self.service(|body: Body| body);
        self.run(pin!(http2.serve_connection(stream, service)), &written).await;
    }

    /// Answers requests with bodies of the kind that the connection sends.
    fn service<B, F>(
        &self,
        body: F,
    ) -> impl Service<
        Request<Incoming>,
        Response = Response<Sending<B>>,
        Error = Infallible,
        Future = impl Future<Output = Answered<B>> + Send + use<B, F>,
    > + use<B, F>
    where
        B: Source,
        F: Fn(Body) -> B + Clone + Send,
    {
        let (app, remote, secure) = (Arc::clone(&self.app), self.remote, self.secure.clone());
        let (running, bodies) = (self.running.clone(), self.bodies.clone());
        let memo = Arc::new(Memo::default());
        service_fn(move |mut request: Request<Incoming>| {
            if let Some(secure) = &secure {
                request.extensions_mut().insert(secure.clone());
            }
            let (app, body, memo) = (Arc::clone(&app), body.clone(), Arc::clone(&memo));
            let (busy, bodies) = (running.enter(), bodies.clone());
            async move {
                let response = app.handle_knowing(request, remote, Some(&memo)).await;
                Ok(response.map(|content| Sending::new(body(content), busy, bodies)))
            }
        })
    }

    /// Drives a connection to its end.
    async fn run<C>(&self, mut connection: Pin<&mut C>, written: &Written)
    where
        C: GracefulConnection,
        C::Error: Display,
    {
        let (remote, timeouts) = (self.remote, self.timeouts());
        let mut stopping = self.stopping.clone();
        let least = pace::least(self.app.options().limits.download_rate, timeouts.write_stall);
        let least = least.max(PROGRESS);
        let mut stuck = pin!(stuck(&self.bodies, written, least, timeouts.write_stall));
        let mut crowded = pin!(self.crowd.wants_place(&self.running));
        tokio::select! {
            biased;
            ended = &mut connection => return log(remote, ended),
            () = &mut stuck => return tracing::debug!(%remote, "a client took nothing and was cut"),
            () = &mut crowded => return tracing::debug!(%remote, "an idle client made room"),
            () = idle(&self.running, timeouts.idle) => {}
            _ = stopping.wait_for(|stop| *stop) => {}
        }
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            ended = connection => log(remote, ended),
            () = stuck => tracing::debug!(%remote, "a client took nothing and was cut"),
            () = crowded => tracing::debug!(%remote, "an idle client made room"),
            () = quiet(&self.running, timeouts.header) => {
                tracing::debug!(%remote, "a silent client was cut");
            }
        }
    }
}

/// Ready when there was no request for so long.
async fn idle(running: &Running, limit: Duration) {
    let step = (limit / 4).max(Duration::from_millis(1));
    let mut ticks = interval_at(Instant::now() + step, step);
    let mut seen = running.ever();
    let mut quiet = 0;
    while quiet < 4 {
        ticks.tick().await;
        let ever = running.ever();
        quiet = if running.now() == 0 && ever == seen { quiet + 1 } else { 0 };
        seen = ever;
    }
}

/// Ready when a connection that should end has no request, after it had time for the rest of one.
async fn quiet(running: &Running, limit: Duration) {
    loop {
        sleep(limit).await;
        if running.now() == 0 {
            return;
        }
    }
}

/// Ready when answers waited for their client for so long, and nothing went out. A connection over
/// which nothing can be written ends by itself; but an HTTP/2 client may also take nothing by never
/// making room for more.
async fn stuck(bodies: &Running, written: &Written, least: u64, limit: Duration) {
    loop {
        let before = (bodies.ever(), bodies.now(), written.get());
        sleep(limit).await;
        let same = bodies.now() > 0 && (bodies.ever(), bodies.now()) == (before.0, before.1);
        if same && written.get() - before.2 < least {
            return;
        }
    }
}

fn log(remote: SocketAddr, ended: Result<(), impl Display>) {
    if let Err(error) = ended {
        tracing::debug!(%remote, %error, "a connection ended early");
    }
}

// === impl Sending ===

impl<B> Sending<B> {
    fn new(body: B, busy: Guard, bodies: Running) -> Self {
        let waiting = Some(bodies.enter());
        Self { body, _busy: busy, bodies, waiting }
    }
}

impl<B: Source> http_body::Body for Sending<B> {
    type Data = B::Data;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<B::Data>>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        if polled.is_pending() && this.body.is_starved() {
            this.waiting = None;
        } else if this.waiting.is_none() {
            this.waiting = Some(this.bodies.enter());
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Source for Body {
    fn is_starved(&self) -> bool {
        self.payload().is_starved()
    }
}

impl Source for FileBody {
    fn is_starved(&self) -> bool {
        self.inner().payload().is_starved()
    }
}
