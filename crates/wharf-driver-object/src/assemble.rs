//! Assembly for stores that cannot do it themselves.

use std::{mem, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::{
    GetOptions, MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload, Result, path::Path,
};

use crate::{Assemble, Piece};

/// Reads the pieces and writes them again, a part at a time. One piece alone is copied by the store.
#[derive(Clone, Debug)]
pub struct ReadBack {
    objects: Arc<dyn ObjectStore>,
}

/// Parts of one size, on their way from the pieces to the target.
struct Parts<'a> {
    upload: &'a mut dyn MultipartUpload,
    size: u64,
    /// The one that is not full.
    held: Vec<Bytes>,
    length: u64,
}

/// The size of a part, unless there would be too many.
const PART: u64 = 8 << 20;

/// The most parts of which a store makes one object.
const MOST: u64 = 10_000;

// === impl ReadBack ===

impl ReadBack {
    /// Over a store.
    pub fn new(objects: Arc<dyn ObjectStore>) -> Self {
        Self { objects }
    }

    async fn copy_all(&self, pieces: &[Piece], upload: &mut dyn MultipartUpload) -> Result<()> {
        let whole: u64 = pieces.iter().map(|piece| piece.size).sum();
        let size = PART.max(whole.div_ceil(MOST));
        let mut parts = Parts { upload, size, held: Vec::new(), length: 0 };
        for piece in pieces {
            self.copy(piece, &mut parts).await?;
        }
        parts.finish().await
    }

    async fn copy(&self, piece: &Piece, parts: &mut Parts<'_>) -> Result<()> {
        let result = self.objects.get_opts(&piece.location, GetOptions::default()).await?;
        let (mut body, mut read) = (result.into_stream(), 0);
        while let Some(bytes) = body.try_next().await? {
            read += bytes.len() as u64;
            parts.push(bytes).await?;
        }
        if read != piece.size {
            let source = format!("{read} of {} bytes read back", piece.size).into();
            return Err(object_store::Error::Generic { store: "assembly", source });
        }
        Ok(())
    }
}

#[async_trait]
impl Assemble for ReadBack {
    async fn assemble(&self, pieces: &[Piece], target: &Path) -> Result<()> {
        if let [piece] = pieces {
            return self.objects.copy(&piece.location, target).await;
        }
        let mut upload = self.objects.put_multipart(target).await?;
        let done = self.copy_all(pieces, &mut *upload).await;
        if done.is_err()
            && let Err(error) = upload.abort().await
        {
            tracing::warn!(%target, %error, "an unfinished assembly stays behind");
        }
        done
    }
}

// === impl Parts ===

impl Parts<'_> {
    async fn push(&mut self, mut bytes: Bytes) -> Result<()> {
        while self.length + bytes.len() as u64 >= self.size {
            // Less than the bytes that there are, so that it fits a usize.
            let missing = (self.size - self.length) as usize;
            self.hold(bytes.split_to(missing));
            self.put().await?;
        }
        self.hold(bytes);
        Ok(())
    }

    fn hold(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.length += bytes.len() as u64;
            self.held.push(bytes);
        }
    }

    async fn put(&mut self) -> Result<()> {
        self.length = 0;
        let part = PutPayload::from_iter(mem::take(&mut self.held));
        self.upload.put_part(part).await
    }

    async fn finish(mut self) -> Result<()> {
        if self.length > 0 {
            self.put().await?;
        }
        self.upload.complete().await.map(drop)
    }
}
