//! What runs beside a registry: numbers, checks, and the pages that show them.

use std::sync::Arc;

use http::StatusCode;
use tokio::{net::TcpListener, task::JoinSet};
use wharf_config::Configuration;
use wharf_core::BlobDescriptorCache;
use wharf_driver::Driver;
use wharf_http::{App, Ended, Meter, Page, Pages, serve_pages};
use wharf_metrics::{CONTENT_TYPE, MeasuredCache, MeasuredDriver, Metrics, RedisTimes};
use wharf_notifications::Notifier;

use crate::{
    Error,
    health::{Check, Health},
    mapping,
    traces::Traces,
};

/// What runs beside a registry.
pub(crate) struct Beside {
    health: Arc<Health>,
    checks: Vec<Check>,
    /// `None` if nobody asks for numbers: then nothing is counted.
    metrics: Option<Metrics>,
    pages: Option<(TcpListener, Arc<Shown>)>,
    traces: Traces,
}

/// The pages.
struct Shown {
    health: Arc<Health>,
    /// The path of the numbers, and whose they are.
    metrics: Option<(String, Metrics, &'static str)>,
    notifier: Notifier,
}

/// Counts requests.
struct Counted(Metrics);

// === impl Beside ===

impl Beside {
    pub(crate) async fn prepare(
        configuration: &Configuration,
        driver: &Arc<dyn Driver>,
        notifier: &Notifier,
    ) -> Result<Self, Error> {
        let health = Arc::new(Health::new(configuration.health.serve));
        let checks = mapping::health::checks(&configuration.health, driver)?;
        let debug = configuration.http.debug.as_ref();
        let path = debug.and_then(|debug| debug.prometheus.clone());
        let metrics = path.as_ref().map(|_| Metrics::default());
        let pages = match debug {
            None => None,
            Some(debug) => {
                let shown = path.zip(metrics.clone());
                let shown = shown.map(|(path, metrics)| (path, metrics, driver.name()));
                let health = Arc::clone(&health);
                let shown = Shown { health, metrics: shown, notifier: notifier.clone() };
                Some((mapping::debug::listen(debug).await?, Arc::new(shown)))
            }
        };
        Ok(Self { health, checks, metrics, pages, traces: Traces::prepare() })
    }

    /// The store, with a watch in hand if somebody wants to know.
    pub(crate) fn measure(&self, driver: Arc<dyn Driver>) -> Arc<dyn Driver> {
        let counted = self.metrics.iter().map(|metrics| Arc::clone(&metrics.storage) as _);
        let watches: Vec<_> = counted.chain(self.traces.of_store(&*driver)).collect();
        match watches.is_empty() {
            true => driver,
            false => Arc::new(MeasuredDriver::new(driver, watches)),
        }
    }

    /// The same for the descriptor cache.
    pub(crate) fn measure_cache(
        &self,
        cache: Arc<dyn BlobDescriptorCache>,
    ) -> Arc<dyn BlobDescriptorCache> {
        match &self.metrics {
            Some(metrics) => Arc::new(MeasuredCache::new(cache, Arc::clone(&metrics.cache))),
            None => cache,
        }
    }

    /// Where it is counted how long redis takes.
    pub(crate) fn redis_times(&self) -> Option<&Arc<RedisTimes>> {
        self.metrics.as_ref().map(|metrics| &metrics.redis)
    }

    /// The surface, counted and closed as it has to be.
    pub(crate) fn around(&self, app: App) -> App {
        let app = match &self.metrics {
            Some(metrics) => app.with_meter(Arc::new(Counted(metrics.clone()))),
            None => app,
        };
        let app = self.traces.around(app);
        match self.checks.is_empty() {
            true => app,
            false => app.with_gate(Arc::clone(&self.health) as _),
        }
    }

    /// Where the pages are, with the port that the system chose for port 0.
    pub(crate) fn address(&self) -> Option<std::net::SocketAddr> {
        self.pages.as_ref()?.0.local_addr().ok()
    }

    /// Begins. What is returned is to be ended when nothing is served any more.
    pub(crate) fn start(self, tasks: &mut JoinSet<()>) -> Traces {
        for check in self.checks {
            self.health.watch(check, tasks);
        }
        if let Some((listener, pages)) = self.pages {
            tasks.spawn(serve_pages(listener, pages));
        }
        self.traces.start(tasks)
    }
}

// === impl Shown ===

impl Pages for Shown {
    fn page(&self, path: &str) -> Option<Page> {
        if let Some((own, metrics, driver)) = &self.metrics
            && path == own
        {
            let events = mapping::notifications::deliveries(&self.notifier);
            let text = metrics.page(driver) + &wharf_metrics::notifications(&events);
            return Some(Page { status: StatusCode::OK, content_type: CONTENT_TYPE, text });
        }
        (path == "/debug/health").then(|| Page {
            status: match self.health.is_well() {
                true => StatusCode::OK,
                false => StatusCode::SERVICE_UNAVAILABLE,
            },
            content_type: "application/json",
            text: self.health.json(),
        })
    }
}

// === impl Counted ===

impl Meter for Counted {
    fn begun(&self, endpoint: wharf_api::Endpoint) {
        self.0.http.begun(endpoint);
    }

    fn ended(&self, ended: &Ended<'_>) {
        let Ended { endpoint: Some(endpoint), method, status, received, sent, took, .. } = *ended
        else {
            return;
        };
        let method = method.as_str();
        self.0.http.ended(&wharf_metrics::Ended { endpoint, method, status, received, sent, took });
    }
}
