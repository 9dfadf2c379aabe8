//! A registry that tells what happens in it.

use std::sync::Arc;

use async_trait::async_trait;
use wharf_core::{
    GlobalBlobs, Namespace, Page, PageRequest, Repository, RepositoryEnumerator, RepositoryRemover,
    RequestContext, Result,
};
use wharf_reference::RepositoryName;

use crate::{Action, Notifier, event::Target, repository::Witnessed};

/// Tells what happens in a registry.
///
/// Below it is whatever stores; above it whoever serves clients, with a context that says for whom.
/// What the registry does of its own accord is nobody else's business. A request of which nobody
/// wants to know goes straight to the registry below.
pub struct NotifyingNamespace {
    inner: Arc<dyn Namespace>,
    notifier: Notifier,
}

// === impl NotifyingNamespace ===

impl NotifyingNamespace {
    /// Wraps a registry.
    pub fn new(inner: Arc<dyn Namespace>, notifier: Notifier) -> Self {
        Self { inner, notifier }
    }

    /// Whether somebody wants to know of what such a request can do.
    fn listens(&self, context: &RequestContext) -> bool {
        let wants = |actions: &[Action]| actions.iter().any(|it| self.notifier.wants(*it));
        match &*context.method {
            _ if context.internal.is_some() => false,
            "GET" | "HEAD" => wants(&[Action::Pull]),
            _ => wants(&Action::ALL),
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Namespace for NotifyingNamespace {
    fn repository(&self, name: &RepositoryName, context: &RequestContext) -> Arc<dyn Repository> {
        let inner = self.inner.repository(name, context);
        match self.listens(context) {
            true => Arc::new(Witnessed::new(inner, self.notifier.clone(), context.clone())),
            false => inner,
        }
    }

    async fn repositories(&self, page: PageRequest) -> Result<Page<RepositoryName>> {
        self.inner.repositories(page).await
    }

    async fn ping(&self) -> Result<()> {
        self.inner.ping().await
    }

    fn repository_enumerator(&self) -> Option<&dyn RepositoryEnumerator> {
        self.inner.repository_enumerator()
    }

    fn repository_remover(&self) -> Option<&dyn RepositoryRemover> {
        self.inner.repository_remover().map(|_| self as _)
    }

    fn global_blobs(&self) -> Option<&dyn GlobalBlobs> {
        self.inner.global_blobs()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl RepositoryRemover for NotifyingNamespace {
    async fn remove(&self, name: &RepositoryName) -> Result<()> {
        let Some(remover) = self.inner.repository_remover() else {
            return Err(wharf_core::ErrorKind::Unsupported("repositories are not removed").into());
        };
        remover.remove(name).await?;
        if !self.notifier.wants(Action::Delete) {
            return Ok(());
        }
        let context = RequestContext { method: "DELETE".into(), ..RequestContext::default() };
        self.notifier.tell(Action::Delete, vec![Target::repository(name)], &context).await
    }
}
