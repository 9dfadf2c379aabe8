//! The second half of a collection: what is not marked goes.

use std::{
    collections::BTreeSet,
    pin::pin,
    sync::{Arc, atomic::Ordering},
};

use futures_util::{StreamExt, TryStreamExt, stream};
use wharf_digest::{Algorithm, Digest};
use wharf_driver::{Error, Result, StoragePath};
use wharf_storage::tree::{self, Repository};

use crate::{
    folders::{self, Folders, Repositories},
    links::{self, Link},
    work::{is_nothing, spawned},
};

use super::{
    Report, Stage,
    run::{Condemned, Run, Untagged},
};

/// Blobs that are to go.
#[derive(Clone, Copy, Default)]
struct Counted {
    blobs: u64,
    bytes: u64,
    young: u64,
}

/// The folder of all blobs whose hash begins alike.
#[derive(Clone)]
struct Shard {
    algorithm: Algorithm,
    folder: StoragePath,
}

/// Removes, or tells of, what is not marked: manifests, links, blobs, in this order. Whenever this
/// ends, what is left is whole, and the next collection takes the rest.
pub(super) async fn sweep(run: &Arc<Run>, condemned: Vec<Condemned>) -> Result<Report> {
    let loose = spare_young_links(run).await?;
    let counted = count_blobs(run).await?;
    let manifests = condemned.iter().map(|of| of.manifests.len() as u64).sum::<u64>();
    let (marked, blobs) = (run.marks.len(), counted.blobs);
    run.lines().line(format_args!(
        "\n{marked} blobs marked, {blobs} blobs and {manifests} manifests eligible for deletion"
    ));
    if !run.options.dry_run {
        remove_manifests(run, &condemned).await?;
    }
    let links = remove_links(run, loose).await?;
    let removed = match run.options.dry_run && counted.blobs == 0 {
        true => counted,
        false => remove_blobs(run).await?,
    };
    Ok(Report {
        repositories: run.repositories.load(Ordering::Relaxed),
        marked,
        blobs: removed.blobs,
        bytes: removed.bytes,
        manifests,
        links,
        young: counted.young,
        findings: run.findings(),
        failed: run.failed.load(Ordering::Relaxed),
    })
}

// === manifests ===

/// Removes manifests to which nothing leads, each with what tags and subjects remember of it.
async fn remove_manifests(run: &Arc<Run>, condemned: &[Condemned]) -> Result<()> {
    for Condemned { repository, manifests } in condemned {
        forget_history(run, repository, manifests).await?;
        let removals = manifests.iter().map(|untagged| async move {
            // For good: a manifest must not come back, nor stay, when its blobs are gone.
            let link = tree::entry(&repository.revisions(), &untagged.digest);
            run.driver.delete_below(&link).await?;
            if let Some(subject) = &untagged.subject {
                let about = tree::entry(&repository.referrers(), subject);
                remove(run, &tree::entry(&about, &untagged.digest)).await;
            }
            Ok::<_, Error>(())
        });
        let removals = stream::iter(removals).buffer_unordered(run.options.concurrency);
        removals.try_collect::<()>().await?;
    }
    Ok(())
}

/// Removes manifests from the history of every tag.
async fn forget_history(
    run: &Arc<Run>,
    repository: &Repository,
    manifests: &[Untagged],
) -> Result<()> {
    let gone: BTreeSet<_> = manifests.iter().map(|untagged| untagged.digest).collect();
    for tag in Folders::of(&run.driver, repository.tags()).all().await? {
        let Some(history) = repository.history(&tag) else { continue };
        for digest in folders::named(&run.driver, &history).await?.digests {
            let folder = tree::entry(&history, &digest);
            if gone.contains(&digest) {
                remove(run, &folder).await;
            }
        }
    }
    Ok(())
}

// === links ===

/// Spares every blob to which a young link leads. Returns the repositories that have links to what is
/// not marked.
async fn spare_young_links(run: &Arc<Run>) -> Result<Vec<Repository>> {
    let repositories = stream::try_unfold(Repositories::of(&run.driver), async |mut walk| {
        Ok::<_, Error>(walk.next().await?.map(|repository| (repository, walk)))
    });
    let looked = repositories.map(|repository| async {
        let (run, repository) = (Arc::clone(run), repository?);
        spawned(async move {
            let loose = loose_links(&run, &repository).await?;
            for (name, target) in &loose {
                if run.is_young(&tree::link(&repository.layers(), name)).await? {
                    run.spared.insert(name);
                    run.spared.insert(target);
                }
            }
            Ok((!loose.is_empty()).then_some(repository))
        })
        .await
    });
    let mut looked = pin!(looked.buffer_unordered(run.options.concurrency));
    let (mut loose, mut done) = (Vec::new(), 0);
    while let Some(repository) = looked.next().await {
        loose.extend(repository?);
        done += 1;
        run.progress(Stage::Linking, done, loose.len() as u64);
    }
    Ok(loose)
}

/// The links of a repository to what nothing needs: what they are called, and where they lead.
async fn loose_links(run: &Run, repository: &Repository) -> Result<Vec<(Digest, Digest)>> {
    let folder = repository.layers();
    let mut digests = folders::named(&run.driver, &folder).await?.digests;
    digests.retain(|digest| !run.marks.contains(digest));
    let mut loose = Vec::with_capacity(digests.len());
    for digest in digests {
        let target = match digest.algorithm() {
            Algorithm::Sha256 => digest,
            _ => match links::read(&run.driver, &folder, &digest).await? {
                Link::To(target) => target,
                Link::Absent | Link::Damaged => digest,
            },
        };
        if !run.marks.contains(&target) {
            loose.push((digest, target));
        }
    }
    Ok(loose)
}

