//! A store in memory that gives pages like S3, counts what it is asked, and fails when it is told to.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result, UploadPart,
    list::{PaginatedListOptions, PaginatedListResult, PaginatedListStore},
    memory::InMemory,
    path::Path,
};
use wharf_content::{Handover, Pipe, Tap, Tapped};
use wharf_digest::Digest;
use wharf_driver_object::{Hashed, ObjectDriver, Options, Store};

/// A store under observation. Clones share it.
#[derive(Clone, Debug)]
pub struct TestStore {
    inner: Arc<InMemory>,
    watch: Arc<Watch>,
    /// Whether lists heed where to start.
    starts_after: bool,
    /// Whether create-if-absent overwrites.
    overwrites: bool,
}

#[derive(Debug, Default)]
struct Watch {
    calls: Mutex<Vec<&'static str>>,
    fault: Mutex<Option<Fault>>,
    /// Whether the sockets behind answers can be had; they break after so many bytes.
    sockets: Mutex<Option<usize>>,
    /// How many bytes were sent whose hash was known, and was not.
    known: AtomicU64,
    unhashed: AtomicU64,
    /// Makes requests wait for one another; 0 does not.
    schedule: AtomicU64,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Which call, counted from 1 since the fault was set.
    pub nth: usize,
    /// All later ones, too.
    pub lasting: bool,
    /// In which way.
    pub how: How,
}

/// The way in which a call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Nothing is done.
    Before,
    /// All is done, and the answer is lost.
    After,
    /// There is no answer.
    Hangs,
    /// It is not allowed.
    Denied,
}

// === impl TestStore ===

impl TestStore {
    pub fn new() -> Self {
        Self { inner: Arc::default(), watch: Arc::default(), starts_after: true, overwrites: false }
    }

    /// As a store that ignores where a list is to start.
    pub fn without_start(mut self) -> Self {
        self.starts_after = false;
        self
    }

    /// As a store that takes create-if-absent and overwrites all the same.
    pub fn overwriting(mut self) -> Self {
        self.overwrites = true;
        self
    }

    /// Has every request wait a random while before and after it is done.
    pub fn scheduled(self, seed: u64) -> Self {
        self.watch.schedule.store(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, Relaxed);
        self
    }

    /// As a store whose sockets can be had, and break after so many bytes.
    pub fn over_sockets(self, bytes: usize) -> Self {
        *self.watch.sockets.lock().unwrap() = Some(bytes);
        self
    }

    /// Adds the socket to an answer.
    async fn hand_over(&self, mut result: GetResult) -> Result<GetResult> {
        let Some(breaks) = *self.watch.sockets.lock().unwrap() else { return Ok(result) };
        let (meta, range) = (result.meta.clone(), result.range.clone());
        let mut rest = result.bytes().await?;
        let all = rest.clone();
        rest.truncate(breaks);
        let socket = Mutex::new(Some(Socket { rest, breaks: breaks < all.len() }));
        let take = move || Some(Box::new(socket.lock().unwrap().take()?) as Box<dyn Tap>);
        let stream = futures_util::stream::iter([Ok(all)]).boxed();
        result = GetResult {
            payload: GetResultPayload::Stream(stream),
            meta,
            range,
            attributes: Default::default(),
            extensions: Default::default(),
        };
        result.extensions.insert(Handover::new(take));
        Ok(result)
    }

    pub fn store(&self) -> Store {
        let mut store = Store::new(Arc::new(self.clone()));
        store.pages = Some(Arc::new(self.clone()));
        store
    }

    pub fn driver(&self, options: Options) -> ObjectDriver {
        ObjectDriver::new("test", self.store(), options).expect("a valid prefix")
    }

    /// How many bytes were sent whose hash was known, and how many others.
    pub fn hashed(&self) -> (u64, u64) {
        (self.watch.known.load(Relaxed), self.watch.unhashed.load(Relaxed))
    }

