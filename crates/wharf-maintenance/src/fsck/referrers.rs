//! Looks at the entries of referrers.

use wharf_digest::Digest;
use wharf_driver::{ErrorKind, Result};
use wharf_manifest::Descriptor;
use wharf_storage::tree;

use crate::folders;

use super::{Kind, repository::Known};

/// The largest entry that is read: a manifest's annotations, and a little more.
const LIMIT: u64 = 64 << 20;

/// What stands where an entry should.
enum Entry {
    As(Box<Descriptor>),
    Absent,
    Damaged,
}

/// Looks at the entry of a manifest that is about something. One that is not there is missed only if all
/// should be there: a repository of distribution has none before somebody asks for the first.
pub(super) async fn check_entry(
    known: &Known<'_>,
    subject: &Digest,
    expected: &Descriptor,
) -> Result<()> {
    let run = known.run;
    let link = tree::link(&tree::entry(&known.repository.referrers(), subject), &expected.digest);
    let (kind, problem) = match read(known, &link).await? {
        Entry::As(found) if *found == *expected => return Ok(()),
        Entry::As(_) => (Kind::ReferrerDamaged, "says something else than the manifest"),
        Entry::Damaged => (Kind::ReferrerDamaged, "is damaged"),
        Entry::Absent if is_complete(known).await? => (Kind::ReferrerMissing, "is missing"),
        Entry::Absent => return Ok(()),
    };
    let entry = serde_json::to_vec(expected).expect("strings and numbers are JSON");
    let problem = format!("its entry among the referrers of {subject} {problem}");
    let at = known.at(kind, expected.digest);
    run.mend(at, problem, run.write(&link, entry.into())).await;
    Ok(())
}

async fn is_complete(known: &Known<'_>) -> Result<bool> {
    Ok(known.run.size(&known.repository.referrers_marker()).await?.is_some())
}

async fn read(known: &Known<'_>, link: &wharf_driver::StoragePath) -> Result<Entry> {
    match known.run.driver.get(link, LIMIT).await {
        Ok(text) => Ok(serde_json::from_slice(&text)
            .map_or(Entry::Damaged, |descriptor| Entry::As(Box::new(descriptor)))),
        Err(error) => match error.kind() {
            ErrorKind::NotFound => Ok(Entry::Absent),
            ErrorKind::TooLarge { .. } | ErrorKind::InvalidPath | ErrorKind::Corrupt => {
                Ok(Entry::Damaged)
            }
            _ => Err(error),
        },
    }
}

/// Looks for entries of what is no referrer. Those of manifests of which nothing is known stay.
pub(super) async fn check(known: &Known<'_>) -> Result<()> {
    let run = known.run;
    let folder = known.repository.referrers();
    let subjects = folders::named(&run.driver, &folder).await?;
    known.strange(&subjects.strange);
    for subject in &subjects.digests {
        let about = tree::entry(&folder, subject);
        let referrers = folders::named(&run.driver, &about).await?;
        known.strange(&referrers.strange);
        for referrer in &referrers.digests {
            let why = match known.subjects.get(referrer) {
                Some(other) if other == subject => continue,
                Some(_) => "it is about something else",
                None if known.unread.contains(referrer) => continue,
                None if known.manifests.contains_key(referrer) => "it is about nothing",
                None => "it is gone",
            };
            let at = known.at(Kind::ReferrerLoose, referrer);
            let problem = format!("it is entered as a referrer of {subject}, but {why}");
            run.mend(at, problem, run.remove(&tree::entry(&about, referrer))).await;
        }
    }
    Ok(())
}
