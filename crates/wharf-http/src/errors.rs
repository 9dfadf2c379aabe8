//! From a condition to what the client is told: the one place where error codes are chosen.

use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;
use wharf_api::{ErrorBody, ErrorCode, ErrorInfo, QueryError, Refusal};
use wharf_core::{Error, ErrorKind};
use wharf_digest::DigestError;

use crate::{Body, answer, answer::Answer, incoming::BodyFault};

/// Why a request is not answered as the client hoped.
pub(crate) struct Failure {
    body: ErrorBody,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<Error>,
}

/// The result of a handler.
pub(crate) type Outcome<T = Answer> = Result<T, Failure>;

/// The client left before its request was complete. Nobody reads this but the log.
const CLIENT_GONE: u16 = 499;

/// After how many seconds to try again what the backend could not do.
const COME_BACK: &str = "5";

/// After how many seconds an upload may have ended.
const ONCE_SOME_HAVE_ENDED: &str = "60";

// === impl Failure ===

impl Failure {
    /// The failure of this code, which says what it is about.
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        ErrorInfo::new(code).with_message(message.into()).into()
    }

    /// Adds a header to the answer.
    #[must_use]
    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.body.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Writes down what the client is not told: the cause of a failure of our own.
    pub(crate) fn log(&self) {
        let status = self.status().as_u16();
        let message = self.body.errors()[0].message();
        match (&self.cause, status) {
            (Some(cause), 500..) => {
                tracing::error!(status, error = ?cause, "request failed");
            }
            (_, 500.. | CLIENT_GONE | 408) => {
                tracing::info!(status, message, "request failed");
            }
            _ => tracing::debug!(status, message, "request refused"),
        }
    }

    /// The answer. Where something failed on our side, it names the request, by which the log tells more.
    pub(crate) fn into_answer(self, request_id: &str) -> Answer {
        let status = self.status();
        let body = match status.is_server_error() {
            true => self.body.named(&json!({ "request_id": request_id })),
            false => self.body,
        };
        let json = HeaderValue::from_static(ErrorBody::CONTENT_TYPE);
        let mut answer = Answer::new(status).with(header::CONTENT_TYPE, json);
        for (name, value) in self.headers {
            answer = answer.with(name, value);
        }
        answer.body(Body::from(body.to_json()))
    }

    fn because(mut self, cause: Error) -> Self {
        self.cause = Some(cause);
        self
    }
}

impl From<ErrorInfo> for Failure {
    fn from(error: ErrorInfo) -> Self {
        Self { body: error.into(), headers: Vec::new(), cause: None }
    }
}

impl From<ErrorCode> for Failure {
    fn from(code: ErrorCode) -> Self {
        ErrorInfo::new(code).into()
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        ErrorInfo::from(error).into()
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let failure = Self::from(refusal.error);
        match refusal.allow {
            Some(allow) => failure.with(header::ALLOW, HeaderValue::from_static(allow)),
            None => failure,
        }
    }
}

impl From<DigestError> for Failure {
    fn from(error: DigestError) -> Self {
        Self::new(ErrorCode::DigestInvalid, error.to_string())
    }
}

impl From<BodyFault> for Failure {
    fn from(fault: BodyFault) -> Self {
        let status = match fault {
            BodyFault::Gone(_) => CLIENT_GONE,
            BodyFault::Stalled(_) | BodyFault::Slow => 408,
        };
        let message = format!("request body {fault}");
        ErrorInfo::new(ErrorCode::SizeInvalid).with_status(status).with_message(message).into()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let failure = match error.kind() {
            ErrorKind::ManifestReferencesUnknown(digests) => {
                let unknown = |digest: &wharf_digest::Digest| {
                    ErrorInfo::new(ErrorCode::ManifestBlobUnknown).with_detail(digest.to_string())
                };
                let body = ErrorBody::new(digests.iter().map(unknown).collect());
                Self { body, headers: Vec::new(), cause: None }
            }
            kind => info(kind).into(),
        };
        let failure = match error.kind() {
            ErrorKind::RangeUnsatisfiable { size } => {
                failure.with(header::CONTENT_RANGE, answer::value(format!("bytes */{size}")))
            }
            ErrorKind::Unavailable(_) => {
                failure.with(header::RETRY_AFTER, HeaderValue::from_static(COME_BACK))
            }
            ErrorKind::TooManyUploads { .. } => {
                failure.with(header::RETRY_AFTER, HeaderValue::from_static(ONCE_SOME_HAVE_ENDED))
            }
            _ => failure,
        };
        failure.because(error)
    }
}

