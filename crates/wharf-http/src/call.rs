//! One request on its way to its handler.

use std::{net::SocketAddr, sync::Arc};

use http::{HeaderMap, HeaderValue, Method, header};
use wharf_api::{Query, Target};
use wharf_auth::{Authorize, Grant};
use wharf_core::{MayPull, Namespace, Repository, RequestContext, UploadId};
use wharf_reference::RepositoryName;

use crate::{
    Options, Secure,
    answer::value,
    errors::Outcome,
    listener::NOWHERE,
    location::{Links, Way},
    origin,
    region::ReadBudget,
    state::{Session, Signer},
};

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) namespace: Arc<dyn Namespace>,
    pub(crate) authorize: Arc<dyn Authorize>,
    pub(crate) options: Options,
    pub(crate) links: Links,
    pub(crate) signer: Signer,
    pub(crate) budget: Arc<ReadBudget>,
}

/// A request that may be served.
pub(crate) struct Call {
    pub(crate) shared: Arc<Shared>,
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) context: RequestContext,
    pub(crate) may_pull: Arc<dyn MayPull>,
    /// The query as it came.
    query: Option<String>,
    /// The host, where the protocol does not tell it in a header.
    authority: Option<String>,
    /// That of the connection.
    scheme: &'static str,
}

// === impl Call ===

impl Call {
    pub(crate) fn new(
        shared: &Arc<Shared>,
        parts: http::request::Parts,
        request_id: Arc<str>,
        remote: SocketAddr,
        grant: Grant,
    ) -> Self {
        let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let authority = parts.uri.authority().map(|authority| authority.as_str().to_owned());
        let scheme = if parts.extensions.get::<Secure>().is_some() { "https" } else { "http" };
        let wanted = match parts.method {
            Method::GET | Method::HEAD => &shared.options.origins_of_reads,
            _ => &shared.options.origins,
        };
        let origin = wanted.is_on().then(|| {
            let (headers, authority) = (&parts.headers, authority.as_deref());
            Arc::new(origin::of(&shared.links, Way { scheme, remote, headers, authority }))
        });
        let context = RequestContext {
            request_id,
            method: parts.method.as_str().into(),
            host: authority.as_deref().or(text(header::HOST)).unwrap_or_default().into(),
            remote_address: Some(remote),
            origin,
            user_agent: text(header::USER_AGENT).map(Into::into),
            subject: grant.subject,
            internal: None,
        };
        Self {
            shared: Arc::clone(shared),
            scheme,
            method: parts.method,
            query: parts.uri.query().map(str::to_owned),
            headers: parts.headers,
            context,
            may_pull: grant.may_pull,
            authority,
        }
    }

    /// The parameters.
    pub(crate) fn query(&self) -> Outcome<Query<'_>> {
        Ok(Query::parse(self.query.as_deref().unwrap_or_default())?)
    }

    /// A header, if it is text.
    pub(crate) fn header(&self, name: &header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }

    pub(crate) fn repository(&self, name: &RepositoryName) -> Arc<dyn Repository> {
        self.shared.namespace.repository(name, &self.context)
    }

    /// The URL of a target, for a `Location`.
    pub(crate) fn url(&self, target: &Target) -> HeaderValue {
        value(self.absolute(&target.to_string()))
    }

    /// The URL of an upload that stands at `offset`, with its state.
    pub(crate) fn upload_url(
        &self,
        name: &RepositoryName,
        id: &UploadId,
        offset: u64,
    ) -> HeaderValue {
        let target = Target::Upload { name: name.clone(), id: id.as_str().to_owned() };
        let state = self.shared.signer.sign(self.session(name, id), offset);
        value(format!("{}?_state={state}", self.absolute(&target.to_string())))
    }

    /// What the state of an upload is bound to in this request.
    pub(crate) fn session<'a>(
        &'a self,
        repository: &'a RepositoryName,
        id: &'a UploadId,
    ) -> Session<'a> {
        Session { repository, id, subject: self.context.subject.as_ref() }
    }

    /// The `Link` to the next page.
    pub(crate) fn next_link(
        &self,
        target: &Target,
        query: &Query<'_>,
        n: Option<u64>,
        last: &str,
    ) -> HeaderValue {
        let path = self.shared.links.relative(&target.to_string());
        value(wharf_api::next_link(&path, query, n, last))
    }

    fn absolute(&self, path: &str) -> String {
        let way = Way {
            scheme: self.scheme,
            // Without a client there is no proxy either.
            remote: self.context.remote_address.unwrap_or(NOWHERE),
            headers: &self.headers,
            authority: self.authority.as_deref(),
        };
        self.shared.links.absolute(path, way)
    }
}
