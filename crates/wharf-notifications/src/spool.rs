//! A queue and everybody who reads it.

use std::{
    fs::{self, DirBuilder, File, TryLockError},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use tokio::{
    sync::Mutex,
    task::{JoinHandle, spawn_blocking},
    time::{Instant, sleep, timeout},
};

use crate::{
    Bounds, Endpoint, Event, Sender,
    cursor::Cursor,
    log::LONGEST,
    numbers::Numbers,
    queue::{Queue, Refused},
    target::Target,
};

/// A queue and everybody who reads it. Dropping it ends all delivery; what is queued stays.
pub(crate) struct Spool {
    queue: Arc<Queue>,
    targets: Arc<Targets>,
    /// The delivery to each target, by name. Whoever holds them changes the targets.
    tasks: Mutex<Vec<(String, Delivery)>>,
    folder: Folder,
}

/// An endpoint, how it is reached, and what is counted of it.
pub(crate) type Wanted = (Endpoint, Arc<dyn Sender>, Arc<Numbers>);

/// A folder that no other process uses, as long as the value lives.
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

#[derive(Default)]
struct Targets(RwLock<Vec<Arc<Target>>>);

/// A task that ends with the value.
struct Delivery(JoinHandle<()>);

/// How many processes may share a folder.
const SLOTS: usize = 64;

/// How often is looked whether everything was delivered, while somebody waits for that.
const GLANCE: Duration = Duration::from_millis(10);

// === impl Spool ===

impl Spool {
    /// Opens the queue in a folder and begins to deliver it to these endpoints. What was queued for
    /// others is dropped.
    pub(crate) async fn open(
        folder: Folder,
        bounds: Bounds,
        wanted: Vec<Wanted>,
    ) -> io::Result<Self> {
        let names = wanted.iter().map(|(endpoint, ..)| endpoint.name.clone()).collect();
        let spool = blocking(move || Self::open_queue(folder, bounds, names)).await?;
        spool.configure(wanted).await?;
        Ok(spool)
    }

    fn open_queue(folder: Folder, bounds: Bounds, names: Vec<String>) -> io::Result<Self> {
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let (least, others) = Cursor::survey(&folder.path, &names)?;
        let targets = Arc::new(Targets::default());
        let all = Arc::clone(&targets);
        let on_drop = Box::new(move |number, payload: &[u8]| all.dropped(number, payload));
        let queue = Arc::new(Queue::open(&folder.path, bounds, least, on_drop)?);
        for other in others {
            tracing::info!("an endpoint is configured no more: what waited for it is dropped");
            fs::remove_file(other)?;
        }
        Ok(Self { queue, targets, tasks: Mutex::default(), folder })
    }

    /// Delivers to these endpoints from now on. Those that stay the same notice nothing.
    pub(crate) async fn configure(&self, wanted: Vec<Wanted>) -> io::Result<()> {
        let mut tasks = self.tasks.lock().await;
        let before = self.targets.all();
        let mut targets = Vec::new();
        for (endpoint, sender, numbers) in wanted {
            let known = before.iter().find(|known| known.endpoint.name == endpoint.name);
            if let Some(same) = known.filter(|known| known.endpoint == endpoint) {
                targets.push(Arc::clone(same));
                continue;
            }
            stop(&mut tasks, &endpoint.name).await;
            targets.push(self.target(endpoint, sender, numbers, known.cloned()).await?);
        }
        self.targets.replace(targets.clone());
        for gone in &before {
            if !targets.iter().any(|target| target.endpoint.name == gone.endpoint.name) {
                stop(&mut tasks, &gone.endpoint.name).await;
                let pending = gone.pending();
                tracing::info!(endpoint = %gone.endpoint.name, pending, "its events are dropped");
                let gone = Arc::clone(gone);
                blocking(move || gone.cursor.remove()).await?;
            }
        }
        for target in targets {
            if !tasks.iter().any(|(name, _)| *name == target.endpoint.name) {
                tasks.push((target.endpoint.name.clone(), self.deliver(target)));
            }
        }
        Ok(())
    }

    /// Queues events for those who want them. Durable when it returns, if they must not be lost.
    pub(crate) async fn tell(&self, events: Vec<Event>, lossy: bool) -> Result<(), Refused> {
        let targets = self.targets.all();
        let (mut payloads, mut told) = (Vec::new(), Vec::new());
        for event in events {
            let wanting = targets.iter().filter(|target| target.endpoint.wants(&event));
            let before = told.len();
            told.extend(wanting.inspect(|target| target.queued()));
            if told.len() > before {
                payloads.push(payload(event));
            }
        }
        let mut queued = Ok(());
        if lossy {
            for payload in payloads {
                queued = queued.and(self.queue.put_soon(payload));
            }
        } else if !payloads.is_empty() {
            queued = self.queue.put(payloads).await;
        }
        if queued.is_err() {
            told.iter().for_each(|target| target.refused());
        }
        queued
    }

    /// How many events wait for an endpoint.
    pub(crate) fn pending(&self, name: &str) -> u64 {
        let targets = self.targets.all();
        let target = targets.iter().find(|target| target.endpoint.name == name);
        target.map_or(0, |target| target.pending())
    }

    /// Whether everything was delivered to everybody.
    pub(crate) fn is_done(&self) -> bool {
        let end = *self.queue.end().borrow();
        self.targets.all().iter().all(|target| target.next() >= end)
    }

    /// Writes what was queued, and waits until it is delivered to all who take something, but not
    /// for long. Then nothing is delivered any more.
    pub(crate) async fn end(&self, limit: Duration) {
        let until = Instant::now() + limit;
        // With nothing to put in, this waits for all that was put in before.
        let written = timeout(limit.max(GLANCE), self.queue.put(Vec::new())).await;
        if !matches!(written, Ok(Ok(()))) {
            tracing::warn!("the last events could not be written to their queue");
        }
        let end = *self.queue.end().borrow();
        let waits = |target: &Arc<Target>| target.next() < end && !target.is_failing();
        while self.targets.all().iter().any(waits) && Instant::now() < until {
            sleep(GLANCE).await;
        }
        let mut tasks = self.tasks.lock().await;
        for (_, task) in tasks.drain(..) {
            task.stop().await;
        }
        for target in self.targets.all() {
            let (pending, endpoint) = (target.pending(), &target.endpoint.name);
            if pending > 0 {
                tracing::info!(endpoint, pending, "events wait in their queue for the next start");
            }
        }
    }

    /// Removes what a queue that was delivered leaves behind.
    pub(crate) async fn clear(self) -> io::Result<()> {
        let Self { queue, targets, tasks, folder } = self;
        for (_, task) in tasks.into_inner() {
            task.stop().await;
        }
        blocking(move || {
            drop((queue, targets));
            folder.clear()
        })
        .await
    }

    async fn target(
        &self,
        endpoint: Endpoint,
        sender: Arc<dyn Sender>,
        numbers: Arc<Numbers>,
        known: Option<Arc<Target>>,
    ) -> io::Result<Arc<Target>> {
        let (folder, mut reader) = (self.folder.path.clone(), self.queue.reader());
        let end = *self.queue.end().borrow();
        blocking(move || {
            let (cursor, next) = match known {
                Some(known) => (Arc::clone(&known.cursor), known.next()),
                None => match Cursor::open(&folder, &endpoint.name)? {
                    Some((cursor, next)) => (Arc::new(cursor), next),
                    None => (Arc::new(Cursor::create(&folder, &endpoint.name, end)?), end),
                },
            };
            let target = Target::new(endpoint, sender, numbers, cursor, next);
            target.count(&mut reader)?;
            Ok(Arc::new(target))
        })
        .await
    }

    fn deliver(&self, target: Arc<Target>) -> Delivery {
        let (queue, targets) = (Arc::clone(&self.queue), Arc::clone(&self.targets));
        let passed = move || {
            let least = targets.all().iter().map(|target| target.next()).min();
            least.into_iter().for_each(|least| queue.trim(least));
        };
        let (reader, end) = (self.queue.reader(), self.queue.end());
        Delivery(tokio::spawn(target.deliver(reader, end, passed)))
    }
}

/// An event as it is kept, without what would make it too large.
fn payload(mut event: Event) -> Vec<u8> {
    let write = |event: &Event| serde_json::to_vec(event).expect("texts and numbers are JSON");
    let payload = write(&event);
    if payload.len() <= LONGEST {
        return payload;
    }
    event.target.references.clear();
    write(&event)
}

async fn stop(tasks: &mut Vec<(String, Delivery)>, name: &str) {
    if let Some(place) = tasks.iter().position(|(known, _)| known == name) {
        tasks.swap_remove(place).1.stop().await;
    }
}

/// Does what waits for the disk.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

// === impl Targets ===

impl Targets {
    fn all(&self) -> Vec<Arc<Target>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, targets: Vec<Arc<Target>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = targets;
    }

    /// An event goes unread.
    fn dropped(&self, number: u64, payload: &[u8]) {
        let event = serde_json::from_slice::<Event>(payload).ok();
        for target in self.all() {
            target.dropped(number, event.as_ref());
        }
    }
}

