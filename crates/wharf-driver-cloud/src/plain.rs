//! HTTP without TLS, where every byte costs more to carry than to make.
//!
//! The connections of `reqwest` are tasks of their own, which hand each piece of a body to whoever waits
//! for it, mostly on another core, and which read up to 400 KiB at once, into memory that is fetched from
//! the system for it and given back. Here a connection is driven by whoever waits for its answer, and reads
//! into buffers that stay in the cache. TLS would cost far more than that, and reads 16 KiB at a time: what
//! is secure, or goes through a proxy, is left to `reqwest`.

use std::sync::Arc;

use async_trait::async_trait;
use http::{
    HeaderValue, Uri,
    header::{HOST, USER_AGENT},
    uri::{Authority, Scheme},
};
use object_store::{
    ClientConfigKey, ClientOptions,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
        HttpResponseBody, HttpService, ReqwestConnector,
    },
};
use tokio::time::timeout;

use body::Answered;
use fault::{Failed, fault};
use link::Link;
use pool::Pool;

use crate::checked::Checked;

mod body;
mod fault;
mod link;
mod pool;
mod socket;

/// Makes the client of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connector {
    /// What is not secure is sent by ourselves.
    Plain,
    /// `reqwest` sends everything.
    Reqwest,
}

/// Sends what is not secure itself.
#[derive(Debug)]
struct Plain {
    user_agent: Option<HeaderValue>,
    pool: Arc<Pool>,
    /// Sends the rest.
    other: HttpClient,
}

/// Where an environment names a proxy for what is not secure.
const PROXIES: &[&str] = &["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

// === impl Connector ===

impl Connector {
    /// The one for a store, `plain` if it is talked to without TLS.
    pub fn of(plain: bool) -> Self {
        let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        match plain && !PROXIES.iter().any(is_set) {
            true => Self::Plain,
            false => Self::Reqwest,
        }
    }
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let other = ReqwestConnector::default().connect(options)?;
        if *self == Self::Reqwest {
            return Ok(HttpClient::new(Checked(other)));
        }
        let user_agent = options.get_config_value(&ClientConfigKey::UserAgent);
        let user_agent = user_agent.and_then(|name| name.try_into().ok());
        let plain = HttpClient::new(Plain { user_agent, pool: Arc::default(), other });
        Ok(HttpClient::new(Checked(plain)))
    }
}

// === impl Plain ===

impl Plain {
    /// Makes of a request what stands in front of its body.
    fn prepare(&self, request: &mut HttpRequest) -> Result<Authority, HttpError> {
        let wrong = |why: &'static str| HttpError::new(HttpErrorKind::Request, Failed::by(why));
        let to = request.uri().authority().cloned().ok_or_else(|| wrong("a URL without a host"))?;
        let host = match to.port() {
            Some(port) => format!("{}:{port}", to.host()),
            None => to.host().to_owned(),
        };
        let host = host.try_into().map_err(|_| wrong("a host that is none"))?;
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map_or_else(|| Uri::from_static("/"), Uri::from);
        let headers = request.headers_mut();
        headers.insert(HOST, host);
        if let Some(name) = &self.user_agent {
            headers.entry(USER_AGENT).or_insert_with(|| name.clone());
        }
        Ok(to)
    }

    async fn exchange(
        &self,
        to: Authority,
        mut request: HttpRequest,
    ) -> Result<HttpResponse, HttpError> {
        // A store may close a connection whenever nobody uses it: what was not sent is sent again.
        while let Some(mut link) = self.pool.take(&to) {
            match link.send(request).await {
                Ok(answer) => return Ok(self.answer(to, link, answer)),
                Err((error, None)) => return Err(fault(error)),
                Err((_, Some(unsent))) => request = *unsent,
            }
        }
        let mut link = Link::open(&to).await?;
        match link.send(request).await {
            Ok(answer) => Ok(self.answer(to, link, answer)),
            Err((error, _)) => Err(fault(error)),
        }
    }

    fn answer(
        &self,
        to: Authority,
        link: Link,
        answer: http::Response<hyper::body::Incoming>,
    ) -> HttpResponse {
        Answered::over(answer, link, to, Arc::clone(&self.pool)).map(HttpResponseBody::new)
    }
}

#[async_trait]
impl HttpService for Plain {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if request.uri().scheme() != Some(&Scheme::HTTP) {
            return self.other.execute(request).await;
        }
        let to = self.prepare(&mut request)?;
        match timeout(crate::client::SILENCE, self.exchange(to, request)).await {
            Ok(answer) => answer,
            Err(late) => Err(HttpError::new(HttpErrorKind::Timeout, Failed::by(late))),
        }
    }
}
