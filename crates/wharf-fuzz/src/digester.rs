//! The stored state of a hash under way.

use wharf_digest::{Algorithm, Digest, Digester};

use crate::input::expect_message;

/// The size of the checksum at the end of a state.
const CHECKSUM: usize = 8;

/// A state that is taken up goes on where it stood, and one that is damaged is refused: also if its
/// checksum is right.
pub fn check(data: &[u8]) {
    resumed(data);
    // A fuzzer does not find a checksum by itself.
    let checksum = Digest::sha256(data);
    resumed(&[data, &checksum.as_bytes()[..CHECKSUM]].concat());
    interrupted(data);
}

fn resumed(state: &[u8]) {
    let mut digester = match Digester::resume(state) {
        Ok(digester) => digester,
        Err(error) => return expect_message(&error),
    };
    assert_eq!(digester.state(), state);
    let before = digester.len();
    digester.update(&[0; 300]);
    assert_eq!(digester.len(), before + 300);
    let algorithm = digester.algorithm();
    assert_eq!(digester.finish().algorithm(), algorithm);
}

/// Hashes the rest of the input in two steps, with a restart in between.
fn interrupted(data: &[u8]) {
    let [choice, at, content @ ..] = data else { return };
    let algorithm = Algorithm::ALL[usize::from(*choice) % Algorithm::ALL.len()];
    let (start, end) = content.split_at(usize::from(*at).min(content.len()));
    let mut digester = Digester::new(algorithm);
    digester.update(start);
    let mut resumed = Digester::resume(&digester.state()).expect("a state is taken up");
    resumed.update(end);
    assert_eq!(resumed.len(), content.len() as u64);
    assert_eq!(resumed.finish(), Digest::of(algorithm, content));
}
