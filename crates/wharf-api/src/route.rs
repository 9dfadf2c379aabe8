//! From a path to what it names.
//!
//! A path is cut at its slashes first; then each segment is percent-decoded, once. So `%2f` never
//! makes a separator, and what does not decode to plain text keeps its `%`, which no grammar takes.
//! The last keyword of a path decides, so that any word can be part of a repository's name.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde_json::json;
use wharf_digest::Digest;
use wharf_reference::{RepositoryName, Tag, TagOrDigest};

use crate::{ErrorCode, ErrorInfo, Row, TABLE, Target};

/// Why a path names nothing. [`RouteError::info`] is what to answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// The registry has no such path.
    #[error("no such path: {0:?}")]
    NotFound(String),
    /// The repository's name is malformed.
    #[error("invalid repository name: {0:?}")]
    Name(String),
    /// The digest is malformed, or of an unsupported algorithm.
    #[error("invalid digest {text:?}: {reason}")]
    Digest {
        /// What was given.
        text: String,
        /// The rule that it breaks.
        reason: String,
    },
    /// The tag is malformed.
    #[error("invalid tag: {0:?}")]
    Tag(String),
    /// No upload session can have this id.
    #[error("invalid upload id: {0:?}")]
    Upload(String),
}

/// The path is right, the method is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("method not allowed, only {allow}")]
pub struct MethodNotAllowed {
    /// The value of the `Allow` header.
    pub allow: &'static str,
}

/// Why a request goes nowhere, ready to be answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The error.
    pub error: ErrorInfo,
    /// The value of the `Allow` header, if the method is the reason.
    pub allow: Option<&'static str>,
}

/// Finds what a request asks for.
pub fn resolve(method: &str, path: &str) -> Result<(Target, &'static Row), Refusal> {
    let refuse = |error: RouteError| Refusal { error: error.info(method), allow: None };
    let target = route(path).map_err(refuse)?;
    let row = row(&target, method).map_err(Refusal::from)?;
    Ok((target, row))
}

/// Reads a path as it came, percent-encoded and without its query.
///
/// One slash at the end makes no difference: `/v2` is `/v2/`, and `…/blobs/uploads` is
/// `…/blobs/uploads/` without the redirect that would turn a `POST` into a `GET`.
pub fn route(path: &str) -> Result<Target, RouteError> {
    let not_found = || RouteError::NotFound(shorten(path));
    if path == "/" {
        return Ok(Target::Alive);
    }
    let below = path.strip_prefix("/v2").ok_or_else(not_found)?;
    if below.is_empty() || below == "/" {
        return Ok(Target::Base);
    }
    let below = below.strip_prefix('/').ok_or_else(not_found)?;
    let below = below.strip_suffix('/').unwrap_or(below);
    let segments: Vec<_> = below.split('/').map(decode).collect();
    let words: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
    match words.as_slice() {
        ["_catalog"] => Ok(Target::Catalog),
        [name @ .., "tags", "list"] => Ok(Target::Tags { name: repository(name)? }),
        [name @ .., "manifests", text] => {
            Ok(Target::Manifest { name: repository(name)?, reference: reference(text)? })
        }
        [name @ .., "referrers", text] => {
            Ok(Target::Referrers { name: repository(name)?, digest: digest(text)? })
        }
        [name @ .., "blobs", "uploads"] => Ok(Target::Uploads { name: repository(name)? }),
        [name @ .., "blobs", text] => {
            Ok(Target::Blob { name: repository(name)?, digest: digest(text)? })
        }
        [name @ .., "blobs", "uploads", text] => {
            Ok(Target::Upload { name: repository(name)?, id: upload(text)? })
        }
        // Only a slash says that nothing more is meant, and not something that was left empty.
        [.., last] if path.ends_with('/') && !KEYWORDS.contains(last) => {
            repository(&words).map(|name| Target::Repository { name }).map_err(|_| not_found())
        }
        _ => Err(not_found()),
    }
}

