//! From a request to its answer: route, permission, handler, and what every answer has.

use std::{
    future::Future,
    net::{IpAddr, SocketAddr},
    panic::AssertUnwindSafe,
    sync::Arc,
};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{
    HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version, header, request::Parts,
};
use tokio::task::JoinHandle;
use wharf_api::{
    Endpoint, ErrorCode, ErrorInfo, Method::Any, Operation, RouteError, Row, TABLE, Target,
};
use wharf_auth::{AllowAll, Authorize, Desk, Grant, Memo};
use wharf_core::Namespace;

use crate::{
    Body, Options,
    answer::{Answer, value},
    authorize,
    call::{Call, Shared},
    client::Clients,
    desk, endpoints,
    errors::{Failure, Outcome},
    incoming::{BoxError, Incoming},
    location::Links,
    measure::{Both, Measurement, Meter},
    region::ReadBudget,
    request_id::RequestIds,
    running::Running,
    state::Signer,
    trace::{Parent, RequestNames},
    traffic::{Connected, Counted, Traffic},
};

/// Answers the requests of the API out of a namespace.
pub struct App {
    shared: Arc<Shared>,
    /// Configured headers.
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The requests that change something, which are finished even if the client has left.
    running: Running,
    request_ids: RequestIds,
    clients: Clients,
    traffic: Arc<Traffic>,
    meter: Option<Arc<dyn Meter>>,
    gate: Option<Arc<dyn Gate>>,
    desk: Option<Arc<dyn Desk>>,
}

/// A request that is to be answered.
struct Asked<'a> {
    parts: Parts,
    body: Incoming,
    counted: Counted,
    remote: SocketAddr,
    client: Option<IpAddr>,
    memo: Option<&'a Memo>,
    names: &'a RequestNames,
}

/// What came of a request.
struct Answered {
    outcome: Outcome,
    /// Whether something of its body was left.
    unread: bool,
    counted: Counted,
}

/// May close the whole registry for a while.
pub trait Gate: Send + Sync + 'static {
    /// Why nothing is served now; `None` if everything is.
    fn closed(&self) -> Option<&'static str>;
}

const API_VERSION: (HeaderName, HeaderValue) = (
    HeaderName::from_static(wharf_api::header::DOCKER_DISTRIBUTION_API_VERSION),
    HeaderValue::from_static(wharf_api::header::API_VERSION),
);

// === impl App ===

impl App {
    /// An app that lets everybody do what the options allow.
    pub fn new(namespace: Arc<dyn Namespace>, options: Options) -> Self {
        Self::guarded(namespace, options, Arc::new(AllowAll))
    }

    /// An app that asks before it serves.
    pub fn guarded(
        namespace: Arc<dyn Namespace>,
        options: Options,
        authorize: Arc<dyn Authorize>,
    ) -> Self {
        let headers = options.headers.iter().filter_map(|(name, value)| header(name, value));
        Self {
            headers: headers.collect(),
            running: Running::default(),
            request_ids: RequestIds::new(),
            clients: Clients::new(options.trusted_proxies.as_deref()),
            traffic: Traffic::new(&options.limits),
            meter: None,
            gate: None,
            desk: None,
            shared: Arc::new(Shared {
                links: Links::new(&options),
                signer: Signer::new(options.upload_key.clone()),
                budget: ReadBudget::new(options.read_memory),
                namespace,
                authorize,
                options,
            }),
        }
    }

    /// The same app, with somebody who counts requests, besides those who do already.
    #[must_use]
    pub fn with_meter(mut self, meter: Arc<dyn Meter>) -> Self {
        self.meter = Some(match self.meter.take() {
            Some(first) => Arc::new(Both(first, meter)),
            None => meter,
        });
        self
    }

    /// The same app, behind a gate.
    #[must_use]
    pub fn with_gate(mut self, gate: Arc<dyn Gate>) -> Self {
        self.gate = Some(gate);
        self
    }

    /// The same app, with a desk beside the API.
    #[must_use]
    pub fn with_desk(mut self, desk: Arc<dyn Desk>) -> Self {
        self.desk = Some(desk);
        self
    }

    /// How it is to be served.
    pub fn options(&self) -> &Options {
        &self.shared.options
    }

    /// A connection that counts, `None` if there are too many of its address.
    pub(crate) fn connect(&self, remote: SocketAddr) -> Option<Connected> {
        self.traffic.connect(self.clients.of_connection(remote))
    }

