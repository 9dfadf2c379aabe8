//! Reads content from its beginning to its end, and hashes it.

use std::{
    io,
    os::unix::fs::FileExt,
    sync::{Arc, atomic::Ordering},
};

use futures_util::TryStreamExt;
use wharf_content::{Content, FileRegion};
use wharf_digest::{Digest, Verifier};

use super::run::Run;

/// How much of a file is in memory at once.
const PIECE: usize = 256 << 10;

/// Whether the bytes are those of the digest.
pub(super) async fn verify(run: &Arc<Run>, digest: &Digest, content: Content) -> io::Result<bool> {
    let mut verifier = Verifier::new(*digest);
    match content {
        Content::Bytes(bytes) => {
            verifier.update(&bytes);
            run.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        }
        Content::File(region) => {
            let run = Arc::clone(run);
            let read = move || verify_file(&run, verifier, &region);
            return tokio::task::spawn_blocking(read).await?;
        }
        Content::Stream(mut stream) => {
            while let Some(piece) = stream.try_next().await? {
                verifier.update(&piece);
                run.bytes.fetch_add(piece.len() as u64, Ordering::Relaxed);
            }
        }
    }
    Ok(verifier.verified())
}

fn verify_file(run: &Run, mut verifier: Verifier, region: &FileRegion) -> io::Result<bool> {
    let mut piece = vec![0; PIECE];
    let (mut offset, end) = (region.offset(), region.offset() + region.len());
    while offset < end {
        let wanted = usize::try_from(end - offset).map_or(PIECE, |left| left.min(PIECE));
        region.file().read_exact_at(&mut piece[..wanted], offset)?;
        verifier.update(&piece[..wanted]);
        run.bytes.fetch_add(wanted as u64, Ordering::Relaxed);
        offset += wanted as u64;
    }
    Ok(verifier.verified())
}
