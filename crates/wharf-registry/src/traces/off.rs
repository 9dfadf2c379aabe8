//! No traces: this registry was built without them.

use tokio::task::JoinSet;
use wharf_http::App;

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

    pub(crate) fn start(self, _: &mut JoinSet<()>) -> Self {
        self
    }

    pub(crate) async fn end(self) {}
}
