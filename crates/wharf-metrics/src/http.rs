//! Requests of clients.

use std::time::Duration;

use wharf_api::Endpoint;

use crate::{
    Counter, Gauge, Histogram, Page,
    striped::{Striped, Sum},
};

/// What is counted of requests, by handler, method and status.
#[derive(Debug, Default)]
pub struct Requests(Striped<Handlers>);

/// What a thread has counted, in the order of [`Endpoint::ALL`].
#[derive(Debug)]
struct Handlers(Vec<Handler>);

/// A request that was answered, to the last byte of the answer.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    /// What it asked for.
    pub endpoint: Endpoint,
    /// How.
    pub method: &'a str,
    /// What came of it; 499 if the client left before.
    pub status: u16,
    /// The bytes of its body that came.
    pub received: u64,
    /// The bytes of the answer's body that went.
    pub sent: u64,
    /// From its head to the last byte of the answer.
    pub took: Duration,
}

/// What is counted of one kind of path.
#[derive(Debug)]
struct Handler {
    name: &'static str,
    in_flight: Gauge,
    methods: Vec<Method>,
    /// Their sum is what came.
    request_size: Histogram,
    /// Their sum is what went.
    response_size: Histogram,
}

#[derive(Debug)]
struct Method {
    name: &'static str,
    duration: Histogram,
    /// As [`STATUSES`].
    statuses: [Counter; STATUSES.len()],
}

const METHODS: [&str; 8] = ["get", "head", "put", "post", "patch", "delete", "options", "unknown"];

/// Every status that we answer with; any other one counts as the last.
const STATUSES: [u16; 30] = [
    200, 201, 202, 204, 206, 304, 307, 400, 401, 403, 404, 405, 406, 408, 409, 411, 412, 413, 415,
    416, 417, 429, 431, 499, 500, 501, 502, 503, 507, 0,
];

/// In seconds, as the original's.
const DURATIONS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0];

/// In bytes, as the original's: from 1 KiB to 2 GiB.
const SIZES: &[f64] = &{
    let mut sizes = [1024.0; 22];
    let mut place = 1;
    while place < sizes.len() {
        sizes[place] = 2.0 * sizes[place - 1];
        place += 1;
    }
    sizes
};

// === impl Requests ===

impl Requests {
    /// Counts a request that begins.
    pub fn begun(&self, endpoint: Endpoint) {
        self.0.mine().handler(endpoint).in_flight.add(1);
    }

    /// Counts a request that ended.
    pub fn ended(&self, ended: &Ended<'_>) {
        let handler = self.0.mine().handler(ended.endpoint);
        handler.in_flight.add(-1);
        handler.request_size.observe(ended.received as f64);
        handler.response_size.observe(ended.sent as f64);
        let is = |method: &&Method| method.name.eq_ignore_ascii_case(ended.method);
        let method = handler.methods.iter().find(is).or(handler.methods.last());
        let method = method.expect("there are methods");
        method.duration.observe(ended.took.as_secs_f64());
        let status = STATUSES.iter().position(|known| *known == ended.status);
        method.statuses[status.unwrap_or(STATUSES.len() - 1)].add(1);
    }

    pub(crate) fn write(&self, page: &mut Page) {
        self.0.total().write(page);
    }
}

// === impl Handlers ===

impl Handlers {
    fn handler(&self, endpoint: Endpoint) -> &Handler {
        let place = Endpoint::ALL.iter().position(|known| *known == endpoint);
        &self.0[place.expect("these are all")]
    }

    fn write(&self, page: &mut Page) {
        let name = "registry_http_in_flight_requests";
        page.family(name, "gauge", "The requests that are being answered.");
        for handler in &self.0 {
            page.sample(name, &[("handler", handler.name)], handler.in_flight.get() as f64);
        }
        self.write_methods(page);
        let name = "registry_http_request_size_bytes";
        page.family(name, "histogram", "The sizes of the bodies of requests.");
        for handler in self.used() {
            page.histogram(name, &[("handler", handler.name)], &handler.request_size);
        }
        let name = "registry_http_response_size_bytes";
        page.family(name, "histogram", "The sizes of the bodies of answers.");
        for handler in self.used() {
            page.histogram(name, &[("handler", handler.name)], &handler.response_size);
        }
        let name = "wharf_http_received_bytes_total";
        page.family(name, "counter", "The bytes of bodies that came.");
        for handler in self.used() {
            page.sample(name, &[("handler", handler.name)], handler.request_size.sum());
        }
        let name = "wharf_http_sent_bytes_total";
        page.family(name, "counter", "The bytes of bodies that went.");
        for handler in self.used() {
            page.sample(name, &[("handler", handler.name)], handler.response_size.sum());
        }
    }

