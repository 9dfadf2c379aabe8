//! Operations of the store.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::{Instant, SystemTime},
};

use async_trait::async_trait;
use bytes::Bytes;
use wharf_content::{ByteRange, Content};
use wharf_driver::{
    Capabilities, Checkpoint, Contents, Driver, ListRequest, Listing, Metadata, Opened,
    PresignRequest, Published, PutMode, PutOutcome, Ready, Result, StoragePath, Upload,
};

use crate::{
    Histogram, Page,
    striped::{Striped, Sum},
};

/// What is counted of a store.
#[derive(Debug, Default)]
pub struct Storage {
    actions: Striped<Times>,
    /// How many upload sessions are being written.
    writing: AtomicI64,
}

/// Times every operation of a driver. Stands outside of all other wrappers.
#[derive(Clone, Debug)]
pub struct MeasuredDriver {
    inner: Arc<dyn Driver>,
    storage: Arc<Storage>,
}

struct MeasuredUpload {
    inner: Box<dyn Upload>,
    storage: Arc<Storage>,
}

/// How long each of [`ACTIONS`] took.
#[derive(Debug)]
struct Times(Vec<Histogram>);

/// What is done: the words of the original, and ours for what it does not time.
#[derive(Clone, Copy)]
enum Action {
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

const ACTIONS: [&str; 11] = [
    "GetContent",
    "PutContent",
    "Stat",
    "List",
    "Move",
    "Delete",
    "RedirectURL",
    "Reader",
    "Writer",
    "Append",
    "Save",
];

/// In seconds, as the original's.
const DURATIONS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

// === impl Storage ===

impl Storage {
    /// Times everything that is asked of a driver.
    pub fn measure(self: &Arc<Self>, driver: Arc<dyn Driver>) -> Arc<dyn Driver> {
        Arc::new(MeasuredDriver { inner: driver, storage: Arc::clone(self) })
    }

    async fn timed<T>(&self, action: Action, operation: impl Future<Output = T> + Send) -> T {
        let begun = Instant::now();
        let done = operation.await;
        self.took(action, begun);
        done
    }

    fn took(&self, action: Action, begun: Instant) {
        self.actions.mine().0[action as usize].observe(begun.elapsed().as_secs_f64());
    }

    pub(crate) fn write(&self, page: &mut Page, driver: &str) {
        let name = "registry_storage_action_seconds";
        page.family(name, "histogram", "The time that operations of the store take.");
        let times = self.actions.total();
        let actions = ACTIONS.iter().zip(&times.0).filter(|(_, times)| times.count() > 0);
        for (action, times) in actions {
            page.histogram(name, &[("driver", driver), ("action", action)], times);
        }
        let name = "wharf_uploads_in_progress";
        page.family(name, "gauge", "The upload sessions that are being written.");
        page.sample(name, &[], self.writing.load(Relaxed) as f64);
    }
}

impl Default for Times {
    fn default() -> Self {
        Self(ACTIONS.iter().map(|_| Histogram::of_seconds(DURATIONS)).collect())
    }
}

impl Sum for Times {
    fn add(&self, other: &Self) {
        self.0.iter().zip(&other.0).for_each(|(times, more)| times.add(more));
    }
}

// === impl MeasuredDriver ===

impl MeasuredDriver {
    async fn timed<T>(&self, action: Action, operation: impl Future<Output = T> + Send) -> T {
        self.storage.timed(action, operation).await
    }

    /// What waits for nothing is done without a task of its own.
    fn now<T>(&self, action: Action, read: impl FnOnce(&dyn Ready) -> Option<T>) -> Option<T> {
        let begun = Instant::now();
        let done = self.inner.ready().and_then(read)?;
        self.storage.took(action, begun);
        Some(done)
    }

