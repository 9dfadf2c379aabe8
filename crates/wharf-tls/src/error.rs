//! Why there can be no TLS.

use std::{io, path::PathBuf};

/// Why there can be no TLS. The message names the file, or the setting; it never holds a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is not PEM.
    #[error("{}: item {number} is no PEM: {problem}", .file.display())]
    Pem {
        /// The file.
        file: PathBuf,
        /// Which of its items, from 1.
        number: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A file has no certificate.
    #[error("{}: there is no certificate in it", .0.display())]
    NoCertificate(PathBuf),
    /// A certificate of a file cannot be used.
    #[error("{}: certificate {number} cannot be used: {problem}", .file.display())]
    Certificate {
        /// The file.
        file: PathBuf,
        /// Which of its certificates, from 1.
        number: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A file has no private key.
    #[error("{}: there is no private key in it", .0.display())]
    NoKey(PathBuf),
    /// A file has a private key that is encrypted.
    #[error("{}: the private key is encrypted, which is not supported: store it decrypted, readable by the server alone", .0.display())]
    EncryptedKey(PathBuf),
    /// A private key cannot be used.
    #[error("{}: the private key cannot be used: {problem}", .file.display())]
    Key {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A private key is not that of the certificate.
    #[error("the key in {} does not belong to the first certificate in {}", .key.display(), .certificate.display())]
    Mismatch {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// There is no such cipher suite.
    #[error("cipher suite {0} is unknown; offered are {offered}", offered = crate::suites::offered())]
    UnknownSuite(String),
    /// A cipher suite is too weak to be offered.
    #[error("cipher suite {0} is too weak and not offered; offered are {offered}", offered = crate::suites::offered())]
    WeakSuite(String),
    /// What is left of the cipher suites has none for any version that is spoken.
    #[error("no cipher suite is left for the versions of TLS that are allowed")]
    NoSuite,
    /// What was asked for does not fit together.
    #[error("TLS cannot be set up: {0}")]
    Setup(String),
}
