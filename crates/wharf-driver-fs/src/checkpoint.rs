//! The checkpoint of an upload session as a file.

use bytes::{BufMut, Bytes, BytesMut};
use wharf_driver::Checkpoint;

/// No record is larger; what is, is none of ours.
pub(crate) const LARGEST: usize = 1 << 20;

const MAGIC: &[u8] = b"wharf checkpoint 1\n";
const HEADER: usize = MAGIC.len() + 2 * size_of::<u64>();

/// The record: a magic line, the length and a checksum in network byte order, the state.
pub(crate) fn encode(checkpoint: &Checkpoint) -> Bytes {
    let mut record = BytesMut::with_capacity(HEADER + checkpoint.state.len());
    record.put(MAGIC);
    record.put_u64(checkpoint.length);
    record.put_u64(checksum(checkpoint));
    record.put(checkpoint.state.clone());
    record.freeze()
}

/// What a record says, `None` if it is damaged.
pub(crate) fn decode(record: &Bytes) -> Option<Checkpoint> {
    let fields = record.strip_prefix(MAGIC)?;
    let (length, fields) = fields.split_first_chunk()?;
    let (sum, _) = fields.split_first_chunk()?;
    let checkpoint =
        Checkpoint { length: u64::from_be_bytes(*length), state: record.slice(HEADER..) };
    (u64::from_be_bytes(*sum) == checksum(&checkpoint)).then_some(checkpoint)
}

/// FNV-1a: against decay, not against malice.
fn checksum(checkpoint: &Checkpoint) -> u64 {
    let length = checkpoint.length.to_be_bytes();
    length.iter().chain(&checkpoint.state).fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Checkpoint {
        Checkpoint { length: 4711, state: Bytes::from_static(b"half a hash") }
    }

    #[test]
    fn what_was_encoded_is_decoded() {
        for checkpoint in [Checkpoint::default(), sample()] {
            assert_eq!(decode(&encode(&checkpoint)), Some(checkpoint));
        }
    }

    #[test]
    fn no_flipped_bit_and_no_missing_end_goes_unnoticed() {
        let whole = encode(&sample());
        for at in 0..whole.len() {
            assert_eq!(decode(&whole.slice(..at)), None, "cut to {at}");
            let mut flipped = whole.to_vec();
            flipped[at] ^= 1;
            assert_eq!(decode(&flipped.into()), None, "bit flipped at {at}");
        }
    }
}
