//! The suite of all drivers, over real object stores, each of which is named in a configuration.
//!
//! What is tested is a section of the storage, in a variable: `WHARF_TEST_S3`, `WHARF_TEST_AZURE`,
//! `WHARF_TEST_GCS`. `cargo xtask stores` starts the services, sets the variables and runs this.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicU32, Ordering},
};

use tokio::runtime::Runtime;
use wharf_registry::{
    config::Configuration,
    driver::{Capabilities, Driver},
    mapping::open_driver,
};
use wharf_testkit::{driver_suite, driver_suite::Subject};

const CAPABILITIES: Capabilities = Capabilities {
    create_if_absent: true,
    file_regions: false,
    presign: true,
    persistent: true,
    remote: true,
    optimistic_sessions: true,
};

driver_suite!(s3, capabilities: CAPABILITIES, new: || subject("WHARF_TEST_S3"));
driver_suite!(azure, capabilities: CAPABILITIES, new: || subject("WHARF_TEST_AZURE"));
driver_suite!(
    gcs,
    // Without TLS nothing is signed.
    capabilities: Capabilities { presign: false, ..CAPABILITIES },
    new: || subject("WHARF_TEST_GCS"),
);

/// Outlives the tests, and with it the connections that are made while a store is opened.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Runtime::new().expect("a runtime can be made"));

/// Tells the folders of tests apart.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A folder of its own in the store of a variable.
fn subject(variable: &str) -> Subject {
    let section = std::env::var(variable).expect("cargo xtask stores sets the variable");
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = format!("suite-{}/{number}", std::process::id());
    let section = section.replacen('{', &format!("{{rootdirectory: {folder}, "), 1);
    let text = format!("version: 0.1\nstorage:\n  {section}\n");
    let configuration = Configuration::load(&text, variable, []).expect("valid").configuration;
    let open = move || open(&configuration);
    Subject::over(open()).reopened_by(open)
}

/// On a thread of its own, since the one that asks may belong to a runtime.
fn open(configuration: &Configuration) -> Arc<dyn Driver> {
    let driver = configuration.storage.driver.clone();
    let opening = std::thread::spawn(move || RUNTIME.block_on(open_driver(&driver, false)));
    opening.join().expect("no panic").expect("the store can be opened")
}
