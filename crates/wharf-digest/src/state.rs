//! The stored form of a [`Digester`].
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version |
//! | 1 | algorithm: its place in [`Algorithm::ALL`] |
//! | 8 | how many bytes were hashed, little endian |
//! | n | the hasher: chaining values, number of whole blocks, the block under way |
//! | 8 | the start of the SHA-256 of all before |

use sha2::{
    Digest as _, Sha256,
    digest::common::hazmat::{SerializableState, SerializedState},
};

use crate::{Algorithm, Digester, digester::Hasher};

/// The bytes are no state that can be resumed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// It was written in another format, probably by another version of this crate.
    #[error("digest state has version {0}, not {VERSION}")]
    Version(u8),
    /// It is cut short, changed, or was never a state.
    #[error("digest state is damaged: {0}")]
    Damaged(&'static str),
}

/// Changes with the layout of the table above, and with that of the hashers in `sha2`.
const VERSION: u8 = 1;

const CHECKSUM: usize = 8;

/// Where a hasher keeps what its state must agree with. Its chaining values, little endian, come
/// first.
struct Layout {
    block: u64,
    /// Where the number of whole blocks stands, little endian. The byte after it is the number of
    /// bytes in the block under way.
    blocks: std::ops::Range<usize>,
}

/// Writes the state of a digester.
pub(crate) fn write(digester: &Digester) -> Vec<u8> {
    let mut state = vec![VERSION, tag(digester.algorithm())];
    state.extend_from_slice(&digester.len.to_le_bytes());
    match &digester.hasher {
        Hasher::Sha256(hasher) => state.extend_from_slice(&hasher.serialize()),
        Hasher::Sha384(hasher) => state.extend_from_slice(&hasher.serialize()),
        Hasher::Sha512(hasher) => state.extend_from_slice(&hasher.serialize()),
    }
    let checksum = checksum(&state);
    state.extend_from_slice(&checksum);
    state
}

/// Reads the state of a digester.
pub(crate) fn read(state: &[u8]) -> Result<Digester, StateError> {
    let (&version, _) = state.split_first().ok_or(StateError::Damaged("empty"))?;
    if version != VERSION {
        return Err(StateError::Version(version));
    }
    let (body, stored_checksum) =
        state.split_last_chunk::<CHECKSUM>().ok_or(StateError::Damaged("cut short"))?;
    if checksum(body) != *stored_checksum {
        return Err(StateError::Damaged("wrong checksum"));
    }
    let ([_, algorithm], body) =
        body.split_first_chunk::<2>().ok_or(StateError::Damaged("cut short"))?;
    let (len, hasher) = body.split_first_chunk::<8>().ok_or(StateError::Damaged("cut short"))?;
    let algorithm = Algorithm::ALL
        .into_iter()
        .find(|known| tag(*known) == *algorithm)
        .ok_or(StateError::Damaged("unknown algorithm"))?;
    let len = u64::from_le_bytes(*len);
    check_length(algorithm, hasher, len)?;
    Ok(Digester { hasher: read_hasher(algorithm, hasher)?, len })
}

/// Refuses a hasher that has not hashed `len` bytes. One that claims to have hashed more than its
/// algorithm can count would panic when it finishes.
fn check_length(algorithm: Algorithm, hasher: &[u8], len: u64) -> Result<(), StateError> {
    let wrong = StateError::Damaged("wrong length");
    let layout = layout(algorithm);
    let partial = hasher.get(layout.blocks.end);
    let (Some(blocks), Some(&partial)) = (hasher.get(layout.blocks), partial) else {
        return Err(wrong);
    };
    let mut count = [0; 16];
    count[..blocks.len()].copy_from_slice(blocks);
    let hashed = u128::from_le_bytes(count)
        .checked_mul(u128::from(layout.block))
        .and_then(|hashed| hashed.checked_add(u128::from(partial)));
    let countable = len <= u64::MAX / 8;
    if countable && hashed == Some(u128::from(len)) { Ok(()) } else { Err(wrong) }
}

