//! What each adapter adds.

use std::{
    error::Error as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt;
use tokio::sync::Semaphore;
use wharf_content::{ByteRange, Content};
use wharf_driver::{
    Capabilities, Checked, Checkpoint, Driver, Entry, EntryKind, Error, ErrorKind, Limited,
    ListRequest, Listing, MemoryDriver, Metadata, Named, Opened, Prefixed, PresignRequest, Put,
    PutMode, PutOutcome, Ready, Result, StoragePath, Unchanged, Upload,
};
use wharf_testkit::driver_suite::path;

/// Says what it should not; `get` goes on only when `gate` lets it.
#[derive(Debug)]
struct Odd {
    gate: Semaphore,
    inside: AtomicUsize,
    inner: MemoryDriver,
}

#[tokio::test]
async fn errors_name_the_driver_and_the_path() {
    let driver = Named::new(Arc::new(MemoryDriver::new()));
    let error = driver.get(&path("some/link"), 10).await.expect_err("nothing is there");
    assert_eq!(error.to_string(), "inmemory: not found: some/link");
    let mut upload = driver.begin_upload(&path("uploads/one"), None).await.expect("it begins");
    let error = upload.publish(&path("")).await.expect_err("the root is no content");
    assert_eq!(error.to_string(), "inmemory: invalid path: ");
}

#[tokio::test]
async fn errors_name_the_path_below_the_prefix() {
    let prefixed = Prefixed::new(Arc::new(MemoryDriver::new()), path("data/registry"));
    let driver = Named::new(Arc::new(prefixed));
    let error = driver.get(&path("link"), 10).await.expect_err("nothing is there");
    assert_eq!(error.to_string(), "inmemory: not found: data/registry/link");
}

#[tokio::test]
async fn everything_lands_below_the_prefix() {
    let memory = MemoryDriver::new();
    let driver = Prefixed::new(Arc::new(memory.clone()), path("data"));
    driver.put(&path("link"), "x".into(), PutMode::Create).await.expect("it is stored");
    let mut upload = driver.begin_upload(&path("uploads/one"), None).await.expect("it begins");
    upload.append(vec!["y".into()]).await.expect("it is appended");
    upload.publish(&path("blob")).await.expect("it is published");
    let request = ListRequest { after: None, limit: 10 };
    let listed = memory.list(&path("data"), request).await.expect("it is listed").entries;
    let names: Vec<_> = listed.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["blob", "link", "uploads"]);
    assert!(driver.delete_below(&StoragePath::root()).await.expect("it goes"));
    assert!(memory.list(&path(""), request).await.expect("it is listed").entries.is_empty());
}

#[tokio::test]
async fn waiting_for_a_turn_is_no_failure() {
    let odd = Arc::new(Odd::letting_in(0));
    let limited = Limited::new(odd.clone(), 2);
    limited.put(&path("a"), "x".into(), PutMode::Create).await.expect("it is stored");
    let getting: Vec<_> = (0..5)
        .map(|_| {
            let limited = limited.clone();
            tokio::spawn(async move { limited.get(&path("a"), 10).await })
        })
        .collect();
    while odd.inside.load(Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    // Two are in, and all others wait behind them, whatever they want.
    assert!(limited.stat(&path("a")).now_or_never().is_none());
    assert_eq!(odd.inside.load(Ordering::SeqCst), 2);
    // But what waits for nothing does not wait for its turn either.
    let known = limited.stat(&path("known")).now_or_never();
    assert_eq!(kind(known.expect("it is ready")), Some(ErrorKind::NotFound));
    odd.gate.add_permits(5);
    for one in getting {
        assert_eq!(one.await.expect("it does not panic").expect("it has its turn"), "x");
    }
    limited.stat(&path("a")).await.expect("it has its turn");
}

#[tokio::test]
async fn what_no_driver_needs_to_see_is_refused() {
    let driver = Checked::new(Arc::new(MemoryDriver::new()), 5);
    let at = path("five");
    driver.put(&at, "12345".into(), PutMode::Create).await.expect("it is small");
    let too_large = driver.put(&at, "123456".into(), PutMode::Overwrite).await;
    assert_eq!(kind(too_large), Some(ErrorKind::TooLarge { limit: 5 }));
    let mut upload = driver.begin_upload(&path("uploads/one"), None).await.expect("it begins");
    let too_large = upload.save("123456".into()).await;
    assert_eq!(kind(too_large), Some(ErrorKind::TooLarge { limit: 5 }));
    let none = driver.list(&path(""), ListRequest { after: None, limit: 0 }).await;
    assert_eq!(kind(none), Some(ErrorKind::Unsupported));
    let root = driver.begin_upload(&path(""), None).await.map(drop);
    assert_eq!(kind(root), Some(ErrorKind::InvalidPath));
    let request = PresignRequest { method: "PUT", valid_for: Duration::from_secs(1) };
    assert_eq!(kind(driver.presign(&at, &request).await), Some(ErrorKind::Unsupported));
}

#[tokio::test]
async fn no_driver_is_believed_blindly() {
    let odd = Odd::letting_in(1);
    let driver = Checked::new(Arc::new(odd), Checked::SMALL);
    driver.put(&path("a"), "12345".into(), PutMode::Create).await.expect("it is stored");
    let corrupt = Some(ErrorKind::Corrupt);
    let opened = driver.open(&path("a"), Some(ByteRange::From(2))).await;
    let error = opened.expect_err("the driver opens something else");
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.source().is_some());
    let request = ListRequest { after: Some("b"), limit: 1 };
    assert_eq!(kind(driver.list(&path(""), request).await), corrupt);
}

