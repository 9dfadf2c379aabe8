//! What a connection of the load generator runs over: TCP, or TLS on it.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Tells Linux to throw away what has been received on a TCP connection instead of copying it.
const MSG_TRUNC: i32 = 0x20;

/// How much is thrown away at once: room that is named to the kernel and never touched.
const DISCARD: usize = 1024 * 1024;

/// Where connections lead, and how.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// Nothing for plain TCP.
    pub(crate) tls: Option<Arc<ClientConfig>>,
}

/// An open connection.
pub(crate) enum Wire {
    Plain(TcpStream, Vec<u8>),
    Tls(Box<TlsStream<TcpStream>>),
}

// === impl Target ===

impl Target {
    pub(crate) fn plain(address: SocketAddr) -> Self {
        Self { address, tls: None }
    }

    pub(crate) async fn connect(&self) -> io::Result<Wire> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let Some(config) = &self.tls else {
            return Ok(Wire::Plain(stream, Vec::with_capacity(DISCARD)));
        };
        let name = ServerName::IpAddress(self.address.ip().into());
        let stream = TlsConnector::from(Arc::clone(config)).connect(name, stream).await?;
        Ok(Wire::Tls(Box::new(stream)))
    }
}

// === impl Wire ===

impl Wire {
    pub(crate) async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Wire::Plain(stream, _) => stream.write_all(bytes).await,
            Wire::Tls(stream) => stream.write_all(bytes).await,
        }
    }

    /// Sends what is still held back.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        match self {
            Wire::Plain(..) => Ok(()),
            Wire::Tls(stream) => stream.flush().await,
        }
    }

    pub(crate) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(stream, _) => stream.read(buffer).await,
            Wire::Tls(stream) => stream.read(buffer).await,
        }
    }

    /// Throws away at most `most` bytes of a body: without copying them, where they are plain.
    pub(crate) async fn discard(&mut self, most: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let (stream, room) = match self {
            Wire::Plain(stream, room) => (stream, room.spare_capacity_mut()),
            Wire::Tls(stream) => {
                let most = buffer.len().min(usize::try_from(most).unwrap_or(usize::MAX));
                return stream.read(&mut buffer[..most]).await;
            }
        };
        let most = room.len().min(usize::try_from(most).unwrap_or(usize::MAX));
        loop {
            stream.readable().await?;
            let discard = || SockRef::from(&*stream).recv_with_flags(&mut room[..most], MSG_TRUNC);
            match stream.try_io(Interest::READABLE, discard) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                done => return done,
            }
        }
    }
}
