//! What a handler answers.

use std::fmt::{self, Display, Write as _};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use wharf_digest::Digest;

use crate::Body;

/// A response that is being put together.
pub(crate) struct Answer(Response<Body>);

pub(crate) const DOCKER_CONTENT_DIGEST: HeaderName =
    HeaderName::from_static(wharf_api::header::DOCKER_CONTENT_DIGEST);
pub(crate) const DOCKER_UPLOAD_UUID: HeaderName =
    HeaderName::from_static(wharf_api::header::DOCKER_UPLOAD_UUID);
pub(crate) const OCI_FILTERS_APPLIED: HeaderName =
    HeaderName::from_static(wharf_api::header::OCI_FILTERS_APPLIED);
pub(crate) const OCI_SUBJECT: HeaderName = HeaderName::from_static(wharf_api::header::OCI_SUBJECT);
pub(crate) const OCI_TAG: HeaderName = HeaderName::from_static(wharf_api::header::OCI_TAG);

/// A text that is put together without an allocation, if it is not longer than most.
struct Line {
    bytes: [u8; 256],
    length: usize,
}

/// The longest digest, in quotes.
const LONGEST_TAG: usize = "\"sha512:\"".len() + 128;

/// Room for the headers of most answers, so that it is made once.
const HEADERS: usize = 12;

// === impl Answer ===

impl Answer {
    /// An answer without a body.
    pub(crate) fn new(status: StatusCode) -> Self {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        response.headers_mut().reserve(HEADERS);
        Self(response)
    }

    /// `200` with a JSON body.
    pub(crate) fn json(content_type: &'static str, content: &impl Serialize) -> Self {
        let mut text = serde_json::to_vec(content).expect("strings and numbers are always JSON");
        text.push(b'\n');
        Self::new(StatusCode::OK)
            .with(header::CONTENT_TYPE, HeaderValue::from_static(content_type))
            .body(Body::from(text))
    }

    /// Adds a header.
    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers_mut().append(name, value);
        self
    }

    /// Adds a header of something that was parsed.
    pub(crate) fn with_text(self, name: HeaderName, text: impl Display) -> Self {
        self.with(name, value(text))
    }

    /// Adds the digest of the content.
    pub(crate) fn digest(self, digest: &Digest) -> Self {
        self.with_text(DOCKER_CONTENT_DIGEST, digest)
    }

    /// Adds the digest of the content, which is its entity tag too; the two headers share their memory.
    pub(crate) fn identified(self, digest: &Digest) -> Self {
        let mut tag = String::with_capacity(LONGEST_TAG);
        write!(tag, "\"{digest}\"").expect("a string takes everything");
        let tag = Bytes::from(tag);
        let value = |text: Bytes| HeaderValue::from_maybe_shared(text).expect("it is ASCII");
        let digest = value(tag.slice(1..tag.len() - 1));
        self.with(DOCKER_CONTENT_DIGEST, digest).with(header::ETAG, value(tag))
    }

    /// Gives it a body.
    pub(crate) fn body(mut self, body: impl Into<Body>) -> Self {
        *self.0.body_mut() = body.into();
        self
    }

    /// The response.
    pub(crate) fn into_response(self) -> Response<Body> {
        self.0
    }
}

/// The value of a header. What we write consists of words that were parsed; if there were ever one
/// with a line feed in it, the header would be empty, not split.
pub(crate) fn value(text: impl Display) -> HeaderValue {
    let mut line = Line::default();
    let written = write!(line, "{text}");
    let value = match written {
        Ok(()) => HeaderValue::from_bytes(&line.bytes[..line.length]),
        Err(_) => HeaderValue::try_from(text.to_string()),
    };
    value.unwrap_or(HeaderValue::from_static(""))
}

// === impl Line ===

impl Default for Line {
    fn default() -> Self {
        Self { bytes: [0; 256], length: 0 }
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_of_content_is_its_digest_in_quotes() {
        for algorithm in wharf_digest::Algorithm::ALL {
            let digest = Digest::of(algorithm, b"content");
            let response = Answer::new(StatusCode::OK).identified(&digest).into_response();
            let headers = response.headers();
            assert_eq!(headers[DOCKER_CONTENT_DIGEST], digest.to_string().as_str());
            assert_eq!(headers[header::ETAG], crate::conditional::etag(&digest));
            assert!(headers[header::ETAG].len() <= LONGEST_TAG);
        }
    }

    #[test]
    fn values_of_any_length_are_written_whole() {
        for length in [0, 1, 255, 256, 257, 5000] {
            let text = "x".repeat(length);
            assert_eq!(value(&text), text.as_str());
            assert_eq!(value(format_args!("{text}-{text}")), format!("{text}-{text}").as_str());
        }
        assert_eq!(value("a\r\nb"), "");
    }
}
