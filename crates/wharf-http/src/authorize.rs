//! Who may do what: asked before anything else happens.

use std::{net::SocketAddr, sync::Arc};

use async_trait::async_trait;
use http::{HeaderMap, HeaderValue};
use serde_json::Value;
use wharf_api::{Query, Row, Target};
use wharf_core::{MayPull, Subject};
use wharf_reference::RepositoryName;

/// Decides about requests.
#[async_trait]
pub trait Authorize: Send + Sync {
    /// Whether this request may be served: the caller needs every permission of the row, and
    /// [`Permission::MountSource`](wharf_api::Permission::MountSource) is left to
    /// [`Grant::may_pull`].
    async fn authorize(&self, ask: Ask<'_>) -> Result<Grant, Denial>;
}

/// A request that wants to be served.
#[derive(Clone, Copy, Debug)]
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
}

/// A request that is served.
#[derive(Clone)]
pub struct Grant {
    /// Who asks, `None` for an anonymous caller.
    pub subject: Option<Subject>,
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
    /// Nobody may do this.
    Denied,
    /// It cannot be decided now.
    Unavailable,
}

/// Lets everybody do everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllowAll;

// === impl Grant ===

impl Grant {
    /// Everything, for nobody in particular.
    pub fn anonymous() -> Self {
        Self { subject: None, may_pull: Arc::new(AllowAll) }
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