    fn upload(&self, inner: Box<dyn Upload>) -> Box<dyn Upload> {
        self.storage.writing.fetch_add(1, Relaxed);
        Box::new(MeasuredUpload { inner, storage: Arc::clone(&self.storage) })
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

    async fn get(&self, path: &StoragePath, limit: u64) -> Result<Bytes> {
        if let Some(done) = Ready::get(self, path, limit) {
            return done;
        }
        self.timed(Action::GetContent, self.inner.get(path, limit)).await
    }

    async fn get_each(
        &self,
        folder: &StoragePath,
        paths: &[StoragePath],
        limit: u64,
    ) -> Vec<Result<Bytes>> {
        self.timed(Action::GetContent, self.inner.get_each(folder, paths, limit)).await
    }

    async fn put(&self, path: &StoragePath, content: Bytes, mode: PutMode) -> Result<PutOutcome> {
        self.timed(Action::PutContent, self.inner.put(path, content, mode)).await
    }

    async fn open(&self, path: &StoragePath, range: Option<ByteRange>) -> Result<Opened> {
        if let Some(done) = Ready::open(self, path, range) {
            return done;
        }
        self.timed(Action::Reader, self.inner.open(path, range)).await
    }

    async fn stat(&self, path: &StoragePath) -> Result<Metadata> {
        if let Some(done) = Ready::stat(self, path) {
            return done;
        }
        self.timed(Action::Stat, self.inner.stat(path)).await
    }

    async fn list(&self, folder: &StoragePath, request: ListRequest<'_>) -> Result<Listing> {
        self.timed(Action::List, self.inner.list(folder, request)).await
    }

    async fn list_each(
        &self,
        folder: &StoragePath,
        paths: &[StoragePath],
        request: ListRequest<'_>,
    ) -> Vec<Result<Listing>> {
        self.timed(Action::List, self.inner.list_each(folder, paths, request)).await
    }

    async fn list_below(&self, folder: &StoragePath, request: ListRequest<'_>) -> Result<Contents> {
        self.timed(Action::List, self.inner.list_below(folder, request)).await
    }

    async fn delete(&self, path: &StoragePath) -> Result<()> {
        self.timed(Action::Delete, self.inner.delete(path)).await
    }

    async fn forget(&self, path: &StoragePath) -> Result<()> {
        self.timed(Action::Delete, self.inner.forget(path)).await
    }

    async fn delete_below(&self, folder: &StoragePath) -> Result<bool> {
        self.timed(Action::Delete, self.inner.delete_below(folder)).await
    }

    async fn forget_below(&self, folder: &StoragePath) -> Result<bool> {
        let forgotten = self.inner.forget_below(folder);
        self.timed(Action::Delete, forgotten).await
    }

    async fn presign(
        &self,
        path: &StoragePath,
        request: &PresignRequest<'_>,
    ) -> Result<Option<String>> {
        self.timed(Action::RedirectUrl, self.inner.presign(path, request)).await
    }

    async fn begin_upload(
        &self,
        session: &StoragePath,
        size_hint: Option<u64>,
    ) -> Result<Box<dyn Upload>> {
        let begun = self.inner.begin_upload(session, size_hint);
        let begun = self.timed(Action::Writer, begun).await?;
        Ok(self.upload(begun))
    }

    async fn resume_upload(&self, session: &StoragePath) -> Result<Box<dyn Upload>> {
        let resumed = self.inner.resume_upload(session);
        let resumed = self.timed(Action::Writer, resumed).await?;
        Ok(self.upload(resumed))
    }

    async fn begin_direct(
        &self,
        target: &StoragePath,
        size_hint: Option<u64>,
    ) -> Result<Option<Box<dyn Upload>>> {
        let begun = self.inner.begin_direct(target, size_hint);
        let begun = self.timed(Action::Writer, begun).await?;
        Ok(begun.map(|begun| self.upload(begun)))
    }

    async fn give_up(
        &self,
        folder: &StoragePath,
        before: SystemTime,
        dry_run: bool,
    ) -> Result<u64> {
        let given_up = self.inner.give_up(folder, before, dry_run);
        self.timed(Action::Delete, given_up).await
    }

    async fn upload_checkpoint(&self, session: &StoragePath) -> Result<Checkpoint> {
        let checkpoint = self.inner.upload_checkpoint(session);
        self.timed(Action::GetContent, checkpoint).await
    }
}

impl Ready for MeasuredDriver {
    fn get(&self, path: &StoragePath, limit: u64) -> Option<Result<Bytes>> {
        self.now(Action::GetContent, |ready| ready.get(path, limit))
    }

    fn open(&self, path: &StoragePath, range: Option<ByteRange>) -> Option<Result<Opened>> {
        self.now(Action::Reader, |ready| ready.open(path, range))
    }

    fn stat(&self, path: &StoragePath) -> Option<Result<Metadata>> {
        self.now(Action::Stat, |ready| ready.stat(path))
    }
}

// === impl MeasuredUpload ===

impl Drop for MeasuredUpload {
    fn drop(&mut self) {
        self.storage.writing.fetch_add(-1, Relaxed);
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
        self.storage.timed(Action::Append, self.inner.append(pieces)).await
    }

    async fn save(&mut self, state: Bytes) -> Result<()> {
        self.storage.timed(Action::Save, self.inner.save(state)).await
    }

    async fn note(&mut self, state: Bytes) -> Result<()> {
        self.storage.timed(Action::Save, self.inner.note(state)).await
    }

    async fn read_back(&mut self) -> Result<Content> {
        self.storage.timed(Action::Reader, self.inner.read_back()).await
    }

    async fn publish(&mut self, target: &StoragePath) -> Result<Published> {
        self.storage.timed(Action::Move, self.inner.publish(target)).await
    }

    async fn discard(&mut self) -> Result<()> {
        self.storage.timed(Action::Delete, self.inner.discard()).await
    }
}

#[cfg(test)]
mod tests {
    use wharf_driver::MemoryDriver;

    use super::*;

    #[tokio::test]
    async fn what_is_asked_of_a_store_is_timed() {
        let storage = Arc::new(Storage::default());
        let driver = storage.measure(Arc::new(MemoryDriver::new()));
        let path = StoragePath::parse("a/b").unwrap();
        driver.put(&path, "x".into(), PutMode::Overwrite).await.unwrap();
        driver.get(&path, 10).await.unwrap();
        let lost = driver.stat(&StoragePath::parse("c").unwrap()).await;
        assert!(lost.unwrap_err().is_not_found());
        let upload = driver.begin_upload(&StoragePath::parse("u").unwrap(), None).await.unwrap();
        let text = |storage: &Storage| {
            let mut page = Page::default();
            storage.write(&mut page, "inmemory");
            page.into_text()
        };
        let page = text(&storage);
        for action in ["PutContent", "GetContent", "Stat", "Writer"] {
            let line = format!(
                "registry_storage_action_seconds_count{{driver=\"inmemory\",action=\"{action}\"}} 1\n"
            );
            assert!(page.contains(&line), "{page}");
        }
        assert!(page.contains("wharf_uploads_in_progress 1\n") && !page.contains("Delete"));
        drop(upload);
        assert!(text(&storage).contains("wharf_uploads_in_progress 0\n"));
    }
}