/// The error of a condition. What went wrong inside of the registry is for its log, not for its
/// clients; everything else is named.
fn info(kind: &ErrorKind) -> ErrorInfo {
    use ErrorCode as Code;
    let said = |code| ErrorInfo::new(code).with_message(kind.to_string());
    match kind {
        ErrorKind::BlobUnknown(digest) => said(Code::BlobUnknown).with_detail(digest.to_string()),
        ErrorKind::UploadUnknown(id) => {
            said(Code::BlobUploadUnknown).with_detail(json!({ "id": id.as_str() }))
        }
        ErrorKind::UploadOffset { .. } | ErrorKind::UploadBusy(_) => said(Code::RangeInvalid),
        ErrorKind::TooManyUploads { .. } => said(Code::TooManyRequests),
        ErrorKind::DigestMismatch { expected, actual } => {
            said(Code::DigestInvalid).with_detail(json!({ "expected": expected, "actual": actual }))
        }
        ErrorKind::SizeMismatch { .. } => said(Code::SizeInvalid),
        ErrorKind::ManifestUnknown { repository, reference } => said(Code::ManifestUnknown)
            .with_detail(json!({ "name": repository, "reference": reference.to_string() })),
        ErrorKind::TagUnknown(tag) => {
            said(Code::ManifestUnknown).with_detail(json!({ "tag": tag }))
        }
        ErrorKind::ManifestInvalid(_) | ErrorKind::ManifestRefused(_) => {
            said(Code::ManifestInvalid)
        }
        ErrorKind::ManifestReferencesUnknown(_) => said(Code::ManifestBlobUnknown),
        ErrorKind::ManifestTooLarge { limit } => ErrorInfo::manifest_too_large(*limit),
        ErrorKind::RepositoryUnknown(name) => {
            said(Code::NameUnknown).with_detail(json!({ "name": name }))
        }
        ErrorKind::RangeUnsatisfiable { .. } => said(Code::RangeInvalid),
        ErrorKind::Denied(_) => said(Code::Denied),
        ErrorKind::Unsupported(_) => said(Code::Unsupported),
        ErrorKind::Body(_) => said(Code::SizeInvalid).with_status(CLIENT_GONE),
        ErrorKind::Full(_) => ErrorInfo::new(Code::Unavailable)
            .with_status(507)
            .with_message("no space left in the registry"),
        ErrorKind::Unavailable(_) => ErrorInfo::new(Code::Unavailable),
        ErrorKind::Corrupt(_) => {
            ErrorInfo::new(Code::Unknown).with_message("stored content is damaged")
        }
        _ => ErrorInfo::new(Code::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use wharf_digest::Digest;
    use wharf_reference::{RepositoryName, Tag};

    use super::*;

    #[track_caller]
    fn check(kind: ErrorKind, status: u16, code: ErrorCode) {
        let failure = Failure::from(Error::from(kind));
        assert_eq!((failure.body.status(), failure.body.errors()[0].code()), (status, code));
    }

    #[test]
    fn what_is_away_for_now_says_when_to_come_back() {
        let failure = Failure::from(Error::from(ErrorKind::Unavailable("s3".into())));
        assert_eq!(failure.headers, [(header::RETRY_AFTER, HeaderValue::from_static("5"))]);
    }

    #[test]
    fn every_condition_has_its_status_and_code() {
        let digest = Digest::sha256(b"");
        let id = || wharf_core::UploadId::parse("u").unwrap();
        let name = || RepositoryName::parse("a/b").unwrap();
        check(ErrorKind::BlobUnknown(digest), 404, ErrorCode::BlobUnknown);
        check(ErrorKind::UploadUnknown(id()), 404, ErrorCode::BlobUploadUnknown);
        check(ErrorKind::UploadBusy(id()), 416, ErrorCode::RangeInvalid);
        let offset = ErrorKind::UploadOffset { id: id(), at: 1, given: 2 };
        check(offset, 416, ErrorCode::RangeInvalid);
        let mismatch = ErrorKind::DigestMismatch { expected: digest, actual: digest };
        check(mismatch, 400, ErrorCode::DigestInvalid);
        let unknown = ErrorKind::ManifestUnknown { repository: name(), reference: digest.into() };
        check(unknown, 404, ErrorCode::ManifestUnknown);
        check(ErrorKind::TagUnknown(Tag::latest()), 404, ErrorCode::ManifestUnknown);
        check(ErrorKind::ManifestTooLarge { limit: 4 }, 413, ErrorCode::ManifestInvalid);
        check(ErrorKind::RepositoryUnknown(name()), 404, ErrorCode::NameUnknown);
        check(ErrorKind::RangeUnsatisfiable { size: 1 }, 416, ErrorCode::RangeInvalid);
        check(ErrorKind::Denied("no".into()), 403, ErrorCode::Denied);
        check(ErrorKind::Unsupported("no"), 405, ErrorCode::Unsupported);
        check(ErrorKind::Full("disk".into()), 507, ErrorCode::Unavailable);
        check(ErrorKind::Unavailable("s3".into()), 503, ErrorCode::Unavailable);
        check(ErrorKind::Body("cut".into()), 499, ErrorCode::SizeInvalid);
        let many = ErrorKind::TooManyUploads { repository: name(), limit: 1 };
        check(many, 429, ErrorCode::TooManyRequests);
        check(ErrorKind::Other("x".into()), 500, ErrorCode::Unknown);
    }

    #[test]
    fn every_missing_reference_is_named() {
        let digests = vec![Digest::sha256(b"a"), Digest::sha256(b"b")];
        let failure = Failure::from(Error::from(ErrorKind::ManifestReferencesUnknown(digests)));
        assert_eq!(failure.body.errors().len(), 2);
        assert_eq!(failure.body.status(), 400);
    }

    #[test]
    fn secrets_of_the_backend_stay_inside() {
        let error = Error::from(ErrorKind::Other("open /srv/secret: permission denied".into()));
        assert!(!Failure::from(error).body.to_json().contains("secret"));
    }
}
