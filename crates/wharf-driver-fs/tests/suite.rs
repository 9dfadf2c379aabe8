//! The filesystem driver keeps what a driver promises.

use std::sync::Arc;

use wharf_driver::Capabilities;
use wharf_driver_fs::{FsDriver, Options};
use wharf_testkit::{driver_suite, driver_suite::Subject};

const FILESYSTEM: Capabilities =
    Capabilities { create_if_absent: true, file_regions: true, presign: false, persistent: true };

driver_suite!(filesystem, capabilities: FILESYSTEM, new: || temporary_fs_driver(false));
driver_suite!(
    without_openat2_and_links,
    capabilities: FILESYSTEM,
    new: || temporary_fs_driver(true),
);

/// A driver over a temporary folder, which another process would open by its path.
fn temporary_fs_driver(plain: bool) -> Subject {
    let folder = tempfile::tempdir().expect("there is room for temporary folders");
    let root = folder.path().join("root");
    let options = Options { plain, ..Options::default() };
    let open = move || FsDriver::new(&root, options.clone()).expect("it can be opened");
    Subject::new(open()).reopened_by(move || Arc::new(open())).keeping(folder)
}
