//! From a request to the question whether it may be served, and from a denial to its answer.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderValue, header, request::Parts};
use wharf_api::{ErrorCode, ErrorInfo, Query, Row, Target};
use wharf_auth::{Ask, Denial, Grant, Memo, Origin};

use crate::{
    Secure,
    call::Shared,
    errors::Failure,
    location::{Links, Way},
};

/// What the client calls the host that it asks.
struct Asked<'a> {
    links: &'a Links,
    parts: &'a Parts,
    remote: SocketAddr,
}

/// Who sends a request, as far as its head says.
#[derive(Clone, Copy)]
pub(crate) struct Caller<'a> {
    pub(crate) parts: &'a Parts,
    pub(crate) request_id: &'a str,
    pub(crate) remote: SocketAddr,
    pub(crate) client: Option<IpAddr>,
    pub(crate) memo: Option<&'a Memo>,
}

/// Asks whether a request may be served.
pub(crate) async fn authorize(
    shared: &Shared,
    caller: Caller<'_>,
    row: &'static Row,
    target: &Target,
) -> Result<Grant, Failure> {
    let Caller { parts, request_id, remote, client, memo } = caller;
    let query = Query::parse(parts.uri.query().unwrap_or_default())?;
    let origin = Asked { links: &shared.links, parts, remote };
    let certificate = parts.extensions.get::<Secure>().and_then(Secure::client_certificate);
    let ask = Ask {
        row,
        target,
        query: &query,
        headers: &parts.headers,
        remote,
        client,
        request_id,
        origin: &origin,
        certificate,
        memo,
    };
    shared.authorize.authorize(ask).await.map_err(refuse)
}

fn refuse(denial: Denial) -> Failure {
    let with = |code, detail: Option<_>| {
        detail.into_iter().fold(ErrorInfo::new(code), ErrorInfo::with_detail)
    };
    match denial {
        Denial::Unauthorized { challenges, detail } => {
            let failure = Failure::from(with(ErrorCode::Unauthorized, detail));
            challenges.into_iter().fold(failure, |failure, challenge| {
                failure.with(header::WWW_AUTHENTICATE, challenge)
            })
        }
        Denial::Denied { detail } => with(ErrorCode::Denied, detail).into(),
        Denial::Unavailable => ErrorCode::Unavailable.into(),
        Denial::Busy { retry_after } => {
            let seconds = HeaderValue::from(retry_after.as_secs().max(1));
            Failure::from(ErrorCode::TooManyRequests).with(header::RETRY_AFTER, seconds)
        }
    }
}

// === impl Asked ===

impl Origin for Asked<'_> {
    fn url(&self, path: &str) -> String {
        let secure = self.parts.extensions.get::<Secure>().is_some();
        let way = Way {
            scheme: if secure { "https" } else { "http" },
            remote: self.remote,
            headers: &self.parts.headers,
            authority: self.parts.uri.authority().map(http::uri::Authority::as_str),
        };
        self.links.on_host(path, way)
    }
}
