//! Assembly for stores that cannot do it themselves.

use std::sync::Arc;

use async_trait::async_trait;
use object_store::{
    GetOptions, MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload, Result, path::Path,
};

use crate::{Assemble, Piece};

/// Reads the pieces and writes them again, one at a time. One piece alone is copied by the store.
#[derive(Clone, Debug)]
pub struct ReadBack {
    objects: Arc<dyn ObjectStore>,
}

// === impl ReadBack ===

impl ReadBack {
    /// Over a store.
    pub fn new(objects: Arc<dyn ObjectStore>) -> Self {
        Self { objects }
    }

    async fn payload(&self, piece: &Piece) -> Result<PutPayload> {
        let result = self.objects.get_opts(&piece.location, GetOptions::default()).await?;
        let bytes = result.bytes().await?;
        if bytes.len() as u64 != piece.size {
            let source = format!("{} of {} bytes read back", bytes.len(), piece.size).into();
            return Err(object_store::Error::Generic { store: "assembly", source });
        }
        Ok(bytes.into())
    }

    async fn copy_all(&self, pieces: &[Piece], upload: &mut dyn MultipartUpload) -> Result<()> {
        for piece in pieces {
            let payload = self.payload(piece).await?;
            upload.put_part(payload).await?;
        }
        upload.complete().await.map(drop)
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
