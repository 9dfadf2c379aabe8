//! The body of an answer. Its length is always known before its first byte is sent.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::Stream as _;
use http_body::{Frame, SizeHint};
use wharf_content::{ByteStream, Content, FileRegion, Pipe, Tap, Tapped};

use crate::{
    region::{ReadBudget, Reader, RegionReader},
    sendfile::PipeRegion,
    traffic::Counted,
    window::Window,
};

/// The body of an answer.
#[derive(Default)]
pub struct Body {
    payload: Payload,
    /// Told of every byte that is taken, and dropped with the body: the access log.
    witness: Option<Box<dyn Witness>>,
    /// Counts with the request until the body is dropped.
    counted: Counted,
}

/// Where the bytes come from.
#[derive(Default)]
pub enum Payload {
    /// There are none.
    #[default]
    Empty,
    /// Memory.
    Bytes(Bytes),
    /// A region of a file. A connection that can send files takes it by [`Body::take_region`].
    File(RegionReader),
    /// Something that arrives over time.
    Stream(Measured),
    /// Several of them, one after the other.
    Parts(VecDeque<Payload>),
}

/// A stream of which the length is known; another length is an error.
pub struct Measured {
    source: Source,
    rest: u64,
    window: Window,
    budget: Arc<ReadBudget>,
}

/// Where the bytes of a stream come from.
enum Source {
    /// From itself, and whether its socket may be had was not asked yet.
    Untried(ByteStream),
    Stream(ByteStream),
    /// Out of a socket, through a pipe.
    Tap(Box<dyn Tap>, Arc<Pipe>, Reader),
    /// Nothing comes any more.
    Ended,
}

/// A piece for a connection that sends pipes by better means.
pub(crate) enum Piped {
    /// Bytes.
    Bytes(Bytes),
    /// What is in a pipe.
    Region(PipeRegion),
}

/// For less than this a pipe costs more than it saves, in bytes.
const WORTH_A_PIPE: u64 = 256 << 10;

/// Watches a body until it is dropped.
pub(crate) trait Witness: Send {
    /// So many bytes were taken.
    fn taken(&mut self, bytes: u64);
}

// === impl Body ===

impl Body {
    /// A body without a byte.
    pub fn empty() -> Self {
        Self::default()
    }

    /// What it is made of.
    pub fn payload(&self) -> &Payload {
        &self.payload
    }

    /// The bytes that are still to come.
    pub fn len(&self) -> u64 {
        self.payload.len()
    }

    /// Whether no byte is to come.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes up to `most` bytes off the front, if a region of a file comes next that nothing was
    /// read of: for a connection that sends files by better means.
    pub fn take_region(&mut self, most: u64) -> Option<FileRegion> {
        let region = self.payload.take_region(most)?;
        if let Some(witness) = &mut self.witness {
            witness.taken(region.len());
        }
        Some(region)
    }

    /// What comes next, for a connection that sends pipes by better means.
    pub(crate) fn poll_piped(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Piped>>> {
        let piece = ready!(self.payload.poll_piped(cx));
        if let (Some(witness), Some(Ok(piece))) = (&mut self.witness, &piece) {
            witness.taken(piece.len());
        }
        Poll::Ready(piece)
    }

    /// Lets the request count until this is sent.
    pub(crate) fn counted(mut self, counted: Counted) -> Self {
        self.counted = counted;
        self
    }

    /// Adds a witness.
    pub(crate) fn witnessed(mut self, witness: Box<dyn Witness>) -> Self {
        self.witness = Some(witness);
        self
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Payload::Bytes(bytes.into()).into()
    }
}

impl From<Payload> for Body {
    fn from(payload: Payload) -> Self {
        Self { payload, witness: None, counted: Counted::default() }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        let piece = ready!(this.payload.poll_next(cx));
        if let (Some(witness), Some(Ok(piece))) = (&mut this.witness, &piece) {
            witness.taken(piece.len() as u64);
        }
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len())
    }
}

// === impl Payload ===

impl Payload {
    /// Sends content of which the length is `len`.
    pub fn new(content: Content, len: u64, budget: &Arc<ReadBudget>) -> Self {
        match content {
            Content::Bytes(bytes) => Self::Bytes(bytes),
            Content::File(region) => Self::File(RegionReader::new(region, budget)),
            Content::Stream(stream) => Self::Stream(Measured::new(stream, len, budget)),
        }
    }

    fn len(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(reader) => reader.len(),
            Self::Stream(stream) => stream.rest,
            Self::Parts(parts) => parts.iter().map(Self::len).sum(),
        }
    }

    fn take_region(&mut self, most: u64) -> Option<FileRegion> {
        match self {
            Self::File(reader) => reader.take(most),
            Self::Parts(parts) => {
                while parts.front().is_some_and(|part| part.len() == 0) {
                    parts.pop_front();
                }
                parts.front_mut()?.take_region(most)
            }
            _ => None,
        }
    }

    /// Whether it waits for its source, not for the client to take what there is.
    pub(crate) fn is_starved(&self) -> bool {
        match self {
            Self::Empty | Self::Bytes(_) => false,
            Self::File(reader) => reader.is_reading(),
            Self::Stream(stream) => stream.is_starved(),
            Self::Parts(parts) => parts.front().is_some_and(Self::is_starved),
        }
    }

    fn poll_piped(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Piped>>> {
        match self {
            Self::Stream(stream) => stream.poll_piped(cx),
            Self::Parts(parts) => poll_parts(parts, |part| part.poll_piped(cx)),
            _ => self.poll_next(cx).map(|piece| piece.map(|piece| piece.map(Piped::Bytes))),
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        match self {
            Self::Empty => Poll::Ready(None),
            Self::Bytes(bytes) => {
                let bytes = std::mem::take(bytes);
                Poll::Ready((!bytes.is_empty()).then_some(Ok(bytes)))
            }
            Self::File(reader) => reader.poll_next(cx),
            Self::Stream(stream) => stream.poll_next(cx),
            Self::Parts(parts) => poll_parts(parts, |part| part.poll_next(cx)),
        }
    }
}

/// What comes next of the first part that has something.
fn poll_parts<T>(
    parts: &mut VecDeque<Payload>,
    mut poll: impl FnMut(&mut Payload) -> Poll<Option<T>>,
) -> Poll<Option<T>> {
    while let Some(part) = parts.front_mut() {
        match ready!(poll(part)) {
            Some(piece) => return Poll::Ready(Some(piece)),
            None => drop(parts.pop_front()),
        }
    }
    Poll::Ready(None)
}

// === impl Piped ===

impl Piped {
    fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Region(region) => region.len(),
        }
    }
}

