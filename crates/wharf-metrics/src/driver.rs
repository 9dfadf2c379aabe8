//! A driver of which every operation is told to whoever wants to know.

use std::{
    fmt,
    future::Future,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use async_trait::async_trait;
use bytes::Bytes;
use wharf_content::{ByteRange, Content};
use wharf_digest::Digester;
use wharf_driver::{
    Capabilities, Checkpoint, Contents, Driver, ListRequest, Listing, Metadata, Opened,
    PresignRequest, Published, Put, PutMode, PutOutcome, Ready, Result, StoragePath, Unchanged,
    Upload,
};

/// Times every operation of a driver. Stands outside of all other wrappers.
#[derive(Clone, Debug)]
pub struct MeasuredDriver {
    inner: Arc<dyn Driver>,
    watches: Watches,
}

/// Wants to know of the operations of a store. Whatever it does is done for each of them, and had better
/// be short.
pub trait Watch: fmt::Debug + Send + Sync {
    /// An operation has ended.
    fn done(&self, operation: &Operation<'_>);

    /// So many more upload sessions are written.
    fn writing(&self, change: i64) {
        let _ = change;
    }
}

/// An operation that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Operation<'a> {
    /// What was done.
    pub action: Action,
    /// To what.
    pub path: &'a StoragePath,
    /// How long it took.
    pub took: Duration,
    /// Whether the store failed; what is not there is no failure.
    pub failed: bool,
}

/// What is done: the words of the original, and ours for what it does not time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are words of the original")]
pub enum Action {
    GetContent,
    PutContent,
    Stat,
    List,
    Move,
    Delete,
    RedirectUrl,
    Reader,
    Writer,
    Append,
    Save,
}

struct MeasuredUpload {
    inner: Box<dyn Upload>,
    session: StoragePath,
    watches: Watches,
}

#[derive(Clone, Debug)]
struct Watches(Arc<[Arc<dyn Watch>]>);

// === impl Action ===

impl Action {
    /// All there are.
    pub const ALL: [Self; 11] = [
        Self::GetContent,
        Self::PutContent,
        Self::Stat,
        Self::List,
        Self::Move,
        Self::Delete,
        Self::RedirectUrl,
        Self::Reader,
        Self::Writer,
        Self::Append,
        Self::Save,
    ];

    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            Self::GetContent => "GetContent",
            Self::PutContent => "PutContent",
            Self::Stat => "Stat",
            Self::List => "List",
            Self::Move => "Move",
            Self::Delete => "Delete",
            Self::RedirectUrl => "RedirectURL",
            Self::Reader => "Reader",
            Self::Writer => "Writer",
            Self::Append => "Append",
            Self::Save => "Save",
        }
    }
}

// === impl Watches ===

impl Watches {
    async fn timed<T>(
        &self,
        action: Action,
        path: &StoragePath,
        operation: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let begun = Instant::now();
        let done = operation.await;
        self.tell(action, path, begun, failed(&done));
        done
    }

    /// Several operations at once count as one.
    async fn timed_each<T>(
        &self,
        action: Action,
        folder: &StoragePath,
        operations: impl Future<Output = Vec<Result<T>>> + Send,
    ) -> Vec<Result<T>> {
        let begun = Instant::now();
        let done = operations.await;
        self.tell(action, folder, begun, done.iter().any(failed));
        done
    }

    fn tell(&self, action: Action, path: &StoragePath, begun: Instant, failed: bool) {
        let operation = Operation { action, path, took: begun.elapsed(), failed };
        self.0.iter().for_each(|watch| watch.done(&operation));
    }

    fn writing(&self, change: i64) {
        self.0.iter().for_each(|watch| watch.writing(change));
    }
}

fn failed<T>(done: &Result<T>) -> bool {
    done.as_ref().is_err_and(|error| !error.is_not_found())
}

// === impl MeasuredDriver ===

impl MeasuredDriver {
    /// Tells these of everything that is asked of a driver.
    pub fn new(inner: Arc<dyn Driver>, watches: Vec<Arc<dyn Watch>>) -> Self {
        Self { inner, watches: Watches(watches.into()) }
    }

