//! Looks at the tags of a repository.

use std::sync::atomic::Ordering;

use futures_util::{StreamExt, TryStreamExt, stream};
use wharf_digest::Digest;
use wharf_driver::{Result, StoragePath};
use wharf_storage::tree;

use crate::{
    folders::{self, Folders},
    links::{self, Link},
};

use super::{Kind, repository::Known};

/// Looks at all tags.
pub(super) async fn check(known: &Known<'_>) -> Result<()> {
    let (run, folder) = (known.run, known.repository.tags());
    let mut tags = Folders::of(&run.driver, folder.clone());
    while let Some(names) = tags.next().await? {
        let named = names.into_iter().filter_map(|name| Some((tree::current(&name)?, name)));
        let (paths, names): (Vec<_>, Vec<_>) = named.unzip();
        let links = links::at_each(&run.driver, &folder, &paths).await?;
        let looks = stream::iter(names.into_iter().zip(links))
            .map(|(tag, current)| async move { look(known, &tag, current).await });
        looks.buffered(run.options.concurrency).try_collect::<()>().await?;
    }
    Ok(())
}

async fn look(known: &Known<'_>, tag: &str, current: Link) -> Result<()> {
    known.run.tags.fetch_add(1, Ordering::Relaxed);
    let (Ok(folder), Some(history)) =
        (known.repository.tags().join(tag), known.repository.history(tag))
    else {
        return Ok(());
    };
    match current {
        Link::To(digest) if has(known, &digest).await? => {
            check_history(known, tag, &history, Some(digest)).await
        }
        Link::To(digest) => {
            let at = known.at(Kind::TagDangling, tag);
            let problem = format!("it points to {digest}, which the repository does not have");
            // What it points to goes first, as in every delete.
            let removal = async {
                known.run.remove(&folder.join("current").expect("a name")).await?;
                known.run.remove(&folder).await
            };
            known.run.mend(at, problem, removal).await;
            Ok(())
        }
        Link::Absent => {
            let at = known.at(Kind::TagLeftover, tag);
            let problem = "it points to nothing".to_owned();
            known.run.mend(at, problem, known.run.remove(&folder)).await;
            Ok(())
        }
        Link::Damaged => look_at_damaged(known, tag, &history).await,
    }
}

/// Whether the repository has a manifest: by now, or as a blob, as distribution 2.1 linked them.
async fn has(known: &Known<'_>, digest: &Digest) -> Result<bool> {
    if known.manifests.contains_key(digest) || known.unread.contains(digest) {
        return Ok(true);
    }
    for folder in [known.repository.revisions(), known.repository.layers()] {
        if links::read(&known.run.driver, &folder, digest).await? != Link::Absent {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn look_at_damaged(known: &Known<'_>, tag: &str, history: &StoragePath) -> Result<()> {
    let at = known.at(Kind::TagDamaged, tag);
    let ever = folders::named(&known.run.driver, history).await?.digests;
    match ever[..] {
        [digest] if known.manifests.contains_key(&digest) => {
            let current = tree::current(tag).expect("it was read there");
            let current = known.repository.tags().append(&current);
            let problem = format!("what it points to is damaged; it only ever was {digest}");
            known.run.mend(at, problem, known.run.link(&current, &digest)).await;
        }
        _ => {
            let number = ever.len();
            let problem = format!(
                "what it points to is damaged; it pointed to {number} manifests so far: tag it again"
            );
            known.run.found(at, problem);
        }
    }
    check_history(known, tag, history, None).await
}

/// Looks at everything that a tag ever pointed to. What of it is gone is none of our business:
/// distribution leaves it there, too.
async fn check_history(
    known: &Known<'_>,
    tag: &str,
    history: &StoragePath,
    current: Option<Digest>,
) -> Result<()> {
    let run = known.run;
    let named = folders::named(&run.driver, history).await?;
    known.strange(&named.strange);
    let mut has_current = current.is_none();
    let links = links::read_each(&run.driver, history, &named.digests).await?;
    for (digest, link) in named.digests.iter().zip(links) {
        has_current |= current == Some(*digest) && link != Link::Absent;
        if link == Link::Damaged {
            let at = known.at(Kind::TagHistoryDamaged, tag);
            let link = tree::link(history, digest);
            let problem = format!("the link to {digest} in its history is damaged");
            run.mend(at, problem, run.link(&link, digest)).await;
        }
    }
    if let Some(digest) = current.filter(|_| !has_current) {
        let at = known.at(Kind::TagHistoryMissing, tag);
        let link = tree::link(history, &digest);
        let problem = format!("{digest}, to which it points, is not in its history");
        run.mend(at, problem, run.link(&link, &digest)).await;
    }
    Ok(())
}