    /// Answers one request.
    pub async fn handle<B>(&self, request: Request<B>, remote: SocketAddr) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.handle_knowing(request, remote, None).await
    }

    /// Answers one request of a connection, which remembers who has spoken over it.
    pub(crate) async fn handle_knowing<B>(
        &self,
        request: Request<B>,
        remote: SocketAddr,
        memo: Option<&Memo>,
    ) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (parts, body) = request.into_parts();
        let names = RequestNames {
            request_id: self.request_ids.next(),
            parent: Parent::of(&parts.headers),
        };
        let meter = self.meter.as_ref();
        let mut measurement = meter.map(|meter| Measurement::begin(meter, &parts, &names, remote));
        let Options { timeouts, limits, .. } = self.options();
        let mut body = Incoming::new(body, timeouts.body_stall, limits.upload_rate);
        if let Some(measurement) = measurement.as_mut().filter(|_| !body.ended()) {
            body.count_in(measurement.received());
        }
        body.hold_back(parts.headers.contains_key(header::EXPECT));
        let (method, version) = (parts.method.clone(), parts.version);
        let is_root = parts.uri.path() == "/";

        let mut subject = None;
        let client = self.clients.of_request(remote, &parts.headers);
        // Whoever looks whether the server lives is told so at any time.
        let counted = match is_root {
            true => Ok(Counted::default()),
            false => self.traffic.begin(client),
        };
        let Answered { outcome, unread, counted } = match counted {
            Ok(counted) => {
                let request = Asked { parts, body, counted, remote, client, memo, names: &names };
                let answer = self.answer(request, &mut subject, measurement.as_deref_mut());
                names.scope(answer).await
            }
            // Nothing more is done for them, reading included.
            Err(too_many) => Answered {
                outcome: Err(too_many.into()),
                unread: !body.ended(),
                counted: Counted::default(),
            },
        };
        let mut answer = outcome.unwrap_or_else(|failure| {
            names.sync_scope(|| failure.log());
            failure.into_answer(&names.request_id)
        });
        if !is_root {
            answer = self
                .headers
                .iter()
                .cloned()
                .fold(answer, |answer, (name, value)| answer.with(name, value));
            answer = answer.with(API_VERSION.0, API_VERSION.1);
        }
        if unread && version < Version::HTTP_2 {
            answer = answer.with(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let response = finish(answer.into_response(), &method);
        let status = response.status().as_u16();
        response.map(|body| body.counted(counted)).map(|body| match measurement {
            None => body,
            Some(mut measurement) => {
                (measurement.status, measurement.subject) = (status, subject);
                body.witnessed(measurement)
            }
        })
    }

    /// Waits until everything that was begun for clients that have left is done.
    pub async fn settled(&self) {
        self.running.settled().await;
    }

    async fn answer(
        &self,
        request: Asked<'_>,
        subject: &mut Option<Arc<str>>,
        measurement: Option<&mut Measurement>,
    ) -> Answered {
        let Asked { parts, mut body, mut counted, remote, client, memo, names } = request;
        let id = &names.request_id;
        let caller = authorize::Caller { parts: &parts, request_id: id, remote, client, memo };
        if let Some(desk) = self.desk.as_ref().filter(|desk| desk.path() == parts.uri.path()) {
            let outcome = match self.let_in(&parts) {
                Ok(()) => desk::visit(&**desk, caller, &mut body).await,
                Err(failure) => Err(failure),
            };
            return Answered { outcome, unread: !body.ended(), counted };
        }
        let admitted = self.admit(caller, measurement).await;
        let (target, row, grant) = match admitted {
            Ok(admitted) => admitted,
            Err(failure) => {
                body.drain().await;
                return Answered { outcome: Err(failure), unread: !body.ended(), counted };
            }
        };
        *subject = grant.subject.as_ref().map(|subject| Arc::clone(&subject.0));
        if let Some(subject) = subject
            && let Err(too_many) = counted.belongs_to(subject)
        {
            return Answered { outcome: Err(too_many.into()), unread: !body.ended(), counted };
        }
        if row.operation == Operation::Options {
            let allow = value(self.allow(row.endpoint));
            let outcome = Ok(Answer::new(StatusCode::OK).with(header::ALLOW, allow));
            return Answered { outcome, unread: !body.ended(), counted };
        }
        let call = Call::new(&self.shared, parts, Arc::clone(id), remote, grant);
        if !row.mutates() {
            let outcome = caught(endpoints::serve(&call, row, &target, &mut body)).await;
            return Answered { outcome, unread: !body.ended(), counted };
        }
        let work = self.detached(names, call, row, target, body, counted);
        work.await.unwrap_or_else(|_| Answered {
            outcome: Err(ErrorCode::Unavailable.into()),
            unread: true,
            counted: Counted::default(),
        })
    }

    /// Half a push is worse than none: what changes something goes on without its client.
    fn detached(
        &self,
        names: &RequestNames,
        call: Call,
        row: &'static Row,
        target: Target,
        mut body: Incoming,
        counted: Counted,
    ) -> JoinHandle<Answered> {
        let guard = self.running.enter();
        let work = async move {
            let _guard = guard;
            let outcome = caught(endpoints::serve(&call, row, &target, &mut body)).await;
            if outcome.is_err() {
                body.drain().await;
            }
            Answered { outcome, unread: !body.ended(), counted }
        };
        tokio::spawn(names.scope(work))
    }

    /// Whether anything is served now, and to a request with such a head.
    fn let_in(&self, parts: &Parts) -> Outcome<()> {
        if let Some(reason) = self.gate.as_ref().and_then(|gate| gate.closed()) {
            return Err(ErrorInfo::new(ErrorCode::Unavailable).with_detail(reason).into());
        }
        let Options { max_header_bytes, limits, .. } = self.options();
        if head_size(parts) > *max_header_bytes || parts.headers.len() > limits.headers {
            let error = ErrorInfo::new(ErrorCode::Unsupported).with_status(431);
            return Err(error.with_message("the header of the request is too large").into());
        }
        Ok(())
    }

    /// Finds what is asked for, and whether it may be.
    async fn admit(
        &self,
        caller: authorize::Caller<'_>,
        measurement: Option<&mut Measurement>,
    ) -> Outcome<(Target, &'static Row, Grant)> {
        let parts = caller.parts;
        self.let_in(parts)?;
        let (path, method) = (parts.uri.path(), parts.method.as_str());
        let below = if path == "/" { Some(path) } else { self.shared.links.strip(path) };
        let below = below.ok_or_else(|| RouteError::NotFound(String::new()).info(method))?;
        let resolved = wharf_api::resolve(method, below);
        if let Some(measurement) = measurement {
            let endpoint = resolved.as_ref().map(|(_, row)| row.endpoint).ok();
            let endpoint = endpoint.or_else(|| Some(wharf_api::route(below).ok()?.endpoint()));
            endpoint.into_iter().for_each(|endpoint| measurement.route(endpoint));
        }
        let (target, row) = resolved?;
        let grant = authorize::authorize(&self.shared, caller, row, &target).await?;
        self.enabled(row)?;
        Ok((target, row, grant))
    }

    /// Why this registry does not do such a thing, if it does not.
    fn disabled(&self, row: &Row) -> Option<&'static str> {
        let options = &self.shared.options;
        match (options.read_only.is_on(), options.delete) {
            (true, _) if row.mutates() => Some("the registry is read-only"),
            (_, false) if row.deletes() => Some("deletes are off in this registry"),
            _ => None,
        }
    }

    /// The methods that are left of an endpoint.
    fn allow(&self, endpoint: Endpoint) -> String {
        let rows = TABLE.iter().filter(|row| row.endpoint == endpoint && row.method != Any);
        let rows = rows.filter(|row| self.disabled(row).is_none());
        rows.map(|row| row.method.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// Whether this registry does such a thing at all.
    fn enabled(&self, row: &'static Row) -> Outcome<()> {
        let Some(reason) = self.disabled(row) else { return Ok(()) };
        let allow = value(self.allow(row.endpoint));
        Err(Failure::new(ErrorCode::Unsupported, reason).with(header::ALLOW, allow))
    }
}

/// A panic of a handler costs its request, not the connection.
fn caught(handler: impl Future<Output = Outcome>) -> impl Future<Output = Outcome> {
    AssertUnwindSafe(handler).catch_unwind().map(|outcome| {
        outcome.unwrap_or_else(|panic| {
            let message = panic.downcast_ref::<&str>().copied();
            let message = message.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
            tracing::error!(message, "a handler panicked");
            Err(ErrorCode::Unknown.into())
        })
    })
}

/// The bytes of the request's line and headers, roughly.
fn head_size(parts: &Parts) -> usize {
    let target = parts.uri.path().len() + parts.uri.query().map_or(0, str::len);
    let header = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + 4;
    target + parts.headers.iter().map(header).sum::<usize>()
}

/// The length of the body, where the status allows one; and no body for `HEAD`.
fn finish(mut response: Response<Body>, method: &Method) -> Response<Body> {
    let bodyless = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&response.status());
    if !bodyless && !response.headers().contains_key(header::CONTENT_LENGTH) {
        let length = HeaderValue::from(response.body().len());
        response.headers_mut().insert(header::CONTENT_LENGTH, length);
    }
    if bodyless || method == Method::HEAD {
        *response.body_mut() = Body::empty();
    }
    response
}

fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    let parsed = (HeaderName::try_from(name).ok()).zip(HeaderValue::try_from(value).ok());
    if parsed.is_none() {
        tracing::warn!(name, "a configured header is not valid and is left out");
    }
    parsed
}
