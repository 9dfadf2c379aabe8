//! What a connection is made of, below HTTP.
//!
//! Plain TCP keeps its concrete type, which [`serve`](crate::serve()) knows how to use best. Anything
//! else is a [`Handshake`] away from it, and [`serve_secure`](crate::serve_secure()) takes its stream as
//! bytes and nothing more.

use std::{future::Future, io, sync::Arc, time::Duration};

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

    /// The certificate, in DER, that the client has shown, if one was asked for and is trusted.
    fn client_certificate(_: &Self::Stream) -> Option<&[u8]> {
        None
    }
}

/// Goes as an extension with every request that came over a secure connection: its URLs are `https`.
///
/// It holds what the handshake tells of the client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secure {
    certificate: Option<Arc<[u8]>>,
}

/// After so long without a byte the system asks whether the client still lives.
const KEEP_ALIVE: Duration = Duration::from_secs(180);

// === impl Secure ===

impl Secure {
    pub(crate) fn new(certificate: Option<&[u8]>) -> Self {
        Self { certificate: certificate.map(Into::into) }
    }

    /// The certificate that the client has shown, in DER.
    pub fn client_certificate(&self) -> Option<&[u8]> {
        self.certificate.as_deref()
    }
}

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
