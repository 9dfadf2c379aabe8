//! Error codes, and the body that carries them.

use std::borrow::Cow;

use serde::{Serialize, Serializer, ser::SerializeStruct};
use serde_json::Value;

/// Declares the codes in one table: name, text, status, message, when.
macro_rules! codes {
    ($($name:ident = $code:literal, $status:literal, $message:literal, $when:literal;)+) => {
        /// What went wrong, as a client reads it. Codes, statuses and messages are those of
        /// docker/distribution, which clients match on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode { $(#[doc = $when] $name),+ }

        impl ErrorCode {
            /// All of them, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            const TEXTS: &[(&str, u16, &str, &str)] = &[$(($code, $status, $message, $when)),+];
        }
    };
}

codes! {
    Unknown = "UNKNOWN", 500, "unknown error",
        "The registry failed in a way that has no code of its own.";
    Unsupported = "UNSUPPORTED", 405, "The operation is unsupported.",
        "The path or method does not exist here (404, 405), deletes are off, the registry is read-only, or a parameter asks for something unknown (400).";
    Unauthorized = "UNAUTHORIZED", 401, "authentication required",
        "The client has to say who it is, or may not do this.";
    Denied = "DENIED", 403, "requested access to the resource is denied",
        "Nobody may do this here.";
    Unavailable = "UNAVAILABLE", 503, "service unavailable",
        "The registry cannot serve now; a later try may succeed.";
    TooManyRequests = "TOOMANYREQUESTS", 429, "too many requests",
        "The client has to slow down.";
    DigestInvalid = "DIGEST_INVALID", 400, "provided digest did not match uploaded content",
        "A digest is malformed, of an unsupported algorithm, missing, or not that of the content.";
    SizeInvalid = "SIZE_INVALID", 400, "provided length did not match content length",
        "A body is shorter or longer than was announced.";
    RangeInvalid = "RANGE_INVALID", 416, "invalid content range",
        "A range lies outside of the content, or a chunk does not continue its upload.";
    NameInvalid = "NAME_INVALID", 400, "invalid repository name",
        "A repository name breaks the grammar, or is longer than 255 bytes.";
    TagInvalid = "TAG_INVALID", 400, "manifest tag did not match URI",
        "A tag breaks the grammar.";
    NameUnknown = "NAME_UNKNOWN", 404, "repository name not known to registry",
        "There is no such repository.";
    ManifestUnknown = "MANIFEST_UNKNOWN", 404, "manifest unknown",
        "The repository has no such manifest or tag.";
    ManifestInvalid = "MANIFEST_INVALID", 400, "manifest invalid",
        "A manifest breaks a rule, or is too large (413).";
    ManifestUnverified = "MANIFEST_UNVERIFIED", 400, "manifest failed signature verification",
        "Known to older clients; never sent.";
    ManifestBlobUnknown = "MANIFEST_BLOB_UNKNOWN", 400, "blob unknown to registry",
        "A manifest refers to something that the repository does not have; one error for each.";
    BlobUnknown = "BLOB_UNKNOWN", 404, "blob unknown to registry",
        "The repository has no such blob.";
    BlobUploadUnknown = "BLOB_UPLOAD_UNKNOWN", 404, "blob upload unknown to registry",
        "There is no such upload session: it ended, or was given up.";
    BlobUploadInvalid = "BLOB_UPLOAD_INVALID", 404, "blob upload invalid",
        "The state in the upload's URL is missing, forged, or of another session.";
    PaginationNumberInvalid = "PAGINATION_NUMBER_INVALID", 400, "invalid number of results requested",
        "The parameter `n` is not a number from 0 to the limit.";
}

/// One error of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct ErrorInfo {
    code: ErrorCode,
    message: Cow<'static, str>,
    detail: Option<Value>,
    status: Option<u16>,
}

/// The body of a failed request: `{"errors": […]}`. Its status is that of the first error.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ErrorBody {
    errors: Vec<ErrorInfo>,
}

// === impl ErrorCode ===

impl ErrorCode {
    fn texts(self) -> &'static (&'static str, u16, &'static str, &'static str) {
        &Self::TEXTS[self as usize]
    }

    /// The code as a client sees it.
    pub fn as_str(self) -> &'static str {
        self.texts().0
    }

    /// The status that goes with it, unless the error says otherwise.
    pub fn status(self) -> u16 {
        self.texts().1
    }

    /// What it says, unless the error says otherwise.
    pub fn message(self) -> &'static str {
        self.texts().2
    }

    /// When it is sent.
    pub fn when(self) -> &'static str {
        self.texts().3
    }

    /// The code of this text, `None` if it is none of ours.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl ErrorInfo ===

