//! Who is at work on a store: servers that write, and collections that remove.
//!
//! Either says so by a lease, a small file that it writes anew every few seconds, and removes at its
//! end. Who wants to know whether a lease is alive *watches* it: one that changes is, one that stays
//! the same for longer than it may is what a crash left behind. So no clock is compared with another
//! one: not with that of the store, nor with that of the machine that wrote the lease. A lock of the
//! kernel would answer at once, but only within one machine, and not on every network file system;
//! this works alike on every driver.
//!
//! Each writes its own lease first and then looks for those of the other kind. Of a server and a
//! collection that begin at the same moment, at least one finds the other.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), wharf_driver::Error> {
//! use std::sync::Arc;
//!
//! use wharf_driver::MemoryDriver;
//! use wharf_maintenance::lease::{Kind, Lease, Timing, find_alive};
//!
//! let store = Arc::new(MemoryDriver::new());
//! let timing = Timing::default();
//! assert!(find_alive(&*store, Kind::Serving, timing).await?.is_none());
//! let lease = Lease::begin(store, Kind::Serving, timing).await?;
//! lease.end().await;
//! # Ok(())
//! # }
//! ```

use std::{collections::BTreeMap, fmt, process, sync::Arc, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::{sync::oneshot, task::JoinHandle, time};
use uuid::Uuid;
use wharf_driver::{Driver, ErrorKind, ListRequest, PutMode, Result, StoragePath};
use wharf_storage::tree;

/// Says that somebody is at work, for as long as it is held. What is dropped without an [end](Self::end)
/// looks like a crash to others, who then have to wait.
#[derive(Debug)]
pub struct Lease {
    driver: Arc<dyn Driver>,
    path: StoragePath,
    timing: Timing,
    renewal: JoinHandle<()>,
    /// Ends the renewal when it is dropped.
    go_on: oneshot::Sender<()>,
}

/// What somebody does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Serves the store, and writes to it.
    Serving,
    /// Removes what nothing needs.
    Collecting,
}

/// How often leases are renewed, and how long one that is not counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// A lease is renewed so often.
    pub beat: Duration,
    /// One that has not changed for so long is nobody's.
    pub patience: Duration,
}

/// Who holds a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The name of the machine.
    pub host: String,
    /// The number of the process there.
    pub pid: u32,
    /// How often the lease was renewed.
    beat: u64,
}

/// A longer one is none.
const LIMIT: u64 = 4096;

/// More than there can be servers.
const MANY: usize = 10_000;

// === impl Lease ===

impl Lease {
    /// Writes a lease, and keeps it renewed. Must be called in a runtime.
    pub async fn begin(driver: Arc<dyn Driver>, kind: Kind, timing: Timing) -> Result<Self> {
        let id = Uuid::new_v4().to_string();
        let path = kind.folder().join(&id).expect("an id is a name");
        let mut holder = Holder::this();
        write(&*driver, &path, &holder).await?;
        let (own, lease) = (Arc::clone(&driver), path.clone());
        let (go_on, mut ended) = oneshot::channel();
        let renewal = tokio::spawn(async move {
            let mut beats = time::interval(timing.beat);
            beats.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
            beats.tick().await;
            loop {
                tokio::select! {
                    _ = &mut ended => return,
                    _ = beats.tick() => {}
                }
                holder.beat += 1;
                if let Err(error) = write(&*own, &lease, &holder).await {
                    tracing::warn!(%lease, %error, "the lease on the store is not renewed");
                }
            }
        });
        Ok(Self { driver, path, timing, renewal, go_on })
    }

    /// As [`find_alive`], without this one.
    pub async fn find_other(&self, kind: Kind) -> Result<Option<Holder>> {
        find(&*self.driver, kind, self.timing, Some(&self.path)).await
    }

    /// Removes it.
    pub async fn end(self) {
        drop(self.go_on);
        // One that is just being written would come back.
        if self.renewal.await.is_err() {
            tracing::warn!(lease = %self.path, "the renewal of the lease panicked");
        }
        if let Err(error) = self.driver.delete(&self.path).await
            && !error.is_not_found()
        {
            tracing::warn!(lease = %self.path, %error, "the lease on the store stays");
        }
    }
}

async fn write(driver: &dyn Driver, path: &StoragePath, holder: &Holder) -> Result<()> {
    let text = serde_json::to_vec(holder).expect("a holder is JSON");
    driver.put(path, Bytes::from(text), PutMode::Draft).await.map(drop)
}

/// Finds somebody who holds a lease and renews it; `None` if there is nobody. That takes no time if
/// nobody left a lease, and otherwise as long as it takes to see one renewed, or none. Leases that
/// nobody renews are removed.
pub async fn find_alive(driver: &dyn Driver, kind: Kind, timing: Timing) -> Result<Option<Holder>> {
    find(driver, kind, timing, None).await
}

