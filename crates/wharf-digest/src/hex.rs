//! Lower-case hexadecimal.

use std::{fmt, ops::Deref};

use crate::digest::MAX_SIZE;

/// The hash of a digest in lower-case hexadecimal, as text that needs no allocation.
#[derive(Clone, Copy)]
pub struct Hex {
    text: [u8; 2 * MAX_SIZE],
    length: usize,
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

// === impl Hex ===

impl Hex {
    /// The digits of at most [`MAX_SIZE`] bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut text = [0; 2 * MAX_SIZE];
        let (pairs, _) = text.as_chunks_mut::<2>();
        for (pair, byte) in pairs.iter_mut().zip(bytes) {
            *pair = [byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]);
        }
        Self { text, length: 2 * bytes.len() }
    }
}

impl Deref for Hex {
    type Target = str;

    fn deref(&self) -> &str {
        std::str::from_utf8(&self.text[..self.length]).expect("digits are ASCII")
    }
}

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

/// Fills `out` from exactly twice as many lower-case digits; `None` for anything else.
pub(crate) fn decode(text: &str, out: &mut [u8]) -> Option<()> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() || pairs.len() != out.len() {
        return None;
    }
    for ([high, low], byte) in pairs.iter().zip(out) {
        *byte = value(*high)? << 4 | value(*low)?;
    }
    Some(())
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}
