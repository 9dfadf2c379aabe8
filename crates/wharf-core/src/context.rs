//! Who asks, and in which request.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

/// Goes with a request-scoped repository through every decorator: events, audit and middleware need
/// it. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct RequestContext {
    /// Unique to this request; stands in every log line of it.
    pub request_id: Arc<str>,
    /// The HTTP method, empty for internal work.
    pub method: Arc<str>,
    /// The host that the client asked, empty for internal work.
    pub host: Arc<str>,
    /// Where the client is, if it is a network client.
    pub remote_address: Option<SocketAddr>,
    /// How the client came, if somebody wants to know.
    pub origin: Option<Arc<Origin>>,
    /// What the client calls itself.
    pub user_agent: Option<Arc<str>>,
    /// Who the client proved to be, `None` for an anonymous one.
    pub subject: Option<Subject>,
    /// The name of the task, if the registry itself asks (`gc`, `purge`).
    pub internal: Option<&'static str>,
}

/// How a client came, as proxies that are trusted tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// What precedes a path of the API in a URL that is good for this client; it may be empty.
    pub base: String,
    /// The client's own address, if it came through a proxy.
    pub client: Option<IpAddr>,
}

/// An authenticated name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject(pub Arc<str>);

// === impl RequestContext ===

impl RequestContext {
    /// The context of the registry's own work.
    pub fn internal(task: &'static str) -> Self {
        Self { internal: Some(task), ..Self::default() }
    }
}
