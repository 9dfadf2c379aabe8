//! The hash of a session: computed while the bytes come, or by reading them back.

use std::fmt::Write;

use bytes::Bytes;
use futures_util::TryStreamExt;
use tokio::task::spawn_blocking;
use wharf_content::Content;
use wharf_core::{Error, ErrorKind, Result};
use wharf_digest::{Algorithm, Digest, Digester};
use wharf_driver::{Checkpoint, hash};

use crate::error::{StorageResult, damaged};

/// What is read back at a time.
const PIECE: u64 = 1 << 20;
/// The form in which a hash is saved: `<form> <algorithm> <state in hex, or "-">`.
const FORM: &str = "1";

/// The hash of everything that a session holds.
pub(super) struct Hash {
    algorithm: Algorithm,
    /// `None` if the state was lost on the way; the bytes are read back in the end.
    running: Option<Digester>,
}

// === impl Hash ===

impl Hash {
    /// The hash of a session that begins.
    pub(super) fn new(algorithm: Algorithm) -> Self {
        Self { algorithm, running: Some(Digester::new(algorithm)) }
    }

    /// The hash of a session that is taken up. A state that does not fit is no state: the bytes are
    /// read back then, and their number is never taken for granted.
    pub(super) fn load(checkpoint: &Checkpoint) -> Self {
        let (algorithm, state) = decode(&checkpoint.state).unwrap_or((Algorithm::Sha256, None));
        if checkpoint.length == 0 {
            return Self::new(algorithm);
        }
        let fits = |digester: &Digester| {
            digester.len() == checkpoint.length && digester.algorithm() == algorithm
        };
        let running = state.and_then(|state| Digester::resume(&state).ok()).filter(fits);
        Self { algorithm, running }
    }

    /// What [`Hash::load`] needs, with or without the state itself.
    pub(super) fn save(&self, with_state: bool) -> Bytes {
        let running = self.running.as_ref().filter(|_| with_state);
        let state = running.map_or_else(|| "-".to_owned(), |digester| hex(&digester.state()));
        format!("{FORM} {} {state}", self.algorithm.name()).into()
    }

    /// What takes the next bytes, to be put back when it has; `None` if the state was lost.
    pub(super) fn running(&mut self) -> &mut Option<Digester> {
        &mut self.running
    }

    /// What it computes while the bytes come.
    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// How many bytes are hashed, `None` if the state was lost.
    pub(super) fn len(&self) -> Option<u64> {
        self.running.as_ref().map(Digester::len)
    }

    /// The digest of everything so far, `None` if it is not known without reading back.
    pub(super) fn digest(&self, algorithm: Algorithm) -> Option<Digest> {
        let running = self.running.as_ref().filter(|digester| digester.algorithm() == algorithm);
        running.map(|digester| digester.clone().finish())
    }
}

/// Hashes content that has to have `size` bytes, a piece at a time, on blocking threads.
pub(super) async fn read_back(content: Content, algorithm: Algorithm, size: u64) -> Result<Digest> {
    let mut digester = Digester::new(algorithm);
    match content {
        Content::Bytes(bytes) => digester = update(digester, bytes).await?,
        Content::File(mut region) => {
            while let Some(piece) = region.split_front(PIECE) {
                digester = blocking(move || {
                    digester.update(&piece.read_blocking().stored()?);
                    Ok(digester)
                })
                .await?;
            }
        }
        Content::Stream(mut stream) => {
            while let Some(piece) = stream.try_next().await.stored()? {
                digester = update(digester, piece).await?;
            }
        }
    }
    match digester.len() == size {
        true => Ok(digester.finish()),
        false => Err(damaged(format!("{} of {size} uploaded bytes read back", digester.len()))),
    }
}

async fn update(digester: Digester, bytes: Bytes) -> Result<Digester> {
    hash(digester, bytes).await.map_err(broke_off)
}

async fn blocking<T, F>(work: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T> + Send + 'static,
{
    spawn_blocking(work).await.map_err(broke_off)?
}

fn broke_off(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::from(ErrorKind::Other("hashing broke off".into())).because(error)
}

fn decode(state: &[u8]) -> Option<(Algorithm, Option<Vec<u8>>)> {
    let text = std::str::from_utf8(state).ok()?;
    let mut words = text.split(' ');
    let (form, algorithm, state) = (words.next()?, words.next()?, words.next()?);
    let algorithm = Algorithm::parse(algorithm).ok()?;
    (form == FORM && words.next().is_none()).then(|| (algorithm, unhex(state)))
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => u8::try_from(digit(*high)? << 4 | digit(*low)?).ok(),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint(length: u64, state: Bytes) -> Checkpoint {
        Checkpoint { length, state }
    }

    fn take(hash: &mut Hash, text: &str) {
        hash.running().as_mut().unwrap().update(text.as_bytes());
    }

    async fn hashed(algorithm: Algorithm, text: &'static str) -> Hash {
        let mut hash = Hash::new(algorithm);
        take(&mut hash, text);
        hash
    }

    #[tokio::test]
    async fn a_saved_hash_goes_on() {
        for algorithm in Algorithm::ALL {
            let saved = hashed(algorithm, "hello ").await.save(true);
            let mut hash = Hash::load(&checkpoint(6, saved));
            take(&mut hash, "wor");
            take(&mut hash, "ld");
            assert_eq!(hash.digest(algorithm), Some(Digest::of(algorithm, b"hello world")));
        }
    }

    #[tokio::test]
    async fn a_state_that_does_not_fit_is_no_state() {
        let saved = hashed(Algorithm::Sha512, "hello").await.save(true);
        let text = String::from_utf8(saved.to_vec()).unwrap();
        let lost = |length, state: String| {
            let hash = Hash::load(&checkpoint(length, state.into()));
            assert_eq!((hash.len(), hash.digest(Algorithm::Sha512)), (None, None));
        };
        lost(4, text.clone());
        lost(5, text.replacen('1', "2", 1));
        lost(5, text.replacen("sha512", "sha256", 1));
        lost(5, text[..text.len() - 1].to_owned());
        lost(5, format!("{text} more"));
        lost(5, String::new());
        lost(5, "1 sha512 -".to_owned());
    }

    #[test]
    fn the_choice_of_the_client_outlives_the_first_request() {
        let saved = Hash::new(Algorithm::Sha384).save(false);
        let hash = Hash::load(&checkpoint(0, saved));
        assert_eq!(hash.digest(Algorithm::Sha384), Some(Digest::of(Algorithm::Sha384, b"")));
    }
}
