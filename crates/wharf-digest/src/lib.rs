//! Content digests of the OCI specifications: parse them, compute them, check content against them.
//!
//! A [`Digest`] is always well formed and of a supported algorithm; text becomes one through
//! [`Digest::parse`]. A [`Digester`] computes one piece by piece, and its state can be stored and
//! resumed by another process. There is no I/O in here.
//!
//! ```
//! use wharf_digest::{Algorithm, Digest, Digester};
//!
//! let digest = Digest::sha256(b"hello");
//! assert!(digest.matches(b"hello"));
//! assert_eq!(digest, Digest::parse(&digest.to_string())?);
//!
//! let mut digester = Digester::new(Algorithm::Sha256);
//! digester.update(b"hel");
//! let mut resumed = Digester::resume(&digester.state())?;
//! resumed.update(b"lo");
//! assert_eq!(resumed.finish(), digest);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod algorithm;
mod digest;
mod digester;
mod error;
mod grammar;
mod hex;
pub mod hmac;
#[cfg(target_arch = "x86_64")]
mod pair;
mod set;
mod state;
mod verifier;

pub use algorithm::Algorithm;
pub use digest::Digest;
pub use digester::Digester;
pub use error::DigestError;
pub use grammar::split;
pub use hex::Hex;
pub use set::{DigestSet, LookupError};
pub use state::StateError;
pub use verifier::Verifier;
