//! Every request as a span of a trace, and what the store did for it as spans below, for a collector of
//! OpenTelemetry, if the environment names one.
//!
//! A request that names no trace begins one, which is called as the request is in the log.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use tokio::task::JoinSet;
use wharf_api::Endpoint;
use wharf_driver::Driver;
use wharf_http::{App, Ended, Meter, Parent, RequestNames};
use wharf_metrics::{Operation, Watch};
use wharf_otel::{Exporter, Kind, Settings, Span, SpanId, TraceId, Value, Work};

/// Where spans go, if they go anywhere.
pub(crate) struct Traces(Option<Sending>);

struct Sending {
    exporter: Arc<Exporter>,
    /// `None` once it runs.
    work: Option<Work>,
}

/// Makes a span of each request.
struct Traced(Arc<Exporter>);

/// Makes a span of each operation of the store that is part of a request.
#[derive(Debug)]
struct TracedStore {
    exporter: Arc<Exporter>,
    driver: &'static str,
    count: AtomicU64,
}

/// What the original calls its attributes begins so.
const DRIVER_NAME: &str = "io.cncf.distribution.storage.driver.name";
const STORAGE_PATH: &str = "io.cncf.distribution.storage.path";

/// How long the end waits for the collector.
const LAST_MOMENT: Duration = Duration::from_secs(5);

// === impl Traces ===

impl Traces {
    /// As the environment says. What it says wrongly costs the traces, not the registry.
    pub(crate) fn prepare() -> Self {
        let settings = match Settings::from_variables(|name| std::env::var(name).ok()) {
            Ok(settings) => settings,
            Err(error) => {
                tracing::warn!("no traces are sent: {error}");
                None
            }
        };
        Self(settings.and_then(Sending::prepare))
    }

    /// The surface, traced.
    pub(crate) fn around(&self, app: App) -> App {
        match &self.0 {
            Some(sending) => app.with_meter(Arc::new(Traced(Arc::clone(&sending.exporter)))),
            None => app,
        }
    }

    /// Who watches the store.
    pub(crate) fn of_store(&self, driver: &dyn Driver) -> Option<Arc<dyn Watch>> {
        let exporter = Arc::clone(&self.0.as_ref()?.exporter);
        let count = AtomicU64::new(0);
        Some(Arc::new(TracedStore { exporter, driver: driver.name(), count }))
    }

    /// Begins to send.
    pub(crate) fn start(mut self, tasks: &mut JoinSet<()>) -> Self {
        if let Some(work) = self.0.as_mut().and_then(|sending| sending.work.take()) {
            tasks.spawn(work.run());
        }
        self
    }

    /// Sends the rest.
    pub(crate) async fn end(self) {
        if let Some(sending) = self.0 {
            sending.exporter.flush(LAST_MOMENT).await;
        }
    }
}

// === impl Sending ===

impl Sending {
    fn prepare(settings: Settings) -> Option<Self> {
        tracing::info!(endpoint = settings.endpoint, "traces are sent");
        match Exporter::new(settings) {
            Ok((exporter, work)) => Some(Self { exporter: Arc::new(exporter), work: Some(work) }),
            Err(error) => {
                tracing::warn!("no traces are sent: {error}");
                None
            }
        }
    }
}

// === impl Traced ===

impl Meter for Traced {
    fn begun(&self, _: Endpoint) {}

    fn ended(&self, ended: &Ended<'_>) {
        let Some(endpoint) = ended.endpoint else { return };
        if let Some((trace, id)) = kept(&self.0, ended.request_id, ended.parent) {
            self.0.take(span(endpoint, ended, trace, id));
        }
    }
}

// === impl TracedStore ===

impl Watch for TracedStore {
    fn done(&self, operation: &Operation<'_>) {
        let Some(request) = RequestNames::current() else { return };
        let kept = kept(&self.exporter, &request.request_id, request.parent);
        let Some((trace, parent)) = kept else { return };
        let now = SystemTime::now();
        self.exporter.take(Span {
            trace,
            id: step(parent, self.count.fetch_add(1, Relaxed)),
            parent: Some(parent),
            name: operation.action.name().into(),
            kind: Kind::Internal,
            began: now.checked_sub(operation.took).unwrap_or(now),
            ended: now,
            failed: operation.failed,
            attributes: vec![
                (DRIVER_NAME, self.driver.into()),
                (STORAGE_PATH, format!("/{}", operation.path).into()),
            ],
        });
    }
}

/// The trace of a request and its own span, if they are kept: the same answer for each step of it.
fn kept(
    exporter: &Exporter,
    request_id: &str,
    parent: Option<Parent>,
) -> Option<(TraceId, SpanId)> {
    let (own, id) = names(request_id);
    let trace = parent.map_or(own, |parent| parent.trace);
    let sampled = parent.map(|parent| parent.sampled);
    exporter.sampler().keeps(&trace, sampled).then_some((trace, id))
}

/// What a step of a request is called: no two of a trace have the same name.
fn step(request: SpanId, count: u64) -> SpanId {
    // Any other factor that is odd would do: numbers of requests and of steps both count from 0.
    let mixed = u64::from_be_bytes(request) ^ (count + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed.max(1).to_be_bytes()
}

fn span(endpoint: Endpoint, ended: &Ended<'_>, trace: TraceId, id: SpanId) -> Span {
    let now = SystemTime::now();
    let route = endpoint.template();
    let method = ended.method.as_str();
    Span {
        trace,
        id,
        parent: ended.parent.map(|parent| parent.span),
        name: format!("{method} {route}").into(),
        kind: Kind::Server,
        began: now.checked_sub(ended.took).unwrap_or(now),
        ended: now,
        failed: (500..600).contains(&ended.status),
        attributes: vec![
            ("http.request.method", method.to_owned().into()),
            ("http.route", route.into()),
            ("url.path", ended.uri.path().to_owned().into()),
            ("http.response.status_code", Value::Number(ended.status.into())),
            ("http.request.body.size", ended.received.into()),
            ("http.response.body.size", ended.sent.into()),
            ("http.request.id", ended.request_id.to_owned().into()),
        ],
    }
}

/// What the trace of a request is called that names none, and its span: both are its own name, of
/// which no other process has the first half.
fn names(request_id: &str) -> (TraceId, SpanId) {
    let number = u128::from_str_radix(request_id, 16).unwrap_or(1);
    let bytes = number.to_be_bytes();
    let (process, count) = bytes.split_at(8);
    let mut span = [0; 8];
    for ((byte, process), count) in span.iter_mut().zip(process).zip(count) {
        *byte = process ^ count;
    }
    // No span may be called by zeros alone.
    if span == [0; 8] {
        span[0] = 1;
    }
    (bytes, span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_gives_its_name_to_its_trace() {
        let (trace, span) = names("00000000000000ff0000000000000001");
        assert_eq!(trace, 0xff_0000_0000_0000_0001_u128.to_be_bytes());
        assert_eq!(span, 0xfe_u64.to_be_bytes());
        assert_ne!(names("00000000000000ff00000000000000ff").1, [0; 8]);
        assert_ne!(step(span, 0), step(span, 1));
    }
}