    /// What waits for nothing is done without a task of its own.
    fn now<T>(
        &self,
        action: Action,
        path: &StoragePath,
        read: impl FnOnce(&dyn Ready) -> Option<Result<T>>,
    ) -> Option<Result<T>> {
        let begun = Instant::now();
        let done = self.inner.ready().and_then(read)?;
        self.watches.tell(action, path, begun, failed(&done));
        Some(done)
    }

    fn upload(&self, session: &StoragePath, inner: Box<dyn Upload>) -> Box<dyn Upload> {
        self.watches.writing(1);
        Box::new(MeasuredUpload { inner, session: session.clone(), watches: self.watches.clone() })
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Driver for MeasuredDriver {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn ready(&self) -> Option<&dyn Ready> {
        self.inner.ready().map(|_| self as _)
    }

    fn watch(&self, paths: &[StoragePath]) -> Option<Arc<dyn Unchanged>> {
        self.inner.watch(paths)
    }

    async fn get(&self, path: &StoragePath, limit: u64) -> Result<Bytes> {
        if let Some(done) = Ready::get(self, path, limit) {
            return done;
        }
        self.watches.timed(Action::GetContent, path, self.inner.get(path, limit)).await
    }

    async fn get_each(
        &self,
        folder: &StoragePath,
        paths: &[StoragePath],
        limit: u64,
    ) -> Vec<Result<Bytes>> {
        self.watches
            .timed_each(Action::GetContent, folder, self.inner.get_each(folder, paths, limit))
            .await
    }

    async fn put(&self, path: &StoragePath, content: Bytes, mode: PutMode) -> Result<PutOutcome> {
        self.watches.timed(Action::PutContent, path, self.inner.put(path, content, mode)).await
    }

    async fn put_in_order(&self, steps: Vec<Vec<Put>>) -> Result<()> {
        let path = Put::place(&steps);
        self.watches.timed(Action::PutContent, &path, self.inner.put_in_order(steps)).await
    }

    async fn open(&self, path: &StoragePath, range: Option<ByteRange>) -> Result<Opened> {
        if let Some(done) = Ready::open(self, path, range) {
            return done;
        }
        self.watches.timed(Action::Reader, path, self.inner.open(path, range)).await
    }

    async fn stat(&self, path: &StoragePath) -> Result<Metadata> {
        if let Some(done) = Ready::stat(self, path) {
            return done;
        }
        self.watches.timed(Action::Stat, path, self.inner.stat(path)).await
    }

    async fn list(&self, folder: &StoragePath, request: ListRequest<'_>) -> Result<Listing> {
        self.watches.timed(Action::List, folder, self.inner.list(folder, request)).await
    }

    async fn list_each(
        &self,
        folder: &StoragePath,
        paths: &[StoragePath],
        request: ListRequest<'_>,
    ) -> Vec<Result<Listing>> {
        self.watches
            .timed_each(Action::List, folder, self.inner.list_each(folder, paths, request))
            .await
    }

    async fn list_below(&self, folder: &StoragePath, request: ListRequest<'_>) -> Result<Contents> {
        self.watches.timed(Action::List, folder, self.inner.list_below(folder, request)).await
    }

    async fn delete(&self, path: &StoragePath) -> Result<()> {
        self.watches.timed(Action::Delete, path, self.inner.delete(path)).await
    }

    async fn forget(&self, path: &StoragePath) -> Result<()> {
        self.watches.timed(Action::Delete, path, self.inner.forget(path)).await
    }

    async fn delete_below(&self, folder: &StoragePath) -> Result<bool> {
        self.watches.timed(Action::Delete, folder, self.inner.delete_below(folder)).await
    }

    async fn forget_below(&self, folder: &StoragePath) -> Result<bool> {
        let forgotten = self.inner.forget_below(folder);
        self.watches.timed(Action::Delete, folder, forgotten).await
    }

    async fn presign(
        &self,
        path: &StoragePath,
        request: &PresignRequest<'_>,
    ) -> Result<Option<String>> {
        self.watches.timed(Action::RedirectUrl, path, self.inner.presign(path, request)).await
    }

    async fn begin_upload(
        &self,
        session: &StoragePath,
        size_hint: Option<u64>,
    ) -> Result<Box<dyn Upload>> {
        let begun = self.inner.begin_upload(session, size_hint);
        let begun = self.watches.timed(Action::Writer, session, begun).await?;
        Ok(self.upload(session, begun))
    }

    async fn resume_upload(&self, session: &StoragePath) -> Result<Box<dyn Upload>> {
        let resumed = self.inner.resume_upload(session);
        let resumed = self.watches.timed(Action::Writer, session, resumed).await?;
        Ok(self.upload(session, resumed))
    }

    async fn begin_direct(
        &self,
        target: &StoragePath,
        size_hint: Option<u64>,
    ) -> Result<Option<Box<dyn Upload>>> {
        let begun = self.inner.begin_direct(target, size_hint);
        let begun = self.watches.timed(Action::Writer, target, begun).await?;
        Ok(begun.map(|begun| self.upload(target, begun)))
    }

    async fn give_up(
        &self,
        folder: &StoragePath,
        before: SystemTime,
        dry_run: bool,
    ) -> Result<u64> {
        let given_up = self.inner.give_up(folder, before, dry_run);
        self.watches.timed(Action::Delete, folder, given_up).await
    }

    async fn upload_checkpoint(&self, session: &StoragePath) -> Result<Checkpoint> {
        let checkpoint = self.inner.upload_checkpoint(session);
        self.watches.timed(Action::GetContent, session, checkpoint).await
    }
}

impl Ready for MeasuredDriver {
    fn get(&self, path: &StoragePath, limit: u64) -> Option<Result<Bytes>> {
        self.now(Action::GetContent, path, |ready| ready.get(path, limit))
    }

    fn open(&self, path: &StoragePath, range: Option<ByteRange>) -> Option<Result<Opened>> {
        self.now(Action::Reader, path, |ready| ready.open(path, range))
    }

    fn stat(&self, path: &StoragePath) -> Option<Result<Metadata>> {
        self.now(Action::Stat, path, |ready| ready.stat(path))
    }
}

// === impl MeasuredUpload ===

impl Drop for MeasuredUpload {
    fn drop(&mut self) {
        self.watches.writing(-1);
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Upload for MeasuredUpload {
    fn size(&self) -> u64 {
        self.inner.size()
    }

    fn checkpoint(&self) -> &Checkpoint {
        self.inner.checkpoint()
    }

    async fn append(&mut self, pieces: Vec<Bytes>) -> Result<()> {
        self.watches.timed(Action::Append, &self.session, self.inner.append(pieces)).await
    }

    async fn append_hashed(&mut self, piece: Bytes, digester: Digester) -> Result<Digester> {
        let appended = self.inner.append_hashed(piece, digester);
        self.watches.timed(Action::Append, &self.session, appended).await
    }

    async fn save(&mut self, state: Bytes) -> Result<()> {
        self.watches.timed(Action::Save, &self.session, self.inner.save(state)).await
    }

    async fn note(&mut self, state: Bytes) -> Result<()> {
        self.watches.timed(Action::Save, &self.session, self.inner.note(state)).await
    }

    async fn read_back(&mut self) -> Result<Content> {
        self.watches.timed(Action::Reader, &self.session, self.inner.read_back()).await
    }

    async fn publish(&mut self, target: &StoragePath) -> Result<Published> {
        self.watches.timed(Action::Move, &self.session, self.inner.publish(target)).await
    }

    async fn publish_with(
        &mut self,
        target: &StoragePath,
        puts: Vec<Put>,
    ) -> Result<(Published, Vec<Put>)> {
        let published = self.inner.publish_with(target, puts);
        self.watches.timed(Action::Move, &self.session, published).await
    }

    async fn discard(&mut self) -> Result<()> {
        self.watches.timed(Action::Delete, &self.session, self.inner.discard()).await
    }
}
