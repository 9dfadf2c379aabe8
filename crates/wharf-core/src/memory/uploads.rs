//! Blobs on their way in.

use std::{sync::Arc, time::SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use wharf_digest::{Algorithm, Digest};
use wharf_manifest::{Descriptor, MediaType};
use wharf_reference::RepositoryName;

use super::{MemoryRepository, Session, Shared, State};
use crate::{
    BlobIngester, BlobWriter, CreateOptions, CreateOutcome, ErrorKind, Mount, Result, UploadId,
    UploadStatus,
};

/// The writer of a session. What it has taken beyond the session's bytes is lost with it.
struct MemoryWriter {
    id: UploadId,
    repository: RepositoryName,
    started_at: SystemTime,
    taken: Vec<u8>,
    shared: Arc<Shared>,
}

// === impl MemoryRepository ===

#[async_trait]
impl BlobIngester for MemoryRepository {
    async fn put(&self, media_type: &MediaType, bytes: Bytes) -> Result<Descriptor> {
        let descriptor = Descriptor::of(media_type.clone(), Algorithm::Sha256, &bytes);
        self.shared.state().link(&self.name, descriptor.digest, bytes);
        Ok(descriptor)
    }

    async fn create(&self, options: CreateOptions) -> Result<CreateOutcome> {
        if let Some(mount) = options.mount
            && let Some(outcome) = self.mount(&mount).await
        {
            return Ok(outcome);
        }
        let mut state = self.shared.state();
        state.sessions += 1;
        let id = UploadId::parse(&format!("upload-{}", state.sessions))
            .expect("letters and digits are an id");
        let session = Session {
            repository: self.name.clone(),
            started_at: SystemTime::now(),
            bytes: Vec::new(),
            busy: true,
        };
        let writer = self.writer(&id, &session);
        state.uploads.insert(id, session);
        Ok(CreateOutcome::Upload(Box::new(writer)))
    }

    async fn resume(&self, id: &UploadId) -> Result<Box<dyn BlobWriter>> {
        let mut state = self.shared.state();
        let session = state
            .uploads
            .get_mut(id)
            .filter(|session| session.repository == self.name)
            .ok_or_else(|| ErrorKind::UploadUnknown(id.clone()))?;
        if session.busy {
            return Err(ErrorKind::UploadBusy(id.clone()).into());
        }
        session.busy = true;
        Ok(Box::new(self.writer(id, session)))
    }

    async fn status(&self, id: &UploadId) -> Result<UploadStatus> {
        let state = self.shared.state();
        let session = state.uploads.get(id).filter(|session| session.repository == self.name);
        let session = session.ok_or_else(|| ErrorKind::UploadUnknown(id.clone()))?;
        Ok(session.status(id))
    }
}

impl MemoryRepository {
    /// Links the blob from the first repository that has it and may be pulled from.
    async fn mount(&self, mount: &Mount) -> Option<CreateOutcome> {
        for from in self.sources(mount) {
            if mount.allowed.may_pull(&from).await
                && let Some(outcome) = self.link_from(from, &mount.digest)
            {
                return Some(outcome);
            }
        }
        None
    }

    fn sources(&self, mount: &Mount) -> Vec<RepositoryName> {
        let state = self.shared.state();
        let has = |name: &&RepositoryName| state.blob(name, &mount.digest).is_some();
        match &mount.from {
            Some(from) => Some(from).filter(has).into_iter().cloned().collect(),
            None => state.repositories.keys().filter(has).cloned().collect(),
        }
    }

    /// Looks again: the blob may have gone while the caller's rights were asked for.
    fn link_from(&self, from: RepositoryName, digest: &Digest) -> Option<CreateOutcome> {
        let mut state = self.shared.state();
        let bytes = state.blob(&from, digest)?.clone();
        let descriptor = Descriptor::new(MediaType::octet_stream(), *digest, bytes.len() as u64);
        state.link(&self.name, *digest, bytes);
        Some(CreateOutcome::Mounted { from, descriptor })
    }

    fn writer(&self, id: &UploadId, session: &Session) -> MemoryWriter {
        MemoryWriter {
            id: id.clone(),
            repository: self.name.clone(),
            started_at: session.started_at,
            taken: session.bytes.clone(),
            shared: Arc::clone(&self.shared),
        }
    }
}

// === impl Session ===

impl Session {
    fn status(&self, id: &UploadId) -> UploadStatus {
        UploadStatus { id: id.clone(), size: self.bytes.len() as u64, started_at: self.started_at }
    }
}

// === impl MemoryWriter ===

impl MemoryWriter {
    /// The session of this writer; after its end there is none.
    fn session<'a>(&self, state: &'a mut State) -> Result<&'a mut Session> {
        let session = state.uploads.get_mut(&self.id);
        session.ok_or_else(|| ErrorKind::UploadUnknown(self.id.clone()).into())
    }
}

#[async_trait]
impl BlobWriter for MemoryWriter {
    fn id(&self) -> &UploadId {
        &self.id
    }

    fn size(&self) -> u64 {
        self.taken.len() as u64
    }

    fn started_at(&self) -> SystemTime {
        self.started_at
    }

    async fn write(&mut self, chunk: Bytes) -> Result<()> {
        self.session(&mut self.shared.state())?;
        self.taken.extend_from_slice(&chunk);
        Ok(())
    }

    async fn suspend(&mut self) -> Result<UploadStatus> {
        let mut state = self.shared.state();
        let session = self.session(&mut state)?;
        session.bytes.clone_from(&self.taken);
        Ok(session.status(&self.id))
    }

    async fn commit(&mut self, digest: &Digest) -> Result<Descriptor> {
        let mut state = self.shared.state();
        let session = self.session(&mut state)?;
        let actual = Digest::of(digest.algorithm(), &self.taken);
        if actual != *digest {
            self.taken.clone_from(&session.bytes);
            return Err(ErrorKind::DigestMismatch { expected: *digest, actual }.into());
        }
        state.uploads.remove(&self.id);
        let bytes = Bytes::from(std::mem::take(&mut self.taken));
        let descriptor = Descriptor::new(MediaType::octet_stream(), actual, bytes.len() as u64);
        state.link(&self.repository, actual, bytes);
        Ok(descriptor)
    }

    async fn cancel(&mut self) -> Result<()> {
        self.shared.state().uploads.remove(&self.id);
        Ok(())
    }
}

impl Drop for MemoryWriter {
    fn drop(&mut self) {
        if let Some(session) = self.shared.state().uploads.get_mut(&self.id) {
            session.busy = false;
        }
    }
}
