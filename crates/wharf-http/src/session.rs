//! One connection, from its first byte to its last.

use std::{
    convert::Infallible,
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
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use tokio::{
    net::TcpStream,
    sync::watch,
    time::{Instant, interval_at, sleep},
};

use crate::{
    App, Body,
    connection::{Connection, Written},
    running::{Guard, Running},
};

/// The body of an answer, during which its connection is not idle.
struct Sending {
    body: Body,
    _busy: Guard,
    bodies: Running,
    /// Held while it is the client that has to do something next.
    waiting: Option<Guard>,
}

/// After so long without a byte the system asks whether the client still lives.
const KEEP_ALIVE: Duration = Duration::from_secs(180);

/// The bytes that a client has to take within the time-out. Less may be mere control frames.
const PROGRESS: u64 = 1024;

/// Serves the requests of one connection, until either side ends it.
pub(crate) async fn session(
    stream: TcpStream,
    remote: SocketAddr,
    builder: &Builder<TokioExecutor>,
    app: Arc<App>,
    mut stopping: watch::Receiver<bool>,
) {
    prepare(&stream);
    let timeouts = app.options().timeouts;
    let stream = Connection::new(TokioIo::new(stream), timeouts.write_stall);
    let written = stream.written();
    let (running, bodies) = (Running::default(), Running::default());
    let service = service_fn(|request: Request<Incoming>| {
        let (busy, bodies, app) = (running.enter(), bodies.clone(), Arc::clone(&app));
        async move {
            let response = app.handle(request, remote).await;
            Ok::<Response<Sending>, Infallible>(
                response.map(|body| Sending::new(body, busy, bodies)),
            )
        }
    });
    let mut connection = pin!(builder.serve_connection(stream, service));
    let mut stuck = pin!(stuck(&bodies, &written, timeouts.write_stall));
    tokio::select! {
        ended = &mut connection => return log(remote, ended),
        () = &mut stuck => return tracing::debug!(%remote, "a client took nothing and was cut"),
        () = idle(&running, timeouts.idle) => {}
        _ = stopping.wait_for(|stop| *stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        ended = &mut connection => log(remote, ended),
        () = stuck => tracing::debug!(%remote, "a client took nothing and was cut"),
        () = quiet(&running, timeouts.header) => tracing::debug!(%remote, "a silent client was cut"),
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

fn log(remote: SocketAddr, ended: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    if let Err(error) = ended {
        tracing::debug!(%remote, error = &*error, "a connection ended early");
    }
}

// === impl Sending ===

impl Sending {
    fn new(body: Body, busy: Guard, bodies: Running) -> Self {
        let waiting = Some(bodies.enter());
        Self { body, _busy: busy, bodies, waiting }
    }
}

impl http_body::Body for Sending {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        if polled.is_pending() && this.body.payload().is_starved() {
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
