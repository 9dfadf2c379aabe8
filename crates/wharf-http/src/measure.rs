//! Counts requests, if somebody wants to know.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use http::{Method, Uri, request::Parts};
use wharf_api::Endpoint;

use crate::{body::Witness, trace::Parent};

/// Wants to know of requests. Whatever it does is done for each of them, and had better be short.
pub trait Meter: Send + Sync + 'static {
    /// A request for this kind of path begins.
    fn begun(&self, endpoint: Endpoint);

    /// A request that had begun is answered, or its client has left.
    fn ended(&self, ended: &Ended<'_>);
}

/// A request that was answered, to the last byte that went.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    /// What it asked for.
    pub endpoint: Endpoint,
    /// How.
    pub method: &'a Method,
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
    /// What it asked for.
    pub path: &'a str,
    /// The step of a trace in which it was sent, if it names one.
    pub parent: Option<Parent>,
}

/// Tells two of each request.
pub(crate) struct Both(pub(crate) Arc<dyn Meter>, pub(crate) Arc<dyn Meter>);

/// What is known of a request that is measured, until it is dropped.
pub(crate) struct Measurement {
    meter: Arc<dyn Meter>,
    /// `None` as long as nobody knows what is asked for.
    endpoint: Option<Endpoint>,
    method: Method,
    request_id: Arc<str>,
    uri: Uri,
    parent: Option<Parent>,
    pub(crate) status: u16,
    received: Arc<AtomicU64>,
    sent: u64,
    begun: Instant,
}

// === impl Measurement ===

impl Measurement {
    pub(crate) fn begin(meter: &Arc<dyn Meter>, parts: &Parts, request_id: &Arc<str>) -> Box<Self> {
        Box::new(Self {
            meter: Arc::clone(meter),
            endpoint: None,
            method: parts.method.clone(),
            request_id: Arc::clone(request_id),
            uri: parts.uri.clone(),
            parent: Parent::of(&parts.headers),
            status: 499,
            received: Arc::default(),
            sent: 0,
            begun: Instant::now(),
        })
    }

    /// Where the bytes of its body are counted.
    pub(crate) fn received(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.received)
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

impl<A: Witness, B: Witness> Witness for (Box<A>, Box<B>) {
    fn taken(&mut self, bytes: u64) {
        self.0.taken(bytes);
        self.1.taken(bytes);
    }
}

impl Drop for Measurement {
    fn drop(&mut self) {
        let Some(endpoint) = self.endpoint else { return };
        self.meter.ended(&Ended {
            endpoint,
            method: &self.method,
            status: self.status,
            received: self.received.load(Relaxed),
            sent: self.sent,
            took: self.begun.elapsed(),
            request_id: &self.request_id,
            path: self.uri.path(),
            parent: self.parent,
        });
    }
}
