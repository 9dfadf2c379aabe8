//! The writer of a session.
//!
//! Bytes are gathered into pieces, which are stored as objects of the session while the next one is
//! filled. What is saved ends with a piece that may be shorter than any store takes as a part: it
//! stays open, and whoever goes on takes it back into memory as the beginning of the next one.

use std::{io, mem, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::GetOptions;
use tokio::{sync::OwnedSemaphorePermit, task::JoinSet};
use wharf_content::{ByteStream, Content};
use wharf_digest::Digester;
use wharf_driver::{
    Checkpoint, Error, ErrorKind, Published, Result, StoragePath, Upload, append_beside,
};

use crate::{
    Piece,
    buffer::{Buffer, FIRST, Memory},
    chain::{Chain, Link},
    objects::Objects,
    pieces::{Nonce, Part, Pieces, enough, full},
    record::Record,
};

/// A writer of a session. Others may be at it; the first one to save goes on.
pub(crate) struct ObjectUpload {
    objects: Arc<Objects>,
    memory: Memory,
    session: StoragePath,
    /// In the name of every object that it makes.
    nonce: Nonce,
    /// How many objects it has made.
    made: u64,
    /// The last record that it knows of, 0 if it knows of none.
    last: u64,
    checkpoint: Checkpoint,
    /// The pieces that are full, stored or on their way.
    pieces: Pieces,
    open: Open,
    storing: JoinSet<Result<()>>,
    /// Objects that no record needs once the next one is written.
    spent: Vec<Part>,
    /// Objects of our own that no record lists yet.
    unsaved: Pieces,
    stage: Stage,
}

/// The piece that is not full.
enum Open {
    /// As the last record has it, not yet needed.
    Stored(Part),
    /// In memory, and maybe also stored as it is.
    Memory(Buffer, Option<Part>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Good,
    /// Something was not stored; what is saved can be taken up again.
    Broken(ErrorKind),
    Discarded,
}

/// How many pieces of one upload are on their way at once.
const STORING: usize = 3;

// === impl ObjectUpload: beginning ===

impl ObjectUpload {
    /// Takes a session up at its last record, or begins it.
    pub(crate) fn new(
        objects: Arc<Objects>,
        memory: Memory,
        session: &StoragePath,
        last: Option<Link>,
    ) -> Self {
        let Link { number, record } = last.unwrap_or_default();
        let (checkpoint, mut pieces) = (record.checkpoint(), record.pieces);
        let open = match pieces.pop() {
            Some(part) if part.size < enough(pieces.count()) => Open::Stored(part),
            Some(part) => {
                pieces.push(part);
                Open::default()
            }
            None => Open::default(),
        };
        Self {
            objects,
            memory,
            session: session.clone(),
            nonce: Nonce::random(),
            made: 0,
            last: number,
            checkpoint,
            pieces,
            open,
            storing: JoinSet::new(),
            spent: Vec::new(),
            unsaved: Pieces::default(),
            stage: Stage::Good,
        }
    }

    fn chain(&self) -> Chain<'_> {
        Chain { objects: &self.objects, session: &self.session }
    }

    fn check_stage(&self) -> Result<()> {
        match self.stage {
            Stage::Good => Ok(()),
            Stage::Broken(kind) => {
                Err(Error::new(kind, &self.session).because("it broke off before"))
            }
            Stage::Discarded => Err(Error::new(ErrorKind::NotFound, &self.session)),
        }
    }

    /// Keeps in mind that bytes may be missing now.
    fn breaking<T>(&mut self, done: Result<T>) -> Result<T> {
        if let Err(error) = &done {
            self.stage = Stage::Broken(error.kind());
        }
        done
    }
}

// === impl ObjectUpload: filling ===

impl ObjectUpload {
    /// Takes bytes, and has a digester take them, too.
    async fn fill(&mut self, mut bytes: Bytes, hash: &mut Option<Digester>) -> Result<()> {
        while !bytes.is_empty() {
            let full = full(self.pieces.count(), self.memory.of_a_piece());
            if self.open.size() >= full {
                self.ship().await?;
                continue;
            }
            self.make_room(full).await?;
            if let Open::Memory(buffer, stored) = &mut self.open {
                self.spent.extend(stored.take());
                let taken = buffer.fill(&mut bytes, full);
                if let Some(digester) = hash.take() {
                    let hashed = buffer.hash(taken, digester).await;
                    *hash = Some(hashed.map_err(|error| broken(&self.session, error))?);
                }
            }
        }
        Ok(())
    }

    /// Gets the open piece into memory, with room for more: what is free, or what our own pieces free
    /// as they are stored. Where neither is enough, it is stored short as it is, and waits its turn for
    /// the room of a whole one.
    async fn make_room(&mut self, full: u64) -> Result<()> {
        loop {
            let wanted = match &self.open {
                Open::Memory(buffer, _) if buffer.room() > buffer.len() => return Ok(()),
                Open::Memory(buffer, _) => {
                    (2 * buffer.room()).clamp(FIRST, full.max(FIRST)) - buffer.room()
                }
                Open::Stored(_) => full,
            };
            if let Some(room) = self.memory.try_take(wanted) {
                return self.use_room(room).await;
            }
            if self.one_stored().await? {
                continue;
            }
            match &self.open {
                Open::Memory(buffer, _) if buffer.len() >= enough(self.pieces.count()) => {
                    self.ship().await?;
                }
                Open::Memory(buffer, _) if buffer.len() > 0 => self.put_aside().await?,
                _ => {
                    let room = self.memory.take(full, self.objects.patience).await;
                    return self.use_room(room.ok_or_else(|| self.no_memory())?).await;
                }
            }
        }
    }

    /// Gives room to the open piece, which is brought back for it.
    async fn use_room(&mut self, room: OwnedSemaphorePermit) -> Result<()> {
        match &mut self.open {
            Open::Memory(buffer, _) => buffer.grow(room),
            Open::Stored(part) => {
                let part = part.clone();
                let buffer = self.load(&part, room).await?;
                self.open = Open::Memory(buffer, Some(part));
            }
        }
        Ok(())
    }

    /// Takes a stored piece back into memory.
    async fn load(&self, part: &Part, room: OwnedSemaphorePermit) -> Result<Buffer> {
        let key = self.objects.key(&part.path(&self.session));
        let mut bytes = match self.objects.read(&key, part.size).await {
            Err(error) if error.is_not_found() => {
                return Err(self.chain().lost(self.last, error).await);
            }
            bytes => bytes?,
        };
        let mut buffer = Buffer::default();
        buffer.grow(room);
        buffer.fill(&mut bytes, part.size);
        match buffer.len() == part.size {
            true => Ok(buffer),
            false => Err(Error::new(ErrorKind::Corrupt, key)),
        }
    }

    /// Stores the open piece as it is, and frees its memory.
    async fn put_aside(&mut self) -> Result<()> {
        if let Open::Memory(_, None) = &self.open {
            self.store_open().await?;
        }
        if let Open::Memory(_, Some(part)) = &self.open {
            self.open = Open::Stored(part.clone());
        }
        Ok(())
    }

    fn no_memory(&self) -> Error {
        let taken = "all memory for uploads is taken";
        Error::new(ErrorKind::Unavailable, &self.session).because(taken)
    }

    fn next_part(&mut self, size: u64) -> Part {
        let number = self.made;
        self.made += 1;
        let part = Part { writer: self.nonce.clone(), number, size };
        self.unsaved.push(part.clone());
        part
    }

    /// Sends the open piece on its way as a full one.
    async fn ship(&mut self) -> Result<()> {
        while self.storing.len() >= STORING {
            self.one_stored().await?;
        }
        let (buffer, stored) = match mem::take(&mut self.open) {
            Open::Memory(buffer, stored) => (buffer, stored),
            Open::Stored(part) => (Buffer::default(), Some(part)),
        };
        if let Some(part) = stored {
            self.pieces.push(part);
            return Ok(());
        }
        let part = self.next_part(buffer.len());
        let (objects, key) =
            (Arc::clone(&self.objects), self.objects.key(&part.path(&self.session)));
        self.pieces.push(part);
        self.storing.spawn(async move {
            let done = objects.put_buffer(&key, &buffer).await;
            // The memory is free from here on.
            drop(buffer);
            done
        });
        Ok(())
    }

    /// Waits for one of the pieces on their way; `false` if there is none.
    async fn one_stored(&mut self) -> Result<bool> {
        match self.storing.join_next().await {
            None => Ok(false),
            Some(Ok(done)) => done.map(|()| true),
            Some(Err(error)) => Err(broken(&self.session, error)),
        }
    }

    async fn all_stored(&mut self) -> Result<()> {
        while self.one_stored().await? {}
        Ok(())
    }

    /// Stores everything, and says which pieces that are.
    async fn store_all(&mut self) -> Result<Pieces> {
        if let Open::Memory(buffer, None) = &self.open
            && buffer.len() > 0
        {
            if buffer.len() >= enough(self.pieces.count()) {
                self.ship().await?;
            } else {
                self.store_open().await?;
            }
        }
        self.all_stored().await?;
        let mut pieces = self.pieces.clone();
        if let Open::Stored(part) | Open::Memory(_, Some(part)) = &self.open {
            pieces.push(part.clone());
        }
        Ok(pieces)
    }

    /// Stores the open piece as it is; it stays in memory, too.
    async fn store_open(&mut self) -> Result<()> {
        let part = self.next_part(self.open.size());
        let Open::Memory(buffer, stored) = &mut self.open else { return Ok(()) };
        let key = self.objects.key(&part.path(&self.session));
        self.objects.put_buffer(&key, buffer).await?;
        *stored = Some(part);
        Ok(())
    }
}

// === impl ObjectUpload: keeping ===

impl ObjectUpload {
    async fn keep(&mut self, state: Bytes) -> Result<()> {
        let known = self.last;
        // Asked at the same time as the bytes are stored: a session that is gone is not brought back.
        let (objects, session) = (Arc::clone(&self.objects), self.session.clone());
        let there = async move {
            match known {
                0 => Ok(()),
                _ => Chain { objects: &objects, session: &session }.check().await,
            }
        };
        let (there, pieces) = futures_util::future::join(there, self.store_all()).await;
        there?;
        let record = Record { pieces: pieces?, state };
        self.chain().grow(known, &record, &self.nonce).await?;
        self.last = known + 1;
        self.checkpoint = record.checkpoint();
        self.unsaved = Pieces::default();
        let spent = mem::take(&mut self.spent);
        self.remove(spent).await;
        Ok(())
    }

    /// Removes objects that no record needs. What stays goes with the session.
    async fn remove(&self, parts: Vec<Part>) {
        if parts.is_empty() {
            return;
        }
        let keys: Vec<_> =
            parts.iter().map(|part| Ok(self.objects.key(&part.path(&self.session)))).collect();
        let folder = self.objects.key(&self.session);
        if let Err(error) = self.objects.remove(&folder, stream::iter(keys).boxed()).await {
            tracing::debug!(session = %self.session, %error, "pieces stay behind");
        }
    }

    async fn publish_to(&mut self, target: &StoragePath) -> Result<Published> {
        let key = self.objects.key(target);
        if let (0, Open::Memory(buffer, _)) = (self.pieces.count(), &self.open) {
            // Nothing else would tell that the session is gone.
            if self.last > 0 {
                self.chain().check().await?;
            }
            return self.objects.publish(&key, buffer).await;
        }
        let pieces = self.store_all().await?;
        let there = self.objects.head(&key).await?;
        if there.as_ref().is_some_and(|there| there.size == pieces.size()) {
            return Ok(Published::Existed);
        }
        let piece = |part: Part| Piece {
            location: self.objects.key(&part.path(&self.session)),
            size: part.size,
        };
        let parts: Vec<_> = pieces.iter().map(piece).collect();
        match self.objects.assemble(&parts, &key).await {
            Err(error) if error.is_not_found() => Err(self.chain().lost(self.last, error).await),
            Err(error) => Err(error),
            Ok(()) if there.is_some() => Ok(Published::Repaired),
            Ok(()) => Ok(Published::New),
        }
    }
}

#[async_trait]
impl Upload for ObjectUpload {
    fn size(&self) -> u64 {
        self.pieces.size() + self.open.size()
    }

    fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    async fn append(&mut self, pieces: Vec<Bytes>) -> Result<()> {
        self.check_stage()?;
        for piece in pieces {
            let filled = self.fill(piece, &mut None).await;
            self.breaking(filled)?;
        }
        Ok(())
    }

    async fn append_hashed(&mut self, piece: Bytes, digester: Digester) -> Result<Digester> {
        if !self.objects.store.hashes {
            return append_beside(self, piece, digester).await;
        }
        self.check_stage()?;
        let mut hash = Some(digester);
        let filled = self.fill(piece, &mut hash).await;
        self.breaking(filled)?;
        hash.ok_or_else(|| Error::new(ErrorKind::Other, &self.session))
    }

    async fn save(&mut self, state: Bytes) -> Result<()> {
        self.check_stage()?;
        let kept = self.keep(state).await;
        if let Err(error) = &kept
            && matches!(error.kind(), ErrorKind::Busy | ErrorKind::NotFound)
        {
            // Others went on, and know nothing of what we have stored.
            self.storing.shutdown().await;
            let unsaved = mem::take(&mut self.unsaved).iter().collect();
            self.remove(unsaved).await;
        }
        self.breaking(kept)
    }

    async fn note(&mut self, state: Bytes) -> Result<()> {
        // There is nothing cheaper.
        self.save(state).await
    }

    async fn read_back(&mut self) -> Result<Content> {
        self.check_stage()?;
        let stored = self.all_stored().await;
        self.breaking(stored)?;
        if let Open::Stored(part) = &self.open {
            // The next save may remove it.
            let room = self.memory.take(part.size, self.objects.patience).await;
            self.use_room(room.ok_or_else(|| self.no_memory())?).await?;
        }
        let Open::Memory(buffer, _) = &self.open else { unreachable!("it was just loaded") };
        let (objects, session) = (Arc::clone(&self.objects), self.session.clone());
        let parts: Vec<_> = self.pieces.iter().map(Ok).collect();
        let stored = stream::iter(parts).and_then(move |part: Part| {
            let (objects, key) = (Arc::clone(&objects), objects.key(&part.path(&session)));
            async move {
                let result = objects.get(&key, GetOptions::default()).await?;
                Ok(objects.body(&key, result))
            }
        });
        let open = stream::iter(buffer.chunks().to_vec()).map(Ok);
        let content = stored.try_flatten().chain(open).map_err(std::io::Error::other);
        Ok(Content::Stream(ByteStream::new(content)))
    }

    async fn publish(&mut self, target: &StoragePath) -> Result<Published> {
        self.check_stage()?;
        if target.is_root() {
            return Err(Error::new(ErrorKind::InvalidPath, target));
        }
        let stored = self.all_stored().await;
        self.breaking(stored)?;
        self.publish_to(target).await
    }

    async fn discard(&mut self) -> Result<()> {
        if self.stage == Stage::Discarded {
            return Ok(());
        }
        self.stage = Stage::Discarded;
        self.storing.shutdown().await;
        let mut parts = mem::take(&mut self.spent);
        parts.extend(self.pieces.iter());
        if let Open::Stored(part) | Open::Memory(_, Some(part)) = mem::take(&mut self.open) {
            parts.push(part);
        }
        // What makes it a session goes first.
        let records = (1..=self.last).map(|number| self.chain().path(number));
        let paths = records.chain(parts.iter().map(|part| part.path(&self.session)));
        let keys: Vec<_> = paths.map(|path| Ok(self.objects.key(&path))).collect();
        let folder = self.objects.key(&self.session);
        self.objects.remove(&folder, stream::iter(keys).boxed()).await.map(drop)
    }
}

fn broken(session: &StoragePath, error: impl Into<io::Error>) -> Error {
    Error::new(ErrorKind::Other, session).because(error.into())
}

// === impl Open ===

impl Open {
    fn size(&self) -> u64 {
        match self {
            Self::Stored(part) => part.size,
            Self::Memory(buffer, _) => buffer.len(),
        }
    }
}

impl Default for Open {
    fn default() -> Self {
        Self::Memory(Buffer::default(), None)
    }
}
