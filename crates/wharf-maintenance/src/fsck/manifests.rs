//! Looks at the manifests of a repository.

use std::sync::atomic::Ordering;

use wharf_digest::Digest;
use wharf_driver::Result;
use wharf_manifest::{Manifest, ManifestError, Reference, Role};
use wharf_storage::tree;

use crate::{
    folders,
    links::{self, Link},
    manifests::{Found, LIMIT, Wanted},
};

use super::{
    Kind, referrers,
    repository::{Known, Need},
};

/// How many are read at once.
const BATCH: usize = 128;

/// Looks at the links of all manifests, and at the manifests themselves.
pub(super) async fn check(known: &mut Known<'_>) -> Result<()> {
    let folder = known.repository.revisions();
    let named = folders::named(&known.run.driver, &folder).await?;
    known.strange(&named.strange);
    for digests in named.digests.chunks(BATCH) {
        let links = links::read_each(&known.run.driver, &folder, digests).await?;
        let mut wanted = Vec::with_capacity(digests.len());
        for (digest, link) in digests.iter().zip(links) {
            let at = match link {
                Link::To(target) => target,
                Link::Absent => continue,
                Link::Damaged if !mend(known, digest).await? => {
                    known.unread.insert(*digest);
                    continue;
                }
                Link::Damaged => *digest,
            };
            known.manifests.insert(*digest, at);
            wanted.push(Wanted { digest: *digest, at, limit: LIMIT });
        }
        let found = known.run.reader.read_each(&wanted).await?;
        for (wanted, found) in wanted.iter().zip(found) {
            known.run.manifests.fetch_add(1, Ordering::Relaxed);
            look(known, wanted.digest, found).await?;
        }
    }
    Ok(())
}

/// Writes a link anew if its name leads to a manifest. Returns whether it leads there now.
async fn mend(known: &Known<'_>, digest: &Digest) -> Result<bool> {
    let at = known.at(Kind::ManifestLinkDamaged, digest);
    let wanted = Wanted { digest: *digest, at: *digest, limit: LIMIT };
    let what = match known.run.reader.read(&wanted).await? {
        Found::Manifest(_) | Found::Obscure(ManifestError::Schema1, _) => {
            let link = tree::link(&known.repository.revisions(), digest);
            let problem = "its link is damaged, its bytes are there".to_owned();
            return Ok(known.run.mend(at, problem, known.run.link(&link, digest)).await);
        }
        Found::Missing => "gone",
        Found::Obscure(..) | Found::Large => "no manifest that is known",
        Found::Damaged(_) => "damaged",
    };
    known.run.found(at, format!("its link is damaged, its bytes are {what}"));
    Ok(false)
}

async fn look(known: &mut Known<'_>, digest: Digest, found: Found) -> Result<()> {
    let (kind, problem) = match found {
        Found::Manifest(manifest) => return take(known, digest, &manifest).await,
        Found::Obscure(error, digests) => {
            known.perhaps.extend(digests);
            if error == ManifestError::Schema1 {
                return Ok(());
            }
            (Kind::ManifestUnknown, error.to_string())
        }
        Found::Damaged(digests) => {
            known.perhaps.extend(digests);
            known.unread.insert(digest);
            (Kind::ManifestCorrupt, "its bytes are not its own".to_owned())
        }
        Found::Large => {
            known.unread.insert(digest);
            (Kind::ManifestUnknown, "it is larger than any manifest can be".to_owned())
        }
        Found::Missing => {
            known.unread.insert(digest);
            (Kind::ManifestMissing, "its bytes are gone".to_owned())
        }
    };
    known.run.found(known.at(kind, digest), problem);
    Ok(())
}

/// Remembers what a manifest needs, and sees to it that it is listed as a referrer.
async fn take(known: &mut Known<'_>, digest: Digest, manifest: &Manifest) -> Result<()> {
    for reference in manifest.references() {
        let Reference { role, descriptor } = reference;
        let elsewhere = descriptor.media_type.is_non_distributable() && !descriptor.urls.is_empty();
        match role {
            // What an index lists may be a blob, or may never have been pushed.
            Role::Manifest | Role::Subject => drop(known.perhaps.insert(descriptor.digest)),
            Role::Config | Role::Layer | Role::Blob => {
                let required = !elsewhere;
                let need = Need { size: descriptor.size, by: digest, required };
                let entry = known.needs.entry(descriptor.digest).or_insert(need);
                entry.required |= required;
                if entry.size != descriptor.size {
                    let (by, sizes) = (entry.by, (entry.size, descriptor.size));
                    let problem = format!(
                        "{} has {} bytes to it and {} to manifest {by}",
                        descriptor.digest, sizes.1, sizes.0
                    );
                    known.run.found(known.at(Kind::SizeWrong, digest), problem);
                }
            }
        }
    }
    if let Some(subject) = manifest.subject() {
        known.subjects.insert(digest, subject.digest);
        let at = known.manifests.get(&digest).copied().unwrap_or(digest);
        let size = known.run.size(&tree::data(&at)).await?.unwrap_or_default();
        let expected = manifest.referrer(digest, size);
        referrers::check_entry(known, &subject.digest, &expected).await?;
    }
    Ok(())
}
