//! What a handler answers.

use std::fmt::Display;

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
    HeaderValue::try_from(text.to_string()).unwrap_or(HeaderValue::from_static(""))
}
