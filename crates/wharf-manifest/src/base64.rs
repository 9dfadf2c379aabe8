//! Standard base64 with padding (RFC 4648, section 4), as descriptors embed content.

/// The bytes that a text stands for, `None` if it is not base64.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    let padding = bytes.iter().rev().take_while(|b| **b == b'=').count();
    if !bytes.len().is_multiple_of(4) || padding > 2 {
        return None;
    }
    let mut decoded = Vec::with_capacity(bytes.len() / 4 * 3);
    for group in bytes[..bytes.len() - padding].chunks(4) {
        let mut bits = 0u32;
        for byte in group {
            bits = bits << 6 | value(*byte)?;
        }
        bits <<= 6 * (4 - group.len());
        let [_, quantum @ ..] = bits.to_be_bytes();
        let (used, unused) = quantum.split_at(group.len() - 1);
        // Bits that no byte takes up have to be zero, or one content would have several texts.
        if unused.iter().any(|byte| *byte != 0) {
            return None;
        }
        decoded.extend_from_slice(used);
    }
    Some(decoded)
}

fn value(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors() {
        for (text, expected) in [
            ("", Some("")),
            ("Zg==", Some("f")),
            ("Zm8=", Some("fo")),
            ("Zm9v", Some("foo")),
            ("Zm9vYmFy", Some("foobar")),
            ("e30=", Some("{}")),
            ("Zg", None),
            ("Zg=", None),
            ("Zh==", None),
            ("Z===", None),
            ("====", None),
            ("Zm9v====", None),
            ("Zm-v", None),
            ("Z=9v", None),
            ("Zm9v\n", None),
        ] {
            assert_eq!(decode(text).as_deref(), expected.map(str::as_bytes), "{text:?}");
        }
    }
}
