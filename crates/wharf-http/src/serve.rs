//! Accepts connections and serves an app on them, until it is told to stop.

use std::{
    convert::Infallible,
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
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::{Instant, interval_at, sleep, timeout},
};

use crate::{
    App, Body, Options,
    connection::Connection,
    running::{Guard, Running},
};

/// A body during which its connection is not idle.
struct Busy {
    body: Body,
    _guard: Guard,
}

/// The most streams of one HTTP/2 connection, and what each may send ahead, in bytes.
const STREAMS: u32 = 128;
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 2 << 20;

/// The largest piece of a request's body over HTTP/1.1, in bytes. Smaller ones cost time.
const READ_BUFFER: usize = 256 << 10;

/// How much of an answer one HTTP/2 stream may hold back, in bytes.
const SEND_BUFFER: usize = 256 << 10;

/// When to try again after the system could not give us a connection.
const ACCEPT_AGAIN: Duration = Duration::from_millis(200);

/// After so long without a byte the system asks whether the client still lives.
const KEEP_ALIVE: Duration = Duration::from_secs(180);

/// Serves `app` on every connection of `listener` until `shutdown` is ready. Then no connection is
/// accepted any more, idle ones end, and the others may finish their requests for as long as
/// `drain`.
pub async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    shutdown: impl Future<Output = ()>,
    drain: Duration,
) -> io::Result<()> {
    let builder = Arc::new(builder(app.options()));
    let permits = app.options().max_connections.map(|most| Arc::new(Semaphore::new(most)));
    let (stop, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, permits.as_ref()) => accepted,
        };
        let (stream, remote, permit) = accepted;
        let (builder, app) = (Arc::clone(&builder), Arc::clone(&app));
        let stopping = stopping.clone();
        connections.spawn(async move {
            let _permit = permit;
            connection(stream, remote, &builder, app, stopping).await;
        });
    }
    drop(listener);
    stop.send_replace(true);
    let done = async {
        while connections.join_next().await.is_some() {}
        app.settled().await;
    };
    if timeout(drain, done).await.is_err() {
        tracing::warn!(connections = connections.len(), "the drain time is over, requests are cut");
    }
    connections.shutdown().await;
    Ok(())
}

/// The next connection, as soon as there is room for one.
async fn accept(
    listener: &TcpListener,
    permits: Option<&Arc<Semaphore>>,
) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
    let permit = match permits {
        Some(permits) => Arc::clone(permits).acquire_owned().await.ok(),
        None => None,
    };
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => return (stream, remote, permit),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                // Out of file descriptors, most likely: others have to be closed first.
                tracing::error!(%error, "no connection can be accepted");
                sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

/// Whether it was the client that gave up, before it was accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::ConnectionAborted | Kind::ConnectionReset | Kind::ConnectionRefused
    )
}

async fn connection(
    stream: TcpStream,
    remote: SocketAddr,
    builder: &Builder<TokioExecutor>,
    app: Arc<App>,
    mut stopping: watch::Receiver<bool>,
) {
    prepare(&stream);
    let timeouts = app.options().timeouts;
    let stream = Connection::new(TokioIo::new(stream), timeouts.write_stall);
    let running = Running::default();
    let service = service_fn(|request: Request<Incoming>| {
        let guard = running.enter();
        let app = Arc::clone(&app);
        async move {
            let response = app.handle(request, remote).await;
            Ok::<Response<Busy>, Infallible>(response.map(|body| Busy { body, _guard: guard }))
        }
    });
    let mut connection = pin!(builder.serve_connection(stream, service));
    let idle = idle(&running, timeouts.idle);
    tokio::select! {
        ended = &mut connection => return log(remote, ended),
        () = idle => {}
        _ = stopping.wait_for(|stop| *stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    // One that is idle ends at once. One that never finished a header is cut.
    let limit = async {
        loop {
            sleep(timeouts.header).await;
            if running.now() == 0 {
                break;
            }
        }
    };
    tokio::select! {
        ended = connection => log(remote, ended),
        () = limit => tracing::debug!(%remote, "an idle connection was cut"),
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
        let entered = running.ever();
        quiet = if running.now() == 0 && entered == seen { quiet + 1 } else { 0 };
        seen = entered;
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

fn builder(options: &Options) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(options.timeouts.header)
        .max_buf_size(READ_BUFFER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(u32::try_from(options.max_header_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(options.timeouts.idle)
        .keep_alive_timeout(options.timeouts.header);
    if options.http2 { builder } else { builder.http1_only() }
}

fn log(remote: SocketAddr, ended: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    if let Err(error) = ended {
        tracing::debug!(%remote, error = &*error, "a connection ended early");
    }
}

// === impl Busy ===

impl http_body::Body for Busy {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
