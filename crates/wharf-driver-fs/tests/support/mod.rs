//! What the tests of a directory begin with: a folder, a driver over it, content and its names.

use std::path::Path;

use tempfile::TempDir;
use wharf_driver::{Driver, ListRequest, PutMode};
use wharf_driver_fs::{FsDriver, Options};
use wharf_testkit::driver_suite::path;

pub(crate) const ALL: ListRequest<'_> = ListRequest { after: None, limit: usize::MAX };

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("there is room for temporary folders")
}

pub(crate) fn open(root: &Path) -> FsDriver {
    FsDriver::new(root, Options::default()).expect("it can be opened")
}

pub(crate) async fn put(driver: &FsDriver, at: &str) {
    driver.put(&path(at), "x".into(), PutMode::Overwrite).await.expect("it is stored");
}

pub(crate) async fn names(driver: &FsDriver, folder: &str) -> Vec<String> {
    let listing = driver.list(&path(folder), ALL).await.expect("it is listed");
    listing.entries.into_iter().map(|entry| entry.name).collect()
}
