//! Every request as a span of a trace, for a collector of OpenTelemetry, if the environment names one.
//!
//! A request that names no trace begins one, which is called as the request is in the log.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::task::JoinSet;
use wharf_api::Endpoint;
use wharf_http::{App, Ended, Meter};
use wharf_otel::{Exporter, Settings, Span, SpanId, TraceId, Value, Work};

/// Where spans go, if they go anywhere.
pub(crate) struct Traces(Option<Sending>);

struct Sending {
    exporter: Arc<Exporter>,
    /// `None` once it runs.
    work: Option<Work>,
}

/// Makes a span of each request.
struct Traced(Arc<Exporter>);

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
        let (own, id) = names(ended.request_id);
        let trace = ended.parent.map_or(own, |parent| parent.trace);
        let sampled = ended.parent.map(|parent| parent.sampled);
        if self.0.sampler().keeps(&trace, sampled) {
            self.0.take(span(endpoint, ended, trace, id));
        }
    }
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
    }
}
