//! One record, as it stands in a file: length, number, checksum, payload.

use wharf_digest::Digest;

/// What precedes a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) number: u64,
    pub(super) length: usize,
    check: [u8; CHECK],
}

/// The bytes of a header: a length of 4, a number of 8, and the checksum.
pub(super) const HEADER: usize = 12 + CHECK;

const CHECK: usize = 8;

/// The longest payload: what claims to be longer is no record.
pub(crate) const LONGEST: usize = 16 << 20;

// === impl Header ===

impl Header {
    /// Reads a header; `None` for bytes that cannot be one.
    pub(super) fn parse(bytes: &[u8; HEADER]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk()?;
        let (number, rest) = rest.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let check = rest.try_into().ok()?;
        (length <= LONGEST).then_some(Self { number: u64::from_le_bytes(*number), length, check })
    }

    /// Whether this is the payload that was written behind it.
    pub(super) fn fits(&self, payload: &[u8]) -> bool {
        payload.len() == self.length && check(self.number, payload) == self.check
    }
}

/// Appends a record. The payload is not longer than [`LONGEST`].
pub(super) fn write(number: u64, payload: &[u8], into: &mut Vec<u8>) {
    debug_assert!(payload.len() <= LONGEST);
    into.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    into.extend_from_slice(&number.to_le_bytes());
    into.extend_from_slice(&check(number, payload));
    into.extend_from_slice(payload);
}

/// Takes the record with this number off the front: its payload, and what comes behind it. `None` if
/// it is not there, or not whole.
pub(super) fn take(number: u64, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (header, rest) = bytes.split_first_chunk::<HEADER>()?;
    let header = Header::parse(header).filter(|header| header.number == number)?;
    let (payload, rest) = rest.split_at_checked(header.length)?;
    header.fits(payload).then_some((payload, rest))
}

/// A part of a digest: here it guards against accidents, not against anybody who can write the file.
fn check(number: u64, payload: &[u8]) -> [u8; CHECK] {
    let mut digester = wharf_digest::Digester::new(wharf_digest::Algorithm::Sha256);
    digester.update(&number.to_le_bytes());
    digester.update(payload);
    let digest: Digest = digester.finish();
    let mut check = [0; CHECK];
    check.copy_from_slice(&digest.as_bytes()[..CHECK]);
    check
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_record_is_one() {
        let mut bytes = Vec::new();
        write(7, b"payload", &mut bytes);
        bytes.extend_from_slice(b"rest");
        assert_eq!(take(7, &bytes), Some((&b"payload"[..], &b"rest"[..])));
        assert_eq!(take(8, &bytes), None);
        let end = bytes.len() - b"rest".len();
        for cut in 0..end {
            assert_eq!(take(7, &bytes[..cut]), None, "{cut}");
        }
        for place in 0..end {
            let mut damaged = bytes.clone();
            damaged[place] ^= 0x40;
            assert_eq!(take(7, &damaged), None, "{place}");
        }
    }

    #[test]
    fn nothing_is_allocated_for_a_length_that_cannot_be() {
        assert_eq!(Header::parse(&[0xff; HEADER]), None);
        assert_eq!(take(u64::MAX, &[0xff; 64]), None);
    }
}