fn read_hasher(algorithm: Algorithm, bytes: &[u8]) -> Result<Hasher, StateError> {
    Ok(match algorithm {
        Algorithm::Sha256 => Hasher::Sha256(deserialize(bytes)?),
        Algorithm::Sha384 => Hasher::Sha384(deserialize(bytes)?),
        Algorithm::Sha512 => Hasher::Sha512(deserialize(bytes)?),
    })
}

fn deserialize<H: SerializableState>(bytes: &[u8]) -> Result<H, StateError> {
    let wrong = StateError::Damaged("not a hasher");
    let state = SerializedState::<H>::try_from(bytes).map_err(|_| wrong.clone())?;
    H::deserialize(&state).map_err(|_| wrong)
}

/// The chaining values of a SHA-256.
#[cfg(target_arch = "x86_64")]
pub(crate) fn chaining_values(hasher: &Sha256) -> [u32; 8] {
    let state = hasher.serialize();
    let (values, _) = state.as_chunks();
    std::array::from_fn(|i| u32::from_le_bytes(values[i]))
}

/// What a SHA-256 becomes with so many more blocks, which gave it these chaining values.
#[cfg(target_arch = "x86_64")]
pub(crate) fn advanced(hasher: &Sha256, values: [u32; 8], blocks: u64) -> Sha256 {
    let mut state = hasher.serialize();
    let layout = layout(Algorithm::Sha256);
    state[..layout.blocks.start].copy_from_slice(values.map(u32::to_le_bytes).as_flattened());
    let mut count = [0; 8];
    count.copy_from_slice(&state[layout.blocks.clone()]);
    let count = u64::from_le_bytes(count) + blocks;
    state[layout.blocks].copy_from_slice(&count.to_le_bytes());
    Sha256::deserialize(&state).expect("a hasher takes all chaining values and counts")
}

fn layout(algorithm: Algorithm) -> Layout {
    match algorithm {
        Algorithm::Sha256 => Layout { block: 64, blocks: 32..40 },
        Algorithm::Sha384 | Algorithm::Sha512 => Layout { block: 128, blocks: 64..80 },
    }
}

fn tag(algorithm: Algorithm) -> u8 {
    algorithm as u8
}

/// Finds accidents, not forgeries: a forged state at worst yields a digest that nothing has.
fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let hash: [u8; 32] = Sha256::digest(bytes).into();
    let [a, b, c, d, e, f, g, h, ..] = hash;
    [a, b, c, d, e, f, g, h]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forge(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut state = Digester::new(Algorithm::Sha256).state();
        state.truncate(state.len() - CHECKSUM);
        change(&mut state);
        let checksum = checksum(&state);
        state.extend_from_slice(&checksum);
        state
    }

    #[test]
    fn forged_states_with_a_right_checksum_are_refused() {
        let check = |what: &str, change: fn(&mut Vec<u8>)| {
            assert!(matches!(read(&forge(change)), Err(StateError::Damaged(_))), "{what}");
        };
        check("unknown algorithm", |state| state[1] = 9);
        check("another algorithm", |state| state[1] = 1);
        check("another length", |state| state[2] = 1);
        check("more blocks than the length says", |state| state[10 + 32] = 1);
        check("more bits than can be counted", |state| {
            state[2..10].copy_from_slice(&(1u64 << 62).to_le_bytes());
            state[42..50].copy_from_slice(&(1u64 << 56).to_le_bytes());
        });
        check("a block position outside the block", |state| {
            state[2] = 64;
            state[50] = 64;
        });
        check("no hasher", |state| state.truncate(10));
        check("too long a hasher", |state| state.insert(20, 0));
        check("only a version", |state| state.truncate(1));
    }

    #[test]
    fn another_version_is_named() {
        let mut state = Digester::new(Algorithm::Sha384).state();
        state[0] = 2;
        assert_eq!(read(&state).unwrap_err(), StateError::Version(2));
    }
}
