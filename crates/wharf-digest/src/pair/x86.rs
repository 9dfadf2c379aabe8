//! The SHA-256 compression (FIPS 180-4, section 6.2.2) of two states over the same blocks, with the
//! SHA instructions of x86.
//!
//! A round waits for the round before it, and the units that compute rounds idle meanwhile. Rounds
//! of a second state fit in between. Both share the message schedule, which is computed once.

use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_extract_epi32, _mm_setr_epi32, _mm_setzero_si128,
    _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_unpackhi_epi64,
};

use super::{Block, Values};

/// The proof that this processor has the instructions.
#[derive(Clone, Copy)]
pub(super) struct Instructions(());

/// The chaining values `a` to `h` as the instructions want them, from the highest lane down.
#[derive(Clone, Copy)]
struct State {
    abef: __m128i,
    cdgh: __m128i,
}

/// Sixteen words of the message schedule, in their order, the lowest lane of a vector first.
type Words = [__m128i; 4];

/// The constants of the rounds, by the four rounds that are computed together.
const K: [[u32; 4]; 16] = [
    [0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5],
    [0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5],
    [0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3],
    [0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174],
    [0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc],
    [0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da],
    [0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7],
    [0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967],
    [0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13],
    [0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85],
    [0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3],
    [0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070],
    [0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5],
    [0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3],
    [0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208],
    [0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2],
];

// === impl Instructions ===

impl Instructions {
    /// Looks for all that [`compress`] is compiled to use.
    pub(super) fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("sha")
            && is_x86_feature_detected!("sse4.1")
            && is_x86_feature_detected!("ssse3");
        found.then_some(Self(()))
    }

    /// Compresses the blocks into both of the chaining values.
    #[expect(unsafe_code, reason = "two digesters take hardly longer than one")]
    pub(super) fn compress(self, values: &mut [Values; 2], blocks: &[Block]) {
        // SAFETY: the function is safe but for the instructions it uses, and `self` exists only
        // where `detect` has found exactly those.
        unsafe { compress(values, blocks) }
    }
}

#[target_feature(enable = "sha,sse4.1,ssse3")]
fn compress(values: &mut [Values; 2], blocks: &[Block]) {
    let [one, other] = values;
    let mut states = [State::load(one), State::load(other)];
    for block in blocks {
        states = compress_block(states, load(block));
    }
    let [a, b] = states;
    *one = a.store();
    *other = b.store();
}

#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn compress_block(before: [State; 2], mut words: Words) -> [State; 2] {
    let [mut one, mut other] = before;
    for k in &K {
        let input = _mm_add_epi32(words[0], lanes(*k));
        one = one.four_rounds(input);
        other = other.four_rounds(input);
        words = [words[1], words[2], words[3], next(words)];
    }
    [one.plus(before[0]), other.plus(before[1])]
}

/// The four words of the schedule that follow these sixteen.
#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn next([w0, w4, w8, w12]: Words) -> __m128i {
    let w9 = _mm_alignr_epi8::<4>(w12, w8);
    _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(w0, w4), w9), w12)
}

/// The words of a block, which are big endian.
#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn load(block: &Block) -> Words {
    let mut words = [_mm_setzero_si128(); 4];
    let (vectors, _) = block.as_chunks::<16>();
    for (words, vector) in words.iter_mut().zip(vectors) {
        let (bytes, _) = vector.as_chunks();
        // A closure would have the instructions of this function, and be called by one without them.
        *words = lanes([word(bytes[0]), word(bytes[1]), word(bytes[2]), word(bytes[3])]);
    }
    words
}

fn word(bytes: [u8; 4]) -> u32 {
    u32::from_be_bytes(bytes)
}

#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn lanes([a, b, c, d]: [u32; 4]) -> __m128i {
    _mm_setr_epi32(a.cast_signed(), b.cast_signed(), c.cast_signed(), d.cast_signed())
}

// === impl State ===

impl State {
    #[inline]
    #[target_feature(enable = "sha,sse4.1,ssse3")]
    fn load([a, b, c, d, e, f, g, h]: &Values) -> Self {
        Self { abef: lanes([*f, *e, *b, *a]), cdgh: lanes([*h, *g, *d, *c]) }
    }

    #[inline]
    #[target_feature(enable = "sha,sse4.1,ssse3")]
    fn store(self) -> Values {
        let Self { abef, cdgh } = self;
        [
            _mm_extract_epi32::<3>(abef),
            _mm_extract_epi32::<2>(abef),
            _mm_extract_epi32::<3>(cdgh),
            _mm_extract_epi32::<2>(cdgh),
            _mm_extract_epi32::<1>(abef),
            _mm_extract_epi32::<0>(abef),
            _mm_extract_epi32::<1>(cdgh),
            _mm_extract_epi32::<0>(cdgh),
        ]
        .map(i32::cast_unsigned)
    }

    /// Four rounds, whose words and constants are added already. The instruction computes two, from
    /// the lower half of its input, and returns the next `abef`; the one before becomes `cdgh`.
    #[inline]
    #[target_feature(enable = "sha,sse4.1,ssse3")]
    fn four_rounds(self, input: __m128i) -> Self {
        let halfway = _mm_sha256rnds2_epu32(self.cdgh, self.abef, input);
        let upper = _mm_unpackhi_epi64(input, input);
        let abef = _mm_sha256rnds2_epu32(self.abef, halfway, upper);
        Self { abef, cdgh: halfway }
    }

    #[inline]
    #[target_feature(enable = "sha,sse4.1,ssse3")]
    fn plus(self, other: Self) -> Self {
        Self {
            abef: _mm_add_epi32(self.abef, other.abef),
            cdgh: _mm_add_epi32(self.cdgh, other.cdgh),
        }
    }
}
