//! A driver that fails on purpose.
//!
//! Every call counts, those of its upload sessions included. What fails is chosen by number, or by
//! the kind of call; and whether it fails before anything is done, or after everything is done but
//! the answer.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use async_trait::async_trait;
use bytes::Bytes;
use wharf_content::{ByteRange, Content};
use wharf_digest::Digester;
use wharf_driver::{
    Capabilities, Checkpoint, Contents, Driver, Error, ErrorKind, ListRequest, Listing, Metadata,
    Opened, PresignRequest, Published, Put, PutMode, PutOutcome, Ready, Result, StoragePath,
    Unchanged, Upload, put_each_in_order,
};

mod flat;
mod socket;

/// Wraps a driver and fails where it is told to.
#[derive(Debug)]
pub struct FaultyDriver {
    inner: Arc<dyn Driver>,
    faults: Arc<Faults>,
    remote: bool,
    /// How many files a list of all below a folder has at most.
    gives: usize,
    watches: bool,
    /// After how many bytes the socket of a content breaks, if content comes over sockets.
    sockets: Option<usize>,
}

/// What fails; shared with the sessions of the driver.
#[derive(Debug, Default)]
pub struct Faults {
    calls: AtomicU64,
    fault: Mutex<Option<Fault>>,
}

/// One fault, or a lasting one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which calls fail.
    pub calls: Calls,
    /// What they answer.
    pub kind: ErrorKind,
    /// Whether they were done all the same.
    pub when: When,
}

/// Which calls fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// This one, counted from 1 since the fault was set.
    Nth(u64),
    /// This one and all later ones: the place is gone.
    From(u64),
    /// Every one of this kind.
    Every(Call),
    /// Every one that changes something.
    EveryChange,
}

/// When a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Before anything is done.
    Before,
    /// After everything is done: the answer is lost.
    After,
}

/// The calls of [`Driver`] and [`Upload`].
#[expect(missing_docs, reason = "each is named after its method")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Get,
    Put,
    Open,
    Stat,
    List,
    Delete,
    DeleteBelow,
    Presign,
    BeginUpload,
    ResumeUpload,
    UploadCheckpoint,
    Append,
    Save,
    ReadBack,
    Publish,
    Discard,
}

struct FaultyUpload {
    inner: Box<dyn Upload>,
    faults: Arc<Faults>,
    session: StoragePath,
}

// === impl FaultyDriver ===

impl FaultyDriver {
    /// Wraps a driver; nothing fails yet.
    pub fn new(inner: Arc<dyn Driver>) -> Self {
        let remote = inner.capabilities().remote;
        let faults = Arc::default();
        Self { inner, faults, remote, gives: 1000, watches: false, sockets: None }
    }

    /// Has each call be a request to another machine, which is worth counting and lists as stores of
    /// objects do.
    #[must_use]
    pub fn remote(self) -> Self {
        Self { remote: true, ..self }
    }

    /// As [`FaultyDriver::remote`]; a list of all that is below a folder brings so many files at once.
    #[must_use]
    pub fn giving(self, files: usize) -> Self {
        Self { gives: files, ..self.remote() }
    }

    /// Has the driver inside watch content if it can, so that what holds is asked for no more. Otherwise
    /// every read meets its fault.
    #[must_use]
    pub fn watching(self) -> Self {
        Self { watches: true, ..self }
    }

    /// Has all content come in over sockets, each of which breaks after so many bytes.
    #[must_use]
    pub fn over_sockets(self, bytes: usize) -> Self {
        Self { sockets: Some(bytes), ..self }
    }

    /// The switch for its faults.
    pub fn faults(&self) -> Arc<Faults> {
        Arc::clone(&self.faults)
    }

    fn upload(&self, session: &StoragePath, inner: Box<dyn Upload>) -> Box<dyn Upload> {
        let faults = self.faults();
        Box::new(FaultyUpload { inner, faults, session: session.clone() })
    }
}

// === impl Faults ===

impl Faults {
    /// Counts from now on, and fails as told.
    pub fn set(&self, fault: Fault) {
        self.reset(Some(fault));
    }

    /// Counts from now on, and fails no more.
    pub fn heal(&self) {
        self.reset(None);
    }