    /// What was asked since the last time.
    pub fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.watch.calls.lock().unwrap())
    }

    /// Sets a fault, and counts from now on.
    pub fn fail(&self, fault: Option<Fault>) {
        *self.watch.fault.lock().unwrap() = fault;
        self.calls();
    }

    /// Every key that is there.
    pub async fn keys(&self) -> Vec<String> {
        let keys = self.inner.list(None).map_ok(|object| object.location.to_string());
        keys.try_collect().await.unwrap()
    }

    async fn call<T>(
        &self,
        name: &'static str,
        done: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        match self.watch.count(name) {
            None => {
                self.watch.pause().await;
                let done = done.await;
                self.watch.pause().await;
                done
            }
            Some(How::Before) => Err(away()),
            Some(How::After) => done.await.and(Err(away())),
            Some(How::Hangs) => std::future::pending().await,
            Some(How::Denied) => Err(denied()),
        }
    }
}

impl Watch {
    async fn pause(&self) {
        let mut state = self.schedule.load(Relaxed);
        if state == 0 {
            return;
        }
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.schedule.store(state, Relaxed);
        for _ in 0..(state >> 20) % 6 {
            tokio::task::yield_now().await;
        }
    }

    /// Notes how many of the bytes that are sent were hashed before, as a client would find them.
    fn hashed(&self, payload: &PutPayload) {
        let length = payload.content_length();
        let Some(hashed) = Hashed::sent() else {
            return self.unhashed.store(self.unhashed.load(Relaxed) + length as u64, Relaxed);
        };
        let places = |chunks: &mut dyn Iterator<Item = &Bytes>| {
            chunks.map(|chunk| &raw const **chunk).collect::<Vec<_>>()
        };
        assert_eq!(places(&mut payload.iter()), places(&mut hashed.chunks().iter()));
        let bytes = hashed.chunks().concat();
        assert_eq!(hashed.sha256(), Digest::sha256(&bytes).as_bytes());
        self.known.store(self.known.load(Relaxed) + length as u64, Relaxed);
    }

    fn count(&self, name: &'static str) -> Option<How> {
        let mut calls = self.calls.lock().unwrap();
        calls.push(name);
        let fault = (*self.fault.lock().unwrap())?;
        let hit = calls.len() == fault.nth || (fault.lasting && calls.len() > fault.nth);
        hit.then_some(fault.how)
    }
}

fn away() -> Error {
    let source = "Server returned non-2xx status code: 503 Service Unavailable: SlowDown".into();
    Error::Generic { store: "test", source }
}

fn denied() -> Error {
    Error::PermissionDenied { path: "any".into(), source: "403 Forbidden: AccessDenied".into() }
}

impl fmt::Display for TestStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TestStore")
    }
}

