//! Two SHA-256 digesters that take the same bytes at once.

mod x86;

use sha2::{Digest as _, Sha256};

use self::x86::Instructions;
use crate::{Digester, digester::Hasher, state};

/// What SHA-256 compresses at a time.
type Block = [u8; 64];

/// The chaining values of a SHA-256, from `a` to `h`.
type Values = [u32; 8];

/// The fewest bytes that are worth taking the hashers apart. They complete any block.
const LEAST: usize = 1024;

/// Lets both digesters take the bytes, and says whether they did. They are left as they are where
/// one update after the other is as fast.
pub(crate) fn update(one: &mut Digester, other: &mut Digester, bytes: &[u8]) -> bool {
    let head = missing(one.len);
    if bytes.len() < LEAST || head != missing(other.len) {
        return false;
    }
    let (Hasher::Sha256(first), Hasher::Sha256(second)) = (&mut one.hasher, &mut other.hasher)
    else {
        return false;
    };
    let Some(instructions) = Instructions::detect() else { return false };
    let (head, rest) = bytes.split_at(head);
    let (blocks, tail) = rest.as_chunks();
    let mut hashers = [first, second];
    update_each(&mut hashers, head);
    compress(&mut hashers, blocks, instructions);
    update_each(&mut hashers, tail);
    one.len += bytes.len() as u64;
    other.len += bytes.len() as u64;
    true
}

/// How many bytes the block under way wants; none between two blocks.
fn missing(len: u64) -> usize {
    (len.next_multiple_of(size_of::<Block>() as u64) - len) as usize
}

fn update_each(hashers: &mut [&mut Sha256; 2], bytes: &[u8]) {
    for hasher in hashers {
        hasher.update(bytes);
    }
}

/// Compresses the blocks into hashers that are between two blocks.
fn compress(hashers: &mut [&mut Sha256; 2], blocks: &[Block], instructions: Instructions) {
    let mut values = hashers.each_ref().map(|hasher| state::chaining_values(hasher));
    instructions.compress(&mut values, blocks);
    for (hasher, values) in hashers.iter_mut().zip(values) {
        **hasher = state::advanced(hasher, values, blocks.len() as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Algorithm;

    /// A digester that has taken so many bytes.
    fn digester(algorithm: Algorithm, len: usize) -> Digester {
        let mut digester = Digester::new(algorithm);
        digester.update(&content(len));
        digester
    }

    fn content(len: usize) -> Vec<u8> {
        (0..len).map(|i| ((i * i) >> 3) as u8).collect()
    }

    #[test]
    fn digesters_in_step_take_long_pieces_at_once() {
        let check = |one: usize, other: usize, len: usize| {
            let mut pair = [one, other].map(|len| digester(Algorithm::Sha256, len));
            let mut plain = pair.clone();
            let [one, other] = &mut pair;
            let taken = update(one, other, &content(len));
            // A processor with these has the older ones that are asked for, too.
            assert_eq!(taken, is_x86_feature_detected!("sha"));
            if taken {
                plain.iter_mut().for_each(|digester| digester.update(&content(len)));
            }
            assert_eq!(pair.map(|digester| digester.state()), plain.map(|plain| plain.state()));
        };
        check(0, 0, LEAST);
        check(0, 64, LEAST + 1);
        check(1, 129, LEAST);
        check(63, 63, LEAST + 63);
        check(200, 8, LEAST + 56);
    }

    #[test]
    fn other_digesters_are_left_as_they_are() {
        let check = |mut one: Digester, mut other: Digester, len: usize| {
            let before = (one.state(), other.state());
            assert!(!update(&mut one, &mut other, &content(len)));
            assert_eq!((one.state(), other.state()), before);
        };
        let sha256 = |len| digester(Algorithm::Sha256, len);
        let sha512 = |len| digester(Algorithm::Sha512, len);
        check(sha256(0), sha256(0), LEAST - 1);
        check(sha256(0), sha256(1), LEAST);
        check(sha256(64), sha256(63), LEAST);
        check(sha256(0), sha512(0), LEAST);
        check(sha512(0), sha256(0), LEAST);
        check(sha512(0), sha512(0), LEAST);
    }
}