impl ErrorInfo {
    /// The error of this code, with its usual status and message.
    pub fn new(code: ErrorCode) -> Self {
        Self { code, message: Cow::Borrowed(code.message()), detail: None, status: None }
    }

    /// A manifest that is larger than `limit` bytes. The code is the one that docker/distribution
    /// uses for it (`SIZE_INVALID` means that two sizes disagree); the status is the one that the
    /// OCI specification asks for.
    pub fn manifest_too_large(limit: u64) -> Self {
        Self::new(ErrorCode::ManifestInvalid)
            .with_status(413)
            .with_detail(format!("manifest exceeds the limit of {limit} bytes"))
    }

    /// Adds what the error is about.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Value>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Says something more precise than the code's message. Clients show it.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.message = message.into();
        self
    }

    /// Answers with another status than the code's.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// The code.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The message.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What the error is about.
    pub fn detail(&self) -> Option<&Value> {
        self.detail.as_ref()
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.status.unwrap_or_else(|| self.code.status())
    }
}

impl From<ErrorCode> for ErrorInfo {
    fn from(code: ErrorCode) -> Self {
        Self::new(code)
    }
}

impl Serialize for ErrorInfo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = 2 + usize::from(self.detail.is_some());
        let mut object = serializer.serialize_struct("ErrorInfo", fields)?;
        object.serialize_field("code", self.code.as_str())?;
        object.serialize_field("message", &self.message)?;
        if let Some(detail) = &self.detail {
            object.serialize_field("detail", detail)?;
        }
        object.end()
    }
}

// === impl ErrorBody ===

impl ErrorBody {
    /// The media type of the body, without a charset as docker/distribution 3 sends it.
    pub const CONTENT_TYPE: &str = "application/json";

    /// An answer with several errors; an empty list becomes [`ErrorCode::Unknown`].
    pub fn new(errors: Vec<ErrorInfo>) -> Self {
        if errors.is_empty() { ErrorCode::Unknown.into() } else { Self { errors } }
    }

    /// The same errors, of which those that say nothing of what they are about have this detail.
    #[must_use]
    pub fn named(mut self, detail: &Value) -> Self {
        for error in self.errors.iter_mut().filter(|error| error.detail.is_none()) {
            error.detail = Some(detail.clone());
        }
        self
    }

    /// The errors, at least one.
    pub fn errors(&self) -> &[ErrorInfo] {
        &self.errors
    }

    /// The status of the answer.
    pub fn status(&self) -> u16 {
        self.errors[0].status()
    }

    /// The text of the body, with a line feed at its end.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string(self).expect("strings and values are always JSON");
        text.push('\n');
        text
    }
}

impl<T: Into<ErrorInfo>> From<T> for ErrorBody {
    fn from(error: T) -> Self {
        Self { errors: vec![error.into()] }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_body_is_that_of_the_specification() {
        let body = ErrorBody::from(
            ErrorInfo::new(ErrorCode::NameUnknown).with_detail(json!({"name": "a/b"})),
        );
        assert_eq!(
            body.to_json(),
            "{\"errors\":[{\"code\":\"NAME_UNKNOWN\",\"message\":\"repository name not known to \
             registry\",\"detail\":{\"name\":\"a/b\"}}]}\n"
        );
        assert_eq!(body.status(), 404);
        assert_eq!(
            ErrorBody::from(ErrorCode::Denied).to_json(),
            "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"requested access to the resource is \
             denied\"}]}\n"
        );
    }

    #[test]
    fn the_first_error_gives_the_status() {
        let body = ErrorBody::new(vec![
            ErrorInfo::manifest_too_large(4),
            ErrorCode::ManifestBlobUnknown.into(),
        ]);
        assert_eq!(body.status(), 413);
        assert_eq!(ErrorBody::new(vec![]).status(), 500);
    }

    #[test]
    fn codes_are_read_back_and_unique() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::parse(code.as_str()), Some(*code));
            assert!((400..600).contains(&code.status()), "{code}");
        }
        assert_eq!(ErrorCode::parse("NOPE"), None);
    }
}
