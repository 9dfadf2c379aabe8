//! What can be wrong with the text of a digest.

/// The text is no digest that this registry works with. Each variant holds the text, cut to a
/// length that a log line can bear.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// It is not of the form `algorithm:encoded`, or not encoded as its algorithm asks.
    #[error("invalid digest format: {0:?}")]
    InvalidFormat(String),
    /// It is well formed, but its algorithm is not one of [`Algorithm::ALL`](crate::Algorithm::ALL).
    #[error("unsupported digest algorithm: {0:?}")]
    Unsupported(String),
    /// The encoded part is longer or shorter than its algorithm asks.
    #[error("invalid digest length: {0:?}")]
    InvalidLength(String),
}

/// The most bytes of a text that an error repeats: a sha512 digest fits.
const SHOWN: usize = 160;

// === impl DigestError ===

impl DigestError {
    pub(crate) fn format(text: &str) -> Self {
        Self::InvalidFormat(shown(text))
    }

    pub(crate) fn unsupported(text: &str) -> Self {
        Self::Unsupported(shown(text))
    }

    pub(crate) fn length(text: &str) -> Self {
        Self::InvalidLength(shown(text))
    }
}

/// The text itself, or as much of it as may stand in a message.
fn shown(text: &str) -> String {
    if text.len() <= SHOWN {
        return text.to_owned();
    }
    let fits = |(start, c): &(usize, char)| start + c.len_utf8() <= SHOWN;
    text.char_indices().take_while(fits).map(|(_, c)| c).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_between_characters() {
        let text = "ü".repeat(1000);
        let DigestError::InvalidFormat(shown) = DigestError::format(&text) else { unreachable!() };
        assert_eq!(shown.chars().count(), SHOWN / 2 + 1);
        assert!(shown.ends_with('…'));
    }
}