// === impl Measured ===

impl Measured {
    fn new(stream: ByteStream, rest: u64, budget: &Arc<ReadBudget>) -> Self {
        let (source, budget) = (Source::Untried(stream), Arc::clone(budget));
        Self { source, rest, window: Window::default(), budget }
    }

    fn is_starved(&self) -> bool {
        match self.source {
            Source::Tap(..) => self.window.is_empty(),
            _ => self.window.has_room(),
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.rest == 0 {
            return Poll::Ready(None);
        }
        ready!(self.window.poll_room(cx));
        let piece = match &mut self.source {
            Source::Untried(stream) | Source::Stream(stream) => {
                ready!(Pin::new(stream).poll_next(cx))
            }
            // Who took it by a pipe does not take it in any other way.
            Source::Tap(..) | Source::Ended => None,
        };
        let piece = self.measure(piece, Bytes::len).map(|bytes| self.window.hold(bytes));
        Poll::Ready(Some(piece))
    }

    /// [`Measured::poll_next`], through a pipe if there is a socket behind it.
    fn poll_piped(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Piped>>> {
        self.source.tap(self.rest, &self.budget);
        let Source::Tap(tap, pipe, reader) = &mut self.source else {
            return self.poll_next(cx).map(|piece| piece.map(|piece| piece.map(Piped::Bytes)));
        };
        if self.rest == 0 {
            return Poll::Ready(None);
        }
        // Out of a pipe that is not empty nobody could tell what is missing.
        ready!(self.window.poll_empty(cx));
        let rest = usize::try_from(self.rest).unwrap_or(usize::MAX);
        let most = rest.min(reader.aside()).min(Pipe::ROOM);
        let (piece, pipe) = (ready!(tap.poll_next(cx, pipe, most)), Arc::clone(pipe));
        let piece = self.measure(piece, Tapped::len).map(|piece| match piece {
            Tapped::Bytes(bytes) => Piped::Bytes(self.window.hold(bytes)),
            Tapped::Piped(len) => Piped::Region(PipeRegion::new(&pipe, len, self.window.enter())),
        });
        Poll::Ready(Some(piece))
    }

    /// Counts a piece, after which there is nothing more if it is not what was expected.
    fn measure<T>(
        &mut self,
        piece: Option<io::Result<T>>,
        len: impl Fn(&T) -> usize,
    ) -> io::Result<T> {
        let failure = match piece {
            Some(Ok(piece)) if len(&piece) as u64 <= self.rest => {
                self.rest -= len(&piece) as u64;
                return Ok(piece);
            }
            Some(Ok(_)) => io::Error::other("stored content is longer than expected"),
            Some(Err(error)) => error,
            None => io::ErrorKind::UnexpectedEof.into(),
        };
        (self.rest, self.source) = (0, Source::Ended);
        Err(failure)
    }
}

// === impl Source ===

impl Source {
    /// Asks for the socket, once, if it is worth it.
    fn tap(&mut self, len: u64, budget: &Arc<ReadBudget>) {
        let Self::Untried(_) = self else { return };
        let Self::Untried(stream) = std::mem::replace(self, Self::Ended) else { return };
        let pipe = (len >= WORTH_A_PIPE).then(Pipe::new).and_then(Result::ok);
        *self = match pipe {
            None => Self::Stream(stream),
            Some(pipe) => match stream.into_tap() {
                Ok(tap) => Self::Tap(tap, Arc::new(pipe), budget.enter()),
                Err(stream) => Self::Stream(stream),
            },
        };
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body_util::BodyExt as _;

    use super::*;

    fn measured(pieces: &[&'static str], rest: u64) -> Payload {
        let pieces: Vec<_> =
            pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect();
        let stream = ByteStream::new(stream::iter(pieces));
        Payload::Stream(Measured::new(stream, rest, &ReadBudget::new(1 << 20)))
    }

    async fn read(payload: Payload) -> io::Result<Bytes> {
        Ok(Body::from(payload).collect().await?.to_bytes())
    }

    #[tokio::test]
    async fn parts_follow_each_other() {
        let parts = [Payload::Bytes("a".into()), Payload::Empty, measured(&["bc", "d"], 3)];
        let parts = Payload::Parts(parts.into());
        assert_eq!(parts.len(), 4);
        assert_eq!(read(parts).await.unwrap(), "abcd");
    }

    #[tokio::test]
    async fn a_stream_of_another_length_breaks_off() {
        assert_eq!(read(measured(&["ab"], 2)).await.unwrap(), "ab");
        assert!(read(measured(&["ab"], 3)).await.is_err());
        assert!(read(measured(&["ab"], 1)).await.is_err());
    }
}
