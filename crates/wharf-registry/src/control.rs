//! What of a server can be changed while it runs.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Mutex, time::timeout};
use wharf_config::Notifications;
use wharf_core::Switch;
use wharf_driver::Driver;
use wharf_http::App;
use wharf_maintenance::lease::Lease;
use wharf_notifications::Notifier;
use wharf_tls::{Acceptor, Renewal};

use crate::{Error, mapping, store};

/// How long changes that are under way may take before the store is left to a collection.
const LAST_CHANGES: Duration = Duration::from_secs(10);

/// A handle to a running [`Server`](crate::Server). Cheap to clone.
#[derive(Clone)]
pub struct Control {
    inner: Arc<Inner>,
}

struct Inner {
    read_only: Switch,
    driver: Arc<dyn Driver>,
    app: Arc<App>,
    tls: Option<Acceptor>,
    notifier: Notifier,
    /// What the store is told as long as we write to it.
    lease: Mutex<Option<Lease>>,
}

// === impl Control ===

impl Control {
    pub(crate) fn new(
        read_only: Switch,
        driver: Arc<dyn Driver>,
        app: Arc<App>,
        tls: Option<Acceptor>,
        notifier: Notifier,
        lease: Option<Lease>,
    ) -> Self {
        let lease = Mutex::new(lease);
        Self { inner: Arc::new(Inner { read_only, driver, app, tls, notifier, lease }) }
    }

    /// Whether nothing may be changed.
    pub fn is_read_only(&self) -> bool {
        self.inner.read_only.is_on()
    }

    /// The switch itself, for those who only look.
    pub(crate) fn read_only(&self) -> Switch {
        self.inner.read_only.clone()
    }

    /// Refuses changes from now on, or takes them again. A server that refuses them leaves the store
    /// to a garbage collection; it takes no changes while one is at work, which is the error.
    pub async fn set_read_only(&self, read_only: bool) -> Result<(), Error> {
        let inner = &self.inner;
        let mut lease = inner.lease.lock().await;
        if read_only {
            inner.read_only.turn(true);
            // What is still under way then is younger than anything that is collected.
            let _ = timeout(LAST_CHANGES, inner.app.settled()).await;
            if let Some(lease) = lease.take() {
                lease.end().await;
            }
        } else if inner.read_only.is_on() {
            *lease = store::take_up(&inner.driver).await?;
            inner.read_only.turn(false);
        }
        Ok(())
    }

    /// Serves certificate and key as they are on disk now; `None` without TLS.
    pub fn renew_certificate(&self) -> Option<Renewal> {
        self.inner.tls.as_ref().map(Acceptor::renew)
    }

    /// Tells these endpoints of what happens from now on. Where events wait for them stays.
    pub async fn set_notifications(&self, notifications: &Notifications) -> Result<(), Error> {
        mapping::notifications::configure(&self.inner.notifier, notifications).await
    }

    /// At the end of the server, which leaves this time for the last events.
    pub(crate) async fn end(&self, rest: Duration) {
        self.inner.notifier.end(rest).await;
        if let Some(lease) = self.inner.lease.lock().await.take() {
            lease.end().await;
        }
    }
}
