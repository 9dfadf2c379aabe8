//! Upload sessions for async callers.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::oneshot;
use wharf_content::Content;
use wharf_digest::Digester;
use wharf_driver::{
    Checkpoint, Error, ErrorKind, Published, Put, Result, StoragePath, Upload, append_beside,
};

use crate::{
    driver::blocking,
    place::{HIDDEN, Tree},
    session::Session,
};

/// A piece that is written while another thread hashes it, in bytes. For less, waking that costs more than
/// it saves: who pushes that little is seldom alone, and then all processors are busy without it.
const WORTH_TWO_THREADS: usize = 2 << 20;

/// Hands its session to a blocking thread for each operation. A caller who gives up in the middle
/// loses it: the thread finishes, and the session can be taken up again, for which the next writer
/// waits.
#[derive(Debug)]
pub(crate) struct FsUpload {
    tree: Arc<Tree>,
    folder: StoragePath,
    session: Option<Session>,
    size: u64,
    checkpoint: Checkpoint,
}

// === impl FsUpload ===

impl FsUpload {
    pub(crate) fn new(tree: &Arc<Tree>, folder: &StoragePath, session: Session) -> Self {
        let (size, checkpoint) = (session.size(), session.checkpoint().clone());
        let (tree, folder) = (Arc::clone(tree), folder.clone());
        Self { tree, folder, session: Some(session), size, checkpoint }
    }

    async fn run<T: Send + 'static>(
        &mut self,
        act: impl FnOnce(&mut Session) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let Some(mut session) = self.session.take() else {
            let error = Error::new(ErrorKind::Other, &self.folder);
            return Err(error.because("an operation was given up in the middle"));
        };
        let operation = self.tree.running.start(&self.folder);
        let (give, take) = oneshot::channel();
        blocking(&self.folder, move || {
            let done = act(&mut session);
            // Nobody may be there to take the session back; then it ends before the operation does.
            drop(give.send((session, done)));
            drop(operation);
        })
        .await?;
        let (session, done) = take
            .await
            .map_err(|error| Error::new(ErrorKind::Other, &self.folder).because(error))?;
        self.size = session.size();
        self.checkpoint = session.checkpoint().clone();
        self.session = Some(session);
        done
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Upload for FsUpload {
    fn size(&self) -> u64 {
        self.size
    }

    fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    async fn append(&mut self, pieces: Vec<Bytes>) -> Result<()> {
        self.run(move |session| session.append(&pieces)).await
    }

    async fn append_hashed(&mut self, piece: Bytes, mut digester: Digester) -> Result<Digester> {
        if piece.len() >= WORTH_TWO_THREADS {
            return append_beside(self, piece, digester).await;
        }
        self.run(move |session| {
            digester.update(&piece);
            session.append(&[piece])?;
            Ok(digester)
        })
        .await
    }

    async fn save(&mut self, state: Bytes) -> Result<()> {
        self.run(move |session| session.save(state)).await
    }

    async fn note(&mut self, state: Bytes) -> Result<()> {
        self.run(move |session| session.note(state)).await
    }

    async fn read_back(&mut self) -> Result<Content> {
        self.run(|session| session.read_back().map(Content::File)).await
    }

    async fn publish(&mut self, target: &StoragePath) -> Result<Published> {
        HIDDEN.check(target)?;
        let target = target.clone();
        self.run(move |session| session.publish(&target, &[])).await
    }

    async fn publish_with(
        &mut self,
        target: &StoragePath,
        puts: Vec<Put>,
    ) -> Result<(Published, Vec<Put>)> {
        HIDDEN.check(target)?;
        puts.iter().try_for_each(|put| HIDDEN.check(&put.path))?;
        let target = target.clone();
        let published = self.run(move |session| session.publish_with(&target, &puts)).await?;
        Ok((published, Vec::new()))
    }

    async fn discard(&mut self) -> Result<()> {
        self.run(Session::discard).await
    }
}
