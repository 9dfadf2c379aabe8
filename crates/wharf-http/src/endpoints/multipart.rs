//! Several ranges in one body (RFC 9110 section 14.6).

use std::ops::Range;

use uuid::Uuid;

use crate::{Payload, answer};

/// A body of type `multipart/byteranges` that is being put together.
pub(super) struct Multipart {
    boundary: String,
    size: u64,
    parts: Vec<Payload>,
}

// === impl Multipart ===

impl Multipart {
    /// A body of ranges of content of `size` bytes.
    pub(super) fn new(size: u64) -> Self {
        // It must not occur in the content. Nobody can know it when the content is made.
        Self { boundary: Uuid::new_v4().simple().to_string(), size, parts: Vec::new() }
    }

    pub(super) fn content_type(&self) -> http::HeaderValue {
        answer::value(format!("multipart/byteranges; boundary={}", self.boundary))
    }

    /// Adds the bytes of one range.
    pub(super) fn add(&mut self, range: &Range<u64>, payload: Payload) {
        let separator = if self.parts.is_empty() { "" } else { "\r\n" };
        let head = format!(
            "{separator}--{}\r\nContent-Type: application/octet-stream\r\nContent-Range: {}\r\n\r\n",
            self.boundary,
            content_range(range, self.size),
        );
        self.parts.push(Payload::Bytes(head.into()));
        self.parts.push(payload);
    }

    pub(super) fn finish(mut self) -> Payload {
        let end = format!("\r\n--{}--\r\n", self.boundary);
        self.parts.push(Payload::Bytes(end.into()));
        Payload::Parts(self.parts.into())
    }
}

/// The value of `Content-Range` for a range that is not empty.
pub(super) fn content_range(range: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1))
}
