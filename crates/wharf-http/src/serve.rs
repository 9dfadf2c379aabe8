//! Accepts connections and serves an app on them, until it is told to stop.

use std::{future::Future, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use tokio::{
    net::TcpStream,
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{App, Handshake, Listener, crowd::Room, protocol::Protocols, session::Session};

/// How long changes that were cut by the end may take to tidy up.
const LAST_MOMENT: Duration = Duration::from_secs(5);

/// When to try again after the system could not give us a connection.
const ACCEPT_AGAIN: Duration = Duration::from_millis(200);

/// Serves `app` on every connection of `listener` until `shutdown` is ready. Then no connection is
/// accepted any more, idle ones end, and the others may finish their requests for as long as
/// `drain`. Uploads that are cut then keep what came.
pub async fn serve(
    listener: impl Into<Listener>,
    app: Arc<App>,
    shutdown: impl Future<Output = ()>,
    drain: Duration,
) -> io::Result<()> {
    let protocols = Arc::new(Protocols::new(app.options()));
    let plain = |session: Session, tcp| {
        let protocols = Arc::clone(&protocols);
        async move { session.plain(tcp, &protocols).await }
    };
    serve_each(listener.into(), app, shutdown, drain, plain).await
}

/// The same, over the secure connections that `handshake` makes. It has as long as a header may take.
pub async fn serve_secure(
    listener: impl Into<Listener>,
    handshake: impl Handshake,
    app: Arc<App>,
    shutdown: impl Future<Output = ()>,
    drain: Duration,
) -> io::Result<()> {
    let (protocols, handshake) = (Arc::new(Protocols::new(app.options())), Arc::new(handshake));
    let secure = |session: Session, tcp| {
        let (protocols, handshake) = (Arc::clone(&protocols), Arc::clone(&handshake));
        async move { session.secure(tcp, &*handshake, &protocols).await }
    };
    serve_each(listener.into(), app, shutdown, drain, secure).await
}

/// Does `each` with every connection of `listener`, in a task of its own.
async fn serve_each<F>(
    listener: Listener,
    app: Arc<App>,
    shutdown: impl Future<Output = ()>,
    drain: Duration,
    each: impl Fn(Session, TcpStream) -> F,
) -> io::Result<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let room = Room::new(app.options().limits.connections);
    let (stop, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let (stream, remote) = tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener) => accepted,
        };
        let Some(connected) = app.connect(remote) else {
            tracing::debug!(%remote, "too many connections of one address");
            continue;
        };
        let place = tokio::select! {
            () = &mut shutdown => break,
            place = room.enter() => place,
        };
        let session = Session::new(Arc::clone(&app), remote, stopping.clone(), room.crowd());
        let connection = each(session, stream);
        connections.spawn(async move {
            let _counts = (connected, place);
            connection.await;
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
    // An upload that was cut can go on where it stood, once what came of it is durable.
    if timeout(LAST_MOMENT, app.settled()).await.is_err() {
        tracing::warn!("changes that are still under way are given up");
    }
    Ok(())
}

/// The next connection.
async fn accept(listener: &Listener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
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
