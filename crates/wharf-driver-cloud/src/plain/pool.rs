//! The connections that nobody uses at the moment.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use http::uri::Authority;
use tokio::{
    runtime::Handle,
    time::{Instant, sleep},
};

use super::link::Link;
use crate::client::IDLE;

/// Connections to be used again.
#[derive(Default)]
pub(super) struct Pool(Mutex<Idle>);

#[derive(Default)]
struct Idle {
    links: Vec<(Authority, Instant, Link)>,
    /// Whether a task closes those that are too old.
    swept: bool,
}

// === impl Pool ===

impl Pool {
    /// A connection that is ready, the one that was used last.
    pub(super) fn take(&self, to: &Authority) -> Option<Link> {
        loop {
            let (_, since, mut link) = {
                let links = &mut self.idle().links;
                let place = links.iter().rposition(|(there, ..)| there == to)?;
                links.remove(place)
            };
            if since.elapsed() < IDLE && link.is_ready() {
                return Some(link);
            }
        }
    }

    /// Keeps a connection for a while.
    pub(super) fn give(self: &Arc<Self>, to: Authority, link: Link) {
        let Ok(runtime) = Handle::try_current() else { return };
        let mut idle = self.idle();
        idle.links.push((to, Instant::now(), link));
        if !std::mem::replace(&mut idle.swept, true) {
            runtime.spawn(sweep(Arc::downgrade(self)));
        }
    }

    /// Closes what is too old, and says whether anything is left.
    fn close_old(&self) -> bool {
        let mut idle = self.idle();
        idle.links.retain(|(_, since, _)| since.elapsed() < IDLE);
        idle.swept = !idle.links.is_empty();
        idle.swept
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("idle", &self.idle().links.len()).finish()
    }
}

async fn sweep(pool: Weak<Pool>) {
    loop {
        sleep(IDLE).await;
        if !pool.upgrade().is_some_and(|pool| pool.close_old()) {
            return;
        }
    }
}