#[async_trait]
impl ObjectStore for TestStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        mut opts: PutOptions,
    ) -> Result<PutResult> {
        self.watch.hashed(&payload);
        if self.overwrites {
            opts.mode = PutMode::Overwrite;
        }
        self.call("put", self.inner.put_opts(location, payload, opts)).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let begun = self.inner.put_multipart_opts(location, opts);
        let inner = self.call("begin", begun).await?;
        Ok(Box::new(TestUpload { inner, store: self.clone() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let name = if options.head { "head" } else { "get" };
        let result = self.call(name, self.inner.get_opts(location, options)).await?;
        if name == "head" { Ok(result) } else { self.hand_over(result).await }
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        // As S3 does it: a thousand at a time.
        let batches = locations.try_chunks(1000).map_err(|error| error.1);
        let deleted = batches.and_then(move |batch| {
            let store = store.clone();
            async move {
                let inner = Arc::clone(&store.inner);
                let removed = async move {
                    let keys = futures_util::stream::iter(batch.into_iter().map(Ok)).boxed();
                    inner.delete_stream(keys).try_collect::<Vec<_>>().await
                };
                store.call("delete", removed).await
            }
        });
        deleted
            .map_ok(|keys| futures_util::stream::iter(keys.into_iter().map(Ok)))
            .try_flatten()
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (store, inner) = (self.clone(), self.inner.list(prefix));
        let first = async move { store.call("list", async { Ok(inner) }).await };
        futures_util::stream::once(first).try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.call("list", self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.call("copy", self.inner.copy_opts(from, to, options)).await
    }
}

#[async_trait]
impl PaginatedListStore for TestStore {
    async fn list_paginated(
        &self,
        prefix: Option<&str>,
        opts: PaginatedListOptions,
    ) -> Result<PaginatedListResult> {
        self.call("page", async { Ok(self.page(prefix.unwrap_or_default(), opts).await) }).await
    }
}

impl TestStore {
    /// What S3 answers.
    async fn page(&self, prefix: &str, opts: PaginatedListOptions) -> PaginatedListResult {
        let most = opts.max_keys.unwrap_or(1000);
        assert!((1..=1000).contains(&most), "{most} keys are asked for");
        if let Some(offset) = &opts.offset {
            assert!(offset.as_str() >= prefix, "{offset:?} sorts before {prefix:?}");
        }
        let offset = opts.offset.filter(|_| self.starts_after);
        let mut items: BTreeMap<String, Option<ObjectMeta>> = BTreeMap::new();
        let mut objects: Vec<_> = self.inner.list(None).try_collect().await.unwrap();
        objects.retain(|object: &ObjectMeta| object.location.as_ref().starts_with(prefix));
        for object in objects {
            let key = object.location.to_string();
            if offset.as_ref().is_some_and(|offset| key <= *offset) {
                continue;
            }
            match key[prefix.len()..].find('/').filter(|_| opts.delimiter.is_some()) {
                Some(slash) => items.insert(key[..=prefix.len() + slash].to_owned(), None),
                None => items.insert(key, Some(object)),
            };
        }
        let token = opts.page_token;
        let mut rest = items.into_iter().filter(|(key, _)| token.as_ref().is_none_or(|t| key > t));
        let mut result = ListResult {
            common_prefixes: Vec::new(),
            objects: Vec::new(),
            extensions: Default::default(),
        };
        let mut last = None;
        for (key, object) in rest.by_ref().take(most) {
            match object {
                Some(object) => result.objects.push(object),
                None => result.common_prefixes.push(Path::parse(&key).unwrap()),
            }
            last = Some(key);
        }
        let page_token = rest.next().and(last);
        PaginatedListResult { result, page_token }
    }
}

/// What is to come, a thousand bytes at a time, and whether it breaks then.
struct Socket {
    rest: Bytes,
    breaks: bool,
}

impl Tap for Socket {
    fn poll_next(
        &mut self,
        _: &mut Context<'_>,
        _: &Pipe,
        most: usize,
    ) -> Poll<Option<std::io::Result<Tapped>>> {
        let next = self.rest.split_to(1000.min(most).min(self.rest.len()));
        Poll::Ready(match (next.is_empty(), self.breaks) {
            (false, _) => Some(Ok(Tapped::Bytes(next))),
            (true, true) => Some(Err(std::io::ErrorKind::ConnectionReset.into())),
            (true, false) => None,
        })
    }
}

#[derive(Debug)]
struct TestUpload {
    inner: Box<dyn MultipartUpload>,
    store: TestStore,
}

#[async_trait]
impl MultipartUpload for TestUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (store, payload) = (self.store.clone(), data.clone());
        let part = self.inner.put_part(data);
        Box::pin(async move {
            store.watch.hashed(&payload);
            store.call("part", part).await
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let store = self.store.clone();
        store.call("complete", self.inner.complete()).await
    }

    async fn abort(&mut self) -> Result<()> {
        let store = self.store.clone();
        store.call("abort", self.inner.abort()).await
    }
}