    /// The number of calls since the last [`Faults::set`] or [`Faults::heal`].
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    fn reset(&self, fault: Option<Fault>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
        self.calls.store(0, Ordering::SeqCst);
    }

    /// Counts a call; the fault that it meets.
    fn meet(&self, call: Call) -> Option<Fault> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let fault = *self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.filter(|fault| match fault.calls {
            Calls::Nth(nth) => number == nth,
            Calls::From(first) => number >= first,
            Calls::Every(kind) => call == kind,
            Calls::EveryChange => call.changes(),
        })
    }

    async fn run<T>(
        &self,
        call: Call,
        path: &StoragePath,
        work: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let fault = self.meet(call);
        if let Some(Fault { kind, when: When::Before, .. }) = fault {
            return Err(Error::new(kind, path).named("faulty"));
        }
        let done = work.await;
        match fault {
            Some(fault) => Err(Error::new(fault.kind, path).named("faulty")),
            None => done,
        }
    }
}

// === impl Call ===

impl Call {
    /// Whether it changes what is stored.
    pub fn changes(self) -> bool {
        use Call::{Append, BeginUpload, Delete, DeleteBelow, Discard, Publish, Put, Save};
        matches!(self, Put | Delete | DeleteBelow | BeginUpload | Append | Save | Publish | Discard)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Driver for FaultyDriver {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        let inner = self.inner.capabilities();
        Capabilities { remote: self.remote, flat_lists: self.remote || inner.flat_lists, ..inner }
    }

    fn ready(&self) -> Option<&dyn Ready> {
        None
    }

    fn watch(&self, paths: &[StoragePath]) -> Option<Arc<dyn Unchanged>> {
        self.watches.then(|| self.inner.watch(paths)).flatten()
    }

    async fn get(&self, path: &StoragePath, limit: u64) -> Result<Bytes> {
        self.faults.run(Call::Get, path, self.inner.get(path, limit)).await
    }

    // Each read may fail by itself.
    async fn get_each(
        &self,
        folder: &StoragePath,
        paths: &[StoragePath],
        limit: u64,
    ) -> Vec<Result<Bytes>> {
        let mut each = Vec::with_capacity(paths.len());
        for path in paths {
            each.push(self.get(&folder.append(path), limit).await);
        }
        each
    }

    async fn put(&self, path: &StoragePath, content: Bytes, mode: PutMode) -> Result<PutOutcome> {
        self.faults.run(Call::Put, path, self.inner.put(path, content, mode)).await
    }

    async fn put_in_order(&self, steps: Vec<Vec<Put>>) -> Result<()> {
        put_each_in_order(self, steps).await
    }

    async fn open(&self, path: &StoragePath, range: Option<ByteRange>) -> Result<Opened> {
        let mut opened = self.faults.run(Call::Open, path, self.inner.open(path, range)).await?;
        if let Some(bytes) = self.sockets {
            let content = socket::over_socket(opened.content, bytes).await;
            opened.content =
                content.map_err(|error| Error::new(ErrorKind::Other, path).because(error))?;
        }
        Ok(opened)
    }

    async fn stat(&self, path: &StoragePath) -> Result<Metadata> {
        self.faults.run(Call::Stat, path, self.inner.stat(path)).await
    }

    async fn list(&self, folder: &StoragePath, request: ListRequest<'_>) -> Result<Listing> {
        self.faults.run(Call::List, folder, self.inner.list(folder, request)).await
    }

    async fn list_each(
        &self,
        folder: &StoragePath,
        paths: &[StoragePath],
        request: ListRequest<'_>,
    ) -> Vec<Result<Listing>> {
        let mut each = Vec::with_capacity(paths.len());
        for path in paths {
            each.push(self.list(&folder.append(path), request).await);
        }
        each
    }

    async fn list_below(&self, folder: &StoragePath, request: ListRequest<'_>) -> Result<Contents> {
        let listed = async {
            match self.remote && !self.inner.capabilities().flat_lists {
                true => flat::below(&*self.inner, folder, request, self.gives).await,
                false => self.inner.list_below(folder, request).await,
            }
        };
        self.faults.run(Call::List, folder, listed).await
    }

    async fn delete(&self, path: &StoragePath) -> Result<()> {
        self.faults.run(Call::Delete, path, self.inner.delete(path)).await
    }

    async fn forget(&self, path: &StoragePath) -> Result<()> {
        self.faults.run(Call::Delete, path, self.inner.forget(path)).await
    }

    async fn delete_below(&self, folder: &StoragePath) -> Result<bool> {
        self.faults.run(Call::DeleteBelow, folder, self.inner.delete_below(folder)).await
    }

    async fn forget_below(&self, folder: &StoragePath) -> Result<bool> {
        self.faults.run(Call::DeleteBelow, folder, self.inner.forget_below(folder)).await
    }

    async fn presign(
        &self,
        path: &StoragePath,
        request: &PresignRequest<'_>,
    ) -> Result<Option<String>> {
        self.faults.run(Call::Presign, path, self.inner.presign(path, request)).await
    }

    async fn begin_upload(
        &self,
        session: &StoragePath,
        size_hint: Option<u64>,
    ) -> Result<Box<dyn Upload>> {
        let begun = self.inner.begin_upload(session, size_hint);
        let inner = self.faults.run(Call::BeginUpload, session, begun).await?;
        Ok(self.upload(session, inner))
    }

    async fn resume_upload(&self, session: &StoragePath) -> Result<Box<dyn Upload>> {
        let resumed = self.inner.resume_upload(session);
        let inner = self.faults.run(Call::ResumeUpload, session, resumed).await?;
        Ok(self.upload(session, inner))
    }

    async fn begin_direct(
        &self,
        target: &StoragePath,
        size_hint: Option<u64>,
    ) -> Result<Option<Box<dyn Upload>>> {
        let begun = self.inner.begin_direct(target, size_hint);
        let begun = self.faults.run(Call::BeginUpload, target, begun).await?;
        Ok(begun.map(|inner| self.upload(target, inner)))
    }

    async fn give_up(
        &self,
        folder: &StoragePath,
        before: SystemTime,
        dry_run: bool,
    ) -> Result<u64> {
        let given_up = self.inner.give_up(folder, before, dry_run);
        self.faults.run(Call::Discard, folder, given_up).await
    }

    async fn upload_checkpoint(&self, session: &StoragePath) -> Result<Checkpoint> {
        let checkpoint = self.inner.upload_checkpoint(session);
        self.faults.run(Call::UploadCheckpoint, session, checkpoint).await
    }
}

// === impl FaultyUpload ===

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Upload for FaultyUpload {
    fn size(&self) -> u64 {
        self.inner.size()
    }

    fn checkpoint(&self) -> &Checkpoint {
        self.inner.checkpoint()
    }

    async fn append(&mut self, pieces: Vec<Bytes>) -> Result<()> {
        self.faults.run(Call::Append, &self.session, self.inner.append(pieces)).await
    }

    async fn append_hashed(&mut self, piece: Bytes, digester: Digester) -> Result<Digester> {
        let appended = self.inner.append_hashed(piece, digester);
        self.faults.run(Call::Append, &self.session, appended).await
    }

    async fn save(&mut self, state: Bytes) -> Result<()> {
        self.faults.run(Call::Save, &self.session, self.inner.save(state)).await
    }

    async fn note(&mut self, state: Bytes) -> Result<()> {
        self.faults.run(Call::Save, &self.session, self.inner.note(state)).await
    }

    async fn read_back(&mut self) -> Result<Content> {
        self.faults.run(Call::ReadBack, &self.session, self.inner.read_back()).await
    }

    async fn publish(&mut self, target: &StoragePath) -> Result<Published> {
        self.faults.run(Call::Publish, &self.session, self.inner.publish(target)).await
    }

    async fn publish_with(
        &mut self,
        target: &StoragePath,
        puts: Vec<Put>,
    ) -> Result<(Published, Vec<Put>)> {
        // What is put is put by the driver, so that faults hit it there.
        Ok((self.publish(target).await?, puts))
    }

    async fn discard(&mut self) -> Result<()> {
        self.faults.run(Call::Discard, &self.session, self.inner.discard()).await
    }
}
