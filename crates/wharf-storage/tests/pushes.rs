//! How many requests pushes to an object store cost, and which: the table in `docs/object-stores.md`.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart, memory::InMemory,
    path::Path,
};
use wharf_core::{
    BlobWriter, CreateOptions, CreateOutcome, Namespace, Repository, RequestContext, UploadId,
};
use wharf_digest::Digest;
use wharf_driver_object::{Assemble, ObjectDriver, Options, Piece, ReadBack, Store};
use wharf_reference::RepositoryName;
use wharf_storage::StorageNamespace;

type Asked = Arc<Mutex<Vec<&'static str>>>;

/// A store that counts what it is asked, and assembles like S3.
#[derive(Clone, Debug, Default)]
struct Counted {
    inner: Arc<InMemory>,
    asked: Asked,
}

#[derive(Debug)]
struct CountedUpload {
    inner: Box<dyn MultipartUpload>,
    asked: Asked,
}

/// A process over a store, without a memory of its own.
struct Replica {
    store: Counted,
    repository: Arc<dyn Repository>,
}

// === impl Replica ===

impl Replica {
    fn new() -> Self {
        let counted = Counted::default();
        let mut store = Store::new(Arc::new(counted.clone()));
        store.assemble = Some(Arc::new(counted.clone()));
        let driver = ObjectDriver::new("test", store, Options::default()).unwrap();
        let namespace = StorageNamespace::new(Arc::new(driver), Default::default());
        let name = RepositoryName::parse("library/a").unwrap();
        let repository = namespace.repository(&name, &RequestContext::internal("test"));
        Self { store: counted, repository }
    }

    async fn begin(&self, options: CreateOptions) -> Box<dyn BlobWriter> {
        match self.repository.blobs().create(options).await.unwrap() {
            CreateOutcome::Upload(writer) => writer,
            CreateOutcome::Mounted { .. } => panic!("nothing was to be mounted"),
        }
    }

    /// `POST` with a digest and a body.
    async fn post(&self, bytes: &Bytes) {
        let digest = Digest::sha256(bytes);
        let size_hint = Some(bytes.len() as u64);
        let options = CreateOptions { digest: Some(digest), size_hint, ..CreateOptions::default() };
        let mut writer = self.begin(options).await;
        writer.write(bytes.clone()).await.unwrap();
        writer.commit(&digest).await.unwrap();
    }

    async fn patch(&self, id: &UploadId, bytes: &Bytes) {
        let mut writer = self.repository.blobs().resume(id).await.unwrap();
        writer.write(bytes.clone()).await.unwrap();
        writer.suspend().await.unwrap();
    }

    /// `PUT` with the last bytes.
    async fn put(&self, id: &UploadId, bytes: &Bytes, digest: &Digest) {
        let mut writer = self.repository.blobs().resume(id).await.unwrap();
        if writer.size() == 0 && !bytes.is_empty() {
            writer.aim(digest, Some(bytes.len() as u64)).await.unwrap();
        }
        writer.write(bytes.clone()).await.unwrap();
        writer.commit(digest).await.unwrap();
    }

    #[track_caller]
    fn check(&self, expected: &str) {
        let mut asked = std::mem::take(&mut *self.store.asked.lock().unwrap());
        asked.sort_unstable();
        assert_eq!(asked.join(" "), expected);
    }
}

fn content(length: usize) -> Bytes {
    (0..length).map(|at| (at % 251) as u8).collect()
}

const SMALL: usize = 1000;
const LARGE: usize = 20 << 20;

#[tokio::test]
async fn a_blob_in_one_request() {
    let replica = Replica::new();
    replica.post(&content(SMALL)).await;
    // Its bytes, its link.
    replica.check("put put");
    replica.post(&content(LARGE)).await;
    // Is it there already; parts; the link.
    replica.check("begin complete head part part part put");
    replica.post(&content(LARGE)).await;
    replica.check("head head put");
}

#[tokio::test]
async fn a_blob_in_two_requests() {
    for (length, last) in [
        (SMALL, "delete delete get get put put"),
        (LARGE, "begin complete delete delete get get head part part part put"),
    ] {
        let replica = Replica::new();
        let bytes = content(length);
        let id = replica.begin(CreateOptions::default()).await.id().clone();
        // What makes it a session.
        replica.check("put");
        replica.put(&id, &bytes, &Digest::sha256(&bytes)).await;
        // There is no record, but a session; the bytes, the link; the session ends.
        replica.check(last);
    }
}

#[tokio::test]
async fn a_blob_in_three_requests() {
    for (length, patch, last) in [
        (SMALL, "get get put put", "copy delete delete get get get head put"),
        (
            LARGE,
            "get get put put put put",
            "begin complete copy copy copy delete delete get get get head put",
        ),
    ] {
        let replica = Replica::new();
        let bytes = content(length);
        let id = replica.begin(CreateOptions::default()).await.id().clone();
        replica.check("put");
        replica.patch(&id, &bytes).await;
        replica.check(patch);
        replica.put(&id, &Bytes::new(), &Digest::sha256(&bytes)).await;
        replica.check(last);
        assert!(replica.repository.blobs().status(&id).await.unwrap_err().is_unknown());
    }
}

// === impl Counted ===

impl Counted {
    fn ask(&self, what: &'static str) {
        self.asked.lock().unwrap().push(what);
    }
}

#[async_trait]
impl Assemble for Counted {
    async fn assemble(&self, pieces: &[Piece], target: &Path) -> Result<()> {
        pieces.iter().for_each(|_| self.ask("copy"));
        if pieces.len() > 1 {
            self.ask("begin");
            self.ask("complete");
        }
        ReadBack::new(self.inner.clone()).assemble(pieces, target).await
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counted")
    }
}

#[async_trait]
impl ObjectStore for Counted {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        self.ask("put");
        self.inner.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.ask("begin");
        let inner = self.inner.put_multipart_opts(location, opts).await?;
        Ok(Box::new(CountedUpload { inner, asked: Arc::clone(&self.asked) }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.ask(if options.head { "head" } else { "get" });
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        // As many as come are one request.
        self.ask("delete");
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.ask("list");
        self.inner.list(prefix).map_ok(|object| object).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.ask("list");
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.ask("copy");
        self.inner.copy_opts(from, to, options).await
    }
}

#[async_trait]
impl MultipartUpload for CountedUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.asked.lock().unwrap().push("part");
        self.inner.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.asked.lock().unwrap().push("complete");
        self.inner.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.asked.lock().unwrap().push("abort");
        self.inner.abort().await
    }
}
