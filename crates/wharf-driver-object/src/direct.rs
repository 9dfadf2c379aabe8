//! Content on its way straight to its place.
//!
//! What fits into one piece is gathered in memory and put there at once. More than that goes into a
//! multipart upload of the place itself, which is completed when the caller, who has verified the
//! bytes by then, publishes it. Dropped or discarded before that, it is aborted.

use std::{mem, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use object_store::{MultipartUpload, path::Path};
use tokio::{runtime::Handle, sync::Mutex, task::JoinSet};
use wharf_content::Content;
use wharf_digest::Digester;
use wharf_driver::{
    Checkpoint, Error, ErrorKind, Published, Result, StoragePath, Upload, append_beside,
};

use crate::{
    buffer::{Buffer, Memory},
    hashed::sending,
    objects::Objects,
    pieces::full,
};

/// A writer of content whose place is known.
pub(crate) struct DirectUpload {
    objects: Arc<Objects>,
    memory: Memory,
    target: StoragePath,
    size_hint: Option<u64>,
    /// How many bytes were appended.
    size: u64,
    buffer: Buffer,
    /// The size of what was there when the first part went.
    there: Option<u64>,
    way: Way,
    storing: JoinSet<Result<()>>,
    checkpoint: Checkpoint,
}

/// Where the bytes go.
enum Way {
    /// Nowhere yet.
    Memory,
    /// To a multipart upload, which has so many parts. It is never locked: its type may not be shared.
    Parts(Mutex<Box<dyn MultipartUpload>>, u64),
    /// Nowhere: content of the size that was announced is there.
    Existing,
    /// Nowhere any more.
    Ended,
}

/// How many parts of one upload are on their way at once.
const STORING: usize = 3;

// === impl DirectUpload ===

impl DirectUpload {
    pub(crate) fn new(
        objects: Arc<Objects>,
        memory: Memory,
        target: &StoragePath,
        size_hint: Option<u64>,
    ) -> Self {
        Self {
            objects,
            memory,
            target: target.clone(),
            size_hint,
            size: 0,
            buffer: Buffer::default(),
            there: None,
            way: Way::Memory,
            storing: JoinSet::new(),
            checkpoint: Checkpoint::default(),
        }
    }

    fn key(&self) -> Path {
        self.objects.key(&self.target)
    }

    fn unsupported(&self) -> Error {
        Error::new(ErrorKind::Unsupported, &self.target).because("it goes straight to its place")
    }

    fn part_size(&self) -> u64 {
        let before = if let Way::Parts(_, parts) = &self.way { *parts } else { 0 };
        full(before, self.memory.of_a_piece())
    }

    /// Takes bytes, and has a digester take them, too.
    async fn fill(&mut self, mut bytes: Bytes, hash: &mut Option<Digester>) -> Result<()> {
        while !bytes.is_empty() {
            // A full buffer goes when more comes: what fits exactly is still one request.
            if self.buffer.len() >= self.part_size() {
                self.ship().await?;
            }
            if matches!(self.way, Way::Existing) {
                self.size += bytes.len() as u64;
                return self.hash(bytes, hash).await;
            }
            self.make_room().await?;
            let taken = self.buffer.fill(&mut bytes, self.part_size());
            self.size += taken.len() as u64;
            if let Some(digester) = hash.take() {
                let hashed = self.buffer.hash(taken, digester).await;
                *hash = Some(hashed.map_err(|error| self.broken(error))?);
            }
        }
        Ok(())
    }

    /// Has a digester take bytes that go nowhere.
    async fn hash(&self, bytes: Bytes, hash: &mut Option<Digester>) -> Result<()> {
        if let Some(digester) = hash.take() {
            let hashed = wharf_driver::hash(digester, bytes).await;
            *hash = Some(hashed.map_err(|error| self.broken(error))?);
        }
        Ok(())
    }

    fn broken(&self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::new(ErrorKind::Other, &self.target).because(error)
    }

    /// [`DirectUpload::fill`], which ends the upload if it fails.
    async fn take(&mut self, bytes: Bytes, hash: &mut Option<Digester>) -> Result<()> {
        if matches!(self.way, Way::Ended) {
            return Err(Error::new(ErrorKind::NotFound, &self.target));
        }
        if let Err(error) = self.fill(bytes, hash).await {
            self.discard().await?;
            return Err(error);
        }
        Ok(())
    }

    /// Reserves all that the part will need before its first byte. Only who sends more than it announced
    /// has to wait again.
    async fn make_room(&mut self) -> Result<()> {
        if self.buffer.room() > self.buffer.len() {
            return Ok(());
        }
        let announced = self.size_hint.map_or(u64::MAX, |hint| hint.saturating_sub(self.size));
        let full = self.part_size() - self.buffer.len();
        let wanted = if announced == 0 { full } else { full.min(announced) };
        loop {
            if let Some(room) = self.memory.try_take(wanted) {
                self.buffer.grow(room);
                return Ok(());
            }
            if !self.one_stored().await? {
                let room = self.memory.take(wanted, self.objects.patience).await;
                self.buffer.grow(room.ok_or_else(|| {
                    let taken = "all memory for uploads is taken";
                    Error::new(ErrorKind::Unavailable, &self.target).because(taken)
                })?);
                return Ok(());
            }
        }
    }

    /// Sends what is in memory on its way as a part.
    async fn ship(&mut self) -> Result<()> {
        if matches!(self.way, Way::Memory) {
            self.begin().await?;
        }
        while self.storing.len() >= STORING {
            self.one_stored().await?;
        }
        let buffer = mem::take(&mut self.buffer);
        let Way::Parts(upload, parts) = &mut self.way else { return Ok(()) };
        *parts += 1;
        let part = upload.get_mut().put_part(buffer.payload());
        let (objects, key) = (Arc::clone(&self.objects), self.objects.key(&self.target));
        self.storing.spawn(async move {
            let done = objects.within(&key, sending(buffer.hashed(), part)).await;
            // The memory is free from here on.
            drop(buffer);
            done
        });
        Ok(())
    }

    async fn begin(&mut self) -> Result<()> {
        let key = self.key();
        self.there = self.objects.head(&key).await?.map(|there| there.size);
        if self.there.is_some() && self.there == self.size_hint {
            self.way = Way::Existing;
            return Ok(());
        }
        let begun = self.objects.store.objects.put_multipart_opts(&key, Default::default());
        self.way = Way::Parts(Mutex::new(self.objects.within(&key, begun).await?), 0);
        Ok(())
    }

    /// Waits for one of the parts on their way; `false` if there is none.
    async fn one_stored(&mut self) -> Result<bool> {
        match self.storing.join_next().await {
            None => Ok(false),
            Some(Ok(done)) => done.map(|()| true),
            Some(Err(error)) => Err(self.broken(error)),
        }
    }

    async fn finish(&mut self) -> Result<Published> {
        let key = self.key();
        if self.buffer.len() > 0 {
            self.ship().await?;
        }
        while self.one_stored().await? {}
        if matches!(self.way, Way::Existing) {
            self.there = self.objects.head(&key).await?.map(|there| there.size);
        }
        if self.there == Some(self.size) {
            return Ok(Published::Existed);
        }
        let Way::Parts(upload, _) = &mut self.way else {
            return Err(Error::new(ErrorKind::Unavailable, key).because("what was there is gone"));
        };
        let completed = self.objects.within(&key, upload.get_mut().complete()).await;
        if let Err(error) = completed {
            // The answer may be lost, or another upload of the same was completed in between, which
            // ends this one in some stores.
            let there = self.objects.head(&key).await?;
            return match there.is_some_and(|there| there.size == self.size) {
                true => Ok(Published::Existed),
                false => Err(error),
            };
        }
        // There is nothing left to be aborted.
        self.way = Way::Ended;
        Ok(if self.there.is_some() { Published::Repaired } else { Published::New })
    }
}

#[async_trait]
impl Upload for DirectUpload {
    fn size(&self) -> u64 {
        self.size
    }

    fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    async fn append(&mut self, pieces: Vec<Bytes>) -> Result<()> {
        for piece in pieces {
            self.take(piece, &mut None).await?;
        }
        Ok(())
    }

    async fn append_hashed(&mut self, piece: Bytes, digester: Digester) -> Result<Digester> {
        if !self.objects.store.hashes {
            return append_beside(self, piece, digester).await;
        }
        let mut hash = Some(digester);
        self.take(piece, &mut hash).await?;
        hash.ok_or_else(|| Error::new(ErrorKind::Other, &self.target))
    }

    async fn save(&mut self, _state: Bytes) -> Result<()> {
        Err(self.unsupported())
    }

    async fn note(&mut self, _state: Bytes) -> Result<()> {
        Err(self.unsupported())
    }

    async fn read_back(&mut self) -> Result<Content> {
        Err(self.unsupported())
    }

    async fn publish(&mut self, target: &StoragePath) -> Result<Published> {
        if *target != self.target {
            return Err(Error::new(ErrorKind::InvalidPath, target));
        }
        match self.way {
            Way::Memory => self.objects.publish(&self.key(), &self.buffer).await,
            Way::Parts(..) | Way::Existing => {
                let done = self.finish().await;
                let discarded = self.discard().await;
                done.and_then(|published| discarded.map(|()| published))
            }
            Way::Ended => Err(Error::new(ErrorKind::NotFound, target)),
        }
    }

    async fn discard(&mut self) -> Result<()> {
        self.buffer = Buffer::default();
        self.storing.shutdown().await;
        if let Way::Parts(upload, _) = mem::replace(&mut self.way, Way::Ended) {
            abort(&self.objects, &self.key(), upload.into_inner()).await;
        }
        Ok(())
    }
}

impl Drop for DirectUpload {
    fn drop(&mut self) {
        let Way::Parts(upload, _) = mem::replace(&mut self.way, Way::Ended) else { return };
        let Ok(runtime) = Handle::try_current() else { return };
        let (objects, key) = (Arc::clone(&self.objects), self.key());
        let mut storing = mem::take(&mut self.storing);
        runtime.spawn(async move {
            storing.shutdown().await;
            abort(&objects, &key, upload.into_inner()).await;
        });
    }
}

/// What cannot be aborted now will be found by the purger.
async fn abort(objects: &Objects, key: &Path, mut upload: Box<dyn MultipartUpload>) {
    match objects.within(key, upload.abort()).await {
        Err(error) if !error.is_not_found() => {
            tracing::warn!(%key, %error, "an unfinished multipart upload stays behind");
        }
        _ => {}
    }
}
