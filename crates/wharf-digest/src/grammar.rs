//! The grammar of the OCI image specification: `algorithm ":" encoded`.

use crate::DigestError;

/// Splits any well formed digest, of a supported algorithm or not, into its algorithm and its
/// encoded part.
///
/// `algorithm` is one or more `[a-z0-9]+` joined by one of `+._-`; `encoded` is `[a-zA-Z0-9=_-]+`.
///
/// ```
/// assert_eq!(wharf_digest::split("blake3:af13"), Ok(("blake3", "af13")));
/// assert!(wharf_digest::split("sha256:").is_err());
/// ```
pub fn split(text: &str) -> Result<(&str, &str), DigestError> {
    match text.split_once(':') {
        Some((algorithm, encoded)) if is_algorithm(algorithm) && is_encoded(encoded) => {
            Ok((algorithm, encoded))
        }
        _ => Err(DigestError::format(text)),
    }
}

fn is_algorithm(text: &str) -> bool {
    text.split(['+', '.', '_', '-']).all(is_component)
}

fn is_component(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9'))
}

fn is_encoded(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'=' | b'_' | b'-');
    !text.is_empty() && text.bytes().all(allowed)
}
