//! The state that an upload's URL carries.
//!
//! Whoever presents it has been given the URL of the session by a registry that knows the key: an
//! id that was guessed or found in a log opens nothing. The state also says where the session stood
//! when the URL was made, so that bytes sent after a lost answer are not appended twice.

use std::fmt::Write;

use wharf_core::{Subject, UploadId};
use wharf_digest::hmac;
use wharf_reference::RepositoryName;

/// Makes and checks upload states.
pub(crate) struct Signer {
    key: Vec<u8>,
}

/// What a state is bound to.
#[derive(Clone, Copy)]
pub(crate) struct Session<'a> {
    pub(crate) repository: &'a RepositoryName,
    pub(crate) id: &'a UploadId,
    pub(crate) subject: Option<&'a Subject>,
}

/// Separates these tags from everything else that the key may sign one day.
const PURPOSE: &[u8] = b"wharf upload state 1";

// === impl Signer ===

impl Signer {
    pub(crate) fn new(key: Vec<u8>) -> Self {
        Self { key }
    }

    /// The state of a session that stands at `offset`: `<offset>.<hex of the tag>`.
    pub(crate) fn sign(&self, session: Session<'_>, offset: u64) -> String {
        let offset = offset.to_string();
        let tag = hmac::sign(&self.key, &session.parts(&offset));
        let mut state = offset;
        state.push('.');
        for byte in tag {
            write!(state, "{byte:02x}").expect("a string takes everything");
        }
        state
    }

    /// The offset for which this state was made, `None` if it was not made for this session.
    pub(crate) fn verify(&self, session: Session<'_>, state: &str) -> Option<u64> {
        let (offset, tag) = state.split_once('.')?;
        let tag = decode(tag)?;
        let genuine = hmac::verify(&self.key, &session.parts(offset), &tag);
        genuine.then(|| offset.parse().ok()).flatten()
    }
}

// === impl Session ===

impl<'a> Session<'a> {
    fn parts(&self, offset: &'a str) -> [&'a [u8]; 5] {
        [
            PURPOSE,
            self.repository.as_str().as_bytes(),
            self.id.as_str().as_bytes(),
            self.subject.map_or(&[], |Subject(name)| name.as_bytes()),
            offset.as_bytes(),
        ]
    }
}

/// The 32 bytes of a tag from its hex.
fn decode(hex: &str) -> Option<[u8; 32]> {
    let digits = hex.as_bytes();
    let mut tag = [0; 32];
    if digits.len() != 2 * tag.len() {
        return None;
    }
    for (byte, pair) in tag.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(tag)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> RepositoryName {
        RepositoryName::parse(text).unwrap()
    }

    fn id(text: &str) -> UploadId {
        UploadId::parse(text).unwrap()
    }

    #[test]
    fn a_state_belongs_to_one_session() {
        let (signer, other) = (Signer::new(b"key".to_vec()), Signer::new(b"other".to_vec()));
        let (repository, upload) = (name("library/alpine"), id("u1"));
        let subject = Subject("alice".into());
        let session = Session { repository: &repository, id: &upload, subject: Some(&subject) };
        let state = signer.sign(session, 42);
        assert_eq!(signer.verify(session, &state), Some(42));

        let refused = |signer: &Signer, session, state: &str| {
            assert_eq!(signer.verify(session, state), None, "{state}");
        };
        let (shorter, another) = (name("library/alpin"), id("u2"));
        refused(&other, session, &state);
        refused(&signer, Session { subject: None, ..session }, &state);
        refused(&signer, Session { repository: &shorter, ..session }, &state);
        refused(&signer, Session { id: &another, ..session }, &state);
        refused(&signer, session, &state.replacen("42", "43", 1));
        refused(&signer, session, &state.replacen("42", "042", 1));
        refused(&signer, session, &state.to_uppercase());
        refused(&signer, session, "");
        refused(&signer, session, "42.");
        refused(&signer, session, &state[..state.len() - 2]);
    }

    proptest! {
        #[test]
        fn every_offset_survives(offset: u64) {
            let signer = Signer::new(vec![1, 2, 3]);
            let (repository, upload) = (name("a"), id("b"));
            let session = Session { repository: &repository, id: &upload, subject: None };
            prop_assert_eq!(signer.verify(session, &signer.sign(session, offset)), Some(offset));
        }

        #[test]
        fn no_text_is_a_state(text in "\\PC*") {
            let (repository, upload) = (name("a"), id("b"));
            let session = Session { repository: &repository, id: &upload, subject: None };
            prop_assert_eq!(Signer::new(vec![1]).verify(session, &text), None);
        }
    }
}
