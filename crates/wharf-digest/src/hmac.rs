//! HMAC-SHA-256 over several parts, for tokens that only their maker can make.
//!
//! ```
//! use wharf_digest::hmac;
//!
//! let tag = hmac::sign(b"key", &[b"library/alpine", b"session"]);
//! assert!(hmac::verify(b"key", &[b"library/alpine", b"session"], &tag));
//! assert!(!hmac::verify(b"key", &[b"library/alpines", b"ession"], &tag));
//! ```

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The tag of the parts under a key of any length. Every part is preceded by its length, so that
/// moving a boundary changes the tag.
pub fn sign(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    compute(key, parts).finalize().into_bytes().into()
}

/// The tag of a message by itself (RFC 2104): for others, who compute it with what they have.
pub fn plain(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    mac.chain_update(message).finalize().into_bytes().into()
}

/// Whether this is the tag of the parts. Takes the same time for every wrong tag.
pub fn verify(key: &[u8], parts: &[&[u8]], tag: &[u8]) -> bool {
    compute(key, parts).verify_slice(tag).is_ok()
}

fn compute(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    for part in parts {
        mac.update(&(part.len() as u64).to_le_bytes());
        mac.update(part);
    }
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_is_hmac_sha256_of_the_prefixed_parts() {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"key").unwrap();
        mac.update(b"\x02\0\0\0\0\0\0\0ab\x01\0\0\0\0\0\0\0c");
        assert_eq!(sign(b"key", &[b"ab", b"c"]), <[u8; 32]>::from(mac.finalize().into_bytes()));
    }

    #[test]
    fn the_plain_tag_is_that_of_rfc_4231() {
        let tag = plain(b"Jefe", b"what do ya want for nothing?");
        let hex: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn every_other_input_has_another_tag() {
        let tag = sign(b"key", &[b"ab", b"c"]);
        let check = |key: &[u8], parts: &[&[u8]], tag: &[u8]| assert!(!verify(key, parts, tag));
        check(b"kez", &[b"ab", b"c"], &tag);
        check(b"", &[b"ab", b"c"], &tag);
        check(b"key", &[b"a", b"bc"], &tag);
        check(b"key", &[b"abc"], &tag);
        check(b"key", &[b"ab", b"c", b""], &tag);
        check(b"key", &[], &tag);
        check(b"key", &[b"ab", b"c"], &tag[..31]);
        check(b"key", &[b"ab", b"c"], b"");
        assert!(verify(b"key", &[b"ab", b"c"], &tag));
    }
}
