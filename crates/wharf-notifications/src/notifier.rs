//! Takes events and sees to their delivery.

use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU8, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{sync::RwLock, time::sleep};
use wharf_core::{ErrorKind, RequestContext, Switch};

use crate::{
    Action, Bounds, Endpoint, Event, Sender, Snapshot, WhenFull,
    endpoint::Actions,
    event::{Source, Target},
    numbers::Numbers,
    spool::{Folder, Spool, Wanted},
};

/// Takes events and sees to their delivery. Clones are the same one.
///
/// It touches no disk and starts nothing before there is an endpoint.
#[derive(Clone)]
pub struct Notifier {
    inner: Arc<Inner>,
}

/// What a [`Notifier`] has to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where events are kept; the first folder that can be used. Processes may share it.
    pub folders: Vec<PathBuf>,
    /// How much is kept.
    pub bounds: Bounds,
    /// Whether events about manifests say what these refer to.
    pub include_references: bool,
    /// In which process things happen.
    pub source: Source,
}

struct Inner {
    options: Options,
    include_references: AtomicBool,
    /// The actions that any endpoint wants.
    interest: AtomicU8,
    /// On as long as there is any interest.
    listening: Switch,
    /// On as long as there is any in pulls.
    pulls: Switch,
    /// The queue of this process.
    own: OnceLock<Spool>,
    /// Queues that other processes left, and who is to be told.
    others: RwLock<(Vec<Spool>, Endpoints)>,
    /// What is counted of each endpoint, for as long as this process lives.
    numbers: Mutex<BTreeMap<String, Arc<Numbers>>>,
    /// Ends what runs in the background.
    background: Mutex<Option<tokio::task::AbortHandle>>,
}

/// Endpoints, and how each of them is reached.
pub type Endpoints = Vec<(Endpoint, Arc<dyn Sender>)>;

/// How often is looked for queues that other processes left.
const LOOK: Duration = Duration::from_secs(30);

// === impl Notifier ===

impl Notifier {
    /// A notifier that has nobody to tell.
    pub fn new(options: Options) -> Self {
        let include_references = AtomicBool::new(options.include_references);
        Self {
            inner: Arc::new(Inner {
                options,
                include_references,
                interest: AtomicU8::default(),
                listening: Switch::default(),
                pulls: Switch::default(),
                own: OnceLock::new(),
                others: RwLock::default(),
                numbers: Mutex::default(),
                background: Mutex::default(),
            }),
        }
    }

    /// Tells these endpoints from now on. Must be called in a runtime. An endpoint that was known
    /// gets what waits for it; a new one, what happens from now on; what waits for one that is not
    /// named any more is dropped.
    pub async fn configure(
        &self,
        endpoints: Endpoints,
        include_references: bool,
    ) -> io::Result<()> {
        let inner = &self.inner;
        let mut others = inner.others.write().await;
        match inner.own.get() {
            Some(own) => own.configure(inner.wanted(&endpoints)).await?,
            None if endpoints.is_empty() => return Ok(()),
            None => {
                let own = inner.open(&endpoints).await?;
                let is_first = inner.own.set(own).is_ok();
                debug_assert!(is_first, "the lock is held");
                self.look_after_others();
            }
        }
        for other in &others.0 {
            other.configure(inner.wanted(&endpoints)).await?;
        }
        let actions = endpoints.iter().map(|(endpoint, _)| endpoint.actions());
        let actions = actions.fold(Actions::default(), Actions::or);
        inner.include_references.store(include_references, Relaxed);
        inner.interest.store(actions.bits(), Relaxed);
        inner.listening.turn(actions != Actions::default());
        inner.pulls.turn(actions.has(Action::Pull));
        others.1 = endpoints;
        Ok(())
    }

    /// On as long as there is anybody to tell.
    pub fn listening(&self) -> Switch {
        self.inner.listening.clone()
    }

    /// On as long as anybody is to be told of pulls.
    pub fn listening_to_pulls(&self) -> Switch {
        self.inner.pulls.clone()
    }

    /// What is counted of each endpoint, by name.
    pub fn numbers(&self) -> Vec<Snapshot> {
        let numbers = self.inner.numbers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let own = self.inner.own.get();
        let others = self.inner.others.try_read();
        let others = others.iter().flat_map(|others| &others.0).collect::<Vec<_>>();
        let pending = |name: &str| {
            own.into_iter().chain(others.iter().copied()).map(|spool| spool.pending(name)).sum()
        };
        numbers.iter().map(|(name, numbers)| numbers.snapshot(name, pending(name))).collect()
    }

