//! What a driver or stored content says, as conditions of the registry.

use std::io;

use wharf_content::CollectError;
use wharf_core::{Error, ErrorKind, Result, UploadId};
use wharf_driver::ErrorKind as Stored;

/// Turns the result of a storage operation into one of the registry.
pub(crate) trait StorageResult<T> {
    /// The value, or the condition of the registry.
    fn stored(self) -> Result<T>;

    /// The value, `None` if nothing is there, or the condition of the registry.
    fn found(self) -> Result<Option<T>>;
}

/// Turns the result of an operation on an upload session into one of the registry.
pub(crate) trait UploadResult<T> {
    /// The value, or the condition of the registry: another writer was faster, or the session is gone.
    fn of_upload(self, id: &UploadId) -> Result<T>;
}

// === impl UploadResult ===

impl<T> UploadResult<T> for wharf_driver::Result<T> {
    fn of_upload(self, id: &UploadId) -> Result<T> {
        self.map_err(|error| {
            let kind = match error.kind() {
                Stored::Busy => ErrorKind::UploadBusy(id.clone()),
                Stored::NotFound => ErrorKind::UploadUnknown(id.clone()),
                _ => return condition(error),
            };
            Error::from(kind).because(error)
        })
    }
}

// === impl StorageResult ===

impl<T> StorageResult<T> for wharf_driver::Result<T> {
    fn stored(self) -> Result<T> {
        self.map_err(condition)
    }

    fn found(self) -> Result<Option<T>> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(condition(error)),
        }
    }
}

impl<T> StorageResult<T> for Result<T, CollectError> {
    fn stored(self) -> Result<T> {
        self.map_err(|error| match error {
            CollectError::TooLarge { .. } => damaged(error.to_string()),
            CollectError::Io(error) => condition(wharf_driver::Error::io("content", error)),
            error => Error::from(ErrorKind::Other("read stored content".into())).because(error),
        })
    }

    fn found(self) -> Result<Option<T>> {
        self.stored().map(Some)
    }
}

impl<T> StorageResult<T> for io::Result<T> {
    fn stored(self) -> Result<T> {
        self.map_err(|error| condition(wharf_driver::Error::io("content", error)))
    }

    fn found(self) -> Result<Option<T>> {
        self.stored().map(Some)
    }
}

/// Says that what is stored is damaged.
pub(crate) fn damaged(what: impl Into<String>) -> Error {
    ErrorKind::Corrupt(what.into()).into()
}

/// The only place where a driver's condition becomes one of the registry. What may simply be absent
/// was asked for with [`StorageResult::found`], so that `NotFound` here is a hole in the store.
fn condition(error: wharf_driver::Error) -> Error {
    let text = error.to_string();
    let kind = match error.kind() {
        Stored::OutOfRange { size } => ErrorKind::RangeUnsatisfiable { size },
        Stored::NotFound | Stored::TooLarge { .. } | Stored::Corrupt => ErrorKind::Corrupt(text),
        Stored::Full => ErrorKind::Full(text),
        Stored::Busy | Stored::Denied | Stored::Unavailable => ErrorKind::Unavailable(text),
        Stored::Unsupported => ErrorKind::Unsupported("the storage driver cannot do this"),
        _ => ErrorKind::Other(text),
    };
    Error::from(kind).because(error)
}
