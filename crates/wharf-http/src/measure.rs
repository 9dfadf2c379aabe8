//! Counts requests and writes them down, if somebody wants to know.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use http::{HeaderValue, Method, Uri, Version, header, request::Parts};
use wharf_api::Endpoint;

use crate::{
    body::Witness,
    trace::{Parent, RequestNames},
};

/// Wants to know of requests. Whatever it does is done for each of them, and had better be short.
pub trait Meter: Send + Sync + 'static {
    /// A request for this kind of path begins. None begins whose path is of no kind.
    fn begun(&self, endpoint: Endpoint);

    /// A request that had begun is answered, or its client has left.
    fn ended(&self, ended: &Ended<'_>);
}

/// A request that was answered, to the last byte that went.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    /// What kind of path it asked for; `None` if there is none like that, or nobody looked.
    pub endpoint: Option<Endpoint>,
    /// How.
    pub method: &'a Method,
    /// What it asked for, secrets included.
    pub uri: &'a Uri,
    /// In which version of the protocol.
    pub version: Version,
    /// What came of it; 499 if the client left before.
    pub status: u16,
    /// The bytes of its body that were read.
    pub received: u64,
    /// The bytes of the answer's body that went.
    pub sent: u64,
    /// From its head to the last byte of the answer.
    pub took: Duration,
    /// What it is called in the log: 32 hexadecimal digits.
    pub request_id: &'a str,
    /// The step of a trace in which it was sent, if it names one.
    pub parent: Option<Parent>,
    /// Who made the connection.
    pub remote: SocketAddr,
    /// Who the client proved to be.
    pub subject: Option<&'a str>,
    /// Where the client says that it comes from.
    pub referer: Option<&'a HeaderValue>,
    /// What the client calls itself.
    pub user_agent: Option<&'a HeaderValue>,
}

/// Tells two of each request.
pub(crate) struct Both(pub(crate) Arc<dyn Meter>, pub(crate) Arc<dyn Meter>);

/// What is known of a request that is measured, until it is dropped.
pub(crate) struct Measurement {
    meter: Arc<dyn Meter>,
    /// `None` as long as nobody knows what is asked for.
    endpoint: Option<Endpoint>,
    method: Method,
    uri: Uri,
    version: Version,
    names: RequestNames,
    remote: SocketAddr,
    referer: Option<HeaderValue>,
    user_agent: Option<HeaderValue>,
    pub(crate) subject: Option<Arc<str>>,
    pub(crate) status: u16,
    /// `None` if it has no body.
    received: Option<Arc<AtomicU64>>,
    sent: u64,
    begun: Instant,
}

// === impl Measurement ===

impl Measurement {
    /// Begins when a request does. Its parts are kept as they came: they are put into words, if at all,
    /// when it has ended.
    pub(crate) fn begin(
        meter: &Arc<dyn Meter>,
        parts: &Parts,
        names: &RequestNames,
        remote: SocketAddr,
    ) -> Box<Self> {
        Box::new(Self {
            meter: Arc::clone(meter),
            endpoint: None,
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            version: parts.version,
            names: names.clone(),
            remote,
            referer: parts.headers.get(header::REFERER).cloned(),
            user_agent: parts.headers.get(header::USER_AGENT).cloned(),
            subject: None,
            // Until there is an answer, this is a client that did not wait for it.
            status: 499,
            received: None,
            sent: 0,
            begun: Instant::now(),
        })
    }

    /// Where the bytes of its body are counted.
    pub(crate) fn received(&mut self) -> Arc<AtomicU64> {
        Arc::clone(self.received.get_or_insert_default())
    }

    /// It is known what is asked for.
    pub(crate) fn route(&mut self, endpoint: Endpoint) {
        self.endpoint = Some(endpoint);
        self.meter.begun(endpoint);
    }
}

impl Witness for Measurement {
    fn taken(&mut self, bytes: u64) {
        self.sent += bytes;
    }
}

impl Meter for Both {
    fn begun(&self, endpoint: Endpoint) {
        self.0.begun(endpoint);
        self.1.begun(endpoint);
    }

    fn ended(&self, ended: &Ended<'_>) {
        self.0.ended(ended);
        self.1.ended(ended);
    }
}

impl Drop for Measurement {
    fn drop(&mut self) {
        self.meter.ended(&Ended {
            endpoint: self.endpoint,
            method: &self.method,
            uri: &self.uri,
            version: self.version,
            status: self.status,
            received: self.received.as_ref().map_or(0, |received| received.load(Relaxed)),
            sent: self.sent,
            took: self.begun.elapsed(),
            request_id: &self.names.request_id,
            parent: self.names.parent,
            remote: self.remote,
            subject: self.subject.as_deref(),
            referer: self.referer.as_ref(),
            user_agent: self.user_agent.as_ref(),
        });
    }
}
