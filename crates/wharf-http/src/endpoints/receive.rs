//! The bytes of one request, appended to an upload.
//!
//! What a client sends is taken only where it belongs. With a `Content-Range` that is where the
//! range begins; without one it is where the session stood when its URL was made. So a chunk that is
//! sent again, because the answer to it was lost, is out of order, and never appended twice.

use http::header;
use wharf_api::ErrorCode;
use wharf_content::ChunkRange;
use wharf_core::{BlobWriter, Error, ErrorKind};

use crate::{
    call::Call,
    errors::{Failure, Outcome},
    incoming::Incoming,
};

/// What a request says about the bytes that it brings.
pub(super) struct Chunk {
    /// The offset of the first one; `None` for the body of a new session.
    start: Option<u64>,
    /// How many there are, if `Content-Range` says so.
    length: Option<u64>,
}

// === impl Chunk ===

impl Chunk {
    /// Bytes that go wherever the session stands.
    pub(super) fn unplaced() -> Self {
        Self { start: None, length: None }
    }

    /// Reads `Content-Range`; without one, the bytes belong at `offset`.
    pub(super) fn of(call: &Call, body: &Incoming, offset: u64) -> Outcome<Self> {
        let Some(range) = call.headers.get(header::CONTENT_RANGE) else {
            return Ok(Self { start: Some(offset), length: None });
        };
        let range = String::from_utf8_lossy(range.as_bytes());
        let range = ChunkRange::parse(&range)
            .map_err(|error| Failure::new(ErrorCode::RangeInvalid, error.to_string()))?;
        let chunk = Self { start: Some(range.first()), length: Some(range.len()) };
        match body.announced() {
            Some(announced) if announced != range.len() => Err(chunk.wrong_size(announced)),
            _ => Ok(chunk),
        }
    }

    /// Whether the bytes continue the session.
    pub(super) fn check(&self, writer: &dyn BlobWriter) -> Outcome<()> {
        match self.start {
            Some(given) if given != writer.size() => {
                let id = writer.id().clone();
                let offset = ErrorKind::UploadOffset { id, at: writer.size(), given };
                Err(Error::from(offset).into())
            }
            _ => Ok(()),
        }
    }

    fn wrong_size(&self, actual: u64) -> Failure {
        let expected = self.length.unwrap_or_default();
        let message = format!("Content-Range names {expected} bytes, the body has {actual}");
        Failure::new(ErrorCode::SizeInvalid, message)
    }
}

/// Appends the body.
///
/// If the client leaves, what came is made durable: it can go on from there. If the body turns out
/// longer or shorter than its range, the client is wrong about what it sends: nothing of it is
/// kept, as the writer is dropped where it was suspended last.
pub(super) async fn receive(
    writer: &mut dyn BlobWriter,
    body: &mut Incoming,
    chunk: &Chunk,
) -> Outcome<()> {
    let mut taken = 0;
    loop {
        let piece = match body.next().await {
            Ok(Some(piece)) => piece,
            Ok(None) => break,
            Err(fault) => {
                let suspended = writer.suspend().await;
                tracing::info!(upload = %writer.id(), %fault, ?suspended, "an upload was cut");
                return Err(fault.into());
            }
        };
        if taken == 0 {
            // Only now it is sure that a body without a length has bytes at all.
            chunk.check(writer)?;
        }
        taken += piece.len() as u64;
        if chunk.length.is_some_and(|length| taken > length) {
            return Err(chunk.wrong_size(taken));
        }
        writer.write(piece).await?;
    }
    match chunk.length {
        Some(length) if taken > 0 && taken != length => Err(chunk.wrong_size(taken)),
        _ => Ok(()),
    }
}
