//! `middleware.storage` → what sends clients elsewhere.

use std::sync::Arc;

use wharf_config::StorageMiddleware;
use wharf_driver::Driver;
use wharf_middleware::{Guide, Way};

pub(crate) const KEYS: &[&str] = &["middleware.storage"];

/// The driver in all of them, the first one innermost.
pub(crate) fn wrap(driver: Arc<dyn Driver>, all: &[StorageMiddleware]) -> Arc<dyn Driver> {
    all.iter().fold(driver, |driver, one| Arc::new(Guide::new(driver, way(one))))
}

fn way(middleware: &StorageMiddleware) -> Way {
    match middleware {
        StorageMiddleware::Redirect { base } => Way::Base(base.clone()),
        StorageMiddleware::Rewrite { scheme, host, trim_path_prefix } => Way::Rewritten {
            scheme: scheme.clone(),
            host: host.clone(),
            trim_path_prefix: trim_path_prefix.clone(),
        },
    }
}
