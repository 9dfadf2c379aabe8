//! Bytes that were hashed while they came, for a client that signs what it sends.

use std::future::Future;

use bytes::Bytes;
use wharf_digest::{Algorithm, Digester};

/// What is sent, and the SHA-256 of it.
///
/// `object_store` has no way to say so, and asks whoever gives it a hash function
/// (`object_store::client::CryptoProvider`). So it goes with the task that sends: the function finds it there,
/// and knows the bytes by their place in memory, where they stay as long as this exists.
#[derive(Clone, Debug)]
pub struct Hashed {
    chunks: Vec<Bytes>,
    sha256: [u8; 32],
}

tokio::task_local! {
    static SENT: Hashed;
}

// === impl Hashed ===

impl Hashed {
    /// These chunks, all of which the digester has taken, and nothing else; `None` if that is not of SHA-256.
    pub fn new(chunks: &[Bytes], digester: Digester) -> Option<Self> {
        if digester.algorithm() != Algorithm::Sha256 {
            return None;
        }
        let sha256 = digester.finish().as_bytes().try_into().ok()?;
        Some(Self { chunks: chunks.to_vec(), sha256 })
    }

    /// What the running task sends, `None` if nobody knows its hash.
    pub fn sent() -> Option<Self> {
        SENT.try_with(Clone::clone).ok()
    }

    /// The bytes, in the chunks in which they are sent.
    pub fn chunks(&self) -> &[Bytes] {
        &self.chunks
    }

    /// The SHA-256 of them all.
    pub fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }
}

/// Sends something, of which the hash may be known.
pub async fn sending<F: Future>(hashed: Option<Hashed>, send: F) -> F::Output {
    match hashed {
        Some(hashed) => SENT.scope(hashed, send).await,
        None => send.await,
    }
}
