//! One endpoint and its way through a queue.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{sync::watch, task::spawn_blocking, time::sleep};

use crate::{
    Endpoint, Event, Sender,
    cursor::Cursor,
    log::{Found, Reader},
    numbers::Numbers,
};

/// One endpoint and its way through a queue.
pub(crate) struct Target {
    pub(crate) endpoint: Endpoint,
    pub(crate) sender: Arc<dyn Sender>,
    pub(crate) numbers: Arc<Numbers>,
    pub(crate) cursor: Arc<Cursor>,
    /// The number of the event that comes next.
    next: Mutex<u64>,
    /// The events that wait.
    pending: AtomicU64,
    /// Whether it did not take what was sent last.
    failing: AtomicBool,
}

/// How long one waits where the disk cannot be read.
const PAUSE: Duration = Duration::from_secs(1);

// === impl Target ===

impl Target {
    pub(crate) fn new(
        endpoint: Endpoint,
        sender: Arc<dyn Sender>,
        numbers: Arc<Numbers>,
        cursor: Arc<Cursor>,
        next: u64,
    ) -> Self {
        Self {
            endpoint,
            sender,
            numbers,
            cursor,
            next: Mutex::new(next),
            pending: AtomicU64::new(0),
            failing: AtomicBool::new(false),
        }
    }

    /// The number of the event that comes next.
    pub(crate) fn next(&self) -> u64 {
        *self.lock()
    }

    /// How many events wait.
    pub(crate) fn pending(&self) -> u64 {
        self.pending.load(Relaxed)
    }

    /// Whether waiting for it is worth while.
    pub(crate) fn is_failing(&self) -> bool {
        self.failing.load(Relaxed)
    }

    /// An event that it wants is about to be queued.
    pub(crate) fn queued(&self) {
        self.numbers.queued();
        self.pending.fetch_add(1, Relaxed);
    }

    /// That event will not be queued.
    pub(crate) fn refused(&self) {
        self.numbers.dropped(1);
        self.settled();
    }

    /// An event is about to go from the queue, whether it was delivered or not.
    pub(crate) fn dropped(&self, number: u64, event: Option<&Event>) {
        let mut next = self.lock();
        if number >= *next {
            *next = number + 1;
            if event.is_none_or(|event| self.endpoint.wants(event)) {
                self.refused();
            }
        }
    }

    /// Counts what waits in a queue.
    pub(crate) fn count(&self, reader: &mut Reader) -> io::Result<()> {
        let (mut from, mut pending) = (self.next(), 0);
        loop {
            match reader.next(from)? {
                Found::Record(number, payload) => {
                    let event = serde_json::from_slice(&payload);
                    pending += u64::from(event.is_ok_and(|event| self.endpoint.wants(&event)));
                    from = number + 1;
                }
                Found::Damaged(until) => from = until,
                Found::End => break,
            }
        }
        self.pending.store(pending, Relaxed);
        Ok(())
    }

    /// Delivers one event after the other until the queue ends, which it never does by itself.
    pub(crate) async fn deliver(
        self: Arc<Self>,
        mut reader: Reader,
        mut end: watch::Receiver<u64>,
        passed: impl Fn() + Send + Sync,
    ) {
        loop {
            // Whatever is put in after this line is noticed.
            end.borrow_and_update();
            let this = Arc::clone(&self);
            let step = spawn_blocking(move || {
                let found = this.step(&mut reader);
                (reader, found)
            });
            // The runtime ends.
            let Ok((back, found)) = step.await else { return };
            reader = back;
            match found {
                Ok(Found::Record(number, payload)) => {
                    self.handle(number, &payload).await;
                    passed();
                }
                Ok(Found::Damaged(until)) => self.lose(until),
                Ok(Found::End) if end.changed().await.is_err() => return,
                Ok(Found::End) => {}
                Err(error) => {
                    let endpoint = &self.endpoint.name;
                    tracing::error!(%error, endpoint, "queued events cannot be read");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// Notes where it stands, and reads what comes next.
    fn step(&self, reader: &mut Reader) -> io::Result<Found> {
        let next = self.next();
        self.cursor.advance(next)?;
        reader.next(next)
    }

    async fn handle(&self, number: u64, payload: &[u8]) {
        let event = serde_json::from_slice::<Event>(payload);
        let wanted = match &event {
            Ok(event) if self.endpoint.wants(event) => {
                self.send(event).await;
                true
            }
            Ok(_) => false,
            Err(error) => {
                // Its checksum is right, so that another program has written it.
                tracing::error!(%error, number, "a queued event is none, and is left out");
                self.numbers.dropped(1);
                false
            }
        };
        let mut next = self.lock();
        if number >= *next {
            *next = number + 1;
            if wanted {
                self.settled();
            }
        }
    }

    /// Sends until it is taken.
    async fn send(&self, event: &Event) {
        let Endpoint { name, threshold, backoff, .. } = &self.endpoint;
        let mut failures = 0_u32;
        loop {
            match self.try_once(event).await {
                Ok(()) => break,
                Err(problem) => {
                    failures = failures.saturating_add(1);
                    self.failing.store(true, Relaxed);
                    tracing::debug!(endpoint = %name, failures, %problem, "an event was not taken");
                    if failures == *threshold {
                        tracing::warn!(
                            endpoint = %name,
                            failures,
                            %problem,
                            "an endpoint takes no events; they wait for it"
                        );
                    }
                }
            }
            if failures >= *threshold {
                sleep(*backoff).await;
            }
        }
        self.failing.store(false, Relaxed);
        if failures >= *threshold {
            tracing::info!(endpoint = %name, "an endpoint takes events again");
        }
    }

    async fn try_once(&self, event: &Event) -> Result<(), String> {
        let sent = self.sender.send(self.endpoint.request(event));
        match sent.await {
            Ok(status) => {
                let success = (200..400).contains(&status);
                self.numbers.answered(status, success);
                if success { Ok(()) } else { Err(format!("it answers {status}")) }
            }
            Err(problem) => {
                self.numbers.failed();
                Err(problem)
            }
        }
    }

    /// What precedes this number cannot be read.
    fn lose(&self, until: u64) {
        let mut next = self.lock();
        let lost = until.saturating_sub(*next);
        *next = until.max(*next);
        drop(next);
        self.numbers.dropped(lost);
        tracing::error!(endpoint = %self.endpoint.name, lost, "queued events are damaged");
    }

    /// An event waits no more.
    fn settled(&self) {
        // What was queued before this endpoint was known must not turn the count around.
        let _ = self.pending.fetch_update(Relaxed, Relaxed, |pending| pending.checked_sub(1));
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
