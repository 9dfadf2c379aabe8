//! `storage.<driver>` → a driver, in the wrappers that it needs.

use std::{io, path::Path, sync::Arc};

use wharf_config::Driver as Configured;
use wharf_driver::{Checked, Driver, Limited, MemoryDriver, Named};
use wharf_driver_fs::{FsDriver, Options};
use wharf_storage::tree;

use super::stores;
use crate::Error;

pub(crate) const KEYS: &[&str] =
    &["storage.filesystem.rootdirectory", "storage.filesystem.maxthreads", "storage.inmemory"];

/// Opens the store. Whoever looks at an error sees the driver's name; between that and the driver
/// stand the checks of the contract and, where the operator set one, the limit of operations.
///
/// Where nothing may be written, nothing is, not even to find out what the store can do.
pub async fn open(configured: &Configured, read_only: bool) -> Result<Arc<dyn Driver>, Error> {
    let driver: Arc<dyn Driver> = match configured {
        Configured::InMemory => Arc::new(MemoryDriver::new()),
        Configured::Filesystem { root, max_threads } => {
            Arc::new(Limited::new(Arc::new(directory(root).await?), *max_threads as usize))
        }
        Configured::S3(bucket) => stores::s3(bucket, read_only).await?,
        Configured::Azure(container) => stores::azure(container, read_only).await?,
        Configured::Gcs(bucket) => stores::gcs(bucket, read_only).await?,
    };
    Ok(Arc::new(Named::new(Arc::new(Checked::new(driver, Checked::SMALL)))))
}

async fn directory(root: &Path) -> Result<FsDriver, Error> {
    let own = root.to_owned();
    let options = Options { private: tree::secrets(), ..Options::default() };
    let opened = tokio::task::spawn_blocking(|| FsDriver::new(own, options)).await;
    let opened = opened.unwrap_or_else(|panic| Err(io::Error::other(panic)));
    opened.map_err(|source| Error::Store { place: root.display().to_string(), source })
}
