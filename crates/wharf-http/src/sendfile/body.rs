//! A body of which the regions of files are left to the connection.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http_body::{Frame, SizeHint};

use super::{
    Region, Regions,
    queue::{LONGEST, Piece},
};
use crate::{Body, body::Piped};

/// The body of an answer over a [`Stream`](super::Stream).
pub(crate) struct FileBody {
    body: Body,
    regions: Regions,
}

// === impl FileBody ===

impl FileBody {
    /// This body, sent by the connection that has these regions.
    pub(crate) fn new(body: Body, regions: Regions) -> Self {
        Self { body, regions }
    }

    fn piece(&self, piped: Piped) -> Piece {
        match piped {
            Piped::Bytes(bytes) => Piece::Bytes(bytes),
            Piped::Region(region) => self.regions.push(Region::Pipe(region)),
        }
    }

    /// The body itself.
    pub(crate) fn inner(&self) -> &Body {
        &self.body
    }
}

impl http_body::Body for FileBody {
    type Data = Piece;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Piece>>>> {
        let this = self.get_mut();
        if let Some(region) = this.body.take_region(LONGEST) {
            return Poll::Ready(Some(Ok(Frame::data(this.regions.push(region.into())))));
        }
        let piece = ready!(this.body.poll_piped(cx));
        let piece = piece.map(|piece| piece.map(|piece| this.piece(piece)));
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
