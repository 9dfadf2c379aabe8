//! Moves bytes aside that are not those of their digest.

use std::sync::Arc;

use futures_util::TryStreamExt;
use uuid::Uuid;
use wharf_content::{ByteStream, Content};
use wharf_digest::{Digest, Verifier};
use wharf_driver::{Error, ErrorKind, Result, StoragePath, Upload};
use wharf_storage::tree;

use super::run::Run;

/// How much of a file is in memory at once.
const PIECE: u64 = 1 << 20;

/// Copies the bytes aside, durably, and then removes the blob. The copy is hashed: what is right when it
/// is read again stays where it is.
pub(super) async fn put(run: &Arc<Run>, digest: &Digest) -> Result<()> {
    let aside = tree::entry(&tree::ours("quarantine"), digest);
    let id = Uuid::now_v7().to_string();
    let (target, session) = (below(&aside, &id), below(&aside, &format!("{id}.copy")));
    let mut copy = run.driver.begin_upload(&session, None).await?;
    let copied = copied(run, digest, &mut *copy, &target).await;
    let discarded = copy.discard().await;
    drop(copy);
    run.driver.delete_below(&session).await?;
    copied.and(discarded)?;
    run.remove(&tree::blob(digest)).await
}

fn below(folder: &StoragePath, name: &str) -> StoragePath {
    folder.join(name).expect("an id is a name")
}

async fn copied(
    run: &Run,
    digest: &Digest,
    copy: &mut dyn Upload,
    target: &StoragePath,
) -> Result<()> {
    let data = tree::data(digest);
    let failed = |error| Error::io(&data, error);
    let mut verifier = Verifier::new(*digest);
    let mut pieces = pieces(run.driver.open(&data, None).await?.content);
    while let Some(piece) = pieces.try_next().await.map_err(failed)? {
        verifier.update(&piece);
        copy.append(vec![piece]).await?;
    }
    if verifier.verified() {
        let other = "it was right when it was read again; look after the disk or the memory";
        return Err(Error::new(ErrorKind::Other, &data).because(other));
    }
    copy.publish(target).await.map(drop)
}

fn pieces(content: Content) -> ByteStream {
    use futures_util::stream;
    match content {
        Content::Bytes(bytes) => ByteStream::new(stream::once(async { Ok(bytes) })),
        Content::File(region) => ByteStream::new(stream::try_unfold(region, async |mut region| {
            let Some(front) = region.split_front(PIECE) else { return Ok(None) };
            Ok(Some((front.read().await?, region)))
        })),
        Content::Stream(stream) => stream,
    }
}

#[cfg(test)]
mod tests {
    use wharf_driver::{Driver, EntryKind, ListRequest, MemoryDriver, PutMode};

    use crate::fsck::{Finding, Options, Progress, Watch};

    use super::*;

    struct Nobody;

    impl Watch for Nobody {
        fn finding(&self, _: &Finding) {}
        fn progress(&self, _: Progress) {}
    }

    #[tokio::test]
    async fn what_is_right_when_it_is_read_again_stays_and_nothing_lies_aside() {
        let driver: Arc<dyn Driver> = Arc::new(MemoryDriver::new());
        let digest = Digest::sha256(b"right");
        driver.put(&tree::data(&digest), "right".into(), PutMode::Overwrite).await.unwrap();
        let run = Arc::new(Run::new(Arc::clone(&driver), Options::default(), Arc::new(Nobody)));
        assert!(put(&run, &digest).await.is_err());
        assert!(driver.stat(&tree::data(&digest)).await.is_ok());
        let aside = tree::entry(&tree::ours("quarantine"), &digest);
        let listing = driver.list(&aside, ListRequest { after: None, limit: 9 }).await.unwrap();
        assert!(!listing.entries.iter().any(|entry| entry.kind == EntryKind::File), "{listing:?}");
    }
}
