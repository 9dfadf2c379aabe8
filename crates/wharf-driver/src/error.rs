//! What a driver says when it fails.

use std::{fmt, io};

/// The result of a driver operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A condition, where it arose, and its cause. The message names the driver and the path.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    driver: &'static str,
    path: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Nothing is there.
    NotFound,
    /// The path leads out of the root, or through something that is no folder.
    InvalidPath,
    /// No byte lies in the range.
    OutOfRange {
        /// The size of the content, in bytes.
        size: u64,
    },
    /// The content has more bytes than the caller takes.
    TooLarge {
        /// What the caller takes, in bytes.
        limit: u64,
    },
    /// Another writer holds the session.
    Busy,
    /// What is stored contradicts itself.
    Corrupt,
    /// No space, or no quota, is left.
    Full,
    /// The place is read-only or denies us.
    Denied,
    /// The place is away for now.
    Unavailable,
    /// The driver cannot do this.
    Unsupported,
    /// Anything else.
    Other,
}

// === impl Error ===

impl Error {
    /// A condition at a path.
    pub fn new(kind: ErrorKind, path: impl fmt::Display) -> Self {
        Self { kind, driver: "", path: path.to_string(), source: None }
    }

    /// Turns an error of the operating system into a condition.
    pub fn io(path: impl fmt::Display, error: io::Error) -> Self {
        Self::new(kind_of(&error), path).because(error)
    }

    /// Adds what caused it.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Says which driver it was, unless that is known already.
    #[must_use]
    pub fn named(mut self, driver: &'static str) -> Self {
        if self.driver.is_empty() {
            self.driver = driver;
        }
        self
    }

    /// The condition.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether simply nothing is there.
    pub fn is_not_found(&self) -> bool {
        self.kind == ErrorKind::NotFound
    }

    /// Where it arose.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.driver.is_empty() {
            write!(f, "{}: ", self.driver)?;
        }
        match self.kind {
            ErrorKind::NotFound => f.write_str("not found"),
            ErrorKind::InvalidPath => f.write_str("invalid path"),
            ErrorKind::OutOfRange { size } => write!(f, "range outside of {size} bytes"),
            ErrorKind::TooLarge { limit } => write!(f, "content exceeds {limit} bytes"),
            ErrorKind::Busy => f.write_str("session is held by another writer"),
            ErrorKind::Corrupt => f.write_str("stored content is damaged"),
            ErrorKind::Full => f.write_str("no space left"),
            ErrorKind::Denied => f.write_str("permission denied or read-only"),
            ErrorKind::Unavailable => f.write_str("unavailable"),
            ErrorKind::Unsupported => f.write_str("unsupported"),
            ErrorKind::Other => f.write_str("storage error"),
        }?;
        write!(f, ": {}", self.path)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

fn kind_of(error: &io::Error) -> ErrorKind {
    use io::ErrorKind as Io;
    match error.kind() {
        Io::NotFound => ErrorKind::NotFound,
        Io::NotADirectory | Io::IsADirectory | Io::InvalidFilename | Io::InvalidInput => {
            ErrorKind::InvalidPath
        }
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => ErrorKind::Full,
        Io::PermissionDenied | Io::ReadOnlyFilesystem => ErrorKind::Denied,
        Io::UnexpectedEof => ErrorKind::Corrupt,
        Io::TimedOut | Io::ConnectionRefused | Io::ConnectionReset | Io::StaleNetworkFileHandle => {
            ErrorKind::Unavailable
        }
        _ => ErrorKind::Other,
    }
}
