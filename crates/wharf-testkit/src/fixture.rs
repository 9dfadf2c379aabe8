//! What a suite runs against, and for how long.

use std::{sync::Arc, time::Duration};

use wharf_core::Namespace;

/// Far longer than any test takes, and shorter than anybody's patience.
const LIMIT: Duration = Duration::from_secs(120);

/// A registry under test, with what has to live as long as it does: a temporary directory, a server.
pub trait Fixture {
    /// The registry.
    fn namespace(&self) -> Arc<dyn Namespace>;
}

// === impl Fixture ===

impl<N: Namespace + 'static> Fixture for Arc<N> {
    fn namespace(&self) -> Arc<dyn Namespace> {
        Arc::<N>::clone(self)
    }
}

impl Fixture for Arc<dyn Namespace> {
    fn namespace(&self) -> Arc<dyn Namespace> {
        Arc::clone(self)
    }
}

impl<N: Fixture, G> Fixture for (N, G) {
    fn namespace(&self) -> Arc<dyn Namespace> {
        self.0.namespace()
    }
}

/// Fails a test that hangs.
pub async fn bounded<T>(test: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, test).await.expect("the test takes too long")
}
