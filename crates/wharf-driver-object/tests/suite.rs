//! The suite of all drivers, over memory, with and without pages.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod support;

use std::sync::Arc;

use object_store::memory::InMemory;
use support::TestStore;
use wharf_driver::{Capabilities, Driver};
use wharf_driver_object::{ObjectDriver, Options, Store};
use wharf_testkit::{driver_suite, driver_suite::Subject};

const CAPABILITIES: Capabilities = Capabilities {
    create_if_absent: true,
    file_regions: false,
    presign: false,
    persistent: false,
    remote: true,
    flat_lists: false,
    optimistic_sessions: true,
};

fn over(open: impl Fn() -> ObjectDriver + Send + Sync + 'static) -> Subject {
    let open = move || Arc::new(open()) as Arc<dyn Driver>;
    Subject::over(open()).reopened_by(open)
}

fn memory() -> Subject {
    let objects = Arc::new(InMemory::new());
    over(move || {
        let store = Store::new(objects.clone());
        ObjectDriver::new("memory", store, Options::default()).expect("a valid prefix")
    })
}

fn paged() -> Subject {
    let store = TestStore::new();
    over(move || store.driver(Options { prefix: "a/pre-fix~1".into(), ..Options::default() }))
}

driver_suite!(over_memory, capabilities: CAPABILITIES, new: memory);
driver_suite!(
    with_pages_below_a_prefix,
    capabilities: Capabilities { flat_lists: true, ..CAPABILITIES },
    new: paged,
);
