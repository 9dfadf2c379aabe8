//! A driver whose clients are sent elsewhere keeps what it promises.

use std::sync::Arc;

use wharf_driver::{Capabilities, MemoryDriver};
use wharf_middleware::{Guide, Way};
use wharf_testkit::{driver_suite, driver_suite::Subject};

const MEMORY: Capabilities = Capabilities {
    create_if_absent: true,
    file_regions: false,
    presign: true,
    persistent: false,
    remote: false,
    flat_lists: false,
    optimistic_sessions: false,
};

driver_suite!(guided, capabilities: MEMORY, new: guided);

fn guided() -> Subject {
    let memory = MemoryDriver::new();
    let open = move || {
        let way = Way::Base("http://cdn".into());
        Arc::new(Guide::new(Arc::new(memory.clone()), way)) as Arc<dyn wharf_driver::Driver>
    };
    Subject::over(open()).reopened_by(open)
}
