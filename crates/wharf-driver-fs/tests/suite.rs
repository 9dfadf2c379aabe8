//! The filesystem driver keeps what a driver promises.

use std::{num::NonZeroU32, sync::Arc};

use wharf_driver::Capabilities;
use wharf_driver_fs::{FsDriver, Options};
use wharf_testkit::{driver_suite, driver_suite::Subject};

const FILESYSTEM: Capabilities = Capabilities {
    create_if_absent: true,
    file_regions: true,
    presign: false,
    persistent: true,
    remote: false,
    flat_lists: false,
    optimistic_sessions: false,
};

driver_suite!(filesystem, capabilities: FILESYSTEM, new: || temporary(Options::default()));
driver_suite!(
    without_openat2_and_links,
    capabilities: FILESYSTEM,
    new: || temporary(Options { plain: true, ..Options::default() }),
);
driver_suite!(
    nothing_in_memory,
    capabilities: FILESYSTEM,
    new: || temporary(Options { reluctance: NonZeroU32::new(1), ..Options::default() }),
);
driver_suite!(
    some_in_memory,
    capabilities: FILESYSTEM,
    new: || temporary(Options { reluctance: NonZeroU32::new(3), ..Options::default() }),
);

/// A driver over a temporary folder, which another process would open by its path.
fn temporary(options: Options) -> Subject {
    let folder = tempfile::tempdir().expect("there is room for temporary folders");
    let root = folder.path().join("root");
    let open = move || FsDriver::new(&root, options.clone()).expect("it can be opened");
    Subject::new(open()).reopened_by(move || Arc::new(open())).keeping(folder)
}
