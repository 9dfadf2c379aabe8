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

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use hyper::{
    body::Incoming,
    service::{Service, service_fn},
};
use hyper_util::server::graceful::GracefulConnection;
use tokio::{
    net::TcpStream,
    sync::watch,
    time::{Instant, interval_at, sleep, timeout},
};

use crate::{
    App, Body, Timeouts,
    connection::{Connection, Written},
    protocol::Protocols,
    running::{Guard, Running},
    sendfile::{FileBody, Stream},
};

/// A connection that is served.
pub(crate) struct Session {
    app: Arc<App>,
    remote: SocketAddr,
    /// Requests that are answered.
    running: Running,
    /// Answers that wait for their client.
    bodies: Running,
    stopping: watch::Receiver<bool>,
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

/// After so long without a byte the system asks whether the client still lives.
const KEEP_ALIVE: Duration = Duration::from_secs(180);

/// The bytes that a client has to take within the time-out. Less may be mere control frames.
const PROGRESS: u64 = 1024;

// === impl Session ===

impl Session {
    /// A session with a client at `remote`, which ends soon after `stopping` is set.
    pub(crate) fn new(app: Arc<App>, remote: SocketAddr, stopping: watch::Receiver<bool>) -> Self {
        let (running, bodies) = (Running::default(), Running::default());
        Self { app, remote, running, bodies, stopping }
    }

    /// Serves the requests of one connection, until either side ends it.
    pub(crate) async fn serve(mut self, mut tcp: TcpStream, protocols: &Protocols) {
        prepare(&tcp);
        let Some((ahead, is_http2)) = self.recognize(&mut tcp, protocols).await else { return };
        let stream = Stream::new(tcp, ahead);
        let regions = stream.regions();
        let stream = Connection::new(stream, self.timeouts().write_stall);
        let written = stream.written();
        match protocols.http2.as_ref().filter(|_| is_http2) {
            Some(http2) => {
                let service = self.service(|body| body);
                self.run(pin!(http2.serve_connection(stream, service)), &written).await;
            }
            None => {
                let service = self.service(move |body| FileBody::new(body, regions.clone()));
                self.run(pin!(protocols.http1.serve_connection(stream, service)), &written).await;
            }
        }
    }

    fn timeouts(&self) -> Timeouts {
        self.app.options().timeouts
    }

    /// What the client said first, and whether that is HTTP/2; `None` if it said too little.
    async fn recognize(
        &mut self,
        tcp: &mut TcpStream,
        protocols: &Protocols,
    ) -> Option<(Bytes, bool)> {
        let first = timeout(self.timeouts().idle, protocols.recognize(tcp));
        tokio::select! {
            first = first => first.ok()?.ok(),
            _ = self.stopping.wait_for(|stop| *stop) => None,
        }
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
        let (app, remote) = (Arc::clone(&self.app), self.remote);
        let (running, bodies) = (self.running.clone(), self.bodies.clone());
        service_fn(move |request: Request<Incoming>| {
            let (app, body) = (Arc::clone(&app), body.clone());
            let (busy, bodies) = (running.enter(), bodies.clone());
            async move {
                let response = app.handle(request, remote).await;
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
        let mut stuck = pin!(stuck(&self.bodies, written, timeouts.write_stall));
        tokio::select! {
            biased;
            ended = &mut connection => return log(remote, ended),
            () = &mut stuck => return tracing::debug!(%remote, "a client took nothing and was cut"),
            () = idle(&self.running, timeouts.idle) => {}
            _ = stopping.wait_for(|stop| *stop) => {}
        }
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            ended = connection => log(remote, ended),
            () = stuck => tracing::debug!(%remote, "a client took nothing and was cut"),
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
async fn stuck(bodies: &Running, written: &Written, limit: Duration) {
    loop {
        let before = (bodies.ever(), bodies.now(), written.get());
        sleep(limit).await;
        let same = bodies.now() > 0 && (bodies.ever(), bodies.now()) == (before.0, before.1);
        if same && written.get() - before.2 < PROGRESS {
            return;
        }
    }
}
fn prepare(stream: &TcpStream) {
    // Small answers must not wait for the acknowledgement of the ones before.
    let nodelay = stream.set_nodelay(true);
    let keep_alive = socket2::TcpKeepalive::new().with_time(KEEP_ALIVE);
    let keep_alive = socket2::SockRef::from(stream).set_tcp_keepalive(&keep_alive);
    if let Err(error) = nodelay.and(keep_alive) {
        tracing::debug!(%error, "an option of a connection could not be set");
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