#[tokio::test]
async fn content_is_watched_below_every_adapter() {
    let odd = || Arc::new(Odd::letting_in(1));
    let adapters: [(&str, Arc<dyn Driver>); 4] = [
        ("data/watched", Arc::new(Named::new(odd()))),
        ("data/watched", Arc::new(Limited::new(odd(), 1))),
        ("data/watched", Arc::new(Checked::new(odd(), 5))),
        ("watched", Arc::new(Prefixed::new(odd(), path("data")))),
    ];
    for (watched, adapter) in adapters {
        assert!(adapter.watch(&[path(watched)]).expect("it is watched").holds(), "{adapter:?}");
        assert!(adapter.watch(&[path("other")]).is_none(), "{adapter:?}");
    }
}

fn kind<T>(done: Result<T>) -> Option<ErrorKind> {
    done.err().map(|error: Error| error.kind())
}

impl Odd {
    fn letting_in(gets: usize) -> Self {
        let (inside, inner) = (AtomicUsize::new(0), MemoryDriver::new());
        Self { gate: Semaphore::new(gets), inside, inner }
    }
}

/// What never changes.
#[derive(Debug)]
struct Fixed;

impl Unchanged for Fixed {
    fn holds(&self) -> bool {
        true
    }
}

impl Ready for Odd {
    fn get(&self, _: &StoragePath, _: u64) -> Option<Result<Bytes>> {
        None
    }
    fn open(&self, _: &StoragePath, _: Option<ByteRange>) -> Option<Result<Opened>> {
        None
    }
    fn stat(&self, at: &StoragePath) -> Option<Result<Metadata>> {
        (at.as_str() == "known").then(|| Err(Error::new(ErrorKind::NotFound, at)))
    }
}

#[async_trait]
impl Driver for Odd {
    fn name(&self) -> &'static str {
        "odd"
    }
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
    fn ready(&self) -> Option<&dyn Ready> {
        Some(self)
    }
    fn watch(&self, paths: &[StoragePath]) -> Option<Arc<dyn Unchanged>> {
        (paths == [path("data/watched")]).then(|| Arc::new(Fixed) as _)
    }
    async fn get(&self, path: &StoragePath, limit: u64) -> Result<Bytes> {
        self.inside.fetch_add(1, Ordering::SeqCst);
        self.gate.acquire().await.expect("it is never closed").forget();
        self.inner.get(path, limit).await
    }
    async fn put(&self, path: &StoragePath, content: Bytes, mode: PutMode) -> Result<PutOutcome> {
        self.inner.put(path, content, mode).await
    }

    async fn put_in_order(&self, steps: Vec<Vec<Put>>) -> Result<()> {
        self.inner.put_in_order(steps).await
    }
    async fn open(&self, path: &StoragePath, _: Option<ByteRange>) -> Result<Opened> {
        let mut opened = self.inner.open(path, None).await?;
        opened.content = Content::from("short");
        Ok(opened)
    }
    async fn stat(&self, path: &StoragePath) -> Result<Metadata> {
        self.inner.stat(path).await
    }
    async fn list(&self, _: &StoragePath, _: ListRequest<'_>) -> Result<Listing> {
        let entry = Entry { name: "a".into(), kind: EntryKind::File };
        Ok(Listing { entries: vec![entry], more: true })
    }
    async fn delete(&self, path: &StoragePath) -> Result<()> {
        self.inner.delete(path).await
    }
    async fn delete_below(&self, folder: &StoragePath) -> Result<bool> {
        self.inner.delete_below(folder).await
    }
    async fn presign(&self, at: &StoragePath, _: &PresignRequest<'_>) -> Result<Option<String>> {
        Err(Error::new(ErrorKind::Other, at))
    }
    async fn begin_upload(&self, at: &StoragePath, hint: Option<u64>) -> Result<Box<dyn Upload>> {
        self.inner.begin_upload(at, hint).await
    }
    async fn resume_upload(&self, session: &StoragePath) -> Result<Box<dyn Upload>> {
        self.inner.resume_upload(session).await
    }
    async fn upload_checkpoint(&self, session: &StoragePath) -> Result<Checkpoint> {
        self.inner.upload_checkpoint(session).await
    }
}
