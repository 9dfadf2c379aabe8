//! The in-memory driver, bare and in every adapter, keeps what a driver promises.

use std::sync::Arc;

use wharf_driver::{
    Capabilities, Checked, Driver, Limited, MemoryDriver, Named, Prefixed, StoragePath,
};
use wharf_testkit::{driver_suite, driver_suite::Subject};

const MEMORY: Capabilities = Capabilities {
    create_if_absent: true,
    file_regions: false,
    presign: false,
    persistent: false,
    remote: false,
    flat_lists: false,
    optimistic_sessions: false,
};

driver_suite!(memory, capabilities: MEMORY, new: || Subject::new(MemoryDriver::new()));
driver_suite!(named, capabilities: MEMORY, new: || wrapped(|inner| Arc::new(Named::new(inner))));
driver_suite!(
    checked,
    capabilities: MEMORY,
    new: || wrapped(|inner| Arc::new(Checked::new(inner, Checked::SMALL))),
);
driver_suite!(
    limited,
    capabilities: MEMORY,
    new: || wrapped(|inner| Arc::new(Limited::new(inner, 1))),
);
driver_suite!(prefixed, capabilities: MEMORY, new: || wrapped(prefixed_by_two));
driver_suite!(
    all_together,
    capabilities: MEMORY,
    new: || wrapped(|inner| {
        let limited = Arc::new(Limited::new(prefixed_by_two(inner), 2));
        Arc::new(Named::new(Arc::new(Checked::new(limited, Checked::SMALL))))
    }),
);

fn prefixed_by_two(inner: Arc<dyn Driver>) -> Arc<dyn Driver> {
    let prefix = StoragePath::parse("some/root").expect("a valid path");
    Arc::new(Prefixed::new(inner, prefix))
}

/// A wrapped driver, which another process would wrap again.
fn wrapped(wrap: fn(Arc<dyn Driver>) -> Arc<dyn Driver>) -> Subject {
    let memory = MemoryDriver::new();
    Subject::over(wrap(Arc::new(memory.clone())))
        .reopened_by(move || wrap(Arc::new(memory.clone())))
}
