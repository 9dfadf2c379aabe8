//! Content that comes in over a real socket, as from a store behind the registry.

use std::{
    io,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::stream;
use tokio::{
    io::{AsyncWriteExt, Interest},
    net::{TcpListener, TcpStream},
};
use wharf_content::{ByteStream, CollectError, Content, Pipe, Tap, Tapped};

/// The end of a connection over which content comes.
struct Socket {
    /// What was read before.
    early: Bytes,
    stream: TcpStream,
    rest: usize,
}

/// How much of each content is read before its socket is asked for.
const EARLY: usize = 1000;

/// The most that content has.
const MOST: u64 = 64 << 20;

/// The same content as a stream whose socket can be had, and breaks after so many bytes.
pub(super) async fn over_socket(content: Content, breaks: usize) -> Result<Content, CollectError> {
    let bytes = content.collect(MOST).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let stream = TcpStream::connect(listener.local_addr()?).await?;
    let (mut source, _) = listener.accept().await?;
    let early = bytes.slice(..EARLY.min(bytes.len()));
    let rest = bytes.slice(early.len()..);
    let socket = Socket { early, stream, rest: rest.len() };
    tokio::spawn(async move { source.write_all(&rest[..breaks.min(rest.len())]).await });
    let pieces = ByteStream::new(stream::iter([Ok(bytes)]));
    Ok(Content::Stream(pieces.with_tap(|| Some(Box::new(socket)))))
}

impl Tap for Socket {
    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        pipe: &Pipe,
        most: usize,
    ) -> Poll<Option<io::Result<Tapped>>> {
        if !self.early.is_empty() {
            let early = self.early.split_to(most.min(self.early.len()));
            return Poll::Ready(Some(Ok(Tapped::Bytes(early))));
        }
        if self.rest == 0 {
            return Poll::Ready(None);
        }
        loop {
            ready!(self.stream.poll_read_ready(cx))?;
            let most = most.min(self.rest);
            match self.stream.try_io(Interest::READABLE, || pipe.fill(&self.stream, most)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Some(Err(error))),
                Ok(0) => return Poll::Ready(None),
                Ok(filled) => {
                    self.rest -= filled;
                    return Poll::Ready(Some(Ok(Tapped::Piped(filled))));
                }
            }
        }
    }
}
