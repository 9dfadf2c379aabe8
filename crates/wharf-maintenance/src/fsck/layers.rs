//! Looks at the blobs of a repository: those that it links, and those that its manifests need.

use std::collections::HashMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use wharf_digest::{Algorithm, Digest};
use wharf_driver::Result;
use wharf_storage::tree;

use crate::{
    folders,
    links::{self, Link},
};

use super::{
    Kind,
    repository::{Known, Need},
};

/// How many links are held at once.
const BATCH: usize = 1_000;

/// Looks at all links to blobs, and at what manifests need.
pub(super) async fn check(known: &Known<'_>) -> Result<()> {
    let folder = known.repository.layers();
    let named = folders::named(&known.run.driver, &folder).await?;
    known.strange(&named.strange);
    let mut linked = HashMap::new();
    for digests in named.digests.chunks(BATCH) {
        let links = links::read_each(&known.run.driver, &folder, digests).await?;
        let looks = stream::iter(digests.iter().copied().zip(links))
            .map(|(digest, link)| async move { Ok((digest, look(known, &digest, link).await?)) });
        let looks: Vec<_> = looks.buffered(known.run.options.concurrency).try_collect().await?;
        let there = |(digest, size): (_, Option<u64>)| Some((digest, size?));
        linked.extend(looks.into_iter().filter_map(there));
    }
    for (digest, need) in &known.needs {
        match linked.get(digest) {
            Some(size) => check_size(known, digest, need, *size),
            None if need.required => missed(known, digest, need).await?,
            None => {}
        }
    }
    Ok(())
}

/// Looks at one link. Returns the size of the blob that it leads to.
async fn look(known: &Known<'_>, digest: &Digest, link: Link) -> Result<Option<u64>> {
    let run = known.run;
    let target = match link {
        Link::To(target) => target,
        Link::Absent => return Ok(None),
        Link::Damaged => return look_at_damaged(known, digest).await,
    };
    let size = run.size(&tree::data(&target)).await?;
    if size.is_none() && !known.may_need(digest) {
        let at = known.at(Kind::LayerLinkLoose, digest);
        let folder = tree::entry(&known.repository.layers(), digest);
        run.mend(at, "a link leads to it, it is not there".to_owned(), run.remove(&folder)).await;
    }
    Ok(size)
}

async fn look_at_damaged(known: &Known<'_>, digest: &Digest) -> Result<Option<u64>> {
    let (run, layers) = (known.run, known.repository.layers());
    let at = known.at(Kind::LayerLinkDamaged, digest);
    let size = run.size(&tree::data(digest)).await?;
    match size {
        Some(_) => {
            let link = tree::link(&layers, digest);
            run.mend(at, "its link is damaged".to_owned(), run.link(&link, digest)).await;
        }
        // distribution keeps what has another digest under its sha256, which nothing else tells.
        None if digest.algorithm() != Algorithm::Sha256 || known.may_need(digest) => {
            let problem = "its link is damaged, and it is not there by this name";
            run.found(at, problem.to_owned());
        }
        None => {
            let problem = "its link is damaged, it is not there, and nothing needs it";
            let folder = tree::entry(&layers, digest);
            run.mend(at, problem.to_owned(), run.remove(&folder)).await;
        }
    }
    // What is wrong with the link is told by now.
    Ok(size)
}

fn check_size(known: &Known<'_>, digest: &Digest, need: &Need, size: u64) {
    if need.size != size {
        let Need { size: claimed, by, .. } = need;
        let problem = format!("manifest {by} gives it {claimed} bytes, it has {size}");
        known.run.found(known.at(Kind::SizeWrong, digest), problem);
    }
}

/// A manifest needs a blob that the repository does not have.
async fn missed(known: &Known<'_>, digest: &Digest, need: &Need) -> Result<()> {
    let (run, by) = (known.run, need.by);
    if run.size(&tree::data(digest)).await?.is_none() {
        let at = known.at(Kind::BlobMissing, digest);
        run.found(at, format!("manifest {by} needs it, it is not there"));
        return Ok(());
    }
    let at = known.at(Kind::BlobUnlinked, digest);
    let problem = format!("manifest {by} needs it, it is not linked");
    if run.options.relink {
        let link = tree::link(&known.repository.layers(), digest);
        run.mend(at, problem, run.link(&link, digest)).await;
    } else {
        run.found(at, problem);
    }
    Ok(())
}
