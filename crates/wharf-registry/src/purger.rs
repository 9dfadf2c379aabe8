//! Drops old uploads, in the background, as long as a server runs.

use std::{sync::Arc, time::Duration};

use uuid::Uuid;
use wharf_core::Switch;
use wharf_driver::Driver;
use wharf_storage::purge;

/// How often is purged, and what.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pub(crate) interval: Duration,
    pub(crate) options: purge::Options,
}

/// Replicas over one store start together, and must not all read it at the same moment.
const LATEST_START: Duration = Duration::from_secs(60 * 60);

/// A purge that lasts longer is given up; the next one begins anew.
const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);

/// Purges until it is dropped, but for the times at which nothing may be changed. It first waits for a random time, but no longer than its interval.
pub(crate) async fn run(driver: Arc<dyn Driver>, schedule: Schedule, read_only: Switch) {
    tokio::time::sleep(random_below(LATEST_START.min(schedule.interval))).await;
    loop {
        if !read_only.is_on() {
            once(&*driver, &schedule.options).await;
        }
        tokio::time::sleep(schedule.interval).await;
    }
}

async fn once(driver: &dyn Driver, options: &purge::Options) {
    let purge = purge::purge_uploads(driver, options);
    match tokio::time::timeout(LONGEST, purge).await {
        Ok(Ok(report)) => tracing::info!(
            dry_run = options.dry_run,
            examined = report.examined,
            purged = report.purged,
            busy = report.busy,
            failed = report.failed,
            given_up = report.given_up,
            "old uploads were purged"
        ),
        Ok(Err(error)) => tracing::error!(%error, "old uploads could not be purged"),
        Err(_) => tracing::error!("purging old uploads took too long, and was given up"),
    }
}

/// A time from nothing up to this.
fn random_below(time: Duration) -> Duration {
    // The last four bytes of a version 4 UUID are random throughout.
    let [.., a, b, c, d] = Uuid::new_v4().into_bytes();
    let fraction = f64::from(u32::from_be_bytes([a, b, c, d])) / f64::from(u32::MAX);
    time.mul_f64(fraction)
}

#[cfg(test)]
mod tests {
    use wharf_driver::{MemoryDriver, PutMode, StoragePath};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn old_uploads_are_gone_after_every_round() {
        const STARTED_AT: &str = "docker/registry/v2/repositories/a/_uploads/ID/startedat";
        let driver: Arc<dyn Driver> = Arc::new(MemoryDriver::new());
        let path = STARTED_AT.replace("ID", &Uuid::new_v4().to_string());
        let path = StoragePath::parse(&path).expect("valid");
        let hour = Duration::from_secs(3600);
        let options = purge::Options { age: 24 * hour, dry_run: false };
        let schedule = Schedule { interval: hour, options };
        let running = tokio::spawn(run(Arc::clone(&driver), schedule, Switch::default()));
        for round in 0..3 {
            let started = "2020-02-02T02:02:02Z".into();
            driver.put(&path, started, PutMode::Overwrite).await.expect("stored");
            // Nothing sleeps: the clock is the runtime's, and moves when nobody has anything to do.
            tokio::time::sleep(hour + Duration::from_secs(1)).await;
            assert!(driver.stat(&path).await.is_err(), "round {round}");
        }
        running.abort();
    }

    #[test]
    fn random_times_stay_in_their_bounds() {
        for _ in 0..100 {
            assert!(random_below(LATEST_START) <= LATEST_START);
            assert_eq!(random_below(Duration::ZERO), Duration::ZERO);
        }
    }
}