    fn write_methods(&self, page: &mut Page) {
        let name = "registry_http_requests_total";
        page.family(name, "counter", "The requests that were answered.");
        for (handler, method) in self.used_methods() {
            let labels = [("handler", handler.name), ("method", method.name)];
            for (status, counter) in STATUSES.iter().zip(&method.statuses) {
                if counter.get() > 0 {
                    let code = status.to_string();
                    let labels = [labels[0], labels[1], ("code", code.as_str())];
                    page.sample(name, &labels, counter.get() as f64);
                }
            }
        }
        let name = "registry_http_request_duration_seconds";
        page.family(name, "histogram", "The time to the last byte of an answer.");
        for (handler, method) in self.used_methods() {
            let labels = [("handler", handler.name), ("method", method.name)];
            page.histogram(name, &labels, &method.duration);
        }
    }

    /// Those that answered anything.
    fn used(&self) -> impl Iterator<Item = &Handler> {
        self.0.iter().filter(|handler| handler.request_size.count() > 0)
    }

    fn used_methods(&self) -> impl Iterator<Item = (&Handler, &Method)> {
        let methods =
            self.used().flat_map(|handler| handler.methods.iter().map(move |m| (handler, m)));
        methods.filter(|(_, method)| method.duration.count() > 0)
    }
}

impl Default for Handlers {
    fn default() -> Self {
        Self(Endpoint::ALL.into_iter().map(|it| Handler::new(name(it))).collect())
    }
}

impl Sum for Handlers {
    fn add(&self, other: &Self) {
        self.0.iter().zip(&other.0).for_each(|(handler, more)| handler.add(more));
    }
}

/// What the original calls them; it knows neither `/` nor referrers.
fn name(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Alive => "alive",
        Endpoint::Base => "base",
        Endpoint::Catalog => "catalog",
        Endpoint::TagsList => "tags",
        Endpoint::Manifest => "manifest",
        Endpoint::Blob => "blob",
        Endpoint::BlobUploads => "blob_upload",
        Endpoint::BlobUpload => "blob_upload_chunk",
        Endpoint::Referrers => "referrers",
        Endpoint::Repository => "repository",
    }
}

// === impl Handler ===

impl Handler {
    fn new(name: &'static str) -> Self {
        let method = |name| Method {
            name,
            duration: Histogram::of_seconds(DURATIONS),
            statuses: Default::default(),
        };
        Self {
            name,
            in_flight: Gauge::default(),
            methods: METHODS.into_iter().map(method).collect(),
            request_size: Histogram::of_bytes(SIZES),
            response_size: Histogram::of_bytes(SIZES),
        }
    }

    fn add(&self, other: &Self) {
        self.in_flight.add(other.in_flight.get());
        self.request_size.add(&other.request_size);
        self.response_size.add(&other.response_size);
        for (method, more) in self.methods.iter().zip(&other.methods) {
            method.duration.add(&more.duration);
            for (counter, more) in method.statuses.iter().zip(&more.statuses) {
                counter.add(more.get());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_count_by_handler_method_and_status() {
        let requests = Requests::default();
        for (method, status) in [("GET", 200), ("GET", 200), ("BREW", 405), ("GET", 999)] {
            requests.begun(Endpoint::Manifest);
            let took = Duration::from_millis(20);
            let ended =
                Ended { endpoint: Endpoint::Manifest, method, status, received: 5, sent: 7, took };
            requests.ended(&ended);
        }
        requests.begun(Endpoint::Blob);
        let mut page = Page::default();
        requests.write(&mut page);
        let page = page.into_text();
        for line in [
            "registry_http_requests_total{handler=\"manifest\",method=\"get\",code=\"200\"} 2",
            "registry_http_requests_total{handler=\"manifest\",method=\"unknown\",code=\"405\"} 1",
            "registry_http_in_flight_requests{handler=\"blob\"} 1",
            "registry_http_in_flight_requests{handler=\"manifest\"} 0",
            "registry_http_request_duration_seconds_count{handler=\"manifest\",method=\"get\"} 3",
            "registry_http_request_duration_seconds_bucket{handler=\"manifest\",method=\"get\",le=\"0.025\"} 3",
            "registry_http_request_size_bytes_sum{handler=\"manifest\"} 20",
            "wharf_http_sent_bytes_total{handler=\"manifest\"} 28",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
    }
}
