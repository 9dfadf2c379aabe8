//! An upload that tells of its end.

use std::{sync::Arc, time::SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use wharf_core::{BlobWriter, Result, UploadId, UploadStatus};
use wharf_digest::Digest;
use wharf_manifest::Descriptor;

use crate::{Action, repository::Scope};

/// An upload that tells of its end.
pub(crate) struct Told {
    inner: Box<dyn BlobWriter>,
    scope: Arc<Scope>,
}

// === impl Told ===

impl Told {
    pub(crate) fn wrap(inner: Box<dyn BlobWriter>, scope: Arc<Scope>) -> Box<dyn BlobWriter> {
        Box::new(Self { inner, scope })
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl BlobWriter for Told {
    fn id(&self) -> &UploadId {
        self.inner.id()
    }

    fn size(&self) -> u64 {
        self.inner.size()
    }

    fn started_at(&self) -> SystemTime {
        self.inner.started_at()
    }

    async fn aim(&mut self, digest: &Digest, size_hint: Option<u64>) -> Result<()> {
        self.inner.aim(digest, size_hint).await
    }

    async fn write(&mut self, chunk: Bytes) -> Result<()> {
        self.inner.write(chunk).await
    }

    async fn suspend(&mut self) -> Result<UploadStatus> {
        self.inner.suspend().await
    }

    async fn commit(&mut self, digest: &Digest) -> Result<Descriptor> {
        let descriptor = self.inner.commit(digest).await?;
        self.scope.tell(Action::Push, vec![self.scope.blob(&descriptor)]).await?;
        Ok(descriptor)
    }

    async fn cancel(&mut self) -> Result<()> {
        self.inner.cancel().await
    }
}
