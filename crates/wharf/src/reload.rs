//! SIGHUP: what can be changed without a restart is, and what cannot is named.

use std::{
    convert::Infallible,
    path::{Path, PathBuf},
};

use tokio::signal::unix::Signal;
use wharf_config::Configuration;
use wharf_registry::{Control, tls::Renewal};

use crate::{load, log::Dial};

/// What it takes to look at the configuration again.
pub(crate) struct Reload {
    path: Option<PathBuf>,
    /// What the command line says besides.
    variables: Vec<(String, String)>,
    /// What is in force.
    current: Configuration,
    dial: Dial,
}

// === impl Reload ===

impl Reload {
    pub(crate) fn new(
        path: Option<&Path>,
        variables: Vec<(String, String)>,
        current: Configuration,
        dial: Dial,
    ) -> Self {
        Self { path: path.map(Path::to_owned), variables, current, dial }
    }

    /// Looks again whenever it is told to.
    pub(crate) async fn at_each(mut self, mut hangups: Signal, control: Control) -> Infallible {
        loop {
            match hangups.recv().await {
                Some(()) => self.reload(&control).await,
                // There will be no more of them.
                None => std::future::pending().await,
            }
        }
    }

    /// A configuration that is wrong changes nothing.
    async fn reload(&mut self, control: &Control) {
        let loaded = match load::load_with(self.path.as_deref(), self.variables.clone()) {
            Ok(found) => found.loaded,
            Err(error) => {
                tracing::error!("SIGHUP: nothing is changed: {error}");
                return;
            }
        };
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        let wanted = loaded.configuration;
        self.set_level(&wanted);
        self.set_read_only(&wanted, control).await;
        self.set_notifications(&wanted, control).await;
        renew_certificate(control);
        let rest = self.current.differences(&wanted);
        if !rest.is_empty() {
            let sections = rest.join(", ");
            tracing::warn!("SIGHUP: what else changed takes a restart: {sections}");
        }
    }

    fn set_level(&mut self, wanted: &Configuration) {
        if self.current.log.level == wanted.log.level {
            return;
        }
        self.current.log.level = wanted.log.level;
        self.dial.turn(&self.current.log);
        tracing::info!(level = ?wanted.log.level, "SIGHUP: another level is logged");
    }

    async fn set_read_only(&mut self, wanted: &Configuration, control: &Control) {
        let read_only = wanted.storage.read_only;
        if self.current.storage.read_only == read_only {
            return;
        }
        match control.set_read_only(read_only).await {
            Ok(()) => {
                self.current.storage.read_only = read_only;
                let now = if read_only { "refused" } else { "taken" };
                tracing::info!("SIGHUP: changes of the registry are {now} from now on");
            }
            Err(error) => tracing::error!("SIGHUP: the registry stays read-only: {error}"),
        }
    }

    /// Where events wait cannot be changed while they do.
    async fn set_notifications(&mut self, wanted: &Configuration, control: &Control) {
        let mut notifications = wanted.notifications.clone();
        notifications.queue = self.current.notifications.queue.clone();
        if self.current.notifications == notifications {
            return;
        }
        match control.set_notifications(&notifications).await {
            Ok(()) => {
                let endpoints = notifications.endpoints.len();
                self.current.notifications = notifications;
                tracing::info!(endpoints, "SIGHUP: others are told of what happens");
            }
            Err(error) => tracing::error!("SIGHUP: the same are told of what happens: {error}"),
        }
    }
}

fn renew_certificate(control: &Control) {
    match control.renew_certificate() {
        Some(Renewal::Renewed) => tracing::info!("SIGHUP: another certificate is served"),
        Some(Renewal::Kept(error)) => {
            tracing::error!("SIGHUP: the certificate stays as it was: {error}");
        }
        Some(Renewal::Unchanged) | None => {}
    }
}