// === impl Delivery ===

impl Delivery {
    async fn stop(mut self) {
        self.0.abort();
        // That it was aborted is no news.
        let _ = (&mut self.0).await;
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.0.abort();
    }
}

// === impl Folder ===

impl Folder {
    /// A folder below this one that no other process uses now.
    pub(crate) fn claim(base: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(base)?;
        for slot in 0..SLOTS {
            if let Some(folder) = Self::take(base.join(slot.to_string()))? {
                return Ok(folder);
            }
        }
        Err(io::Error::other(format!("more than {SLOTS} processes use {}", base.display())))
    }

    /// The folders below this one that were left by processes that ended.
    pub(crate) fn claim_left(base: &Path) -> Vec<Self> {
        let slots = (0..SLOTS).map(|slot| base.join(slot.to_string()));
        let left = slots.filter(|path| has_content(path));
        left.filter_map(|path| Self::take(path).ok().flatten()).collect()
    }

    fn take(path: PathBuf) -> io::Result<Option<Self>> {
        DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
        let mut options = File::options();
        let lock = options.write(true).create(true).truncate(false).open(path.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self { path, _lock: lock })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Removes everything but the lock, which somebody may be waiting for.
    fn clear(self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_name() != "lock" {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

/// Whether there is anything but a lock.
fn has_content(path: &Path) -> bool {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.file_name() != "lock")
}
