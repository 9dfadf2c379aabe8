//! Upload sessions in memory.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream;
use wharf_content::{ByteStream, Content};
use wharf_digest::Digester;

use crate::{
    Checkpoint, Error, ErrorKind, Published, Put, Result, StoragePath, Upload, append_beside,
};

use super::{
    Store, data_of,
    tree::{Node, Session, Tree, joined},
};

/// The writer holds what was appended; only `save` moves it to the store, so that dropping the
/// writer is all that it takes to cut a session back to its checkpoint.
pub(super) struct MemoryUpload {
    store: Store,
    data: StoragePath,
    ticket: u64,
    pieces: Vec<Bytes>,
    size: u64,
    checkpoint: Checkpoint,
}

// === impl MemoryUpload ===

impl MemoryUpload {
    pub(super) fn begin(store: Store, session: &StoragePath) -> Result<Self> {
        let (data, ticket) = (data_of(session)?, ticket());
        let taken = {
            let mut tree = store.lock();
            if !matches!(tree.get(&data), Some(Node::Session(_))) {
                tree.insert(&data, Node::Session(Session::begun()))?;
            }
            take(tree.get_mut(&data), session, ticket)?
        };
        Ok(Self::new(store, data, ticket, taken))
    }

    pub(super) fn resume(store: Store, session: &StoragePath) -> Result<Self> {
        let (data, ticket) = (data_of(session)?, ticket());
        let taken = match store.lock().get_mut(&data) {
            Some(Node::Session(Session { touched: false, writer: None, .. })) => {
                return Err(Error::new(ErrorKind::NotFound, session));
            }
            kept => take(kept, session, ticket)?,
        };
        Ok(Self::new(store, data, ticket, taken))
    }

    fn new(store: Store, data: StoragePath, ticket: u64, taken: (Vec<Bytes>, Checkpoint)) -> Self {
        let (pieces, checkpoint) = taken;
        Self { store, data, ticket, pieces, size: checkpoint.length, checkpoint }
    }

    /// The session in the tree; `NotFound` once it was discarded or deleted.
    fn kept<'a>(&self, tree: &'a mut Tree) -> Result<&'a mut Session> {
        match tree.get_mut(&self.data) {
            Some(Node::Session(kept)) if kept.writer == Some(self.ticket) => Ok(kept),
            _ => Err(Error::new(ErrorKind::NotFound, &self.data)),
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Upload for MemoryUpload {
    fn size(&self) -> u64 {
        self.size
    }

    fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    async fn append(&mut self, pieces: Vec<Bytes>) -> Result<()> {
        self.kept(&mut self.store.lock())?.touched = true;
        self.size += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        self.pieces.extend(pieces);
        Ok(())
    }

    async fn append_hashed(&mut self, piece: Bytes, digester: Digester) -> Result<Digester> {
        append_beside(self, piece, digester).await
    }

    async fn save(&mut self, state: Bytes) -> Result<()> {
        let checkpoint = Checkpoint { length: self.size, state };
        {
            let mut tree = self.store.lock();
            let kept = self.kept(&mut tree)?;
            kept.touched = true;
            kept.saved.clone_from(&self.pieces);
            kept.checkpoint = checkpoint.clone();
            kept.modified = SystemTime::now();
        }
        self.checkpoint = checkpoint;
        Ok(())
    }

    async fn note(&mut self, state: Bytes) -> Result<()> {
        self.save(state).await
    }

    async fn read_back(&mut self) -> Result<Content> {
        self.kept(&mut self.store.lock())?;
        let pieces = stream::iter(self.pieces.clone().into_iter().map(Ok));
        Ok(Content::Stream(ByteStream::new(pieces)))
    }

    async fn publish(&mut self, target: &StoragePath) -> Result<Published> {
        let whole = joined(&self.pieces);
        let mut tree = self.store.lock();
        self.kept(&mut tree)?;
        let published = match tree.get(target).map(|node| node.read().1.size) {
            Some(size) if size == self.size => return Ok(Published::Existed),
            Some(_) => Published::Repaired,
            None => Published::New,
        };
        tree.insert(target, Node::content(whole))?;
        Ok(published)
    }

    async fn publish_with(
        &mut self,
        target: &StoragePath,
        puts: Vec<Put>,
    ) -> Result<(Published, Vec<Put>)> {
        Ok((self.publish(target).await?, puts))
    }

    async fn discard(&mut self) -> Result<()> {
        let mut tree = self.store.lock();
        if self.kept(&mut tree).is_ok() {
            tree.remove(&self.data);
        }
        Ok(())
    }
}

impl Drop for MemoryUpload {
    fn drop(&mut self) {
        if let Ok(kept) = self.kept(&mut self.store.lock()) {
            kept.writer = None;
        }
    }
}

impl fmt::Debug for MemoryUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryUpload").field("data", &self.data).field("size", &self.size).finish()
    }
}

// === impl Session ===

impl Session {
    fn begun() -> Self {
        Self {
            writer: None,
            touched: false,
            checkpoint: Checkpoint::default(),
            saved: vec![],
            modified: SystemTime::now(),
        }
    }
}

/// Makes a writer the one of a session, and says what the session holds.
fn take(
    kept: Option<&mut Node>,
    session: &StoragePath,
    ticket: u64,
) -> Result<(Vec<Bytes>, Checkpoint)> {
    match kept {
        Some(Node::Session(Session { writer: Some(_), .. })) => {
            Err(Error::new(ErrorKind::Busy, session))
        }
        Some(Node::Session(kept)) => {
            kept.writer = Some(ticket);
            Ok((kept.saved.clone(), kept.checkpoint.clone()))
        }
        _ => Err(Error::new(ErrorKind::NotFound, session)),
    }
}

/// A number that no other writer of this process has.
fn ticket() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