/// Removes the links that lead, or soon will lead, to nothing. Returns how many there were.
async fn remove_links(run: &Arc<Run>, repositories: Vec<Repository>) -> Result<u64> {
    let removals = repositories.into_iter().map(|repository| {
        let run = Arc::clone(run);
        spawned(async move {
            let mut removed = 0;
            let mut lines = run.lines();
            for (digest, target) in loose_links(&run, &repository).await? {
                if run.spared.contains(&digest) || run.spared.contains(&target) {
                    continue;
                }
                let name = repository.name();
                lines.line(format_args!("{name}: layer link eligible for deletion: {digest}"));
                let folder = tree::entry(&repository.layers(), &digest);
                match run.options.dry_run || remove(&run, &folder).await {
                    true => removed += 1,
                    // A link must not outlive its blob.
                    false => _ = run.spared.insert(&target),
                }
            }
            Ok(removed)
        })
    });
    let removed = stream::iter(removals).buffer_unordered(run.options.concurrency);
    removed.try_fold(0, async |sum, removed| Ok(sum + removed)).await
}

/// Removes a folder; if a power cut brings it back, the next collection takes it again.
async fn remove(run: &Run, folder: &StoragePath) -> bool {
    match run.driver.forget_below(folder).await {
        Ok(_) => true,
        Err(error) => {
            run.fail(folder, &error);
            false
        }
    }
}

// === blobs ===

/// Counts the blobs that are to go, and spares those that are too young for it.
async fn count_blobs(run: &Arc<Run>) -> Result<Counted> {
    each_shard(run, async |run, shard| {
        let mut counted = Counted::default();
        for digest in unmarked(&run, &shard).await? {
            let Some((size, is_young)) = described(&run, &digest).await? else { continue };
            if is_young {
                run.spared.insert(&digest);
                counted.young += 1;
            } else if !run.spared.contains(&digest) {
                counted.add(size);
            } else {
                counted.young += 1;
            }
        }
        Ok(counted)
    })
    .await
}

/// Removes blobs, or only says which.
async fn remove_blobs(run: &Arc<Run>) -> Result<Counted> {
    each_shard(run, async |run, shard| {
        let mut removed = Counted::default();
        let mut lines = run.lines();
        for digest in unmarked(&run, &shard).await? {
            if run.spared.contains(&digest) {
                continue;
            }
            // Looked at again: somebody may have pushed it by now.
            let Some((size, false)) = described(&run, &digest).await? else { continue };
            lines.line(format_args!("blob eligible for deletion: {digest}"));
            if run.options.dry_run || remove(&run, &tree::blob(&digest)).await {
                removed.add(size);
            }
        }
        Ok(removed)
    })
    .await
}

/// The blobs of a shard that nothing needs.
async fn unmarked(run: &Run, shard: &Shard) -> Result<Vec<Digest>> {
    let mut unmarked = Vec::new();
    let mut blobs = Folders::of(&run.driver, shard.folder.clone());
    while let Some(names) = blobs.next().await? {
        let digests = names.iter().filter_map(|hex| Digest::from_parts(shard.algorithm, hex).ok());
        let digests = digests.filter(|digest| !run.marks.contains(digest));
        // What lies in the shard of others is found by nobody, and may be anything.
        let is_here = |it: &Digest| tree::blob(it).parent().as_ref() == Some(&shard.folder);
        unmarked.extend(digests.filter(is_here));
    }
    Ok(unmarked)
}

/// The size of a blob, and whether it is too young to go; `None` if it has no bytes.
async fn described(run: &Run, digest: &Digest) -> Result<Option<(u64, bool)>> {
    match run.driver.stat(&tree::data(digest)).await {
        Ok(metadata) => Ok(Some((metadata.size, run.is_recent(metadata.modified)))),
        Err(error) if is_nothing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Does the same with every shard, on all cores.
async fn each_shard<F, W>(run: &Arc<Run>, work: F) -> Result<Counted>
where
    F: Fn(Arc<Run>, Shard) -> W + Send + Sync + 'static,
    W: Future<Output = Result<Counted>> + Send + 'static,
{
    let shards = shards(run).await?;
    let results = shards.into_iter().map(|shard| spawned(work(Arc::clone(run), shard)));
    let mut results = stream::iter(results).buffered(run.options.concurrency);
    let (mut sum, mut done) = (Counted::default(), 0);
    while let Some(counted) = results.try_next().await? {
        let Counted { blobs, bytes, young } = counted;
        sum.blobs += blobs;
        sum.bytes += bytes;
        sum.young += young;
        done += 1;
        run.progress(Stage::Sweeping, done, sum.blobs);
    }
    Ok(sum)
}

async fn shards(run: &Run) -> Result<Vec<Shard>> {
    let mut shards = Vec::new();
    for algorithm in Algorithm::ALL {
        let folder = tree::blobs(algorithm);
        for name in Folders::of(&run.driver, folder.clone()).all().await? {
            let Ok(folder) = folder.join(&name) else { continue };
            shards.push(Shard { algorithm, folder });
        }
    }
    Ok(shards)
}

// === impl Counted ===

impl Counted {
    fn add(&mut self, size: u64) {
        self.blobs += 1;
        self.bytes += size;
    }
}
