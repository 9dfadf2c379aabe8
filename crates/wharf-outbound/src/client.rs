//! The client.

use std::{error::Error as StdError, fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, Uri, header, request::Parts, uri};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_util::{
    client::legacy::Client as Pool,
    rt::{TokioExecutor, TokioTimer},
};
use percent_encoding::percent_decode_str;
use tokio::time::timeout;

use crate::{Error, Options, connector::Connector, error::Server, redirect};

/// Sends requests within its limits. Clones share their connections.
#[derive(Clone)]
pub struct Client {
    pool: Pool<Connector, Full<Bytes>>,
    options: Arc<Options>,
}

/// What came after the body of an answer, among its extensions.
#[derive(Clone, Debug)]
pub struct Trailers(pub HeaderMap);

// === impl Client ===

impl Client {
    /// A client with these options, of which the files are read now.
    pub fn new(options: Options) -> Result<Self, Error> {
        let connector = Connector::new(&options)?;
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(4)
            .http2_only(options.http2_only)
            .build(connector);
        Ok(Self { pool, options: Arc::new(options) })
    }

    /// Sends a request, and reads the whole answer. User and password of the URL become an
    /// `Authorization`, unless there is one.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Error> {
        let server = Server::of(request.uri());
        let limit = self.options.timeout;
        match timeout(limit, self.exchange(request)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::TimedOut { server, limit }),
        }
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Error> {
        let (mut parts, body) = request.into_parts();
        self.prepare(&mut parts)?;
        for _ in 0..=self.options.max_redirects {
            let answer = self.once(&parts, body.clone()).await?;
            match redirect::next(&parts, &answer)? {
                Some(to) => parts.uri = to,
                None => return Ok(answer),
            }
        }
        Err(Error::exchange(&parts.uri, "redirects too often"))
    }

    /// Moves credentials from the URL into a header, and says who asks.
    fn prepare(&self, parts: &mut Parts) -> Result<(), Error> {
        if let Some(credentials) = basic(&parts.uri) {
            parts.headers.entry(header::AUTHORIZATION).or_insert(credentials);
        }
        parts.uri = without_credentials(&parts.uri)?;
        if let Ok(name) = HeaderValue::try_from(&self.options.user_agent) {
            parts.headers.entry(header::USER_AGENT).or_insert(name);
        }
        Ok(())
    }

    async fn once(&self, parts: &Parts, body: Bytes) -> Result<Response<Bytes>, Error> {
        let url = &parts.uri;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = parts.method.clone();
        *request.uri_mut() = url.clone();
        request.headers_mut().clone_from(&parts.headers);
        let proxy = self.options.proxy.as_ref().and_then(|proxy| proxy.credentials());
        if let (Some(credentials), Some("http")) = (proxy, url.scheme_str()) {
            request.headers_mut().insert(header::PROXY_AUTHORIZATION, credentials.clone());
        }
        let answer = self.pool.request(request).await.map_err(|error| cause(url, error))?;
        let limit = self.options.max_body;
        let (mut parts, body) = answer.into_parts();
        match Limited::new(body, limit).collect().await {
            Ok(body) => {
                if let Some(trailers) = body.trailers() {
                    parts.extensions.insert(Trailers(trailers.clone()));
                }
                Ok(Response::from_parts(parts, body.to_bytes()))
            }
            Err(error) if error.is::<LengthLimitError>() => {
                Err(Error::TooLarge { server: Server::of(url), limit })
            }
            Err(error) => Err(Error::exchange(url, error)),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.options).finish()
    }
}

/// What our connector said, or else the deepest reason that there is.
fn cause(url: &Uri, error: hyper_util::client::legacy::Error) -> Error {
    let mut reason: &(dyn StdError + 'static) = &error;
    loop {
        if let Some(ours) = reason.downcast_ref::<Error>() {
            return ours.clone();
        }
        match reason.source() {
            Some(deeper) => reason = deeper,
            None => return Error::exchange(url, reason),
        }
    }
}

/// User and password of a URL, as `Authorization` says them.
pub(crate) fn basic(url: &Uri) -> Option<HeaderValue> {
    let (user, _) = url.authority()?.as_str().rsplit_once('@')?;
    let decoded: Vec<u8> = percent_decode_str(user).collect();
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(decoded))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn without_credentials(url: &Uri) -> Result<Uri, Error> {
    let wrong = || Error::Url(Server::of(url));
    if !matches!(url.scheme_str(), Some("http" | "https")) {
        return Err(wrong());
    }
    let mut parts: uri::Parts = url.clone().into_parts();
    let authority = parts.authority.as_ref().ok_or_else(wrong)?;
    if let Some((_, plain)) = authority.as_str().rsplit_once('@') {
        parts.authority = Some(plain.parse().map_err(|_| wrong())?);
    }
    Uri::from_parts(parts).map_err(|_| wrong())
}