    /// At the end of the server: writes what there is, and delivers what is taken within a time.
    /// The rest is delivered after the next start.
    pub async fn end(&self, limit: Duration) {
        if let Some(background) = self.inner.background.lock().map_or(None, |mut it| it.take()) {
            background.abort();
        }
        if let Some(own) = self.inner.own.get() {
            own.end(limit).await;
        }
    }

    /// Whether anybody wants to know of such a thing.
    pub(crate) fn wants(&self, action: Action) -> bool {
        Actions::from_bits(self.inner.interest.load(Relaxed)).has(action)
    }

    /// Whether events about manifests say what these refer to.
    pub(crate) fn includes_references(&self) -> bool {
        self.inner.include_references.load(Relaxed)
    }

    /// Says that something has happened. Pulls may be lost; all else is durable when it returns, or
    /// was dropped as it is configured. Fails if that must not be.
    pub(crate) async fn tell(
        &self,
        action: Action,
        targets: Vec<Target>,
        context: &RequestContext,
    ) -> wharf_core::Result<()> {
        let inner = &self.inner;
        let Some(own) = inner.own.get() else { return Ok(()) };
        let source = &inner.options.source;
        let events = targets.into_iter().map(|target| Event::new(action, target, context, source));
        let told = own.tell(events.collect(), action == Action::Pull).await;
        let Err(refused) = told else { return Ok(()) };
        let must_be_told =
            action != Action::Pull && inner.options.bounds.when_full == WhenFull::Refuse;
        match must_be_told {
            true => Err(ErrorKind::Unavailable(refused.to_string()).into()),
            false => {
                tracing::warn!(%refused, action = action.name(), "an event is dropped");
                Ok(())
            }
        }
    }

    /// Takes over what processes left that ended, now and again.
    fn look_after_others(&self) {
        let weak = Arc::downgrade(&self.inner);
        let task = tokio::spawn(async move {
            loop {
                let Some(inner) = weak.upgrade() else { return };
                inner.take_over().await;
                drop(inner);
                sleep(LOOK).await;
            }
        });
        if let Ok(mut background) = self.inner.background.lock() {
            *background = Some(task.abort_handle());
        }
    }
}

// === impl Inner ===

impl Inner {
    /// Opens the queue in the first folder that can be used.
    async fn open(&self, endpoints: &Endpoints) -> io::Result<Spool> {
        let mut last = io::Error::other("no folder is named");
        for base in &self.options.folders {
            let own = base.clone();
            let claimed = tokio::task::spawn_blocking(move || Folder::claim(&own)).await;
            let opened = match claimed.unwrap_or_else(|error| Err(io::Error::other(error))) {
                Ok(folder) => {
                    Spool::open(folder, self.options.bounds, self.wanted(endpoints)).await
                }
                Err(error) => Err(error),
            };
            match opened {
                Ok(spool) => {
                    tracing::debug!(folder = %base.display(), "events are kept");
                    return Ok(spool);
                }
                Err(error) => {
                    let base = base.display();
                    tracing::warn!(%error, "events cannot be kept in {base}");
                    last = io::Error::new(error.kind(), format!("{base}: {error}"));
                }
            }
        }
        Err(last)
    }

    fn wanted(&self, endpoints: &Endpoints) -> Vec<Wanted> {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.retain(|name, _| endpoints.iter().any(|(endpoint, _)| endpoint.name == *name));
        let wanted = endpoints.iter().map(|(endpoint, sender)| {
            let numbers = Arc::clone(numbers.entry(endpoint.name.clone()).or_default());
            (endpoint.clone(), Arc::clone(sender), numbers)
        });
        wanted.collect()
    }

    /// Delivers what other processes left, and clears away what is delivered.
    async fn take_over(&self) {
        let folders = self.options.folders.clone();
        let left = move || folders.iter().flat_map(|base| Folder::claim_left(base)).collect();
        let left: Vec<Folder> = tokio::task::spawn_blocking(left).await.unwrap_or_default();
        let mut others = self.others.write().await;
        let (spools, endpoints) = &mut *others;
        for folder in left {
            match Spool::open(folder, self.options.bounds, self.wanted(endpoints)).await {
                Ok(spool) => {
                    tracing::info!("events that another process left are delivered");
                    spools.push(spool);
                }
                Err(error) => tracing::error!(%error, "events that were left cannot be read"),
            }
        }
        let (done, rest): (Vec<_>, _) =
            std::mem::take(spools).into_iter().partition(Spool::is_done);
        *spools = rest;
        for spool in done {
            if let Err(error) = spool.clear().await {
                tracing::error!(%error, "a queue that was delivered cannot be removed");
            }
        }
    }
}