/// The words that have something behind them.
const KEYWORDS: [&str; 4] = ["blobs", "manifests", "referrers", "tags"];

/// The row of the table for a method.
pub fn row(target: &Target, method: &str) -> Result<&'static Row, MethodNotAllowed> {
    let endpoint = target.endpoint();
    TABLE
        .iter()
        .find(|row| row.endpoint == endpoint && row.method.covers(method))
        .ok_or(MethodNotAllowed { allow: endpoint.allow() })
}

// === impl RouteError ===

impl RouteError {
    /// The error to answer a request of this method with. A tag that cannot exist is simply not
    /// there when it is asked for, and invalid when it is to be made.
    pub fn info(&self, method: &str) -> ErrorInfo {
        let error = ErrorInfo::new(self.code(method));
        match self {
            Self::NotFound(path) => error
                .with_status(404)
                .with_message("no such path in this API")
                .with_detail(json!({ "path": path })),
            Self::Name(name) => error.with_detail(json!({ "name": name })),
            Self::Tag(tag) => error.with_detail(json!({ "tag": tag })),
            Self::Upload(id) => error.with_detail(json!({ "id": id })),
            Self::Digest { text, reason } => {
                error.with_detail(json!({ "digest": text, "reason": reason }))
            }
        }
    }

    fn code(&self, method: &str) -> ErrorCode {
        match self {
            Self::NotFound(_) => ErrorCode::Unsupported,
            Self::Name(_) => ErrorCode::NameInvalid,
            Self::Digest { .. } => ErrorCode::DigestInvalid,
            Self::Tag(_) if method == "PUT" => ErrorCode::TagInvalid,
            Self::Tag(_) => ErrorCode::ManifestUnknown,
            Self::Upload(_) => ErrorCode::BlobUploadUnknown,
        }
    }
}

// === impl MethodNotAllowed ===

impl MethodNotAllowed {
    /// The error to answer with, next to the `Allow` header.
    pub fn info(self) -> ErrorInfo {
        ErrorCode::Unsupported.into()
    }
}

// === impl Refusal ===

impl From<MethodNotAllowed> for Refusal {
    fn from(error: MethodNotAllowed) -> Self {
        Self { error: error.info(), allow: Some(error.allow) }
    }
}

/// One segment, decoded once. What is broken, not UTF-8, or would hide a separator or a control
/// character, stays as it is.
fn decode(segment: &str) -> Cow<'_, str> {
    if !segment.contains('%') {
        return Cow::Borrowed(segment);
    }
    let decoded = percent_decode_str(segment).decode_utf8().ok();
    decoded
        .filter(|text| !text.contains(|c: char| c == '/' || c.is_control()))
        .unwrap_or(Cow::Borrowed(segment))
}

fn repository(components: &[&str]) -> Result<RepositoryName, RouteError> {
    let name = components.join("/");
    RepositoryName::parse(&name).map_err(|_| RouteError::Name(shorten(&name)))
}

fn digest(text: &str) -> Result<Digest, RouteError> {
    Digest::parse(text)
        .map_err(|error| RouteError::Digest { text: shorten(text), reason: error.to_string() })
}

fn reference(text: &str) -> Result<TagOrDigest, RouteError> {
    if text.contains(':') {
        return digest(text).map(TagOrDigest::from);
    }
    Tag::parse(text).map(TagOrDigest::from).map_err(|_| RouteError::Tag(shorten(text)))
}

fn upload(text: &str) -> Result<String, RouteError> {
    let well_formed = (1..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if well_formed { Ok(text.to_owned()) } else { Err(RouteError::Upload(shorten(text))) }
}

/// As much of a refused text as a message repeats.
fn shorten(text: &str) -> String {
    const MOST: usize = 300;
    text.chars().take(MOST).collect()
}

#[cfg(test)]
mod tests;