async fn find(
    driver: &dyn Driver,
    kind: Kind,
    timing: Timing,
    own: Option<&StoragePath>,
) -> Result<Option<Holder>> {
    /// How often is looked in the time of a beat.
    const LOOKS: u32 = 10;
    let before = found(driver, kind, own).await?;
    if before.is_empty() {
        return Ok(None);
    }
    let end = time::Instant::now() + timing.patience;
    while time::Instant::now() < end {
        time::sleep(timing.beat / LOOKS).await;
        let after = found(driver, kind, own).await?;
        let alive = after.iter().find(|(path, text)| before.get(*path) != Some(*text));
        if let Some((_, text)) = alive {
            return Ok(Some(Holder::read(text)));
        }
        if after.is_empty() {
            return Ok(None);
        }
    }
    for path in before.keys() {
        match driver.delete(path).await {
            Err(error) if !error.is_not_found() => return Err(error),
            _ => tracing::info!(lease = %path, "a lease that nobody renews is removed"),
        }
    }
    Ok(None)
}

/// What stands in each lease.
async fn found(
    driver: &dyn Driver,
    kind: Kind,
    own: Option<&StoragePath>,
) -> Result<BTreeMap<StoragePath, Bytes>> {
    let folder = kind.folder();
    let listing = driver.list(&folder, ListRequest { after: None, limit: MANY }).await?;
    let mut found = BTreeMap::new();
    let paths = listing.entries.iter().filter_map(|entry| folder.join(&entry.name).ok());
    for path in paths.filter(|path| own != Some(path)) {
        match driver.get(&path, LIMIT).await {
            Ok(text) => drop(found.insert(path, text)),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

// === impl Kind ===

impl Kind {
    fn folder(self) -> StoragePath {
        tree::ours(match self {
            Self::Serving => "serving",
            Self::Collecting => "collecting",
        })
    }
}

// === impl Timing ===

impl Default for Timing {
    /// A lease costs a small write every ten seconds. Three may be late or lost.
    fn default() -> Self {
        Self { beat: Duration::from_secs(10), patience: Duration::from_secs(35) }
    }
}

// === impl Holder ===

impl Holder {
    fn this() -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname");
        let host = host.map_or_else(|_| "this machine".to_owned(), |host| host.trim().to_owned());
        Self { host, pid: process::id(), beat: 0 }
    }

    /// Who wrote a lease, as far as it says so.
    fn read(text: &[u8]) -> Self {
        let nobody = Self { host: "unknown".to_owned(), pid: 0, beat: 0 };
        serde_json::from_slice(text).unwrap_or(nobody)
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}", self.pid, self.host)
    }
}

#[cfg(test)]
mod tests {
    use wharf_driver::MemoryDriver;

    use super::*;

    const TIMING: Timing =
        Timing { beat: Duration::from_secs(10), patience: Duration::from_secs(35) };

    #[tokio::test(start_paused = true)]
    async fn who_renews_a_lease_is_found_and_who_ended_it_is_not() {
        let driver: Arc<dyn Driver> = Arc::new(MemoryDriver::new());
        assert_eq!(find_alive(&*driver, Kind::Serving, TIMING).await.unwrap(), None);
        let lease = Lease::begin(Arc::clone(&driver), Kind::Serving, TIMING).await.unwrap();
        let holder = find_alive(&*driver, Kind::Serving, TIMING).await.unwrap().unwrap();
        assert_eq!(holder.pid, process::id());
        assert_eq!(find_alive(&*driver, Kind::Collecting, TIMING).await.unwrap(), None);
        assert_eq!(lease.find_other(Kind::Serving).await.unwrap(), None);
        lease.end().await;
        let began = time::Instant::now();
        assert_eq!(find_alive(&*driver, Kind::Serving, TIMING).await.unwrap(), None);
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_a_crash_left_behind_is_nobodys() {
        let driver: Arc<dyn Driver> = Arc::new(MemoryDriver::new());
        drop(Lease::begin(Arc::clone(&driver), Kind::Serving, TIMING).await.unwrap());
        for content in ["", "{", "\u{0}"] {
            let path = Kind::Serving.folder().join(&Uuid::new_v4().to_string()).unwrap();
            driver.put(&path, content.into(), PutMode::Overwrite).await.unwrap();
        }
        let began = time::Instant::now();
        assert_eq!(find_alive(&*driver, Kind::Serving, TIMING).await.unwrap(), None);
        assert!(began.elapsed() >= TIMING.patience);
        assert!(found(&*driver, Kind::Serving, None).await.unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_begins_meanwhile_is_found() {
        let driver: Arc<dyn Driver> = Arc::new(MemoryDriver::new());
        drop(Lease::begin(Arc::clone(&driver), Kind::Serving, TIMING).await.unwrap());
        let (own, later) = (Arc::clone(&driver), Duration::from_secs(20));
        let begins = tokio::spawn(async move {
            time::sleep(later).await;
            Lease::begin(own, Kind::Serving, TIMING).await.unwrap()
        });
        assert!(find_alive(&*driver, Kind::Serving, TIMING).await.unwrap().is_some());
        begins.await.unwrap().end().await;
    }
}
