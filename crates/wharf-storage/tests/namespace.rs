//! The contract of every registry, over the reference driver, near and far, a directory and an
//! object store.

use std::sync::Arc;

use wharf_driver::{Driver, MemoryDriver};
use wharf_driver_fs::FsDriver;
use wharf_driver_object::ObjectDriver;
use wharf_storage::{Options, StorageNamespace};
use wharf_testkit::faults::FaultyDriver;

fn over(driver: impl Driver) -> Arc<StorageNamespace> {
    let options = Options { delete: true, ..Options::default() };
    Arc::new(StorageNamespace::new(Arc::new(driver), options))
}

wharf_testkit::namespace_suite!(memory, new: async { over(MemoryDriver::new()) });
// Where a list of everything is one request, but brings little.
wharf_testkit::namespace_suite!(far, new: async {
    over(FaultyDriver::new(Arc::new(MemoryDriver::new())).giving(3))
});
wharf_testkit::namespace_suite!(objects, new: async { over(ObjectDriver::in_memory()) });

wharf_testkit::namespace_suite!(filesystem, new: async {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let driver = FsDriver::new(folder.path(), Default::default()).expect("a folder that can be used");
    (over(driver), folder)
});
