//! `storage.maintenance.uploadpurging` → [`wharf_storage::purge::Options`].

use wharf_config::UploadPurging;
use wharf_storage::purge;

use crate::purger::Schedule;

pub(crate) const KEYS: &[&str] = &[
    "storage.maintenance.uploadpurging.enabled",
    "storage.maintenance.uploadpurging.age",
    "storage.maintenance.uploadpurging.interval",
    "storage.maintenance.uploadpurging.dryrun",
];

/// When and what is purged, `None` if nothing ever is.
pub(crate) fn schedule(purging: &UploadPurging) -> Option<Schedule> {
    let schedule = Schedule {
        interval: purging.interval,
        options: purge::Options { age: purging.age, dry_run: purging.dry_run },
    };
    purging.enabled.then_some(schedule)
}
