//! No traces: this registry was built without them.

use std::sync::Arc;

use tokio::task::JoinSet;
use wharf_driver::Driver;
use wharf_http::App;
use wharf_metrics::Watch;

/// Nothing.
pub(crate) struct Traces;

// === impl Traces ===

impl Traces {
    pub(crate) fn prepare() -> Self {
        Self
    }

    pub(crate) fn around(&self, app: App) -> App {
        app
    }

    pub(crate) fn of_store(&self, _: &dyn Driver) -> Option<Arc<dyn Watch>> {
        None
    }

    pub(crate) fn start(self, _: &mut JoinSet<()>) -> Self {
        self
    }

    pub(crate) async fn end(self) {}
}
