//! Counts what a registry does, and writes it down as Prometheus reads it, under the names that
//! docker/distribution uses.
//!
//! Every number is an atomic of its own that is there from the beginning, and what requests change has a
//! copy for each thread: to count takes no lock, looks up no name and waits for no other processor. That
//! is also why the text is written here: the histograms of the usual crate take a lock for each
//! observation, and the format is a page of code.
//!
//! ```
//! use std::time::Duration;
//!
//! use wharf_api::Endpoint;
//! use wharf_metrics::{Ended, Metrics};
//!
//! let metrics = Metrics::default();
//! metrics.http.begun(Endpoint::Base);
//! metrics.http.ended(&Ended {
//!     endpoint: Endpoint::Base,
//!     method: "GET",
//!     status: 200,
//!     received: 0,
//!     sent: 2,
//!     took: Duration::from_millis(1),
//! });
//! let page = metrics.page("filesystem");
//! assert!(page.contains("registry_http_requests_total{handler=\"base\",method=\"get\",code=\"200\"} 1\n"));
//! ```

mod cache;
mod driver;
mod http;
mod notifications;
mod number;
mod page;
mod process;
mod redis;
mod storage;
mod striped;

use std::{sync::Arc, time::SystemTime};

pub use cache::{MeasuredCache, Questions};
pub use driver::{Action, MeasuredDriver, Operation, Watch};
pub use http::{Ended, Requests};
pub use notifications::{Deliveries, notifications};
pub use number::{Counter, Gauge, Histogram};
pub use page::Page;
pub use redis::RedisTimes;
pub use storage::Storage;

/// Everything that is counted. Clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Requests of clients.
    pub http: Arc<Requests>,
    /// Operations of the store.
    pub storage: Arc<Storage>,
    /// Questions to the descriptor cache.
    pub cache: Arc<Questions>,
    /// Operations of redis.
    pub redis: Arc<RedisTimes>,
    started: SystemTime,
}

/// What the text is.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

// === impl Metrics ===

impl Metrics {
    /// Everything, as Prometheus reads it.
    ///
    /// `driver` is what the store is called in the configuration.
    pub fn page(&self, driver: &str) -> String {
        let mut page = Page::default();
        self.http.write(&mut page);
        self.storage.write(&mut page, driver);
        self.cache.write(&mut page);
        self.redis.write(&mut page);
        process::write(&mut page);
        let started = self.started.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        page.family("process_start_time_seconds", "gauge", "When the process started.");
        page.sample("process_start_time_seconds", &[], started.as_secs_f64());
        page.into_text()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            http: Arc::default(),
            storage: Arc::default(),
            cache: Arc::default(),
            redis: Arc::default(),
            started: SystemTime::now(),
        }
    }
}
