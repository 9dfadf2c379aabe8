//! From the end of a request to the collector.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Uri, header};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep, timeout, timeout_at},
};
use wharf_outbound::{Client, Error, Options, Reach};

use crate::{Protocol, Sampler, Settings, Span, batch::Batch, protocol::Refusal};

/// Takes spans.
#[derive(Debug)]
pub struct Exporter {
    queue: mpsc::Sender<Message>,
    sampler: Sampler,
    dropped: Arc<AtomicU64>,
}

/// Sends them, for as long as it [runs](Self::run).
pub struct Work {
    waiting: mpsc::Receiver<Message>,
    client: Client,
    settings: Settings,
    dropped: Arc<AtomicU64>,
    /// Whether the last batch was taken.
    well: bool,
}

#[derive(Debug)]
enum Message {
    Span(Box<Span>),
    /// Everything before this is to be sent, and then this answered.
    Flush(oneshot::Sender<()>),
}

/// How often a batch is tried.
const TRIES: u32 = 3;

/// How long the first pause between two tries is.
const PAUSE: Duration = Duration::from_millis(500);

// === impl Exporter ===

impl Exporter {
    /// An exporter, and what sends its spans. The collector may be in a private network: the operator
    /// has named it.
    pub fn new(settings: Settings) -> Result<(Self, Work), Error> {
        let endpoint: Uri = settings.endpoint.parse().unwrap_or_default();
        let options = Options {
            reach: Reach::public().and_server(&endpoint),
            timeout: settings.timeout,
            max_redirects: 0,
            authorities: settings.authorities.clone(),
            http2_only: settings.protocol == Protocol::Grpc,
            ..Options::default()
        };
        let client = Client::new(options)?;
        let (queue, waiting) = mpsc::channel(settings.queue);
        let dropped = Arc::new(AtomicU64::new(0));
        let exporter = Self { queue, sampler: settings.sampler, dropped: Arc::clone(&dropped) };
        Ok((exporter, Work { waiting, client, settings, dropped, well: true }))
    }

    /// Which traces are kept.
    pub fn sampler(&self) -> &Sampler {
        &self.sampler
    }

    /// Takes a span, unless too many wait.
    pub fn take(&self, span: Span) {
        if self.queue.try_send(Message::Span(Box::new(span))).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until everything that was taken is sent, but not for longer.
    pub async fn flush(&self, limit: Duration) {
        let (done, is_done) = oneshot::channel();
        let flushed = async {
            if self.queue.send(Message::Flush(done)).await.is_ok() {
                is_done.await.ok();
            }
        };
        if timeout(limit, flushed).await.is_err() {
            tracing::warn!("spans that are not sent yet are given up");
        }
    }
}

// === impl Work ===

impl Work {
    /// Sends spans until the exporter is gone.
    pub async fn run(mut self) {
        while let Some(first) = self.waiting.recv().await {
            let (batch, flush) = self.gather(first).await;
            if !batch.is_empty() {
                self.send(&batch).await;
            }
            if let Some(flush) = flush {
                flush.send(()).ok();
            }
        }
    }

    /// What goes together with the first one.
    async fn gather(&mut self, first: Message) -> (Vec<Span>, Option<oneshot::Sender<()>>) {
        let until = Instant::now() + self.settings.delay;
        let (mut batch, mut next) = (Vec::new(), Some(first));
        while let Some(message) = next {
            match message {
                Message::Flush(flush) => return (batch, Some(flush)),
                Message::Span(span) => batch.push(*span),
            }
            if batch.len() >= self.settings.batch {
                break;
            }
            next = timeout_at(until, self.waiting.recv()).await.ok().flatten();
        }
        (batch, None)
    }

    async fn send(&mut self, batch: &[Span]) {
        let Settings { protocol, resource, .. } = &self.settings;
        let body = protocol.write(&Batch { resource, spans: batch });
        let mut pause = PAUSE;
        for rest in (0..TRIES).rev() {
            match self.try_once(body.clone()).await {
                None => return self.tell(None, 0),
                Some(refusal) if rest == 0 || !refusal.passes => {
                    return self.tell(Some(refusal.problem), batch.len());
                }
                Some(_) => sleep(pause).await,
            }
            pause *= 2;
        }
    }

    async fn try_once(&self, body: Bytes) -> Option<Refusal> {
        match self.client.send(self.request(body)).await {
            Ok(answer) => self.settings.protocol.refusal(&answer),
            Err(error) => Some(Refusal { problem: error.to_string(), passes: true }),
        }
    }

    /// Tells when it begins to fail, and when it no longer does.
    fn tell(&mut self, problem: Option<String>, lost: usize) {
        let is_well = problem.is_none();
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        match problem {
            Some(problem) if self.well => {
                let endpoint = &self.settings.endpoint;
                tracing::warn!(%endpoint, problem, lost, "the collector takes no spans");
            }
            None if !self.well => tracing::info!("the collector takes spans again"),
            _ => {}
        }
        if dropped > 0 {
            tracing::warn!(dropped, "spans were dropped: they are not taken fast enough");
        }
        self.well = is_well;
    }

    fn request(&self, body: Bytes) -> Request<Bytes> {
        let mut request = Request::new(body);
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.settings.endpoint.parse().unwrap_or_default();
        let headers = request.headers_mut();
        let content_type = self.settings.protocol.content_type();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        if self.settings.protocol == Protocol::Grpc {
            headers.insert(header::TE, HeaderValue::from_static("trailers"));
        }
        for (name, value) in &self.settings.headers {
            if let (Ok(name), Ok(mut value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                value.set_sensitive(true);
                headers.insert(name, value);
            }
        }
        request
    }
}
