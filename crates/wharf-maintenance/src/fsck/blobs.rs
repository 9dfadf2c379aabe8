//! Looks at blobs: at all of them, or at those of one repository.

use std::{
    collections::BTreeSet,
    pin::pin,
    sync::{Arc, atomic::Ordering},
};

use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use wharf_digest::{Algorithm, Digest};
use wharf_driver::{Error, ListRequest, Result, StoragePath};
use wharf_storage::tree::{self, Repository};

use crate::{
    folders::{self, Folders},
    links::{self, Link},
    work::{is_nothing, spawned},
};

use super::{
    Kind, Stage, quarantine, read,
    run::{At, Run},
};

/// The folder of all blobs whose hash begins alike.
struct Shard {
    algorithm: Algorithm,
    folder: StoragePath,
}

/// Looks at every blob of the store.
pub(super) async fn check_all(run: &Arc<Run>) -> Result<()> {
    for shard in shards(run).await? {
        let names = stream::try_unfold(Folders::of(&run.driver, shard.folder.clone()), next_page);
        let names = names.map_ok(|page| stream::iter(page.into_iter().map(Ok::<_, Error>)));
        let digests = names.try_flatten().try_filter_map(async |name| {
            let digest = Digest::from_parts(shard.algorithm, &name).ok();
            let digest =
                digest.filter(|it| tree::blob(it).parent().as_ref() == Some(&shard.folder));
            if digest.is_none() {
                strange(run, format!("{}/{name}", shard.folder));
            }
            Ok(digest)
        });
        let checked = check_each(run, digests).await;
        run.tolerate(checked)?;
    }
    Ok(())
}

/// Looks at the blobs that a repository links, manifests included.
pub(super) async fn check_linked(run: &Arc<Run>, repository: &Repository) -> Result<()> {
    if !run.options.hash {
        return Ok(());
    }
    let mut digests = BTreeSet::new();
    for folder in [repository.layers(), repository.revisions()] {
        let named = folders::named(&run.driver, &folder).await?.digests;
        for (digest, link) in
            named.iter().zip(links::read_each(&run.driver, &folder, &named).await?)
        {
            match link {
                Link::To(target) => drop(digests.insert(target)),
                Link::Absent | Link::Damaged => drop(digests.insert(*digest)),
            }
        }
    }
    check_each(run, stream::iter(digests.into_iter().map(Ok))).await
}

async fn next_page(mut folders: Folders) -> Result<Option<(Vec<String>, Folders)>> {
    Ok(folders.next().await?.map(|page| (page, folders)))
}

async fn shards(run: &Run) -> Result<Vec<Shard>> {
    let mut shards = Vec::new();
    for algorithm in Algorithm::ALL {
        let folder = tree::blobs(algorithm);
        for name in Folders::of(&run.driver, folder.clone()).all().await? {
            let Ok(inner) = folder.join(&name) else { continue };
            let is_start =
                name.len() == 2 && name.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
            match is_start {
                true => shards.push(Shard { algorithm, folder: inner }),
                false => strange(run, inner.to_string()),
            }
        }
    }
    Ok(shards)
}

fn strange(run: &Run, path: String) {
    run.found(At::store(Kind::Strange, &path), "no blob lies here".to_owned());
}

/// Looks at blobs, on all cores.
async fn check_each(run: &Arc<Run>, digests: impl Stream<Item = Result<Digest>>) -> Result<()> {
    let checks = digests.map(|digest| {
        let run = Arc::clone(run);
        async move {
            let digest = digest?;
            spawned(async move { check(&run, &digest).await }).await
        }
    });
    let mut checks = pin!(checks.buffer_unordered(run.options.hashes));
    while let Some(done) = checks.next().await {
        done?;
        run.blobs.fetch_add(1, Ordering::Relaxed);
        run.progress(Stage::Blobs);
    }
    Ok(())
}

async fn check(run: &Arc<Run>, digest: &Digest) -> Result<()> {
    let data = tree::data(digest);
    if !run.options.hash {
        return match run.size(&data).await {
            Ok(None) => without_bytes(run, digest).await,
            Ok(Some(_)) => Ok(()),
            Err(error) => run.unreadable(None, digest, error),
        };
    }
    let opened = match run.driver.open(&data, None).await {
        Err(error) if is_nothing(&error) => return without_bytes(run, digest).await,
        Err(error) => return run.unreadable(None, digest, error),
        Ok(opened) => opened,
    };
    let size = opened.metadata.size;
    match read::verify(run, digest, opened.content).await {
        Ok(true) => {}
        Ok(false) => {
            let at = At::store(Kind::BlobCorrupt, digest);
            let problem = format!("the {size} bytes are not its own");
            run.mend(at, problem, quarantine::put(run, digest)).await;
        }
        Err(error) => run.unreadable(None, digest, Error::io(&data, error))?,
    }
    Ok(())
}

/// A folder without bytes is a leftover if nothing else is in it.
async fn without_bytes(run: &Run, digest: &Digest) -> Result<()> {
    let folder = tree::blob(digest);
    let rest = run.driver.list(&folder, ListRequest { after: None, limit: 1 }).await?;
    match rest.entries.first() {
        // A repository may link what is not there; that is told there. And where folders are not real,
        // somebody has just removed the blob.
        None if run.options.repository.is_some() || run.driver.capabilities().remote => {}
        None => {
            let at = At::store(Kind::BlobEmpty, digest);
            run.mend(at, "its folder is empty".to_owned(), run.remove(&folder)).await;
        }
        Some(entry) => strange(run, format!("{folder}/{}", entry.name)),
    }
    Ok(())
}
