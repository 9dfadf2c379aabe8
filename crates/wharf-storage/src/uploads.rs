//! Upload sessions: how one begins, is taken up again, and ends.
//!
//! A session is a folder below `_uploads`. Its `startedat`, which distribution reads too, makes it
//! one; the rest of the folder belongs to the driver. What the driver saves for us with a checkpoint
//! is the state of the running hash.

mod batch;
mod hash;
mod session;
mod writer;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::time::{Instant, sleep};
use uuid::Uuid;
use wharf_core::{CreateOptions, Error, ErrorKind, Result, UploadId, UploadStatus};
use wharf_digest::Algorithm;
use wharf_driver::{Driver, ErrorKind as Stored, PutMode, StoragePath, Upload};

use crate::{
    error::{StorageResult, UploadResult},
    layout::{self, STARTED_AT},
    links::is_damage,
    store::Scope,
};

pub(crate) use self::{batch::Writers, writer::Writer};
use self::{
    hash::Hash,
    session::{Anchor, Session},
};

/// How long a request waits for another one that writes to its session.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long it waits between two looks.
const PAUSE: Duration = Duration::from_millis(20);
/// The longest `startedat`.
const LIMIT: u64 = 256;

/// The upload sessions of a repository.
pub(crate) struct Uploads {
    scope: Scope,
}

// === impl Uploads ===

impl Uploads {
    pub(crate) fn new(scope: Scope) -> Self {
        Self { scope }
    }

    /// Begins a session, or a blob that needs none.
    pub(crate) async fn begin(&self, options: &CreateOptions) -> Result<Writer> {
        let (id, started_at) = (new_id(), now());
        if let Some(digest) = &options.digest
            && let Some(upload) = self.scope.vault().begin_direct(digest, options.size_hint).await?
        {
            let session = Session::direct(id.clone(), upload, digest.algorithm());
            return Ok(Writer::new(self.scope.clone(), id, started_at.into(), session));
        }
        if let Some(most) = self.scope.options().uploads {
            self.scope.store.sessions.admit(self.scope.driver(), &self.scope.name, most).await?;
        }
        let anchor = self.anchor(&id, started_at);
        // A session that a power cut takes away was promised to nobody: bytes were.
        let content = anchor.content.clone();
        self.scope.driver().put(&anchor.file, content, PutMode::Draft).await.stored()?;
        let algorithm = options.algorithm.unwrap_or(Algorithm::Sha256);
        let can_wait = self.is_optimistic() || options.size_hint == Some(0);
        if can_wait && algorithm == Algorithm::Sha256 {
            // Nothing has to be made before there are bytes.
            let anchor = self.keeps(anchor);
            return Ok(Writer::unopened(self.scope.clone(), id, started_at.into(), anchor));
        }
        let mut session = self.open(&id, options.size_hint, Hash::new(algorithm), anchor).await?;
        if algorithm != Algorithm::Sha256 {
            // The next request knows what the client chose.
            session.mark().await?;
        }
        Ok(Writer::new(self.scope.clone(), id, started_at.into(), session))
    }

    async fn open(
        &self,
        id: &UploadId,
        size_hint: Option<u64>,
        hash: Hash,
        anchor: Anchor,
    ) -> Result<Session> {
        let folder = layout::upload(&self.scope.name, id);
        let upload = self.scope.driver().begin_upload(&folder, size_hint).await.stored()?;
        Ok(self.session(id, upload, hash, anchor))
    }

    fn session(
        &self,
        id: &UploadId,
        upload: Box<dyn Upload>,
        hash: Hash,
        anchor: Anchor,
    ) -> Session {
        let (resumable, anchor) = (self.scope.options().resumable_digest, self.keeps(anchor));
        Session::new(id.clone(), upload, hash, resumable, anchor)
    }

    /// Where nothing is held, a draft is as durable as anything else.
    fn keeps(&self, anchor: Anchor) -> Option<Anchor> {
        Some(anchor).filter(|_| !self.is_optimistic())
    }

    /// Takes a session up where it was left.
    pub(crate) async fn resume(&self, id: &UploadId) -> Result<Writer> {
        if self.is_optimistic() {
            return self.join(id).await;
        }
        let started_at = self.started_at(id).await?;
        let upload = self.hold(id).await?;
        if let Err(error) = self.started_at(id).await {
            if error.is_unknown() {
                // It ended while we waited for it; what we just made is no session.
                discard(self.scope.driver(), &layout::upload(&self.scope.name, id), upload).await?;
            }
            return Err(error);
        }
        Ok(self.writer(id, started_at, upload))
    }

