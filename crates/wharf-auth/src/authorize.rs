//! The contract: asked before anything else happens.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use http::{HeaderMap, HeaderValue};
use serde_json::Value;
use wharf_api::{Query, Row, Target};
use wharf_core::{MayPull, Subject};
use wharf_reference::RepositoryName;

use crate::{Memo, Rule};

/// Decides about requests.
#[async_trait]
pub trait Authorize: Send + Sync {
    /// Whether this request may be served: the caller needs every permission of the row, and
    /// [`Permission::MountSource`](wharf_api::Permission::MountSource) is left to
    /// [`Grant::may_pull`].
    async fn authorize(&self, ask: Ask<'_>) -> Result<Grant, Denial>;
}

/// A request that wants to be served.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// What it wants.
    pub row: &'static Row,
    /// Of what.
    pub target: &'a Target,
    /// With which parameters.
    pub query: &'a Query<'a>,
    /// The headers, credentials among them.
    pub headers: &'a HeaderMap,
    /// Where it comes from.
    pub remote: SocketAddr,
    /// Whom it counts for: the client that a trusted proxy names, or else whoever sends it; `None` if
    /// it is of a proxy that names nobody.
    pub client: Option<IpAddr>,
    /// What the request is called in logs.
    pub request_id: &'a str,
    /// Where the client thinks that it is.
    pub origin: &'a dyn Origin,
    /// The certificate that the client has shown, in DER, of an authority that is trusted.
    pub certificate: Option<&'a [u8]>,
    /// What its connection remembers.
    pub memo: Option<&'a Memo>,
}

/// What the client calls the server that it asks.
pub trait Origin: Send + Sync {
    /// The URL of a path on this host.
    fn url(&self, path: &str) -> String;
}

/// A request that is served.
#[derive(Clone)]
pub struct Grant {
    /// Who asks, `None` for an anonymous caller.
    pub subject: Option<Subject>,
    /// What has decided.
    pub rule: Rule,
    /// From where the caller may mount blobs.
    pub may_pull: Arc<dyn MayPull>,
}

/// A request that is not served.
#[derive(Clone, Debug)]
pub enum Denial {
    /// The caller has to prove who it is, or that it may do this.
    Unauthorized {
        /// The values of `WWW-Authenticate`.
        challenges: Vec<HeaderValue>,
        /// The permissions that are missing, as the body tells them.
        detail: Option<Value>,
    },
    /// The caller is known, and may not do this.
    Denied {
        /// The permissions that are missing, as the body tells them.
        detail: Option<Value>,
    },
    /// It cannot be decided now.
    Unavailable,
    /// Too many wait for a decision already.
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
}

/// Lets everybody do everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllowAll;

/// Lets nobody do anything.
struct AllowNothing;

// === impl Ask ===

/// Leaves the headers out, which hold credentials.
impl fmt::Debug for Ask<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask")
            .field("operation", &self.row.operation)
            .field("target", &self.target)
            .field("remote", &self.remote)
            .finish_non_exhaustive()
    }
}

// === impl Grant ===

impl Grant {
    /// Everything, for nobody in particular.
    pub fn anonymous() -> Self {
        Self {
            subject: None,
            rule: Rule::Section("no access control"),
            may_pull: Arc::new(AllowAll),
        }
    }

    /// Nothing that would need a permission.
    pub(crate) fn nobody() -> Self {
        Self { subject: None, rule: Rule::Default, may_pull: Arc::new(AllowNothing) }
    }
}

// === impl AllowAll ===

#[async_trait]
impl Authorize for AllowAll {
    async fn authorize(&self, _: Ask<'_>) -> Result<Grant, Denial> {
        Ok(Grant::anonymous())
    }
}

#[async_trait]
impl MayPull for AllowAll {
    async fn may_pull(&self, _: &RepositoryName) -> bool {
        true
    }
}

// === impl AllowNothing ===

#[async_trait]
impl MayPull for AllowNothing {
    async fn may_pull(&self, _: &RepositoryName) -> bool {
        false
    }
}
