//! What a connection is made of, below HTTP.
//!
//! Plain TCP keeps its concrete type, which [`serve`](crate::serve()) knows how to use best. Anything
//! else is a [`Handshake`] away from it, and [`serve_secure`](crate::serve_secure()) takes its stream as
//! bytes and nothing more.

use std::{future::Future, io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

/// Makes a secure connection of a TCP connection.
pub trait Handshake: Send + Sync + 'static {
    /// The secure connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Shakes hands with the client, who may let it wait for ever: the caller sets a limit.
    fn accept(&self, stream: TcpStream) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// Goes as an extension with every request that came over a secure connection: its URLs are `https`.
///
/// What the handshake tells of the client, its certificate above all, has its place here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Secure {}

/// After so long without a byte the system asks whether the client still lives.
const KEEP_ALIVE: Duration = Duration::from_secs(180);

/// Sets what every connection has, whatever it becomes.
pub(crate) fn prepare(stream: &TcpStream) {
    // Small answers must not wait for the acknowledgement of the ones before.
    let nodelay = stream.set_nodelay(true);
    let keep_alive = socket2::TcpKeepalive::new().with_time(KEEP_ALIVE);
    let keep_alive = socket2::SockRef::from(stream).set_tcp_keepalive(&keep_alive);
    if let Err(error) = nodelay.and(keep_alive) {
        tracing::debug!(%error, "an option of a connection could not be set");
    }
}