    /// Takes a session up that nobody can hold. What makes it a session is looked at afterwards: it
    /// goes first, so that if it is there, what was found before was all of it.
    async fn join(&self, id: &UploadId) -> Result<Writer> {
        let folder = layout::upload(&self.scope.name, id);
        let upload = self.scope.driver().begin_upload(&folder, None).await.of_upload(id)?;
        let started_at = self.started_at(id).await?;
        Ok(self.writer(id, started_at, upload))
    }

    fn writer(&self, id: &UploadId, started_at: Timestamp, upload: Box<dyn Upload>) -> Writer {
        let hash = Hash::load(upload.checkpoint());
        let session = self.session(id, upload, hash, self.anchor(id, started_at));
        Writer::new(self.scope.clone(), id.clone(), started_at.into(), session)
    }

    /// Where a session stands.
    pub(crate) async fn status(&self, id: &UploadId) -> Result<UploadStatus> {
        let folder = layout::upload(&self.scope.name, id);
        let checkpoint = self.scope.driver().upload_checkpoint(&folder).await.found()?;
        let started_at = self.started_at(id).await?;
        let size = checkpoint.unwrap_or_default().length;
        Ok(UploadStatus { id: id.clone(), size, started_at: started_at.into() })
    }

    /// Whether several may take up one session, and the first to save goes on.
    fn is_optimistic(&self) -> bool {
        self.scope.driver().capabilities().optimistic_sessions
    }

    fn anchor(&self, id: &UploadId, started_at: Timestamp) -> Anchor {
        Anchor {
            driver: Arc::clone(&self.scope.store.driver),
            file: layout::upload_started_at(&self.scope.name, id),
            content: started_at.to_string().into(),
        }
    }

    async fn started_at(&self, id: &UploadId) -> Result<Timestamp> {
        started_at_in(self.scope.driver(), &layout::upload_started_at(&self.scope.name, id))
            .await?
            .ok_or_else(|| ErrorKind::UploadUnknown(id.clone()).into())
    }

    /// Becomes the one writer of a session, or of what is left where one was: the caller has to look
    /// whether it is still there.
    async fn hold(&self, id: &UploadId) -> Result<Box<dyn Upload>> {
        let (driver, folder) = (self.scope.driver(), layout::upload(&self.scope.name, id));
        let deadline = Instant::now() + PATIENCE;
        loop {
            match driver.begin_upload(&folder, None).await {
                Err(error) if error.kind() == Stored::Busy => {
                    if Instant::now() >= deadline {
                        return Err(Error::from(ErrorKind::UploadBusy(id.clone())).because(error));
                    }
                    sleep(PAUSE).await;
                }
                held => return held.stored(),
            }
        }
    }
}

/// Ends a session. The folder goes first, and with it what makes it a session: whoever comes in
/// between finds none, instead of one without its bytes. It is held until all of it is gone. A power
/// cut may bring it back; then it is one that was left.
pub(crate) async fn discard(
    driver: &dyn Driver,
    folder: &StoragePath,
    mut upload: Box<dyn Upload>,
) -> Result<()> {
    if driver.capabilities().optimistic_sessions {
        // No list is needed where everything is known. What another writer left goes with the purge.
        driver.forget(&started_at(folder)).await.stored()?;
        return upload.discard().await.stored();
    }
    // What the driver keeps of it is below the folder.
    driver.forget_below(folder).await.stored()?;
    drop(upload);
    Ok(())
}

/// Ends a session that nobody can hold, and drops what any writer has left there.
pub(crate) async fn drop_all(driver: &dyn Driver, folder: &StoragePath) -> Result<()> {
    driver.forget(&started_at(folder)).await.stored()?;
    driver.delete_below(folder).await.stored()?;
    Ok(())
}

/// The file that makes a folder a session.
fn started_at(folder: &StoragePath) -> StoragePath {
    folder.join(STARTED_AT).expect("a path component")
}

/// When a session began, `None` if the file is absent or damaged: then it is no session.
pub(crate) async fn read_started_at(
    driver: &dyn Driver,
    file: &StoragePath,
) -> Result<Option<SystemTime>> {
    Ok(started_at_in(driver, file).await?.map(SystemTime::from))
}

async fn started_at_in(driver: &dyn Driver, file: &StoragePath) -> Result<Option<Timestamp>> {
    let content = match driver.get(file, LIMIT).await {
        Err(error) if is_damage(error.kind()) => Some(Bytes::new()),
        result => result.found()?,
    };
    let Some(content) = content else { return Ok(None) };
    let time = std::str::from_utf8(&content).ok().and_then(|text| text.parse::<Timestamp>().ok());
    if time.is_none() {
        tracing::warn!(%file, "damaged upload session is skipped");
    }
    Ok(time)
}

/// In whole seconds, as distribution writes them.
fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

fn new_id() -> UploadId {
    UploadId::parse(&Uuid::now_v7().to_string()).expect("a UUID is an upload id")
}
